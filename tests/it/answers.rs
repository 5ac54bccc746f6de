//! Answers to forms: what fits, what is missing, which version is answered, and who changes what.

use reqwest::Method;
use serde_json::{Value, json};

use crate::documents::PDF;
use crate::forms::{every_kind, form, option, put, question, write};
use crate::support::world::World;
use crate::support::{Answer, Client};

/// Right answers to one question of each kind.
pub fn right() -> Value {
    json!({
        "name": "Sangalux", "need": "Nurses lose time", "beds": 4,
        "budget": { "amount_cents": 99_900, "currency": "EUR" }, "since": "2024-02-29",
        "stage": "prototype", "fields": ["a", "c"], "deck": uuid::Uuid::now_v7(),
        "site": "https://sangalux.example.org", "consent": true,
    })
}

/// A draft with some answers; gives its path.
async fn draft(world: &World, owner: &Client, call: &str, answers: Value) -> String {
    let project = world.project(owner, "Sangalux").await;
    let body = json!({ "project_id": project, "call_id": call, "answers": answers });
    let made = owner.post("/v1/applications", body).await.expect(201);
    format!("/v1/applications/{}", made.text_at("/id"))
}

async fn patch(client: &Client, path: &str, answers: Value) -> Answer {
    client.patch(path, "*", json!({ "answers": answers })).await
}

/// Uploads the deck that an answer then names.
async fn bring_deck(client: &Client, path: &str) {
    let kept = client
        .upload(&format!("{path}/documents"), "deck.pdf", PDF)
        .await
        .expect(201);
    patch(client, path, json!({ "deck": kept.text_at("/id") }))
        .await
        .expect(200);
}

async fn submit(client: &Client, path: &str) -> Answer {
    client.post_seen(&format!("{path}/submit"), json!({})).await
}

fn errors(answer: &Answer) -> Vec<(String, String)> {
    let errors = answer.errors().into_iter();
    errors
        .map(|(pointer, code)| (pointer.trim_start_matches("/answers/").to_owned(), code))
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = expected
        .iter()
        .map(|(at, code)| ((*at).to_owned(), (*code).to_owned()));
    owned.collect()
}

#[actix_web::test]
async fn every_kind_of_question_answered_wrongly_is_told_at_once() {
    let world = World::new().await;
    let (call, _) = world.open_call(5, &[]).await;
    write(&world, &call, every_kind()).await;
    let ada = world.founder("Ada").await;
    let path = draft(&world, &ada, &call, json!({})).await;
    let wrong = json!({
        "name": "A name that is far too long", "need": "five words are too many", "beds": 9.5,
        "budget": { "amount_cents": 100_001, "currency": "USD" }, "since": "2019-12-31",
        "stage": "dream", "fields": ["a", "a", "x"], "deck": "deck.pdf",
        "site": "http://sangalux.example.org", "consent": false, "colour": "red",
    });
    let expected = pairs(&[
        ("beds", "too-large"),
        ("beds", "wrong-type"),
        ("budget/amount_cents", "too-large"),
        ("budget/currency", "not-one-of"),
        ("colour", "unknown-field"),
        ("consent", "must-be"),
        ("deck", "wrong-format"),
        ("fields", "repeated-items"),
        ("fields", "too-many-items"),
        ("fields/2", "not-one-of"),
        ("name", "too-long"),
        ("need", "too-many-words"),
        ("since", "too-early"),
        ("site", "wrong-format"),
        ("stage", "not-one-of"),
    ]);
    let refused = patch(&ada, &path, wrong.clone())
        .await
        .refused(422, "invalid");
    assert_eq!(errors(&refused), expected);
    let project = world.project(&ada, "Another").await;
    let body = json!({ "project_id": project, "call_id": call, "answers": wrong });
    let refused = ada
        .post("/v1/applications", body)
        .await
        .refused(422, "invalid");
    assert_eq!(errors(&refused), expected);
    assert_eq!(
        ada.get(&path).await.expect(200).json()["answers"],
        json!({})
    );
    for (key, nonsense) in [
        ("name", json!(1)),
        ("beds", json!("4")),
        ("budget", json!(4)),
        ("since", json!("29 Feb")),
        ("stage", json!(["idea"])),
        ("fields", json!([])),
        ("deck", json!(true)),
        ("site", json!("no link")),
        ("need", json!("abc")),
        ("consent", json!("yes")),
    ] {
        let refused = patch(&ada, &path, json!({ key: nonsense }))
            .await
            .refused(422, "invalid");
        assert!(
            refused
                .errors()
                .iter()
                .all(|(at, _)| at == &format!("/answers/{key}")),
            "{}",
            refused.text
        );
    }
    patch(&ada, &path, right()).await.expect(200);
}

#[actix_web::test]
async fn a_submission_hears_every_missing_answer_with_every_reason_against_it() {
    let world = World::new().await;
    let (call, _) = world.open_call(5, &[]).await;
    write(&world, &call, every_kind()).await;
    let ada = world.founder("Ada").await;
    let path = draft(&world, &ada, &call, json!({ "name": "Sangalux" })).await;
    let project = ada.get(&path).await.expect(200).text_at("/project_id");
    let change = json!({ "sector": "pharma" });
    ada.patch(&format!("/v1/projects/{project}"), "*", change)
        .await
        .expect(200);
    world.pass(chrono::Duration::days(31));
    let refused = submit(&ada, &path).await.refused(422, "not-eligible");
    let mut expected = vec![("/call_id".to_owned(), "call-closed".to_owned())];
    for key in [
        "beds", "budget", "consent", "deck", "fields", "need", "since", "site", "stage",
    ] {
        expected.push((format!("/answers/{key}"), "answer-missing".into()));
    }
    expected.push(("/project/sector".into(), "sector-out-of-scope".into()));
    expected.sort();
    assert_eq!(refused.errors(), expected);
}

fn with_rules() -> Value {
    let asked = |key: &str, kind: &str, more: Value| {
        let mut more = more;
        more["required"] = "now".into();
        question(key, kind, more)
    };
    form(&[
        asked(
            "stage",
            "choice",
            json!({ "options": [option("idea"), option("sold")] }),
        ),
        question(
            "fields",
            "choices",
            json!({ "options": [option("a"), option("b")] }),
        ),
        question("count", "number", json!({})),
        asked(
            "sales",
            "number",
            json!({ "shown_if": { "question": "stage", "equals": "sold" } }),
        ),
        asked(
            "big",
            "short_text",
            json!({ "shown_if": { "all": [
            { "question": "sales", "answered": true }, { "question": "fields", "one_of": ["b"] },
        ] } }),
        ),
        asked(
            "why",
            "short_text",
            json!({ "shown_if": { "any": [
            { "question": "count", "equals": 2 }, { "question": "big", "answered": true },
        ] } }),
        ),
        asked(
            "none",
            "short_text",
            json!({ "shown_if": { "question": "count", "answered": false } }),
        ),
    ])
}

#[actix_web::test]
async fn what_is_hidden_is_neither_missing_nor_submitted() {
    let world = World::new().await;
    let (call, _) = world.open_call(5, &[]).await;
    write(&world, &call, with_rules()).await;
    let ada = world.founder("Ada").await;
    let path = draft(&world, &ada, &call, json!({})).await;
    // Each step: what is answered, and what is missing then.
    for (answers, missing) in [
        (json!({}), vec!["none", "stage"]),
        (json!({ "stage": "sold" }), vec!["none", "sales"]),
        (
            json!({ "sales": 3, "fields": ["a", "b"] }),
            vec!["big", "none"],
        ),
        (json!({ "count": 2.0 }), vec!["big", "why"]),
        (json!({ "count": 3 }), vec!["big"]),
        (json!({ "big": "Yes" }), vec!["why"]),
        // Hidden again: what was answered counts as not answered, down the line.
        (
            json!({ "stage": "idea", "count": null, "sales": 5 }),
            vec!["none"],
        ),
    ] {
        patch(&ada, &path, answers.clone()).await.expect(200);
        let refused = submit(&ada, &path).await.refused(422, "not-eligible");
        let found: Vec<String> = errors(&refused).into_iter().map(|(at, _)| at).collect();
        assert_eq!(found, missing, "after {answers}");
    }
    patch(&ada, &path, json!({ "none": "Nothing" }))
        .await
        .expect(200);
    let receipt = submit(&ada, &path).await.expect(200).json();
    let expected = json!({ "stage": "idea", "fields": ["a", "b"], "none": "Nothing" });
    assert_eq!(receipt["content"]["answers"], expected);
}

#[actix_web::test]
async fn two_tabs_do_not_overwrite_each_other() {
    let world = World::new().await;
    let (call, _) = world.open_call(5, &[]).await;
    write(&world, &call, every_kind()).await;
    let ada = world.founder("Ada").await;
    let path = draft(&world, &ada, &call, json!({})).await;
    let seen = ada.get(&path).await.expect(200);
    let seen = &seen.header("etag");
    let (one, other) = (
        json!({ "answers": { "beds": 4 } }),
        json!({ "answers": { "name": "Lux" } }),
    );
    ada.patch(&path, seen, one).await.expect(200);
    ada.patch(&path, seen, other.clone())
        .await
        .refused(412, "stale-version");
    let again = ada.get(&path).await.expect(200);
    ada.patch(&path, &again.header("etag"), other)
        .await
        .expect(200);
    let answers = ada.get(&path).await.expect(200).json()["answers"].clone();
    assert_eq!(answers, json!({ "beds": 4, "name": "Lux" }));
}

#[actix_web::test]
async fn an_application_keeps_the_version_that_it_answered() {
    let world = World::new().await;
    let admin = world.admin().await;
    let (call, _) = world.open_call(5, &[]).await;
    let path = format!("/v1/calls/{call}/form");
    let of = |key: &str| form(&[question(key, "short_text", json!({ "required": "now" }))]);
    put(&admin, &path, None, of("old")).await.expect(200);
    // The call is open, so each change is a version of its own; nobody overwrites what they have not seen.
    put(&admin, &path, None, of("mid"))
        .await
        .refused(428, "version-needed");
    put(&admin, &path, Some("\"7\""), of("mid"))
        .await
        .refused(412, "stale-version");
    let second = put(&admin, &path, Some("\"1\""), of("mid"))
        .await
        .expect(200);
    assert_eq!(second.text_at("/number"), "2");
    let ada = world.founder("Ada").await;
    let bob = world.founder("Bob").await;
    let sent = draft(&world, &ada, &call, json!({ "mid": "A" })).await;
    submit(&ada, &sent).await.expect(200);
    let open = draft(&world, &bob, &call, json!({ "mid": "B" })).await;
    let third = put(&admin, &path, Some("\"2\""), of("new"))
        .await
        .expect(200);
    assert_eq!(third.text_at("/number"), "3");
    // The draft follows; what no question asks for any more is reported, not dropped.
    let refused = submit(&bob, &open).await.refused(422, "not-eligible");
    assert_eq!(
        errors(&refused),
        pairs(&[("mid", "unknown-field"), ("new", "answer-missing")])
    );
    patch(&bob, &open, json!({ "mid": null, "new": "B" }))
        .await
        .expect(200);
    submit(&bob, &open).await.expect(200);
    for (client, path, form) in [(&ada, &sent, &second), (&bob, &open, &third)] {
        let read = client.get(path).await.expect(200);
        assert_eq!(read.text_at("/form_id"), form.text_at("/id"));
        let receipt = client.get(&format!("{path}/receipt")).await.expect(200);
        assert_eq!(
            receipt.json()["content"]["form"]["number"],
            form.json()["number"]
        );
    }
    let old = format!("/v1/forms/{}", second.text_at("/id"));
    let old = world.stranger.get(&old).await.expect(200);
    assert_eq!(old.text_at("/sections/0/questions/0/key"), "mid");
}

#[actix_web::test]
async fn a_form_that_nobody_answers_changes_in_place_until_its_call_opens() {
    let world = World::new().await;
    let admin = world.admin().await;
    let (call, _) = world.open_call(5, &[]).await;
    world
        .database
        .execute(if world.database.url.starts_with("sqlite") {
            "UPDATE calls SET opens_at = closes_at - 1000000"
        } else {
            "UPDATE calls SET opens_at = closes_at - interval '1 second'"
        });
    let path = format!("/v1/calls/{call}/form");
    let of = |key: &str| form(&[question(key, "short_text", json!({}))]);
    let first = put(&admin, &path, None, of("a")).await.expect(200);
    let second = put(&admin, &path, Some("\"1\""), of("b")).await.expect(200);
    assert_eq!(first.text_at("/id"), second.text_at("/id"));
    assert_eq!(second.header("etag"), "\"2\"");
    // Somebody begins to answer it.
    let ada = world.founder("Ada").await;
    draft(&world, &ada, &call, json!({ "b": "B" })).await;
    let third = put(&admin, &path, Some("\"2\""), of("c")).await.expect(200);
    assert_eq!(third.text_at("/number"), "2");
    assert_eq!(third.header("etag"), "\"3\"");
    assert_ne!(first.text_at("/id"), third.text_at("/id"));
}

#[actix_web::test]
async fn what_is_asked_from_a_pillar_on_is_asked_when_it_begins_there() {
    let world = World::new().await;
    let (call, cohort) = world.open_call(5, &[]).await;
    let questions = [
        question("need", "short_text", json!({ "required": "now" })),
        question("trial", "short_text", json!({ "required": "test" })),
        question("sales", "short_text", json!({ "required": "scale" })),
    ];
    write(&world, &call, form(&questions)).await;
    let schema = format!("/v1/calls/{call}/form/schema");
    for (query, required) in [
        ("", json!(["need"])),
        ("?pillar=grow", json!(["need", "trial"])),
    ] {
        let schema = world
            .stranger
            .get(&format!("{schema}{query}"))
            .await
            .expect(200);
        assert_eq!(schema.json()["required"], required);
    }
    let (ada, carl) = (
        world.founder("Ada").await,
        world.coordinator("Carl", "BE1").await,
    );
    let path = draft(&world, &ada, &call, json!({ "need": "Falls" })).await;
    submit(&ada, &path).await.expect(200);
    let decision = format!("{path}/decision");
    let accept = json!({ "outcome": "accept", "cohort_id": cohort, "pillar": "test" });
    let refused = carl
        .post_seen(&decision, accept.clone())
        .await
        .refused(422, "invalid");
    assert_eq!(errors(&refused), pairs(&[("trial", "answer-missing")]));
    patch(&carl, &path, json!({ "trial": "Ghent" }))
        .await
        .expect(200);
    carl.post_seen(&decision, accept).await.expect(200);
    // What a later pillar asks for can still be answered; nothing else.
    patch(&ada, &path, json!({ "sales": "Ten" }))
        .await
        .expect(200);
    let refused = patch(&ada, &path, json!({ "need": "Else" }))
        .await
        .refused(422, "invalid");
    assert_eq!(errors(&refused), pairs(&[("need", "field-not-open")]));
}

#[actix_web::test]
async fn staff_change_answers_on_behalf_and_what_was_submitted_stays() {
    let world = World::new().await;
    let (call, _) = world.open_call(5, &[]).await;
    write(&world, &call, every_kind()).await;
    let (ada, carl) = (
        world.founder("Ada").await,
        world.coordinator("Carl", "BE1").await,
    );
    let path = draft(&world, &ada, &call, right()).await;
    // The deck is nobody's document yet; somebody else's would not do either.
    let refused = submit(&ada, &path).await.refused(422, "not-eligible");
    assert_eq!(errors(&refused), pairs(&[("deck", "unknown-reference")]));
    let other = draft(&world, &ada, &call, json!({})).await;
    let theirs = ada
        .upload(&format!("{other}/documents"), "deck.pdf", PDF)
        .await
        .expect(201)
        .text_at("/id");
    patch(&ada, &path, json!({ "deck": theirs }))
        .await
        .expect(200);
    let refused = submit(&ada, &path).await.refused(422, "not-eligible");
    assert_eq!(errors(&refused), pairs(&[("deck", "unknown-reference")]));
    bring_deck(&ada, &path).await;
    let receipt = submit(&ada, &path).await.expect(200).json();
    patch(&ada, &path, json!({ "beds": 5 }))
        .await
        .refused(409, "application-closed");
    let refused = patch(&carl, &path, json!({ "beds": 50 }))
        .await
        .refused(422, "invalid");
    assert_eq!(errors(&refused), pairs(&[("beds", "too-large")]));
    patch(&carl, &path, json!({ "beds": 5 })).await.expect(200);
    assert_eq!(
        ada.get(&path).await.expect(200).json()["answers"]["beds"],
        5
    );
    let same = ada.get(&format!("{path}/receipt")).await.expect(200).json();
    assert_eq!(same["content"], receipt["content"]);
    assert_eq!(same["sha256"], receipt["sha256"]);
    let entries = carl
        .list("/v1/events?after=0&kind=application.changed")
        .await;
    let data = &entries.last().expect("an entry")["data"];
    assert_eq!(data["on_behalf_of"], json!([ada.id]));
    assert_eq!(data["fields"], json!(["beds"]));
}

#[actix_web::test]
async fn a_call_without_a_form_takes_any_answers() {
    let world = World::new().await;
    let (call, _) = world.open_call(5, &[]).await;
    let ada = world.founder("Ada").await;
    let path = draft(
        &world,
        &ada,
        &call,
        json!({ "anything": { "at": ["all"] } }),
    )
    .await;
    let read = ada.get(&path).await.expect(200).json();
    assert_eq!(read["form_id"], Value::Null);
    let receipt = submit(&ada, &path).await.expect(200).json();
    assert_eq!(
        receipt["content"]["answers"],
        json!({ "anything": { "at": ["all"] } })
    );
    assert_eq!(receipt["content"].get("form"), None);
}

#[actix_web::test]
async fn a_receipt_is_a_page_to_print_in_the_reader_s_language() {
    let world = World::new().await;
    let (call, _) = world.open_call(5, &[]).await;
    write(&world, &call, every_kind()).await;
    let ada = world.founder("Ada").await;
    let mut answers = right();
    answers["name"] = "<b>&Lux".into();
    let path = draft(&world, &ada, &call, answers).await;
    bring_deck(&ada, &path).await;
    let receipt = submit(&ada, &path).await.expect(200).json();
    let path = format!("{path}/receipt");
    let ask = |accept: &str, query: &str| {
        let ask = ada.ask(Method::GET, &format!("{path}{query}"));
        ask.header("Accept", accept)
            .header("Accept-Language", "nl")
            .send()
    };
    let page = ask("text/html", "").await.expect(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(page.header("content-language"), "nl");
    let policy = page.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    let style = page
        .text
        .split("<style>")
        .nth(1)
        .and_then(|rest| rest.split("</style>").next());
    let digest = aws_lc_rs::digest::digest(
        &aws_lc_rs::digest::SHA256,
        style.expect("a style").as_bytes(),
    );
    let digest =
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, digest.as_ref());
    assert!(policy.contains(&digest), "{policy}");
    for text in [
        "Ontvangstbewijs",
        "prototype (nl)",
        "a (nl), c (nl)",
        "EUR 999.00",
        "Akkoord",
        "&lt;b&gt;&amp;Lux",
        "Sangalux",
        receipt["sha256"].as_str().expect("a digest"),
        "2026-03-02 09:00:00 UTC",
        "name (nl)",
    ] {
        assert!(page.text.contains(text), "{text} in {}", page.text);
    }
    assert!(
        !page.text.contains("<b>") && !page.text.contains("<script"),
        "{}",
        page.text
    );
    assert_eq!(
        ask("application/json", "?format=html")
            .await
            .expect(200)
            .text,
        page.text
    );
    let json = ask("text/html", "?format=json").await.expect(200);
    assert_eq!(json.json()["sha256"], receipt["sha256"]);
    world
        .stranger
        .get(&path)
        .await
        .refused(401, "sign-in-needed");
    world
        .founder("Eve")
        .await
        .get(&path)
        .await
        .refused(404, "not-found");
}
