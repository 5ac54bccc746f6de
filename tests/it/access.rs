//! How rights come and go: by assignments, consent, grants and keys. What each gives is in the matrix.

use std::collections::BTreeSet;

use colonnade::auth::{Grant, Role, Scope};
use colonnade::lang::Lang;
use serde_json::{Value, json};

use crate::support::{Client, World};

async fn document(world: &World) -> Value {
    world.stranger.get("/openapi.json").await.expect(200).json()
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                found.insert(reference.clone());
            }
            fields.values().for_each(|field| references(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[actix_web::test]
async fn the_document_is_whole() {
    let world = World::new().await;
    let document = document(&world).await;
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        let pointer = reference
            .strip_prefix('#')
            .expect("a reference within the document");
        assert!(
            document.pointer(pointer).is_some(),
            "{reference} leads nowhere"
        );
    }
    for (path, method, _) in world.app.routes.all() {
        let pointer = format!(
            "/paths/{}/{}",
            path.replace('/', "~1"),
            method.as_str().to_lowercase()
        );
        assert!(
            document.pointer(&pointer).is_some(),
            "{method} {path} is not in the document"
        );
    }
}

/// A project in Brussels and one in Antwerp, each with an application that was submitted.
struct Two {
    founders: (Client, Client),
    projects: (String, String),
    applications: (String, String),
}

async fn two(world: &World) -> Two {
    let (call, _) = world.open_call(9, &[]).await;
    let (first, second) = (world.founder("Ada").await, world.founder("Eve").await);
    let here = world.project_at(&first, "Brussels nurse", "1000").await;
    let there = world.project_at(&second, "Antwerp nurse", "2000").await;
    let applications = (
        world.submitted(&first, &here, &call).await,
        world.submitted(&second, &there, &call).await,
    );
    Two {
        founders: (first, second),
        projects: (here, there),
        applications,
    }
}

/// The pages of a project.
const PAGES: &[&str] = &[
    "",
    "/actions",
    "/transitions",
    "/stays",
    "/milestones",
    "/assignments",
    "/updates",
    "/coaching-sessions",
    "/team",
];

/// Nothing of a project exists for somebody.
async fn sees_nothing(client: &Client, project: &str, application: &str) {
    for page in PAGES {
        client
            .get(&format!("/v1/projects/{project}{page}"))
            .await
            .refused(404, "not-found");
    }
    for page in ["", "/receipt"] {
        client
            .get(&format!("/v1/applications/{application}{page}"))
            .await
            .refused(404, "not-found");
    }
    for list in [
        "/v1/projects",
        "/v1/projects?q=nurse",
        "/v1/projects?state=prospect",
    ] {
        assert!(
            !client.ids(list).await.contains(&project.to_owned()),
            "{list}"
        );
    }
    for list in [
        "/v1/applications",
        "/v1/applications?q=nurse",
        &format!("/v1/applications?project_id={project}"),
    ] {
        assert!(
            !client.ids(list).await.contains(&application.to_owned()),
            "{list}"
        );
    }
    let events = client.list("/v1/events?after=0").await;
    assert!(events.iter().all(|event| event["project_id"] != project));
    let change = json!({ "title": "Mine" });
    client
        .patch(&format!("/v1/projects/{project}"), "*", change)
        .await
        .refused(404, "not-found");
    let note = json!({ "note": "n", "confidence": "red" });
    client
        .post(&format!("/v1/projects/{project}/updates"), note)
        .await
        .refused(404, "not-found");
    let withdrawal = format!("/v1/applications/{application}/withdrawal");
    client
        .post_seen(&withdrawal, json!({}))
        .await
        .refused(404, "not-found");
}

#[actix_web::test]
async fn a_coach_sees_a_project_as_long_as_they_work_for_it() {
    let world = World::new().await;
    let two = two(&world).await;
    let (admin, bea) = (world.admin().await, world.coach("Bea").await);
    let path = format!("/v1/projects/{}", two.projects.0);
    sees_nothing(&bea, &two.projects.0, &two.applications.0).await;
    let assign = json!({ "account_id": bea.id, "role": "coach", "kind": "expert" });
    let assigned = admin
        .post(&format!("{path}/assignments"), assign)
        .await
        .expect(201);
    bea.get(&path).await.expect(200);
    assert_eq!(bea.ids("/v1/projects").await, [two.projects.0.clone()]);
    let note = json!({ "note": "Well.", "confidence": "green" });
    bea.post(&format!("{path}/updates"), note).await.expect(201);
    bea.patch(&path, "*", json!({ "title": "Mine" }))
        .await
        .refused(403, "not-allowed");
    sees_nothing(&bea, &two.projects.1, &two.applications.1).await;
    let ending = format!("{path}/assignments/{}", assigned.text_at("/id"));
    let foreign = format!(
        "/v1/projects/{}/assignments/{}",
        two.projects.1,
        assigned.text_at("/id")
    );
    admin.delete(&foreign).await.refused(404, "not-found");
    bea.delete(&ending).await.refused(403, "not-allowed");
    admin.delete(&ending).await.expect(204);
    sees_nothing(&bea, &two.projects.0, &two.applications.0).await;
}

#[actix_web::test]
async fn a_partner_sees_by_name_what_consented_in_their_scope() {
    let world = World::new().await;
    let two = two(&world).await;
    let region = |region: &str| Grant {
        role: Role::Partner,
        scope: Scope::Region {
            region: region.into(),
        },
    };
    let here = world.person("Pia", Lang::En, vec![region("BE1")]).await;
    let there = world.person("Pit", Lang::En, vec![region("BE2")]).await;
    let path = format!("/v1/projects/{}", two.projects.0);
    sees_nothing(&here, &two.projects.0, &two.applications.0).await;
    let share = |shared: bool| {
        two.founders
            .0
            .patch(&path, "*", json!({ "shared_with_partners": shared }))
    };
    share(true).await.expect(200);
    here.get(&path).await.expect(200);
    assert_eq!(here.ids("/v1/projects").await, [two.projects.0.clone()]);
    assert_eq!(here.ids("/v1/applications").await, [""; 0]);
    here.patch(&path, "*", json!({ "title": "Mine" }))
        .await
        .refused(403, "not-allowed");
    sees_nothing(&there, &two.projects.0, &two.applications.0).await;
    share(false).await.expect(200);
    sees_nothing(&here, &two.projects.0, &two.applications.0).await;
}

async fn end_grants(admin: &Client, account: &str) {
    let account = admin
        .get(&format!("/v1/accounts/{account}"))
        .await
        .expect(200)
        .json();
    for grant in account["grants"].as_array().expect("grants") {
        let id = |value: &Value| value.as_str().expect("an id").to_owned();
        let path = format!(
            "/v1/accounts/{}/grants/{}",
            id(&account["id"]),
            id(&grant["id"])
        );
        admin.delete(&path).await.expect(204);
    }
}

#[actix_web::test]
async fn a_grant_that_ends_is_gone_with_the_next_request() {
    let world = World::new().await;
    let two = two(&world).await;
    let (admin, carl) = (world.admin().await, world.coordinator("Carl", "BE1").await);
    let path = format!("/v1/projects/{}", two.projects.0);
    let (_, second) = world.second_instance();
    let carl_there = second.with_token(carl.token.as_deref().unwrap_or_default(), &carl.id);
    for client in [&carl, &carl_there] {
        client.get(&path).await.expect(200);
        client.get("/v1/accounts").await.expect(200);
    }
    let reach = json!({ "role": "admin", "scope": { "kind": "network" } });
    carl.post(&format!("/v1/accounts/{}/grants", carl.id), reach)
        .await
        .refused(403, "not-allowed");
    end_grants(&admin, &carl.id).await;
    for client in [&carl, &carl_there] {
        client.get("/v1/accounts").await.refused(403, "not-allowed");
        client
            .get("/v1/regions/BE1/dashboard")
            .await
            .refused(403, "not-allowed");
        sees_nothing(client, &two.projects.0, &two.applications.0).await;
    }
    let admins = admin
        .get(&format!("/v1/accounts/{}", admin.id))
        .await
        .expect(200);
    let last = format!(
        "/v1/accounts/{}/grants/{}",
        admin.id,
        admins.text_at("/grants/0/id")
    );
    admin.delete(&last).await.refused(409, "last-admin");
}

fn key_for(role: &str, scope: Value, actions: &[&str]) -> Value {
    json!({ "name": "Feed", "role": role, "scope": scope, "actions": actions, "expires_in_days": 30 })
}

async fn make_key(world: &World, maker: &Client, body: Value) -> (Client, String) {
    let made = maker.post("/v1/api-keys", body).await.expect(201);
    let path = format!("/v1/api-keys/{}", made.text_at("/id"));
    (world.stranger.with_token(&made.text_at("/key"), ""), path)
}

#[actix_web::test]
async fn a_key_never_reaches_further_or_lives_longer_than_its_maker() {
    let world = World::new().await;
    let (admin, carl) = (world.admin().await, world.coordinator("Carl", "BE1").await);
    let region = |code: &str| json!({ "kind": "region", "region": code });
    for (role, scope) in [
        ("coordinator", region("BE2")),
        ("partner", region("BE2")),
        ("partner", json!({ "kind": "network" })),
        ("admin", json!({ "kind": "network" })),
        ("owner", region("BE1")),
        ("coach", region("BE1")),
    ] {
        let refused = carl
            .post("/v1/api-keys", key_for(role, scope, &["read:projects"]))
            .await;
        refused.refused(403, "key-reaches-too-far");
    }
    assert_eq!(world.count("api_keys"), 0);
    let own = || key_for("coordinator", region("BE1"), &["read:projects"]);
    let (revoked, path) = make_key(&world, &carl, own()).await;
    revoked.get("/v1/projects").await.expect(200);
    let dora = world.coordinator("Dora", "BE1").await;
    dora.get(&path).await.refused(404, "not-found");
    dora.delete(&path).await.refused(404, "not-found");
    carl.delete(&path).await.expect(204);
    revoked
        .get("/v1/projects")
        .await
        .refused(401, "token-not-accepted");
    carl.delete(&path).await.refused(404, "not-found");

    let (kept, _) = make_key(&world, &carl, own()).await;
    end_grants(&admin, &carl.id).await;
    kept.get("/v1/projects")
        .await
        .refused(401, "token-not-accepted");
    let (old, _) = make_key(&world, &dora, own()).await;
    let (disabled, _) = make_key(&world, &world.coordinator("Emil", "BE1").await, own()).await;
    world.pass(chrono::Duration::days(29));
    old.get("/v1/projects").await.expect(200);
    disabled.get("/v1/projects").await.expect(200);
    world
        .database
        .execute("UPDATE accounts SET disabled_at = created_at WHERE email = 'emil@example.org'");
    disabled
        .get("/v1/projects")
        .await
        .refused(401, "token-not-accepted");
    world.pass(chrono::Duration::days(2));
    old.get("/v1/projects")
        .await
        .refused(401, "token-not-accepted");
}
