//! Forms as data: what a call asks, in versions, and as JSON Schema.

use colonnade::auth::{Grant, Role, Scope};
use colonnade::lang::Lang;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::world::World;
use crate::support::{Answer, Client};

pub fn names(text: &str) -> Value {
    json!({ "en": text, "nl": format!("{text} (nl)"), "fr": format!("{text} (fr)"), "de": format!("{text} (de)") })
}

/// A question, with more fields laid over.
pub fn question(key: &str, kind: &str, more: Value) -> Value {
    let mut question = json!({ "key": key, "kind": kind, "label": names(key) });
    let fields = question.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    question
}

pub fn option(key: &str) -> Value {
    json!({ "key": key, "label": names(key) })
}

/// A form of one section.
pub fn form(questions: &[Value]) -> Value {
    json!({ "sections": [{ "key": "about", "label": names("About"), "questions": questions }] })
}

/// One question of each kind, all required.
pub fn every_kind() -> Value {
    let with = |key: &str, kind: &str, mut more: Value| {
        more["required"] = "now".into();
        question(key, kind, more)
    };
    form(&[
        with(
            "name",
            "short_text",
            json!({ "limits": { "max_length": 10 }, "for_reviewers": true }),
        ),
        with(
            "need",
            "long_text",
            json!({ "limits": { "min_length": 5, "max_words": 4 }, "for_reviewers": true }),
        ),
        with(
            "beds",
            "number",
            json!({ "limits": { "min": 1, "max": 9, "whole": true } }),
        ),
        with("budget", "money", json!({ "limits": { "max": 100_000 } })),
        with(
            "since",
            "date",
            json!({ "limits": { "earliest": "2020-01-01", "latest": "2026-12-31" } }),
        ),
        with(
            "stage",
            "choice",
            json!({ "options": [option("idea"), option("prototype")], "for_reviewers": true }),
        ),
        with(
            "fields",
            "choices",
            json!({ "options": [option("a"), option("b"), option("c")], "limits": { "max_choices": 2 } }),
        ),
        with("deck", "file", json!({})),
        with("site", "link", json!({})),
        with(
            "consent",
            "agreement",
            json!({ "personal": true, "for_reviewers": true }),
        ),
    ])
}

pub async fn put(client: &Client, path: &str, etag: Option<&str>, body: Value) -> Answer {
    let ask = client.ask(Method::PUT, path).json(&body);
    match etag {
        Some(etag) => ask.header("If-Match", etag).send().await,
        None => ask.send().await,
    }
}

/// A form of a call, as somebody who may write it; gives the answer.
pub async fn write(world: &World, call: &str, body: Value) -> Value {
    let nele = world.person_at(
        "nele@example.org",
        "Nele",
        Lang::En,
        vec![Grant {
            role: Role::Coordinator,
            scope: Scope::Network,
        }],
    );
    let nele = nele.await;
    put(&nele, &format!("/v1/calls/{call}/form"), Some("*"), body)
        .await
        .expect(200)
        .json()
}

#[actix_web::test]
async fn a_form_is_written_read_and_served_as_json_schema() {
    let world = World::new().await;
    let admin = world.admin().await;
    let (call, _) = world.open_call(5, &[]).await;
    let path = format!("/v1/calls/{call}/form");
    world.stranger.get(&path).await.refused(404, "not-found");
    let written = put(&admin, &path, None, every_kind()).await.expect(200);
    assert_eq!(written.text_at("/number"), "1");
    let read = world
        .stranger
        .ask(Method::GET, &path)
        .header("Accept-Language", "fr")
        .send()
        .await
        .expect(200);
    let first = &read.json()["sections"][0]["questions"][0];
    assert_eq!(first["label"], "name (fr)");
    assert_eq!(first["labels"]["de"], "name (de)");
    let by_id = format!("/v1/forms/{}", written.text_at("/id"));
    assert_eq!(
        world
            .stranger
            .get(&by_id)
            .await
            .expect(200)
            .text_at("/number"),
        "1"
    );
    let schema = world
        .stranger
        .get(&format!("{path}/schema"))
        .await
        .expect(200);
    assert_eq!(schema.header("content-type"), "application/schema+json");
    let schema = schema.json();
    assert_eq!(
        schema["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
    assert_eq!(
        schema["properties"]["stage"]["enum"],
        json!(["idea", "prototype"])
    );
    assert_eq!(schema["properties"]["name"]["title"], "name");
    assert_eq!(schema["required"].as_array().map(Vec::len), Some(10));
}

#[actix_web::test]
async fn every_mistake_in_a_form_is_reported_at_once() {
    let world = World::new().await;
    let admin = world.admin().await;
    let (call, _) = world.open_call(5, &[]).await;
    let mut nameless = question("c", "choice", json!({}));
    nameless["label"]["nl"] = "".into();
    let rule = |rule: Value| json!({ "shown_if": rule });
    let body = form(&[
        question(
            "a",
            "short_text",
            json!({ "limits": { "min_length": 9, "max_length": 3, "min": 1 } }),
        ),
        question(
            "a",
            "number",
            json!({ "limits": { "min": 9, "max": 3 }, "options": [option("x")] }),
        ),
        nameless,
        question(
            "d",
            "choices",
            json!({ "options": [option("x"), option("x")], "limits": { "max_choices": 3 } }),
        ),
        question(
            "e",
            "date",
            rule(json!({ "question": "f", "answered": true })),
        ),
        question(
            "f",
            "money",
            rule(json!({ "all": [{ "question": "nobody", "equals": 1 }, {}] })),
        ),
        question(
            "g",
            "link",
            rule(json!({ "question": "d", "one_of": ["x", "y"] })),
        ),
        question(
            "h",
            "file",
            rule(json!({ "question": "d", "equals": "x", "answered": true })),
        ),
    ]);
    let path = format!("/v1/calls/{call}/form");
    let refused = put(&admin, &path, None, body).await.refused(422, "invalid");
    let at = |rest: &str| format!("/sections/0/questions/{rest}");
    let expected = [
        ("0/limits/min", "not-for-this-kind"),
        ("0/limits/min_length", "limits-contradict"),
        ("1/key", "repeated-key"),
        ("1/limits/min", "limits-contradict"),
        ("1/options", "not-for-this-kind"),
        ("2/label/nl", "empty"),
        ("2/options", "options-needed"),
        ("3/limits/max_choices", "limits-contradict"),
        ("3/options/1/key", "repeated-key"),
        ("4/shown_if/question", "later-question"),
        ("5/shown_if/all/0/question", "unknown-question"),
        ("5/shown_if/all/1", "rule-unclear"),
        ("6/shown_if/one_of/1", "never-an-answer"),
        ("7/shown_if", "rule-unclear"),
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|(rest, code)| (at(rest), (*code).to_owned()))
        .collect();
    assert_eq!(refused.errors(), expected);
    let mut shapeless = every_kind();
    shapeless["sections"][0]["questions"][0]["key"] = "No Key".into();
    shapeless["sections"][0]["questions"][1]["kind"] = "poem".into();
    shapeless["sections"][0]["questions"][2]["more"] = 1.into();
    let refused = put(&admin, &path, None, shapeless)
        .await
        .refused(422, "invalid");
    let codes: Vec<_> = refused.errors().into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, ["wrong-format", "not-one-of", "unknown-field"]);
}

#[actix_web::test]
async fn those_who_run_the_call_write_its_form_and_nobody_else() {
    let world = World::new().await;
    let (call, cohort) = world.open_call(5, &[]).await;
    let path = format!("/v1/calls/{call}/form");
    let scope = Scope::Cohort {
        id: cohort.parse().expect("an id"),
    };
    let of_cohort = vec![Grant {
        role: Role::Coordinator,
        scope,
    }];
    let cyril = world.person("Cyril", Lang::En, of_cohort).await;
    let carl = world.coordinator("Carl", "BE1").await;
    let ada = world.founder("Ada").await;
    for client in [&carl, &ada] {
        put(client, &path, None, every_kind())
            .await
            .refused(403, "not-allowed");
    }
    put(&cyril, &path, None, every_kind()).await.expect(200);
    let nowhere = format!("/v1/calls/{}/form", uuid::Uuid::now_v7());
    put(&cyril, &nowhere, None, every_kind())
        .await
        .refused(404, "not-found");
}
