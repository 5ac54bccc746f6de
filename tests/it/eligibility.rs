//! Who may answer a call: its rules, the dry run, what coordinators waive, and codes for late entry.

use std::collections::BTreeSet;

use chrono::Duration;
use colonnade::auth::{Grant, Role, Scope};
use colonnade::lang::Lang;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::world::new_project;
use crate::support::{Answer, Client, Setup, World};

async fn put(client: &Client, path: &str, seen: &str, body: Value) -> Answer {
    let ask = client.ask(Method::PUT, path).header("If-Match", seen);
    ask.json(&body).send().await
}

async fn draft(owner: &Client, project: &str, call: &str) -> String {
    let body = json!({ "project_id": project, "call_id": call, "answers": { "need": "falls" } });
    let made = owner.post("/v1/applications", body).await.expect(201);
    made.text_at("/id")
}

async fn dry_run(client: &Client, application: &str) -> Value {
    let path = format!("/v1/applications/{application}/eligibility");
    client.post(&path, json!({})).await.expect(200).json()
}

async fn submit(owner: &Client, application: &str) -> Answer {
    let path = format!("/v1/applications/{application}/submit");
    owner.post_seen(&path, json!({})).await
}

/// The codes of a dry run, of those reasons that block or of all.
fn codes(found: &Value, blocking: bool) -> BTreeSet<String> {
    let all = found["reasons"].as_array().expect("reasons").iter();
    all.filter(|one| !blocking || one["blocks"] == true)
        .map(|one| one["code"].as_str().expect("a code").to_owned())
        .collect()
}

fn strict() -> Value {
    json!({
        "sectors": ["digital_health"], "regions": ["BE2"], "languages": ["nl"], "team_at_least": 2,
        "company_needed": true, "full_cohort_blocks": true,
        "overridable": [
            "sector-out-of-scope", "region-not-served", "language-not-offered", "team-too-small",
            "enterprise-number-needed",
        ],
    })
}

const STRICT: [&str; 6] = [
    "capacity",
    "enterprise-number-needed",
    "language-not-offered",
    "region-not-served",
    "sector-out-of-scope",
    "team-too-small",
];

#[actix_web::test]
async fn a_dry_run_says_every_reason_at_once_and_keeps_nothing() {
    let world = World::new().await;
    let (call, _) = world.open_call(0, &[]).await;
    let (admin, founder) = (world.admin().await, world.founder("Ada").await);
    let path = format!("/v1/calls/{call}/eligibility");
    put(&admin, &path, "\"0\"", strict()).await.expect(200);
    let project = world.project(&founder, "Lamp").await;
    let application = draft(&founder, &project, &call).await;
    let (events, path) = (
        world.count("events"),
        format!("/v1/applications/{application}"),
    );
    let before = founder.get(&path).await.expect(200).text;
    let found = dry_run(&founder, &application).await;
    assert_eq!(found["eligible"], false);
    assert_eq!(codes(&found, true), STRICT.map(str::to_owned).into());
    let reason = |code: &str| {
        let all = found["reasons"].as_array().expect("reasons");
        all.iter().find(|one| one["code"] == code).cloned()
    };
    let capacity = reason("capacity").expect("it is full");
    assert_eq!(
        (&capacity["overridable"], &capacity["values"]["places"]),
        (&json!(false), &json!("0"))
    );
    let team = reason("team-too-small").expect("one person");
    assert_eq!(team["overridable"], true);
    assert_eq!(team["pointer"], "/project/team");
    assert_eq!(team["text"], "The team has too few members (at least: 2).");
    assert_eq!(
        (world.count("events"), founder.get(&path).await.text),
        (events, before)
    );
    // The submission says the same, no more and no less.
    let refused = submit(&founder, &application).await;
    let refused = refused.refused(422, "not-eligible").errors();
    let refused: BTreeSet<String> = refused.into_iter().map(|(_, code)| code).collect();
    assert_eq!(refused, codes(&found, true));
    let dutch = founder
        .ask(Method::POST, &format!("{path}/eligibility"))
        .header("Accept-Language", "nl");
    let text = dutch.send().await.expect(200).text;
    assert!(
        text.contains("Het team heeft te weinig leden (minstens: 2)."),
        "{text}"
    );
}

#[actix_web::test]
async fn a_full_cohort_is_told_and_keeps_nobody_out_unless_the_call_says_so() {
    let world = World::new().await;
    let founder = world.founder("Ada").await;
    for quota in [&[][..], &[("BE1", 0)][..]] {
        let (call, _) = world.open_call(i32::from(!quota.is_empty()), quota).await;
        let project = world.project(&founder, "Lamp").await;
        let application = draft(&founder, &project, &call).await;
        let found = dry_run(&founder, &application).await;
        assert_eq!(found["eligible"], true, "{found}");
        assert_eq!(codes(&found, false), ["capacity".to_owned()].into());
        assert_eq!(codes(&found, true), BTreeSet::new());
        submit(&founder, &application).await.expect(200);
    }
}

#[actix_web::test]
async fn a_coordinator_waives_what_the_call_lets_them_and_answers_for_it() {
    let world = World::new().await;
    let (call, _) = world.open_call(4, &[]).await;
    let (admin, founder) = (world.admin().await, world.founder("Ada").await);
    let coordinator = world.coordinator("Carl", "BE1").await;
    let path = format!("/v1/calls/{call}/eligibility");
    put(&admin, &path, "*", strict()).await.expect(200);
    let project = world.project(&founder, "Lamp").await;
    let application = draft(&founder, &project, &call).await;
    let path = format!("/v1/applications/{application}/overrides");
    let waive = |code: &str| json!({ "code": code, "reason": format!("Because of {code}") });
    founder
        .post_seen(&path, waive("team-too-small"))
        .await
        .refused(403, "not-allowed");
    coordinator
        .post_seen(&path, waive("capacity"))
        .await
        .refused(409, "rule-not-overridable");
    coordinator
        .post_seen(&path, waive("call-closed"))
        .await
        .refused(422, "invalid");
    for code in STRICT.iter().filter(|code| **code != "capacity") {
        coordinator.post_seen(&path, waive(code)).await.expect(200);
    }
    let found = dry_run(&founder, &application).await;
    assert_eq!(found["eligible"], true, "{found}");
    for reason in found["reasons"].as_array().expect("reasons") {
        let code = reason["code"].as_str().expect("a code");
        let expected = json!({ "by": coordinator.id, "reason": format!("Because of {code}") });
        assert_eq!(reason["overridden"], expected);
    }
    submit(&founder, &application).await.expect(200);
    coordinator
        .post_seen(&path, waive("team-too-small"))
        .await
        .refused(409, "application-closed");
    let entries = admin
        .list("/v1/events?after=0&kind=application.rule_overridden")
        .await;
    let rules: BTreeSet<&str> = entries
        .iter()
        .map(|entry| entry["data"]["rule"].as_str().expect("a rule"))
        .collect();
    assert_eq!(rules.len(), 5);
    assert!(!format!("{entries:?}").contains("Because"));
}

#[actix_web::test]
async fn the_scope_override_is_one_of_the_overrides() {
    let world = World::new().await;
    let (call, _) = world.open_call(4, &[]).await;
    let (founder, coordinator) = (
        world.founder("Ada").await,
        world.coordinator("Carl", "BE1").await,
    );
    let mut body = new_project("Vial");
    body["sector"] = "pharma".into();
    let project = founder.post("/v1/projects", body).await.expect(201);
    let application = draft(&founder, &project.text_at("/id"), &call).await;
    submit(&founder, &application)
        .await
        .refused(422, "not-eligible");
    let path = format!("/v1/applications/{application}/scope-override");
    let reason = json!({ "reason": "A digital read-out" });
    coordinator.post_seen(&path, reason).await.expect(200);
    let found = dry_run(&coordinator, &application).await;
    let overridden = &found["reasons"][0]["overridden"];
    assert_eq!(overridden["by"], json!(coordinator.id));
    assert_eq!(overridden["reason"], "A digital read-out");
    // As it was before overrides had rows of their own.
    world.database.execute("DELETE FROM eligibility_overrides");
    let found = dry_run(&founder, &application).await;
    let before = json!({ "by": null, "reason": "A digital read-out" });
    assert_eq!(found["reasons"][0]["overridden"], before);
    submit(&founder, &application).await.expect(200);
}

#[actix_web::test]
async fn calls_for_projects_that_take_part_ask_for_their_pillar() {
    let world = World::new().await;
    let (first, cohort) = world.open_call(4, &[]).await;
    let (second, _) = world.open_call(4, &[]).await;
    let (admin, founder) = (world.admin().await, world.founder("Ada").await);
    let project = world
        .admitted(&founder, &admin, &first, &cohort, "Lamp")
        .await;
    let application = draft(&founder, &project, &second).await;
    let blocking = |found: Value| codes(&found, true);
    let found = dry_run(&founder, &application).await;
    assert_eq!(blocking(found), ["project-not-prospect".to_owned()].into());
    let path = format!("/v1/calls/{second}/eligibility");
    for (pillars, expected) in [
        (json!(["scale"]), Some("stage-not-served".to_owned())),
        (json!(["create_learn", "test"]), None),
    ] {
        let rules = json!({ "pillars": pillars });
        put(&admin, &path, "*", rules).await.expect(200);
        let found = dry_run(&founder, &application).await;
        assert_eq!(blocking(found), expected.into_iter().collect());
    }
}

#[actix_web::test]
async fn what_nobody_can_waive_is_mended_or_waited_for() {
    let world = World::new().await;
    let (admin, founder) = (world.admin().await, world.founder("Ada").await);
    let call = json!({
        "slug": "summer", "programme": "medtech-accelerator",
        "names": { "en": "A", "nl": "B", "fr": "C", "de": "D" },
        "opens_at": "2026-06-01T00:00:00Z", "closes_at": "2026-07-01T00:00:00Z",
    });
    let call = admin.post("/v1/calls", call).await.expect(201);
    let call = call.text_at("/id");
    let mut body = new_project("Lamp");
    body["postal_code"] = Value::Null;
    let project = founder.post("/v1/projects", body).await.expect(201);
    let application = draft(&founder, &project.text_at("/id"), &call).await;
    // Numbers from before they were checked.
    world
        .database
        .execute("UPDATE projects SET enterprise_number = '0428759498'");
    let found = dry_run(&founder, &application).await;
    let expected = [
        "call-not-open-yet",
        "enterprise-number-invalid",
        "region-unknown",
    ];
    assert_eq!(codes(&found, true), expected.map(str::to_owned).into());
    for reason in found["reasons"].as_array().expect("reasons") {
        assert_eq!(reason["overridable"], false, "{reason}");
    }
}

#[actix_web::test]
async fn who_runs_the_call_sets_its_rules_and_nobody_overwrites_them_unseen() {
    let world = World::new().await;
    let (call, cohort) = world.open_call(4, &[]).await;
    let path = format!("/v1/calls/{call}/eligibility");
    let none = world.stranger.get(&path).await.expect(200);
    assert_eq!(
        (none.header("etag"), none.text_at("/overridable/0")),
        ("\"0\"".into(), "sector-out-of-scope".into())
    );
    let scope = Scope::Cohort {
        id: cohort.parse().expect("an id"),
    };
    let grant = Grant {
        role: Role::Coordinator,
        scope,
    };
    let runs = world.person("Cyril", Lang::Nl, vec![grant]).await;
    for other in [
        world.coordinator("Carl", "BE1").await,
        world.founder("Ada").await,
    ] {
        put(&other, &path, "*", json!({}))
            .await
            .refused(403, "not-allowed");
    }
    put(&runs, &path, "\"7\"", json!({}))
        .await
        .refused(412, "stale-version");
    let wrong = json!({ "regions": ["BE1", "XX"], "team_at_least": -1, "sectors": [] });
    let wrong = put(&runs, &path, "*", wrong)
        .await
        .refused(422, "invalid")
        .errors();
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    let unknown = put(&runs, &path, "*", json!({ "regions": ["BE1", "XX"] })).await;
    let unknown = unknown.refused(422, "invalid").errors();
    assert_eq!(
        unknown,
        [("/regions/1".to_owned(), "unknown-reference".to_owned())]
    );
    let both = futures_util::future::join_all(
        ["BE1", "BE2"].map(|code| put(&runs, &path, "\"0\"", json!({ "regions": [code] }))),
    );
    let mut statuses: Vec<u16> = both.await.iter().map(|one| one.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
    assert_eq!(runs.get(&path).await.header("etag"), "\"1\"");
    world
        .stranger
        .get("/v1/calls/00000000-0000-0000-0000-000000000000/eligibility")
        .await
        .refused(404, "not-found");
}

struct Closed {
    world: World,
    admin: Client,
    founder: Client,
    call: String,
    project: String,
    application: String,
}

/// A draft for a call that has closed.
async fn closed() -> Closed {
    let setup = Setup {
        adjust: Some(|config| config.throttle.wrong_codes_from_address = 6),
        ..Setup::default()
    };
    let world = World::with(setup).await;
    let (call, _) = world.open_call(4, &[]).await;
    let (admin, founder) = (world.admin().await, world.founder("Ada").await);
    let project = world.project(&founder, "Lamp").await;
    let application = draft(&founder, &project, &call).await;
    world.pass(Duration::days(31));
    Closed {
        world,
        admin,
        founder,
        call,
        project,
        application,
    }
}

impl Closed {
    async fn code(&self, project: Option<&str>, days: i64) -> String {
        let path = format!("/v1/calls/{}/late-entry-codes", self.call);
        let body =
            json!({ "project_id": project, "reason": "Ill on the day", "expires_in_days": days });
        self.admin
            .post(&path, body)
            .await
            .expect(201)
            .text_at("/key")
    }

    async fn enter(&self, application: &str, code: &str) -> Answer {
        let path = format!("/v1/applications/{application}/late-entry");
        self.founder.post(&path, json!({ "code": code })).await
    }
}

#[actix_web::test]
async fn a_late_entry_code_lets_one_application_in_after_the_close() {
    let at = closed().await;
    let refused = submit(&at.founder, &at.application).await;
    let refused = refused.refused(422, "not-eligible").errors();
    assert_eq!(refused, [("/call_id".to_owned(), "call-closed".to_owned())]);
    let code = at.code(None, 7).await;
    let digests = at
        .world
        .database
        .texts("SELECT digest AS t FROM late_entry_codes");
    assert!(digests.len() == 1 && digests[0] != code);
    at.enter(&at.application, &code).await.expect(200);
    let found = dry_run(&at.founder, &at.application).await;
    assert_eq!(found["eligible"], true);
    assert_eq!(found["reasons"][0]["overridden"]["by"], json!(at.admin.id));
    // Used is used.
    let other = at.world.project(&at.founder, "Other").await;
    let other = draft(&at.founder, &other, &at.call).await;
    at.enter(&other, &code)
        .await
        .refused(422, "late-entry-code-not-valid");
    submit(&at.founder, &at.application).await.expect(200);
    // What was entered in time, but not submitted, is late again once the code has run out.
    let code = at.code(None, 1).await;
    at.enter(&other, &code).await.expect(200);
    at.world.pass(Duration::days(2));
    submit(&at.founder, &other)
        .await
        .refused(422, "not-eligible");
    let entries = at
        .admin
        .list("/v1/events?after=0&kind=application.entered_late")
        .await;
    assert_eq!(entries.len(), 2);
}

#[actix_web::test]
async fn a_code_that_is_wrong_old_or_for_others_lets_nobody_in() {
    let at = closed().await;
    let other = at.world.project(&at.founder, "Other").await;
    let (bound, old) = (at.code(Some(&other), 7).await, at.code(None, 1).await);
    let (second, _) = at.world.open_call(4, &[]).await;
    let elsewhere = draft(&at.founder, &at.project, &second).await;
    let good = at.code(Some(&at.project), 30).await;
    at.world.pass(Duration::days(2));
    for (application, code) in [
        (&at.application, "nonsense"),
        (&at.application, bound.as_str()),
        (&at.application, old.as_str()),
        (&elsewhere, good.as_str()),
    ] {
        at.enter(application, code)
            .await
            .refused(422, "late-entry-code-not-valid");
    }
    // Six an hour from one address; what is right is never held up.
    for _ in 0..2 {
        at.enter(&at.application, "a guess")
            .await
            .refused(422, "late-entry-code-not-valid");
    }
    at.enter(&at.application, "a guess")
        .await
        .refused(429, "too-many-requests");
    at.enter(&at.application, &good).await.expect(200);
}

#[actix_web::test]
async fn of_two_who_race_for_a_code_one_gets_in() {
    let at = closed().await;
    let other = at.world.project(&at.founder, "Other").await;
    let other = draft(&at.founder, &other, &at.call).await;
    let code = at.code(None, 7).await;
    let both = [&at.application, &other].map(|application| at.enter(application, &code));
    let both = futures_util::future::join_all(both).await;
    let mut statuses: Vec<u16> = both.iter().map(|one| one.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 422]);
    assert_eq!(
        at.world.count("late_entry_codes WHERE used_at IS NOT NULL"),
        1
    );
}

#[actix_web::test]
async fn coordinators_make_codes_for_projects_of_theirs() {
    let at = closed().await;
    let carl = at.world.coordinator("Carl", "BE1").await;
    let cora = at.world.coordinator("Cora", "BE2").await;
    let path = format!("/v1/calls/{}/late-entry-codes", at.call);
    let body = |project: Option<&str>| json!({ "project_id": project, "reason": "Ill", "expires_in_days": 7 });
    carl.post(&path, body(None))
        .await
        .refused(403, "not-allowed");
    let hidden = cora
        .post(&path, body(Some(&at.project)))
        .await
        .refused(422, "invalid");
    assert_eq!(
        hidden.errors(),
        [("/project_id".to_owned(), "unknown-reference".to_owned())]
    );
    at.founder
        .post(&path, body(None))
        .await
        .refused(403, "not-allowed");
    let made = carl.post(&path, body(Some(&at.project))).await.expect(201);
    carl.post(
        &format!("/v1/applications/{}/late-entry", at.application),
        json!({ "code": made.text_at("/key") }),
    )
    .await
    .refused(403, "not-allowed");
    at.enter(&at.application, &made.text_at("/key"))
        .await
        .expect(200);
    let rules = json!({ "late_entry": false });
    put(
        &at.admin,
        &format!("/v1/calls/{}/eligibility", at.call),
        "*",
        rules,
    )
    .await
    .expect(200);
    at.admin
        .post(&path, body(None))
        .await
        .refused(409, "no-late-entry");
    submit(&at.founder, &at.application)
        .await
        .refused(422, "not-eligible");
}
