//! Screening, returns, receipts of what comes again, and tags.

use chrono::Duration;
use serde_json::{Value, json};

use crate::forms::{form, option, question, write};
use crate::support::world::World;
use crate::support::{Answer, Client};

fn questions() -> Value {
    let asked = |key: &str, more: Value| {
        let mut more = more;
        more["required"] = "now".into();
        question(key, "short_text", more)
    };
    let mut stage = asked(
        "stage",
        json!({ "options": [option("idea"), option("sold")] }),
    );
    stage["kind"] = "choice".into();
    form(&[
        asked("need", json!({})),
        asked("team", json!({})),
        stage,
        asked(
            "sales",
            json!({ "shown_if": { "question": "stage", "equals": "sold" } }),
        ),
    ])
}

struct Scene {
    world: World,
    ada: Client,
    carl: Client,
    project: String,
    path: String,
}

impl Scene {
    /// An application that is submitted.
    async fn new() -> Self {
        let world = World::new().await;
        let (intake, _) = world.open_call(5, &[]).await;
        write(&world, &intake, questions()).await;
        let (ada, carl) = (
            world.founder("Ada").await,
            world.coordinator("Carl", "BE1").await,
        );
        let project = world.project(&ada, "Sangalux").await;
        let answers = json!({ "need": "Falls", "team": "Two", "stage": "idea" });
        let body = json!({ "project_id": project, "call_id": intake, "answers": answers });
        let made = ada.post("/v1/applications", body).await.expect(201);
        let path = format!("/v1/applications/{}", made.text_at("/id"));
        ada.post_seen(&format!("{path}/submit"), json!({}))
            .await
            .expect(200);
        Self {
            world,
            ada,
            carl,
            project,
            path,
        }
    }

    async fn does(&self, client: &Client, what: &str, body: Value) -> Answer {
        client
            .post_seen(&format!("{}/{what}", self.path), body)
            .await
    }

    async fn patch(&self, client: &Client, answers: Value) -> Answer {
        client
            .patch(&self.path, "*", json!({ "answers": answers }))
            .await
    }

    async fn state(&self) -> String {
        self.ada.get(&self.path).await.expect(200).text_at("/state")
    }

    async fn list(&self, client: &Client, what: &str) -> Vec<Value> {
        client.list(&format!("{}/{what}", self.path)).await
    }
}

fn back(fields: &[&str]) -> Value {
    json!({ "fields": fields, "message": "Tell more, please.", "reasons": ["answers-unclear"], "due_on": "2026-03-20" })
}

#[actix_web::test]
async fn an_application_is_screened_into_review() {
    let scene = Scene::new().await;
    let (ada, carl) = (&scene.ada, &scene.carl);
    let finish =
        json!({ "step": "finish", "result": "pass", "reasons": ["complete"], "note": "Good" });
    scene
        .does(carl, "screening", finish.clone())
        .await
        .refused(409, "not-to-be-screened");
    scene
        .does(ada, "screening", json!({ "step": "start" }))
        .await
        .refused(403, "not-allowed");
    scene
        .does(carl, "screening", json!({ "step": "start" }))
        .await
        .expect(200);
    assert_eq!(scene.state().await, "screening");
    scene
        .does(carl, "screening", json!({ "step": "start" }))
        .await
        .refused(409, "not-to-be-screened");
    let refused = scene
        .does(
            carl,
            "screening",
            json!({ "step": "start", "note": "N", "fields": ["/answers/need"] }),
        )
        .await;
    let expected = [
        ("/fields", "not-for-this-step"),
        ("/note", "not-for-this-step"),
    ];
    assert_eq!(
        refused.errors(),
        expected.map(|(at, code)| (at.to_owned(), code.to_owned()))
    );
    let refused = scene
        .does(
            carl,
            "screening",
            json!({ "step": "finish", "result": "return" }),
        )
        .await;
    let expected = [
        ("/fields", "required"),
        ("/message", "required"),
        ("/reasons", "required"),
    ];
    assert_eq!(
        refused.errors(),
        expected.map(|(at, code)| (at.to_owned(), code.to_owned()))
    );
    let unknown = json!({ "step": "finish", "result": "pass", "reasons": ["complete", "weather"] });
    let refused = scene
        .does(carl, "screening", unknown)
        .await
        .refused(422, "invalid");
    assert_eq!(
        refused.errors(),
        [("/reasons/1".to_owned(), "unknown-reference".to_owned())]
    );
    scene.does(carl, "screening", finish).await.expect(200);
    assert_eq!(scene.state().await, "in_review");
    let screenings = scene.list(carl, "screenings").await;
    assert_eq!(screenings.len(), 1);
    assert_eq!(screenings[0]["result"], "pass");
    assert_eq!(screenings[0]["reasons"], json!(["complete"]));
    assert_eq!(screenings[0]["finished_by"], carl.id);
    ada.get(&format!("{}/screenings", scene.path))
        .await
        .refused(403, "not-allowed");
    let known = scene.world.stranger.list("/v1/screening-reasons").await;
    assert!(
        known
            .iter()
            .any(|one| one["code"] == "complete" && one["names"]["nl"].is_string())
    );
}

#[actix_web::test]
async fn a_return_opens_exactly_the_named_fields_and_closes_when_it_comes_again() {
    let scene = Scene::new().await;
    let (ada, carl) = (&scene.ada, &scene.carl);
    scene
        .does(carl, "screening", json!({ "step": "start" }))
        .await
        .expect(200);
    let mut finish = back(&["/answers/stage", "/project/summary"]);
    finish["step"] = "finish".into();
    finish["result"] = "return".into();
    scene.does(carl, "screening", finish).await.expect(200);
    assert_eq!(scene.state().await, "returned");
    // What the open answer may bring up is open with it.
    let returns = scene.list(ada, "returns").await;
    assert_eq!(
        returns[0]["fields"],
        json!(["/answers/sales", "/answers/stage", "/project/summary"])
    );
    assert_eq!(returns[0]["due_on"], "2026-03-20");
    let refused = scene
        .patch(
            ada,
            json!({ "need": "Else", "team": "Ten", "stage": "sold" }),
        )
        .await;
    let expected =
        ["/answers/need", "/answers/team"].map(|at| (at.to_owned(), "field-not-open".to_owned()));
    assert_eq!(refused.refused(422, "invalid").errors(), expected);
    scene
        .patch(ada, json!({ "stage": "sold" }))
        .await
        .expect(200);
    let refused = scene
        .does(ada, "submit", json!({}))
        .await
        .refused(422, "not-eligible");
    assert_eq!(
        refused.errors(),
        [("/answers/sales".to_owned(), "answer-missing".to_owned())]
    );
    scene
        .patch(ada, json!({ "sales": "Ten" }))
        .await
        .expect(200);
    scene
        .patch(carl, json!({ "team": "Three" }))
        .await
        .expect(200);
    let change = json!({ "summary": "Better.", "title": "Another" });
    ada.patch(&format!("/v1/projects/{}", scene.project), "*", change)
        .await
        .expect(200);
    // The call closes meanwhile; who was in time stays in time.
    scene.world.pass(Duration::days(40));
    let second = scene
        .does(ada, "submit", json!({}))
        .await
        .expect(200)
        .json();
    assert_eq!(second["number"], 2);
    assert_eq!(scene.state().await, "screening");
    let content = &second["content"];
    assert_eq!(
        content["answers"],
        json!({ "need": "Falls", "team": "Three", "stage": "sold", "sales": "Ten" })
    );
    assert_eq!(
        (&content["project"]["summary"], &content["project"]["title"]),
        (&json!("Better."), &json!("Sangalux"))
    );
    let receipts = scene.list(ada, "receipts").await;
    assert_eq!(receipts.len(), 2);
    let first = ada
        .get(&format!("{}/receipt?number=1", scene.path))
        .await
        .expect(200)
        .json();
    assert_eq!(first["content"]["answers"]["stage"], "idea");
    assert_eq!(first["submitted_at"], "2026-03-02T09:00:00Z");
    assert_eq!(first["sha256"], receipts[0]["sha256"]);
    let last = ada
        .get(&format!("{}/receipt", scene.path))
        .await
        .expect(200)
        .json();
    assert_eq!(last["sha256"], second["sha256"]);
    ada.get(&format!("{}/receipt?number=3", scene.path))
        .await
        .refused(404, "not-found");
    assert!(scene.list(ada, "returns").await[0]["closed_at"].is_string());
    scene
        .patch(ada, json!({ "sales": "Eleven" }))
        .await
        .refused(409, "application-closed");
    scene
        .does(ada, "submit", json!({}))
        .await
        .refused(409, "application-closed");
    // The second look has a result of its own.
    let pass = json!({ "step": "finish", "result": "pass", "reasons": ["complete"] });
    scene.does(carl, "screening", pass).await.expect(200);
    let looks = scene.list(carl, "screenings").await;
    let results: Vec<&Value> = looks.iter().map(|one| &one["result"]).collect();
    assert_eq!(results, ["return", "pass"]);
}

#[actix_web::test]
async fn a_return_says_everything_that_is_wrong_with_it() {
    let scene = Scene::new().await;
    let (ada, carl) = (&scene.ada, &scene.carl);
    let wrong = json!({
        "fields": ["/answers/need", "/answers/colour", "/project/state", "need"], "message": "M",
        "reasons": ["weather"], "due_on": "2026-03-01",
    });
    let refused = scene
        .does(carl, "return", wrong)
        .await
        .refused(422, "invalid");
    let expected = [
        ("/due_on", "too-early"),
        ("/fields/1", "unknown-reference"),
        ("/fields/2", "unknown-reference"),
        ("/fields/3", "unknown-reference"),
        ("/reasons/0", "unknown-reference"),
    ];
    assert_eq!(
        refused.errors(),
        expected.map(|(at, code)| (at.to_owned(), code.to_owned()))
    );
    scene
        .does(ada, "return", back(&["/answers/need"]))
        .await
        .refused(403, "not-allowed");
    scene
        .does(carl, "return", back(&["/answers/need"]))
        .await
        .expect(200);
    scene
        .does(carl, "return", back(&["/answers/need"]))
        .await
        .refused(409, "not-returnable");
    let decline = json!({ "outcome": "decline" });
    scene
        .does(carl, "decision", decline)
        .await
        .refused(409, "not-submitted");
    // Its founders can also take it back; then nothing is open any more.
    scene.does(ada, "withdrawal", json!({})).await.expect(200);
    assert!(scene.list(ada, "returns").await[0]["closed_at"].is_string());
}

#[actix_web::test]
async fn a_return_is_told_to_the_founders_and_what_comes_again_to_the_coordinators() {
    let scene = Scene::new().await;
    let before = scene.world.mails().await.len();
    let fields = ["/answers/need", "/project/postal_code"];
    scene
        .does(&scene.carl, "return", back(&fields))
        .await
        .expect(200);
    let mails = scene.world.mails().await;
    assert_eq!(mails.len(), before + 1);
    let mail = mails
        .iter()
        .find(|mail| mail.text.contains("Tell more"))
        .expect("the mail");
    assert_eq!(mail.to, "ada@example.org");
    for text in [
        "need (fr)",
        "code postal",
        "manquent de clarté",
        "2026-03-20",
    ] {
        assert!(mail.text.contains(text), "{text} in {}", mail.text);
    }
    scene.world.pass(Duration::days(1));
    let receipt = scene
        .does(&scene.ada, "submit", json!({}))
        .await
        .expect(200)
        .json();
    let mails = scene.world.mails().await;
    assert_eq!(mails.len(), before + 3);
    let told = |to: &str, words: &str| {
        mails
            .iter()
            .any(|mail| mail.to == to && mail.text.contains(words))
    };
    assert!(told("carl@example.org", "opnieuw ingediend"));
    assert!(told(
        "ada@example.org",
        receipt["sha256"].as_str().expect("a digest")
    ));
    assert!(told("ada@example.org", "2026-03-03 09:00 UTC"));
}

#[actix_web::test]
async fn the_clock_stands_still_while_its_founders_have_it() {
    let scene = Scene::new().await;
    let pass = |days: i64| scene.world.pass(Duration::days(days));
    pass(2);
    scene
        .does(&scene.carl, "return", back(&["/answers/need"]))
        .await
        .expect(200);
    pass(10);
    scene
        .does(&scene.ada, "submit", json!({}))
        .await
        .expect(200);
    pass(3);
    scene
        .does(&scene.carl, "decision", json!({ "outcome": "decline" }))
        .await
        .expect(200);
    let figures = scene
        .carl
        .get("/v1/regions/BE1/dashboard")
        .await
        .expect(200)
        .json();
    assert_eq!(
        figures["selection"]["median_days_to_decision"], 5.0,
        "{figures}"
    );
}

#[actix_web::test]
async fn tags_are_for_staff_and_leave_no_trace_that_founders_see() {
    let scene = Scene::new().await;
    let (ada, carl) = (&scene.ada, &scene.carl);
    let path = format!("{}/tags", scene.path);
    let before = ada.get(&scene.path).await.expect(200);
    let put = async |client: &Client, tags: Value| {
        let ask = client.ask(reqwest::Method::PUT, &path);
        ask.header("If-Match", &before.header("etag"))
            .json(&json!({ "tags": tags }))
            .send()
            .await
    };
    put(ada, json!(["mine"])).await.refused(403, "not-allowed");
    let refused = put(carl, json!(["Not A Tag", "fine"]))
        .await
        .refused(422, "invalid");
    assert_eq!(
        refused.errors(),
        [("/tags/0".to_owned(), "wrong-format".to_owned())]
    );
    let tagged = put(carl, json!(["visit", "late", "visit"]))
        .await
        .expect(200);
    assert_eq!(tagged.json()["tags"], json!(["late", "visit"]));
    put(carl, json!(["visit", "strong"])).await.expect(200);
    assert_eq!(
        carl.get(&path).await.expect(200).json()["tags"],
        json!(["strong", "visit"])
    );
    ada.get(&path).await.refused(403, "not-allowed");
    let other = scene.world.coordinator("Cora", "BE2").await;
    for (client, tag, found) in [
        (carl, "visit", 1),
        (carl, "late", 0),
        (ada, "visit", 0),
        (&other, "visit", 0),
    ] {
        let list = client.list(&format!("/v1/applications?tag={tag}")).await;
        assert_eq!(list.len(), found, "{tag}");
    }
    let after = ada.get(&scene.path).await.expect(200);
    assert_eq!(after.text, before.text);
    assert_eq!(after.header("etag"), before.header("etag"));
    let kinds = |events: Vec<Value>| {
        events
            .iter()
            .filter(|one| one["kind"] == "application.tagged")
            .count()
    };
    assert_eq!(kinds(ada.list("/v1/events?after=0").await), 0);
    assert_eq!(kinds(carl.list("/v1/events?after=0").await), 2);
}
