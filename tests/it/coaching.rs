//! Coaching sessions: who books, holds, cancels and reads them, who hears of it, and the hours that add up.

use chrono::Duration;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Client, World};

/// A project in Brussels with its people: a coach with a budget of ten hours, another coach, and a coordinator.
struct Team {
    founder: Client,
    coordinator: Client,
    coach: Client,
    other: Client,
    project: String,
    assignment: String,
}

impl Team {
    async fn of(world: &World) -> Self {
        let (call, cohort) = world.open_call(4, &[]).await;
        let founder = world.founder("Ada").await;
        let coordinator = world.coordinator("Carl", "BE1").await;
        let admitted = world.admitted(&founder, &coordinator, &call, &cohort, "Sangalux");
        let project = admitted.await;
        let (coach, other) = (world.coach("Bea").await, world.coach("Dora").await);
        let assigned = assign(&coordinator, &project, &coach, Some(10)).await;
        assign(&coordinator, &project, &other, None).await;
        world.deliver().await;
        Self {
            founder,
            coordinator,
            coach,
            other,
            project,
            assignment: assigned,
        }
    }

    fn path(&self) -> String {
        format!("/v1/projects/{}/coaching-sessions", self.project)
    }

    fn one(&self, id: &str) -> String {
        format!("{}/{id}", self.path())
    }

    async fn book(&self, who: &Client, body: Value) -> String {
        let answer = who.post(&self.path(), body).await.expect(201);
        answer.text_at("/id")
    }
}

async fn assign(by: &Client, project: &str, coach: &Client, hours: Option<i32>) -> String {
    let mut body = json!({ "account_id": coach.id, "role": "coach", "kind": "lead" });
    if let Some(hours) = hours {
        body["hours_budget"] = hours.into();
    }
    let path = format!("/v1/projects/{project}/assignments");
    by.post(&path, body).await.expect(201).text_at("/id")
}

fn booking(minutes: i32) -> Value {
    json!({ "starts_at": "2026-03-03T09:00:00Z", "planned_minutes": minutes, "agenda": "The need" })
}

fn held(minutes: i32) -> Value {
    json!({ "state": "held", "held_minutes": minutes })
}

#[actix_web::test]
async fn a_session_is_booked_held_and_noted_down() {
    let world = World::new().await;
    let team = Team::of(&world).await;
    let mut body = booking(90);
    body["place"] = "Rue de la Loi 1".into();
    body["link"] = "https://meet.example.org/1".into();
    body["private_notes"] = "Doubts about the team.".into();
    let booked = team.coach.post(&team.path(), body).await.expect(201);
    let id = booked.text_at("/id");
    assert_eq!(booked.header("location"), team.one(&id));
    assert_eq!(booked.header("etag"), "\"1\"");
    let shown = booked.json();
    assert_eq!(
        (&shown["state"], &shown["coach"]),
        (&json!("booked"), &json!("Bea"))
    );
    assert_eq!(shown["private_notes"], "Doubts about the team.");
    assert_eq!(shown["actions"], json!([]));

    let early = team.coach.patch(&team.one(&id), "\"1\"", held(80)).await;
    early.refused(409, "coaching-session-not-begun");
    let moved = json!({ "starts_at": "2026-03-02T10:00:00Z", "place": null });
    let moved = team.coach.patch(&team.one(&id), "\"1\"", moved).await;
    assert_eq!(moved.expect(200).json()["place"], Value::Null);
    world.pass(Duration::days(2));
    let mut done = held(75);
    done["notes"] = "The need is confirmed.".into();
    done["actions"] =
        json!([{ "what": "Ask the hospital", "due_on": "2026-03-20" }, { "what": "Write" }]);
    let stale = team
        .coach
        .patch(&team.one(&id), "\"1\"", done.clone())
        .await;
    stale.refused(412, "stale-version");
    let unseen = team.coach.ask(Method::PATCH, &team.one(&id)).json(&done);
    unseen.send().await.refused(428, "version-needed");
    let kept = team.coach.patch(&team.one(&id), "\"2\"", done).await;
    let kept = kept.expect(200);
    assert_eq!(kept.header("etag"), "\"3\"");
    let kept = kept.json();
    assert_eq!(
        (&kept["state"], &kept["held_minutes"]),
        (&json!("held"), &json!(75))
    );
    assert_eq!(kept["actions"][0]["due_on"], "2026-03-20");
    assert_eq!(kept["actions"][1]["due_on"], Value::Null);
    let read = team.coach.get(&team.one(&id)).await.expect(200);
    assert_eq!(read.json(), kept);
    let known = team.coach.ask(Method::GET, &team.one(&id));
    let known = known.header("If-None-Match", "\"3\"").send().await;
    known.expect(304);

    let cancelled = json!({ "state": "cancelled", "cancel_reason": "ill" });
    let over = team.coach.patch(&team.one(&id), "*", cancelled).await;
    over.refused(409, "coaching-session-over");
    let kinds: Vec<Value> = team.founder.list("/v1/events?after=0").await;
    let kinds: Vec<&str> = kinds
        .iter()
        .filter_map(|event| event["kind"].as_str()?.strip_prefix("coaching_session."))
        .collect();
    assert_eq!(kinds, ["booked", "changed", "held"]);
}

#[actix_web::test]
async fn all_mistakes_come_at_once() {
    let world = World::new().await;
    let team = Team::of(&world).await;
    let wrong =
        json!({ "planned_minutes": 0, "link": "ftp://x", "agenda": "", "place": "a\nb", "odd": 1 });
    let refused = team.coach.post(&team.path(), wrong).await;
    let refused = refused.refused(422, "invalid");
    let pointers: Vec<String> = refused.errors().into_iter().map(|(at, _)| at).collect();
    assert_eq!(
        pointers,
        [
            "/agenda",
            "/link",
            "/odd",
            "/place",
            "/planned_minutes",
            "/starts_at"
        ]
    );
    let id = team.book(&team.coach, booking(60)).await;
    let wrong = json!({ "state": "cancelled", "held_minutes": 5, "notes": "n", "actions": [] });
    let refused = team.coach.patch(&team.one(&id), "*", wrong).await;
    let code = "not-for-this-step".to_owned();
    assert_eq!(
        refused.refused(422, "invalid").errors(),
        [
            ("/actions".to_owned(), code.clone()),
            ("/cancel_reason".to_owned(), "reason-needed".to_owned()),
            ("/held_minutes".to_owned(), code.clone()),
            ("/notes".to_owned(), code),
        ]
    );
    let no_hours = json!({ "state": "held" });
    let refused = team.coach.patch(&team.one(&id), "*", no_hours).await;
    let needed = [("/held_minutes".to_owned(), "required".to_owned())];
    assert_eq!(refused.refused(422, "invalid").errors(), needed);
}

#[actix_web::test]
async fn everybody_sees_what_is_theirs_and_does_what_they_may() {
    let world = World::new().await;
    let team = Team::of(&world).await;
    let mut body = booking(60);
    body["private_notes"] = "Doubts about the team.".into();
    let id = team.book(&team.coach, body).await;
    let one = team.one(&id);
    for (who, private) in [
        (&team.coach, json!("Doubts about the team.")),
        (&team.coordinator, json!("Doubts about the team.")),
        (&team.founder, Value::Null),
        (&team.other, Value::Null),
    ] {
        let shown = who.get(&one).await.expect(200);
        assert_eq!(shown.json()["private_notes"], private);
        assert_eq!(shown.text.contains("Doubts"), !private.is_null());
        let listed = who.list(&team.path()).await;
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0]["private_notes"], private);
        let table = who.get(&format!("{}?format=csv", team.path())).await;
        assert_eq!(table.text.contains("Doubts"), !private.is_null());
    }
    let events = team.founder.get("/v1/events?after=0").await;
    assert!(!events.text.contains("Doubts"));

    for who in [&team.founder, &team.other] {
        let change = json!({ "agenda": "Mine" });
        who.patch(&one, "*", change)
            .await
            .refused(403, "not-allowed");
    }
    let founders = team.founder.post(&team.path(), booking(60)).await;
    founders.refused(403, "not-allowed");
    let mut foreign = booking(60);
    foreign["coach_id"] = team.coach.id.clone().into();
    let as_other = team.other.post(&team.path(), foreign.clone()).await;
    as_other.refused(403, "not-allowed");
    let nobody = team.coordinator.post(&team.path(), booking(60)).await;
    let needed = [("/coach_id".to_owned(), "required".to_owned())];
    assert_eq!(nobody.refused(422, "invalid").errors(), needed);
    let booked = team.book(&team.coordinator, foreign.clone()).await;
    let agenda = json!({ "agenda": "Plan" });
    team.coordinator
        .patch(&team.one(&booked), "*", agenda)
        .await
        .expect(200);
    foreign["coach_id"] = team.founder.id.clone().into();
    let no_coach = team.coordinator.post(&team.path(), foreign).await;
    no_coach.refused(409, "not-a-coach-here");
}

#[actix_web::test]
async fn strangers_and_former_coaches_find_nothing() {
    let world = World::new().await;
    let team = Team::of(&world).await;
    let id = team.book(&team.coach, booking(60)).await;
    let far = world.coordinator("Fien", "BE2").await;
    let (eve, unassigned) = (world.founder("Eve").await, world.coach("Gust").await);
    let nothing = async |who: &Client| {
        let refused = |answer: crate::support::Answer| answer.refused(404, "not-found");
        refused(who.get(&team.path()).await);
        refused(who.get(&team.one(&id)).await);
        refused(who.post(&team.path(), booking(60)).await);
        refused(who.patch(&team.one(&id), "*", held(60)).await);
    };
    for who in [&far, &eve, &unassigned] {
        nothing(who).await;
    }
    let signed_out = world.stranger.get(&team.path()).await;
    signed_out.refused(401, "sign-in-needed");
    // A session of another project is not found below this one.
    let mine = world.project(&eve, "Podoméa").await;
    let crossed = format!("/v1/projects/{mine}/coaching-sessions/{id}");
    eve.get(&crossed).await.refused(404, "not-found");

    let end = format!(
        "/v1/projects/{}/assignments/{}",
        team.project, team.assignment
    );
    team.coordinator.delete(&end).await.expect(204);
    nothing(&team.coach).await;
    let mut again = booking(60);
    again["coach_id"] = team.coach.id.clone().into();
    let refused = team.coordinator.post(&team.path(), again).await;
    refused.refused(409, "not-a-coach-here");
    team.founder.get(&team.one(&id)).await.expect(200);
}

#[actix_web::test]
async fn founders_and_the_coach_hear_of_a_meeting_in_their_languages() {
    let world = World::new().await;
    let team = Team::of(&world).await;
    let before = world.mails().await.len();
    // Mails stand in the order of their moments.
    world.pass(Duration::minutes(1));
    let mut body = booking(60);
    body["coach_id"] = team.coach.id.clone().into();
    body["place"] = "Rue de la Loi 1".into();
    let id = team.book(&team.coordinator, body).await;
    let letters = world.mails().await;
    let mut told: Vec<(&str, &str)> = letters[before..]
        .iter()
        .map(|one| (one.to.as_str(), one.subject.as_str()))
        .collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            (
                "ada@example.org",
                "Séance de coaching le 2026-03-03 09:00 UTC : Sangalux"
            ),
            (
                "bea@example.org",
                "Coaching-Termin am 2026-03-03 09:00 UTC: Sangalux"
            ),
        ]
    );
    for letter in &letters[before..] {
        assert!(letter.text.contains("Rue de la Loi 1"), "{}", letter.text);
        assert!(letter.text.contains("The need"), "{}", letter.text);
    }
    for who in [&team.founder, &team.coach] {
        let messages = who.list("/v1/me/notifications").await;
        let booked = |one: &&Value| one["kind"] == "coaching_session.booked";
        assert_eq!(messages.iter().filter(booked).count(), 1);
    }
    world.pass(Duration::minutes(1));
    let cancelled = json!({ "state": "cancelled", "cancel_reason": "The room is closed." });
    let path = team.one(&id);
    team.coach.patch(&path, "*", cancelled).await.expect(200);
    let letters = world.mails().await;
    let last = &letters[before + 2..];
    assert_eq!(last.len(), 2);
    assert!(
        last.iter()
            .all(|one| one.text.contains("The room is closed."))
    );
    let messages = team.other.list("/v1/me/notifications").await;
    let session = |one: &&Value| one["kind"].as_str().unwrap_or("").contains("session");
    assert_eq!(messages.iter().filter(session).count(), 0);
}

#[actix_web::test]
async fn sessions_are_listed_by_their_beginning_and_filtered() {
    let world = World::new().await;
    let team = Team::of(&world).await;
    for day in [4, 3, 5] {
        let mut body = booking(60);
        body["starts_at"] = format!("2026-03-0{day}T09:00:00Z").into();
        team.book(&team.coach, body).await;
    }
    let days = async |query: &str| {
        let rows = team.founder.list(&format!("{}{query}", team.path())).await;
        let day = |row: &Value| row["starts_at"].as_str().expect("a time")[8..10].to_owned();
        rows.iter().map(day).collect::<Vec<_>>()
    };
    assert_eq!(days("").await, ["05", "04", "03"]);
    assert_eq!(days("?sort=starts_at").await, ["03", "04", "05"]);
    let first = team.founder.get(&format!("{}?limit=2", team.path())).await;
    let next = format!("{}?limit=2&cursor={}", team.path(), first.text_at("/next"));
    let rest = team.founder.get(&next).await.expect(200).json();
    assert_eq!(rest["data"].as_array().expect("rows").len(), 1);
    world.pass(Duration::days(5));
    let id = first.text_at("/data/0/id");
    let done = team.coach.patch(&team.one(&id), "*", held(50)).await;
    done.expect(200);
    assert_eq!(days("?state=held").await, ["05"]);
    assert_eq!(days("?state=booked").await, ["04", "03"]);
    assert_eq!(days("?updated_since=2026-03-06T00:00:00Z").await, ["05"]);
    assert_eq!(days("?sort=-updated_at").await[0], "05");
    let unknown = format!("{}?state=odd", team.path());
    team.founder.get(&unknown).await.refused(422, "invalid");
}

#[actix_web::test]
async fn a_budget_is_set_by_coordinators() {
    let world = World::new().await;
    let team = Team::of(&world).await;
    let path = format!(
        "/v1/projects/{}/assignments/{}",
        team.project, team.assignment
    );
    let shown = team.coach.get(&path).await.expect(200);
    assert_eq!(shown.json()["hours_budget"], 10);
    assert_eq!(shown.header("etag"), "\"1\"");
    for who in [&team.founder, &team.coach] {
        let more = json!({ "hours_budget": 99 });
        who.patch(&path, "*", more)
            .await
            .refused(403, "not-allowed");
    }
    for wrong in [
        json!({}),
        json!({ "hours_budget": 0 }),
        json!({ "hours_budget": 1.5 }),
    ] {
        let refused = team.coordinator.patch(&path, "*", wrong).await;
        refused.refused(422, "invalid");
    }
    let changed = team
        .coordinator
        .patch(&path, "\"1\"", json!({ "hours_budget": 12 }));
    assert_eq!(changed.await.expect(200).json()["hours_budget"], 12);
    let stale = team
        .coordinator
        .patch(&path, "\"1\"", json!({ "hours_budget": 13 }));
    stale.await.refused(412, "stale-version");
    let none = team
        .coordinator
        .patch(&path, "\"2\"", json!({ "hours_budget": null }));
    assert_eq!(none.await.expect(200).json()["hours_budget"], Value::Null);
}

/// What a dashboard says of a coach.
async fn load(reader: &Client, dashboard: &str, coach: &Client) -> Value {
    let shown = reader.get(dashboard).await.expect(200).json();
    let rows = shown["coach_load"].as_array().expect("rows").clone();
    let own = rows.into_iter().find(|row| row["account_id"] == *coach.id);
    own.unwrap_or(Value::Null)
}

fn hours(open: i64, booked: f64, held: f64, budget: Value) -> Value {
    json!({ "open_assignments": open, "hours_booked": booked, "hours_held": held, "hours_budget": budget })
}

/// Whether a row of the dashboard says this.
#[track_caller]
fn says(row: &Value, expected: &Value) {
    for (name, value) in expected.as_object().expect("figures") {
        assert_eq!(&row[name], value, "{name} of {row}");
    }
}

#[actix_web::test]
async fn hours_booked_and_held_stand_beside_the_budget() {
    let world = World::new().await;
    let team = Team::of(&world).await;
    let admin = world.admin().await;
    let network = "/v1/dashboard";
    says(
        &load(&admin, network, &team.coach).await,
        &hours(1, 0.0, 0.0, json!(10)),
    );
    says(
        &load(&admin, network, &team.other).await,
        &hours(1, 0.0, 0.0, Value::Null),
    );
    // 90 + 45 + 60 planned, of which 60 are cancelled later; the 90 took 100.
    let long = team.book(&team.coach, booking(90)).await;
    team.book(&team.coach, booking(45)).await;
    let off = team.book(&team.coach, booking(60)).await;
    says(
        &load(&admin, network, &team.coach).await,
        &hours(1, 3.25, 0.0, json!(10)),
    );
    world.pass(Duration::days(3));
    let done = team.coach.patch(&team.one(&long), "*", held(100)).await;
    done.expect(200);
    let cancelled = json!({ "state": "cancelled", "cancel_reason": "ill" });
    let cancelled = team.coach.patch(&team.one(&off), "*", cancelled).await;
    cancelled.expect(200);
    // (90 + 45) / 60 = 2.25; 100 / 60 = 1.67.
    says(
        &load(&admin, network, &team.coach).await,
        &hours(1, 2.25, 1.67, json!(10)),
    );
    says(
        &load(&admin, network, &team.other).await,
        &hours(1, 0.0, 0.0, Value::Null),
    );

    // A second project, in Flanders and in no cohort, with a budget of 5 and one session of 30 minutes.
    let away = world
        .project_at(&team.founder, "Antwerp nurse", "2000")
        .await;
    assign(&admin, &away, &team.coach, Some(5)).await;
    let path = format!("/v1/projects/{away}/coaching-sessions");
    team.coach.post(&path, booking(30)).await.expect(201);
    says(
        &load(&admin, network, &team.coach).await,
        &hours(2, 2.75, 1.67, json!(15)),
    );
    let brussels = "/v1/regions/BE1/dashboard";
    says(
        &load(&admin, brussels, &team.coach).await,
        &hours(1, 2.25, 1.67, json!(10)),
    );
    let flanders = "/v1/regions/BE2/dashboard";
    says(
        &load(&admin, flanders, &team.coach).await,
        &hours(1, 0.5, 0.0, json!(5)),
    );
    says(
        &load(&team.coordinator, brussels, &team.coach).await,
        &hours(1, 2.25, 1.67, json!(10)),
    );
    let cohort = admin.get(&format!("/v1/projects/{}", team.project)).await;
    let cohort = format!("/v1/cohorts/{}/dashboard", cohort.text_at("/cohort_id"));
    says(
        &load(&admin, &cohort, &team.coach).await,
        &hours(1, 2.25, 1.67, json!(10)),
    );

    // What was done stays when the assignment ends; its budget does not.
    let end = format!(
        "/v1/projects/{}/assignments/{}",
        team.project, team.assignment
    );
    team.coordinator.delete(&end).await.expect(204);
    says(
        &load(&admin, brussels, &team.coach).await,
        &hours(0, 2.25, 1.67, Value::Null),
    );
    says(
        &load(&admin, network, &team.coach).await,
        &hours(1, 2.75, 1.67, json!(5)),
    );
}
