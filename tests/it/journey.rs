//! The main job, end to end: from sign-up to graduation, everyone told once, by real mail in their language.

use std::collections::BTreeMap;

use serde_json::json;

use crate::support::{Client, Letter, Setup, Sink, World};

/// Everybody around one project.
struct Cast {
    founder: Client,
    coordinator: Client,
    coach: Client,
    stranger: Client,
}

/// How many mails each address got since `before`, and that each is in the reader's language.
fn tally(letters: &[Letter], before: usize) -> BTreeMap<String, usize> {
    let mut count = BTreeMap::new();
    for letter in &letters[before..] {
        *count.entry(letter.to.clone()).or_insert(0) += 1;
    }
    count
}

fn everyone(lead: &str) -> BTreeMap<String, usize> {
    [
        "ada@example.org",
        "carl@example.org",
        "bea@example.org",
        lead,
    ]
    .into_iter()
    .map(|to| (to.to_owned(), 1))
    .collect()
}

async fn sign_up(world: &World) -> Client {
    let body = json!({ "email": "Ada@Example.org", "password": "twelve or more", "name": "Ada", "language": "fr" });
    let answer = world
        .stranger
        .post("/v1/accounts", body.clone())
        .await
        .expect(201);
    let again = world.stranger.post("/v1/accounts", body).await.expect(201);
    assert_eq!(answer.text, again.text);
    let credentials = json!({ "email": "ada@example.org", "password": "twelve or more" });
    world
        .stranger
        .post("/v1/sessions", credentials.clone())
        .await
        .refused(401, "wrong-credentials");
    let letters = world.mails().await;
    let code = letters[0].code();
    assert_eq!(
        (letters[0].to.as_str(), letters[0].language.as_str()),
        ("ada@example.org", "fr")
    );
    world
        .stranger
        .post("/v1/accounts/verify", json!({ "token": code }))
        .await
        .expect(200);
    world
        .stranger
        .post("/v1/accounts/verify", json!({ "token": code }))
        .await
        .refused(422, "code-not-valid");
    let tokens = world
        .stranger
        .post("/v1/sessions", credentials)
        .await
        .expect(201);
    let me = world
        .stranger
        .with_token(&tokens.text_at("/access_token"), "");
    let id = me.get("/v1/me").await.expect(200).text_at("/id");
    world
        .stranger
        .with_token(&tokens.text_at("/access_token"), &id)
}

/// Meets the gate of the pillar that the project is in: milestones and a coach's update.
async fn meet_gate(cast: &Cast, project: &str) {
    let body = json!({ "note": "All done.", "confidence": "green", "next_step": "On." });
    cast.coach
        .post(&format!("/v1/projects/{project}/updates"), body)
        .await
        .expect(201);
    let list = cast
        .coach
        .get(&format!("/v1/projects/{project}/milestones?limit=100"))
        .await
        .expect(200)
        .json();
    for milestone in list["data"].as_array().expect("milestones") {
        if milestone["done_at"].is_null() {
            let path = format!(
                "/v1/projects/{project}/milestones/{}",
                milestone["id"].as_str().expect("an id")
            );
            cast.coach
                .patch(&path, "\"1\"", json!({ "done": true }))
                .await
                .expect(200);
        }
    }
}

#[actix_web::test]
async fn from_sign_up_to_graduation_everyone_is_told_once() {
    let world = World::with(Setup {
        smtp: Some(Sink::start(0)),
        ..Setup::default()
    })
    .await;
    let (call, cohort) = world.open_call(16, &[("BE1", 5)]).await;
    let cast = Cast {
        founder: sign_up(&world).await,
        coordinator: world.coordinator("Carl", "BE1").await,
        coach: world.coach("Bea").await,
        stranger: world.founder("Eve").await,
    };
    for (name, slug) in [
        ("LeadCreate", "bhic"),
        ("LeadTest", "abdh-bvzd"),
        ("LeadGrow", "bemedtech"),
        ("LeadScale", "agoria"),
    ] {
        world.lead(name, slug).await;
    }
    let project = world.project(&cast.founder, "Sangalux").await;
    let application = world.submitted(&cast.founder, &project, &call).await;
    let before = world.mails().await.len();

    let body = json!({ "outcome": "accept", "cohort_id": cohort, "pillar": "create_learn", "feedback": "Well done." });
    let path = format!("/v1/applications/{application}/decision");
    cast.coordinator
        .post(&path, body.clone())
        .await
        .refused(428, "version-needed");
    cast.coordinator
        .post_seen(&path, body.clone())
        .await
        .expect(200);
    cast.coordinator
        .post_seen(&path, body)
        .await
        .refused(409, "not-submitted");
    let letters = world.mails().await;
    let told: BTreeMap<String, usize> = [
        "ada@example.org",
        "carl@example.org",
        "leadcreate@example.org",
    ]
    .map(|to| (to.to_owned(), 1))
    .into();
    assert_eq!(tally(&letters, before), told);

    let assign = json!({ "account_id": cast.coach.id, "role": "coach", "kind": "lead" });
    cast.coordinator
        .post(&format!("/v1/projects/{project}/assignments"), assign)
        .await
        .expect(201);
    assert!(
        world
            .mails()
            .await
            .iter()
            .any(|letter| letter.to == "bea@example.org")
    );

    let moves = format!("/v1/projects/{project}/transitions");
    for (kind, lead) in [
        ("advance", "leadtest"),
        ("advance", "leadgrow"),
        ("advance", "leadscale"),
        ("graduate", "leadscale"),
    ] {
        let blocked = cast
            .coordinator
            .post_seen(&moves, json!({ "kind": kind }))
            .await
            .refused(409, "gate-not-met");
        assert!(
            blocked
                .blockers()
                .contains(&"coach-updates-missing".to_owned()),
            "{}",
            blocked.text
        );
        world.pass(chrono::Duration::days(20));
        meet_gate(&cast, &project).await;
        let before = world.mails().await.len();
        let etag = cast
            .coordinator
            .get(&format!("/v1/projects/{project}"))
            .await
            .header("etag");
        let request = cast
            .coordinator
            .ask(reqwest::Method::POST, &moves)
            .header("If-Match", &etag)
            .json(&json!({ "kind": kind }));
        let moved = request.send().await.expect(201);
        assert_ne!(moved.header("etag"), etag);
        let letters = world.mails().await;
        assert_eq!(
            tally(&letters, before),
            everyone(&format!("{lead}@example.org")),
            "{kind}"
        );
        for letter in &letters[before..] {
            let expected = [("ada", "fr"), ("carl", "nl"), ("bea", "de"), ("lead", "en")];
            let language = expected
                .iter()
                .find(|(name, _)| letter.to.starts_with(name))
                .expect("a reader")
                .1;
            assert_eq!(letter.language, language, "{}", letter.to);
            assert!(
                letter.html.contains(&format!("lang=\"{language}\""))
                    && letter.text.contains("Sangalux")
            );
        }
    }
    let shown = cast
        .founder
        .get(&format!("/v1/projects/{project}"))
        .await
        .expect(200);
    assert_eq!(shown.text_at("/state"), "graduated");
    let history = cast
        .founder
        .get(&format!("{moves}?limit=100"))
        .await
        .expect(200)
        .json();
    let kinds: Vec<&str> = history["data"]
        .as_array()
        .expect("steps")
        .iter()
        .filter_map(|step| step["kind"].as_str())
        .collect();
    assert_eq!(
        kinds,
        ["enter", "advance", "advance", "advance", "graduate"]
    );
    a_stranger_sees_nothing(&cast.stranger, &project, &application).await;
    no_message_id_twice(&world.mails().await);
}

async fn a_stranger_sees_nothing(stranger: &Client, project: &str, application: &str) {
    for path in [
        "",
        "/actions",
        "/transitions",
        "/stays",
        "/milestones",
        "/assignments",
        "/updates",
        "/coaching-sessions",
        "/team",
    ] {
        stranger
            .get(&format!("/v1/projects/{project}{path}"))
            .await
            .refused(404, "not-found");
    }
    stranger
        .get(&format!("/v1/applications/{application}"))
        .await
        .refused(404, "not-found");
    stranger
        .get(&format!("/v1/applications/{application}/receipt"))
        .await
        .refused(404, "not-found");
    let step = json!({ "kind": "exit", "reason_code": "team", "lesson": "none" });
    stranger
        .post_seen(&format!("/v1/projects/{project}/transitions"), step)
        .await
        .refused(404, "not-found");
    let update = json!({ "note": "n", "confidence": "red" });
    stranger
        .post(&format!("/v1/projects/{project}/updates"), update)
        .await
        .refused(404, "not-found");
    for list in [
        "/v1/projects",
        "/v1/applications",
        "/v1/projects?q=sangalux",
    ] {
        assert_eq!(
            stranger.get(list).await.expect(200).json()["data"],
            json!([]),
            "{list}"
        );
    }
    let events = stranger
        .get("/v1/events?after=0&limit=100")
        .await
        .expect(200)
        .json();
    let foreign = events["data"]
        .as_array()
        .expect("events")
        .iter()
        .filter(|event| !event["project_id"].is_null());
    assert_eq!(foreign.count(), 0);
}

fn no_message_id_twice(letters: &[Letter]) {
    let mut ids: Vec<&String> = letters.iter().map(|letter| &letter.message_id).collect();
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all);
}

#[actix_web::test]
async fn holds_returns_waivers_and_exits_follow_the_rules() {
    let world = World::new().await;
    let (call, cohort) = world.open_call(16, &[]).await;
    let (founder, coordinator) = (
        world.founder("Ada").await,
        world.coordinator("Carl", "BE1").await,
    );
    let project = world
        .admitted(&founder, &coordinator, &call, &cohort, "Podoméa")
        .await;
    let moves = format!("/v1/projects/{project}/transitions");
    let step = |body| coordinator.post_seen(&moves, body);

    founder
        .post_seen(&moves, json!({ "kind": "advance" }))
        .await
        .refused(403, "not-allowed");
    let wrong = step(json!({ "kind": "hold", "lesson": "x", "to": "test" }))
        .await
        .refused(422, "invalid");
    let errors = wrong.errors();
    let expected = [
        ("/lesson", "not-for-this-step"),
        ("/reason", "reason-needed"),
        ("/to", "not-for-this-step"),
    ];
    assert_eq!(errors, expected.map(|(p, c)| (p.to_owned(), c.to_owned())));
    step(json!({ "kind": "resume", "reason": "r" }))
        .await
        .refused(409, "transition-not-possible");
    step(json!({ "kind": "graduate" }))
        .await
        .refused(409, "transition-not-possible");

    world.pass(chrono::Duration::days(10));
    step(json!({ "kind": "hold", "reason": "waiting" }))
        .await
        .expect(201);
    world.pass(chrono::Duration::days(30));
    step(json!({ "kind": "resume", "reason": "on" }))
        .await
        .expect(201);
    world.pass(chrono::Duration::days(5));
    let stays = founder
        .get(&format!("/v1/projects/{project}/stays"))
        .await
        .expect(200);
    assert_eq!(stays.text_at("/data/0/days"), "15.0");

    let open = coordinator
        .get(&format!("/v1/projects/{project}/actions"))
        .await
        .expect(200)
        .json();
    let advance = open["data"]
        .as_array()
        .expect("actions")
        .iter()
        .find(|one| one["action"] == "advance")
        .expect("advance")
        .clone();
    assert_eq!(advance["allowed"], false);
    let waivers = json!([
        { "requirement": "create_learn.milestones_done", "reason": "shown elsewhere" },
        { "requirement": "create_learn.coach_updates", "reason": "met in person" },
    ]);
    let idle = json!({ "kind": "advance", "waivers": [{ "requirement": "grow.coach_updates", "reason": "x" }] });
    assert_eq!(
        step(idle).await.refused(422, "invalid").errors(),
        [(
            "/waivers/0/requirement".into(),
            "unknown-requirement".into()
        )]
    );
    step(json!({ "kind": "advance", "waivers": waivers }))
        .await
        .expect(201);
    step(json!({ "kind": "return", "reason": "pivot" }))
        .await
        .expect(201);
    let exit =
        json!({ "kind": "exit", "reason_code": "withdrawn", "lesson": "Ask the nurses first." });
    founder.post_seen(&moves, exit).await.expect(201);
    let project = founder
        .get(&format!("/v1/projects/{project}"))
        .await
        .expect(200);
    assert_eq!(
        (project.text_at("/state"), project.text_at("/pillar")),
        ("exited".into(), "null".into())
    );
}

#[actix_web::test]
async fn a_cohort_takes_no_more_than_it_has_places_for() {
    let world = World::new().await;
    let (call, cohort) = world.open_call(3, &[("BE1", 2)]).await;
    let coordinator = world.coordinator("Carl", "BE1").await;
    let founder = world.founder("Ada").await;
    let mut decisions = Vec::new();
    for number in 0..8 {
        let project = world.project(&founder, &format!("Project {number}")).await;
        let application = world.submitted(&founder, &project, &call).await;
        let body = json!({ "outcome": "accept", "cohort_id": cohort, "pillar": "test" });
        let (coordinator, path) = (
            coordinator.clone(),
            format!("/v1/applications/{application}/decision"),
        );
        decisions.push(async move { coordinator.post_seen(&path, body).await });
    }
    let answers = futures_util::future::join_all(decisions).await;
    let accepted = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(accepted, 2);
    for answer in answers.into_iter().filter(|answer| answer.status != 200) {
        answer.refused(409, "region-quota-full");
    }
    let dashboard = coordinator
        .get(&format!("/v1/cohorts/{cohort}/dashboard"))
        .await
        .expect(200);
    assert_eq!(dashboard.text_at("/projects/total"), "2");
    assert_eq!(
        dashboard.text_at("/selection/by_state/submitted"),
        "6",
        "a refused decision keeps nothing"
    );
}
