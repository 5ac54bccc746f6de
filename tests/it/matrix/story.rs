//! What has happened in the world before anybody asks: applications, steps, assignments, reports.

use chrono::Duration;
use serde_json::{Value, json};

use super::facts::{PROJECTS, ProjectFact, SESSIONS};
use super::operations::forms::one_question;
use super::world::{Stage, canary};

/// Tells it, and keeps the ids of what it leaves behind.
pub async fn tell(stage: &mut Stage) {
    a_form(stage).await;
    let path = format!("/v1/calls/{}/places", stage.id("k2"));
    let set = json!({ "confirm_within_days": 14 });
    stage.client("adam").put(&path, set).await.expect(200);
    for fact in PROJECTS {
        stage.world.pass(Duration::seconds(1));
        apply(stage, fact).await;
    }
    decisions(stage).await;
    assignments(stage).await;
    for (project, coordinator, reporter) in [
        ("pa", "carl", "coco"),
        ("pb", "cora", "kim"),
        ("pe", "gus", "eli"),
    ] {
        work(stage, project, coordinator, reporter).await;
    }
    let exit = json!({ "kind": "exit", "reason_code": "market", "lesson": canary("pe", "lesson") });
    step(stage, "gus", "pe", exit).await;
    routing(stage).await;
    stage.world.deliver().await;
    for name in ["pa", "pb", "pe"] {
        remember(stage, name).await;
    }
    messages(stage).await;
}

/// The coordinator who decides about a project's application.
fn decider(project: &str) -> &'static str {
    match project {
        "pa" | "pc" => "carl",
        "pb" => "cora",
        _ => "gus",
    }
}

async fn apply(stage: &mut Stage, fact: &ProjectFact) {
    let Some((name, cohort)) = fact.application else {
        return;
    };
    let call = cohort.replace('c', "k");
    let body = json!({
        "project_id": stage.id(fact.name), "call_id": stage.id(&call),
        "answers": { "need": canary(fact.name, "answer") },
    });
    let made = stage.post(fact.owner, "/v1/applications", body).await;
    let path = format!("/v1/applications/{}", made.text_at("/id"));
    stage.keep(name, made.text_at("/id"));
    if fact.name == "pd" {
        return;
    }
    let reason = json!({ "reason": canary(fact.name, "override") });
    stage
        .post("adam", &format!("{path}/scope-override"), reason)
        .await;
    stage
        .post(fact.owner, &format!("{path}/submit"), json!({}))
        .await;
    if fact.has_moved {
        let body = json!({
            "outcome": "accept", "cohort_id": stage.id(cohort), "pillar": "create_learn",
            "feedback": canary(fact.name, "feedback"),
        });
        stage
            .post(decider(fact.name), &format!("{path}/decision"), body)
            .await;
    }
}

/// One of the calls has a form.
async fn a_form(stage: &mut Stage) {
    let path = format!("/v1/calls/{}/form", stage.id("k3"));
    let put = stage.client("adam").put(&path, one_question()).await;
    stage.keep("form of k3", put.expect(200).text_at("/id"));
}

/// A place that was confirmed, a decision that is not out, and a release that is to come.
async fn decisions(stage: &mut Stage) {
    let places = stage.client("bob").list("/v1/places").await;
    let place = places[0]["id"].as_str().expect("an id").to_owned();
    stage
        .post(
            "bob",
            &format!("/v1/places/{place}/confirmation"),
            json!({}),
        )
        .await;
    stage.keep("place of pb", place);
    let path = format!("/v1/applications/{}/staged-decision", stage.id("ac"));
    let staged = json!({
        "outcome": "decline", "reasons": [{ "code": "other", "text": canary("pc", "verdict") }],
        "feedback": canary("pc", "verdict"),
    });
    stage.client("carl").put(&path, staged).await.expect(200);
    let path = format!("/v1/calls/{}/releases", stage.id("k1"));
    let later = json!({ "at": "2027-01-01T00:00:00Z" });
    let made = stage.post("carl", &path, later).await;
    stage.keep("release of carl", made.text_at("/id"));
}

async fn assignments(stage: &mut Stage) {
    for (name, project, coordinator, coach) in [
        ("work of coco", "pa", "carl", "coco"),
        ("work of forma", "pa", "carl", "forma"),
        ("work of kim", "pb", "cora", "kim"),
    ] {
        let path = format!("/v1/projects/{}/assignments", stage.id(project));
        let body = json!({ "account_id": stage.id(coach), "role": "coach", "kind": "expert" });
        let made = stage.post(coordinator, &path, body).await;
        stage.keep(name, made.text_at("/id"));
    }
    sessions(stage).await;
    let (project, work) = (stage.id("pa"), stage.id("work of forma"));
    let path = format!("/v1/projects/{project}/assignments/{work}");
    stage.client("carl").delete(&path).await.expect(204);
}

/// A proposal that nobody has answered yet.
async fn routing(stage: &mut Stage) {
    let path = format!("/v1/applications/{}/routings", stage.id("ac"));
    let body = json!({ "call_id": stage.id("k2"), "reason": canary("pc", "routing") });
    let made = stage.post("carl", &path, body).await;
    stage.keep("routing of pc", made.text_at("/id"));
}

async fn sessions(stage: &mut Stage) {
    for fact in &SESSIONS {
        let path = format!("/v1/projects/{}/coaching-sessions", stage.id(fact.project));
        let body = json!({
            "coach_id": stage.id(fact.coach), "starts_at": "2026-03-02T10:00:00Z", "planned_minutes": 60,
            "place": canary(fact.project, "place"), "agenda": canary(fact.project, "agenda"),
            "private_notes": canary(fact.project, fact.private),
        });
        let made = stage.post(fact.booked_by, &path, body).await;
        stage.keep(fact.name, made.text_at("/id"));
    }
    let held = json!({
        "state": "held", "held_minutes": 50, "notes": canary("pa", "said"),
        "actions": [{ "what": canary("pa", "action") }],
    });
    let cancelled = json!({ "state": "cancelled", "cancel_reason": canary("pa", "cancelled") });
    for (who, session, change) in [
        ("coco", SESSIONS[0].name, held),
        ("carl", SESSIONS[1].name, cancelled),
    ] {
        let (project, id) = (stage.id("pa"), stage.id(session));
        let path = format!("/v1/projects/{project}/coaching-sessions/{id}");
        let client = stage.client(who);
        client.patch(&path, "*", change).await.expect(200);
    }
}

/// A milestone that is done, one that is not, a report, and a pause with its reason.
async fn work(stage: &mut Stage, project: &str, coordinator: &str, reporter: &str) {
    let path = format!("/v1/projects/{}", stage.id(project));
    let milestone =
        json!({ "title": canary(project, "milestone"), "due_on": "2026-04-01", "required": false });
    for name in ["done", "open"] {
        let made = stage
            .post(
                coordinator,
                &format!("{path}/milestones"),
                milestone.clone(),
            )
            .await;
        stage.keep(
            &format!("{name} milestone of {project}"),
            made.text_at("/id"),
        );
    }
    let done = stage.id(&format!("done milestone of {project}"));
    let milestone = format!("{path}/milestones/{done}");
    let client = stage.client(coordinator);
    client
        .patch(&milestone, "*", json!({ "done": true }))
        .await
        .expect(200);
    let update = json!({
        "note": canary(project, "note"), "blockers": canary(project, "blockers"),
        "next_step": canary(project, "next"), "confidence": "green",
    });
    stage
        .post(reporter, &format!("{path}/updates"), update)
        .await;
    for kind in ["hold", "resume"] {
        let pause = json!({ "kind": kind, "reason": canary(project, "reason") });
        step(stage, coordinator, project, pause).await;
    }
}

async fn step(stage: &Stage, who: &str, project: &str, body: Value) {
    let path = format!("/v1/projects/{}/transitions", stage.id(project));
    stage.post(who, &path, body).await;
}

/// The assignments that came by themselves.
async fn remember(stage: &mut Stage, project: &str) {
    let path = format!("/v1/projects/{}/assignments", stage.id(project));
    for row in stage.client("adam").list(&path).await {
        if row["role"] == "coordinator" {
            let id = row["id"].as_str().unwrap_or_default().to_owned();
            stage.keep(&format!("coordination of {project}"), id);
        }
    }
}

/// One message of each of three people.
async fn messages(stage: &mut Stage) {
    for name in ["ada", "kim", "orla"] {
        let all = stage.client(name).list("/v1/me/notifications").await;
        let first = all.first().expect("a message")["id"].as_str();
        stage.keep(
            &format!("message to {name}"),
            first.unwrap_or_default().to_owned(),
        );
        let sessions = stage.client(name).get("/v1/sessions").await.expect(200);
        stage.keep(
            &format!("session of {name}"),
            sessions.text_at("/data/0/id"),
        );
    }
}
