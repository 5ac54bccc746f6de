//! The ledger over HTTP: who did what, who was refused what, and who may read it.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::database::Database;
use crate::support::world::{PASSWORD, new_project};
use crate::support::{Client, World, sql};

/// Every operation that changes something, as `(method, path)`.
fn writing() -> BTreeSet<(String, String)> {
    let document = serde_json::to_value(colonnade::http::openapi::document()).expect("a document");
    let paths = document["paths"].as_object().expect("paths").clone();
    let mut found = BTreeSet::new();
    for (path, item) in paths {
        for method in ["post", "put", "patch", "delete"] {
            if item.get(method).is_some() {
                found.insert((method.to_uppercase(), path.clone()));
            }
        }
    }
    found
}

fn kinds(database: &Database) -> Vec<String> {
    database.texts("SELECT kind AS t FROM events ORDER BY seq")
}

/// The entries about refusals, as the database has them: operation, code, ids.
async fn refusals(admin: &Client) -> Vec<Value> {
    admin.list("/v1/events?after=0&kind=attempt.refused").await
}

#[actix_web::test]
async fn every_refused_attempt_of_somebody_known_has_its_entry() {
    let world = World::new().await;
    let founder = world.founder("Ada").await;
    let key = key(&world).await;
    for client in [&founder, &key] {
        let mut refused = 0;
        for (number, (method, path)) in writing().into_iter().enumerate() {
            let signs_out = ["/v1/sessions", "/v1/sessions/current"].contains(&path.as_str());
            if signs_out && method == "DELETE" && client.id == founder.id {
                continue; // People can always sign out.
            }
            if number % 30 == 0 {
                world.pass(chrono::Duration::minutes(2));
            }
            let id = uuid::Uuid::now_v7();
            let filled: String = path
                .split('/')
                .map(|part| {
                    if part.starts_with('{') {
                        id.to_string()
                    } else {
                        part.to_owned()
                    }
                })
                .collect::<Vec<_>>()
                .join("/");
            let before = world.count("events");
            let answer = client
                .ask(method.parse().expect("a method"), &filled)
                .header("If-Match", "*")
                .json(&json!({ "nonsense": true }))
                .send()
                .await;
            let status = answer.status.as_u16();
            let about = format!("{method} {path}: {}", answer.text);
            assert!([403, 404, 409, 412, 422].contains(&status), "{about}");
            refused += 1;
            assert_eq!(world.count("events"), before + 1, "{about}");
            let written = world.database.texts(
                "SELECT cast(data AS text) AS t FROM events WHERE seq = (SELECT max(seq) FROM events)",
            );
            let written: Value = serde_json::from_str(&written[0]).expect("JSON");
            assert_eq!(written["operation"], format!("{method} {path}"));
            assert_eq!(written["code"], answer.json()["code"], "{about}");
            let ids = path.matches('{').count();
            assert_eq!(written["path_ids"], json!(vec![id.to_string(); ids]));
        }
        assert!(refused > 30, "{refused}");
    }
    world.deliver().await;
    assert_eq!(world.count("jobs"), 0, "nobody is told of a refusal");
}

/// A coordinator's key, which can read some things and write nothing.
async fn key(world: &World) -> Client {
    let admin = world.admin().await;
    let body = json!({
        "name": "Figures", "role": "coordinator", "scope": { "kind": "region", "region": "BE1" },
        "actions": ["read:projects"], "expires_in_days": 30,
    });
    let made = admin.post("/v1/api-keys", body).await.expect(201).json();
    let secret = made["key"].as_str().or(made["secret"].as_str());
    world.stranger.with_token(secret.expect("the key"), "")
}

#[actix_web::test]
async fn a_command_s_refusal_takes_its_changes_back_and_leaves_its_entry() {
    let world = World::new().await;
    let (call, cohort) = world.open_call(1, &[]).await;
    let (founder, coordinator) = (
        world.founder("Ada").await,
        world.coordinator("Carl", "BE1").await,
    );
    world
        .admitted(&founder, &coordinator, &call, &cohort, "First")
        .await;
    let project = world.project(&founder, "Second").await;
    let application = world.submitted(&founder, &project, &call).await;
    let (events, path) = (
        kinds(&world.database).len(),
        format!("/v1/applications/{application}/decision"),
    );
    // The decision is written before the cohort turns out to be full.
    let accept = json!({ "outcome": "accept", "cohort_id": cohort, "pillar": "create_learn" });
    let answer = coordinator.post_seen(&path, accept).await;
    assert_eq!(answer.status, 409, "{}", answer.text);
    let after = kinds(&world.database);
    assert_eq!(&after[events..], ["attempt.refused"]);
    let read = founder
        .get(&format!("/v1/applications/{application}"))
        .await
        .expect(200);
    assert_eq!(read.text_at("/state"), "submitted");
    let stale = founder
        .patch(
            &format!("/v1/projects/{project}"),
            "\"99\"",
            json!({ "title": "T" }),
        )
        .await
        .refused(412, "stale-version");
    let found = refusals(&world.admin().await).await;
    let last = found.last().expect("an entry");
    assert_eq!(last["data"]["code"], "stale-version");
    assert_eq!(last["data"]["path_ids"], json!([project]));
    assert_eq!(last["actor_id"], founder.id);
    assert_eq!(last["request_id"], stale.json()["request_id"]);
    assert_eq!(last["chain"], founder.id);
    assert_eq!(last["project_id"], Value::Null);
}

#[actix_web::test]
async fn refusals_are_for_admins_and_for_whoever_was_refused() {
    let world = World::new().await;
    let (founder, outsider) = (world.founder("Ada").await, world.founder("Eve").await);
    let project = world.project(&founder, "Sangalux").await;
    let path = format!("/v1/projects/{project}");
    outsider
        .patch(&path, "*", json!({ "title": "Mine" }))
        .await
        .refused(404, "not-found");
    let everywhere = colonnade::auth::Grant {
        role: colonnade::auth::Role::Coordinator,
        scope: colonnade::auth::Scope::Network,
    };
    let network = world
        .person("Nele", colonnade::lang::Lang::Nl, vec![everywhere])
        .await;
    let regional = world.coordinator("Carl", "BE1").await;
    for (client, expected) in [
        (&world.admin().await, 1),
        (&outsider, 1),
        (&founder, 0),
        (&network, 0),
        (&regional, 0),
    ] {
        assert_eq!(refusals(client).await.len(), expected, "{}", client.id);
    }
    // A stranger is nobody to name, and one who only reads attempts nothing.
    let before = world.count("events");
    world
        .stranger
        .patch(&path, "*", json!({ "title": "Mine" }))
        .await
        .refused(401, "sign-in-needed");
    outsider.get(&path).await.refused(404, "not-found");
    assert_eq!(world.count("events"), before);
}

#[actix_web::test]
async fn nobody_fills_the_disk_by_being_refused() {
    let world = World::new().await;
    let founder = world.founder("Ada").await;
    let entries = || world.count("events WHERE kind = 'attempt.refused'");
    let try_it = async |times: usize| {
        for _ in 0..times {
            founder
                .post("/v1/calls", json!({}))
                .await
                .refused(403, "not-allowed");
        }
    };
    try_it(65).await;
    assert_eq!(entries(), 60);
    let last = world.database.texts(
        "SELECT cast(data AS text) AS t FROM events WHERE kind = 'attempt.refused' ORDER BY seq DESC LIMIT 2",
    );
    assert!(
        last[0].contains("true") && !last[1].contains("true"),
        "{last:?}"
    );
    world.pass(chrono::Duration::seconds(61));
    try_it(2).await;
    assert_eq!(entries(), 62);
}

#[actix_web::test]
async fn a_failed_sign_in_is_on_the_account_s_chain() {
    let world = World::new().await;
    let founder = world.founder("Ada").await;
    for email in ["ada@example.org", "nobody@example.org"] {
        let body = json!({ "email": email, "password": "wrong horse battery" });
        world
            .stranger
            .post("/v1/sessions", body)
            .await
            .refused(401, "wrong-credentials");
    }
    let refused = "/v1/events?after=0&kind=session.refused";
    let found = founder.list(refused).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["chain"], founder.id);
    assert_eq!(found[0]["actor_kind"], "nobody");
    assert_eq!(found[0]["data"], json!({ "code": "wrong-credentials" }));
    // An address without an account leaves as much, on nobody's chain and without its name.
    let admin = world.admin().await;
    let found = admin.list(refused).await;
    let kinds: Vec<&Value> = found.iter().map(|entry| &entry["subject_kind"]).collect();
    assert_eq!(kinds, ["account", "address"]);
    let (known, unknown) = (&found[0], &found[1]);
    assert_eq!(unknown["chain"], unknown["subject_id"]);
    for (field, value) in known.as_object().expect("an entry") {
        let own = ["position", "id", "request_id", "chain", "subject_id"];
        if field != "subject_kind" && field != "sequence" && !own.contains(&field.as_str()) {
            assert_eq!(&unknown[field], value, "{field}");
        }
    }
    for account in admin.list("/v1/accounts").await {
        assert_ne!(account["id"], unknown["chain"]);
    }
    let word = unknown.to_string().replace(r#""actor_kind":"nobody""#, "");
    assert!(!word.contains("nobody") && !word.contains('@'), "{word}");
}

/// Operations whose entry comes with the work that they queue, so that they take as long for every address.
const LATER: [&str; 2] = ["/v1/accounts", "/v1/accounts/password-reset"];

/// What is posted but keeps nothing, so that there is nothing to enter.
const DRY: [&str; 1] = ["/v1/applications/{id}/eligibility"];

/// Walks through every operation and sees that each leaves an entry.
struct Walk<'a> {
    world: &'a World,
    left: BTreeSet<(String, String)>,
}

impl Walk<'_> {
    /// Does one operation; gives the answer.
    async fn take(
        &mut self,
        client: &Client,
        method: &str,
        path: &str,
        ids: &[&str],
        body: Value,
    ) -> Value {
        let operation = (method.to_owned(), path.to_owned());
        self.left.remove(&operation);
        let mut filled = path.to_owned();
        for id in ids {
            let (from, to) = (
                filled.find('{').expect("a place"),
                filled.find('}').expect("one"),
            );
            filled.replace_range(from..=to, id);
        }
        let before = self.world.count("events");
        let ask = client
            .ask(method.parse::<Method>().expect("a method"), &filled)
            .header("If-Match", "*");
        let ask = if filled.ends_with("/documents") {
            let name = body["file"].as_str().unwrap_or_default();
            ask.file(name, crate::documents::PDF)
        } else {
            ask.json(&body)
        };
        let answer = ask.send().await;
        assert!(answer.status.is_success(), "{operation:?}: {}", answer.text);
        if LATER.contains(&path) {
            self.world.deliver().await;
        }
        assert!(
            self.world.count("events") > before,
            "{operation:?} left no entry"
        );
        serde_json::from_str(&answer.text).unwrap_or_default()
    }
}

fn id(value: &Value) -> String {
    value["id"].as_str().expect("an id").to_owned()
}

async fn walk_accounts(walk: &mut Walk<'_>) {
    let world = walk.world;
    let (stranger, email) = (&world.stranger, "zoe@example.org");
    let sign_up =
        json!({ "email": email, "password": PASSWORD, "name": "Zoe Quirk", "language": "en" });
    walk.take(stranger, "POST", "/v1/accounts", &[], sign_up)
        .await;
    let token = world.mails().await[0].code();
    walk.take(
        stranger,
        "POST",
        "/v1/accounts/verify",
        &[],
        json!({ "token": token }),
    )
    .await;
    let credentials = json!({ "email": email, "password": PASSWORD });
    let session = walk
        .take(stranger, "POST", "/v1/sessions", &[], credentials.clone())
        .await;
    let refresh = json!({ "refresh_token": session["refresh_token"] });
    let session = walk
        .take(stranger, "POST", "/v1/sessions/refresh", &[], refresh)
        .await;
    let zoe = stranger.with_token(session["access_token"].as_str().expect("a token"), "");
    let change = json!({ "name": "Zoe Quark", "language": "nl" });
    walk.take(&zoe, "PATCH", "/v1/me", &[], change).await;
    let change = json!({ "current_password": PASSWORD, "new_password": "another horse battery" });
    walk.take(&zoe, "PUT", "/v1/me/password", &[], change).await;
    let forgotten = json!({ "email": email });
    let before = world.mails().await.len();
    world.pass(chrono::Duration::seconds(1)); // Mails of one moment have no order.
    walk.take(
        stranger,
        "POST",
        "/v1/accounts/password-reset",
        &[],
        forgotten,
    )
    .await;
    let token = world.mails().await[before].code();
    let chosen = json!({ "token": token, "password": PASSWORD });
    walk.take(stranger, "POST", "/v1/accounts/password", &[], chosen)
        .await;
    let zoe = world.sign_in(email, PASSWORD, "").await;
    world.sign_in(email, PASSWORD, "").await;
    let sessions = zoe.get("/v1/sessions").await.expect(200).json();
    let other = sessions["data"].as_array().expect("sessions").iter();
    let other = id(other
        .clone()
        .find(|one| one["current"] == false)
        .expect("another"));
    walk.take(&zoe, "DELETE", "/v1/sessions/{id}", &[&other], json!({}))
        .await;
    world.sign_in(email, PASSWORD, "").await;
    walk.take(&zoe, "DELETE", "/v1/sessions", &[], json!({}))
        .await;
    walk.take(&zoe, "DELETE", "/v1/sessions/current", &[], json!({}))
        .await;
}

async fn walk_network(walk: &mut Walk<'_>, admin: &Client, somebody: &Client) {
    let names = json!({ "en": "A", "nl": "A", "fr": "A", "de": "A" });
    let cohort = json!({
        "slug": "walk", "programme": "medtech-accelerator", "names": names, "starts_on": "2026-03-02",
        "ends_on": "2026-09-02", "capacity": 3, "quota": {},
    });
    let made = walk
        .take(admin, "POST", "/v1/cohorts", &[], cohort.clone())
        .await;
    let mut wider = cohort;
    wider["capacity"] = 4.into();
    walk.take(admin, "PATCH", "/v1/cohorts/{id}", &[&id(&made)], wider)
        .await;
    let call = json!({
        "slug": "walk", "programme": "medtech-accelerator", "cohort": "walk", "names": names,
        "opens_at": "2026-03-01T00:00:00Z", "closes_at": "2026-04-01T00:00:00Z",
    });
    let made = walk
        .take(admin, "POST", "/v1/calls", &[], call.clone())
        .await;
    let mut longer = call;
    longer["closes_at"] = "2026-05-01T00:00:00Z".into();
    walk.take(admin, "PATCH", "/v1/calls/{id}", &[&id(&made)], longer)
        .await;
    let form = crate::forms::form(&[crate::forms::question("need", "long_text", json!({}))]);
    walk.take(admin, "PUT", "/v1/calls/{id}/form", &[&id(&made)], form)
        .await;
    let grant = json!({ "role": "reviewer", "scope": { "kind": "network" } });
    let path = "/v1/accounts/{id}/grants";
    let given = walk.take(admin, "POST", path, &[&somebody.id], grant).await;
    let path = "/v1/accounts/{id}/grants/{grant_id}";
    walk.take(
        admin,
        "DELETE",
        path,
        &[&somebody.id, &id(&given)],
        json!({}),
    )
    .await;
    let key = json!({
        "name": "Figures", "role": "coordinator", "scope": { "kind": "region", "region": "BE1" },
        "actions": ["read:projects"], "expires_in_days": 30,
    });
    let made = walk.take(admin, "POST", "/v1/api-keys", &[], key).await;
    walk.take(
        admin,
        "DELETE",
        "/v1/api-keys/{id}",
        &[&id(&made)],
        json!({}),
    )
    .await;
}

async fn walk_documents(walk: &mut Walk<'_>, founder: &Client) {
    let world = walk.world;
    let (call, _) = world.open_call(4, &[]).await;
    let project = world.project(founder, "Secret Papers").await;
    let body = json!({ "project_id": project, "call_id": call, "answers": {} });
    let made = founder.post("/v1/applications", body).await.expect(201);
    let file = json!({ "file": "Secret plan.pdf" });
    let path = "/v1/applications/{id}/documents";
    let at = made.text_at("/id");
    walk.take(founder, "POST", path, &[&at], file.clone()).await;
    let path = "/v1/projects/{id}/documents";
    let made = walk.take(founder, "POST", path, &[&project], file).await;
    let path = "/v1/documents/{id}";
    walk.take(founder, "DELETE", path, &[&id(&made)], json!({}))
        .await;
}

async fn walk_team(walk: &mut Walk<'_>, founder: &Client) {
    let world = walk.world;
    let project = world.project(founder, "Secret Team").await;
    let path = "/v1/projects/{id}/invitations";
    let ask = json!({ "email": "quirk@example.org", "role": "viewer" });
    let asked = walk
        .take(founder, "POST", path, &[&project], ask.clone())
        .await;
    let one = "/v1/projects/{id}/invitations/{invitation_id}";
    walk.take(founder, "DELETE", one, &[&project, &id(&asked)], json!({}))
        .await;
    world.deliver().await;
    world.pass(chrono::Duration::seconds(1)); // Mails of one moment have no order.
    walk.take(founder, "POST", path, &[&project], ask).await;
    let letters = world.mails().await;
    let own = letters.iter().rfind(|one| one.to == "quirk@example.org");
    let new = json!({ "token": own.expect("a mail").code(), "name": "Quirk Quark", "password": PASSWORD });
    let path = "/v1/invitations/accept";
    let accepted = walk.take(&world.stranger, "POST", path, &[], new).await;
    let member = accepted["account_id"].as_str().expect("an account");
    let path = "/v1/projects/{id}/team/{account_id}";
    let role = json!({ "role": "editor" });
    walk.take(founder, "PUT", path, &[&project, member], role)
        .await;
    walk.take(founder, "DELETE", path, &[&project, member], json!({}))
        .await;
}

/// Begins a project and changes it; gives its id.
async fn walk_project(walk: &mut Walk<'_>, founder: &Client) -> String {
    let mut project = new_project("Secret Lamp");
    project["website"] = "https://secret-lamp.example.org".into();
    let made = walk.take(founder, "POST", "/v1/projects", &[], project);
    let project = id(&made.await);
    let change = json!({ "title": "Secret Light", "sector": "pharma", "postal_code": "1050" });
    walk.take(founder, "PATCH", "/v1/projects/{id}", &[&project], change)
        .await;
    let back = json!({ "sector": "medtech" });
    walk.take(founder, "PATCH", "/v1/projects/{id}", &[&project], back)
        .await;
    project
}

/// Gives the projects that went through.
async fn walk_applications(walk: &mut Walk<'_>, founder: &Client, coordinator: &Client) -> String {
    let world = walk.world;
    let (call, cohort) = world.open_call(4, &[]).await;
    let mut decided = String::new();
    for withdraw in [true, false] {
        let project = walk_project(walk, founder).await;
        let body = json!({ "project_id": project, "call_id": call, "answers": { "need": "Falls at night" } });
        let application = id(&walk
            .take(founder, "POST", "/v1/applications", &[], body)
            .await);
        let at: &[&str] = &[&application];
        let answers = json!({ "answers": { "need": "Falls by day" } });
        walk.take(founder, "PATCH", "/v1/applications/{id}", at, answers)
            .await;
        let reason = json!({ "reason": "A good lamp" });
        walk.take(
            coordinator,
            "POST",
            "/v1/applications/{id}/scope-override",
            at,
            reason,
        )
        .await;
        walk.take(
            founder,
            "POST",
            "/v1/applications/{id}/submit",
            at,
            json!({}),
        )
        .await;
        if withdraw {
            walk.take(
                founder,
                "POST",
                "/v1/applications/{id}/withdrawal",
                at,
                json!({}),
            )
            .await;
        } else {
            walk_gate(walk, founder, coordinator, &application).await;
            let accept = json!({ "outcome": "accept", "cohort_id": cohort, "pillar": "create_learn", "feedback": "Bright" });
            walk.take(
                coordinator,
                "POST",
                "/v1/applications/{id}/decision",
                at,
                accept,
            )
            .await;
            decided = project;
        }
    }
    decided
}

/// What staff do with an application before its review.
async fn walk_gate(walk: &mut Walk<'_>, founder: &Client, coordinator: &Client, application: &str) {
    let back = json!({ "fields": ["/answers/need"], "message": "Doubtful", "reasons": ["other"] });
    let path = |what: &str| format!("/v1/applications/{{id}}/{what}");
    for (client, method, what, body) in [
        (coordinator, "PUT", "tags", json!({ "tags": ["lantern"] })),
        (coordinator, "POST", "screening", json!({ "step": "start" })),
        (coordinator, "POST", "return", back),
        (founder, "POST", "submit", json!({})),
    ] {
        walk.take(client, method, &path(what), &[application], body)
            .await;
    }
}

async fn walk_gateway(walk: &mut Walk<'_>, admin: &Client, founder: &Client, coordinator: &Client) {
    let world = walk.world;
    let (call, _) = world.open_call(4, &[]).await;
    let (other, _) = world.open_call(4, &[]).await;
    let project = world.project(founder, "Secret Candle").await;
    let body =
        json!({ "project_id": project, "call_id": call, "answers": { "need": "Falls at dusk" } });
    let application = founder.post("/v1/applications", body).await.expect(201);
    let application = application.text_at("/id");
    let (at, of): (&[&str], &[&str]) = (&[&application], &[&call]);
    let rules = json!({ "team_at_least": 1 });
    walk.take(admin, "PUT", "/v1/calls/{id}/eligibility", of, rules)
        .await;
    let body = json!({ "reason": "Lantern broken", "expires_in_days": 3 });
    let path = "/v1/calls/{id}/late-entry-codes";
    let code = walk.take(admin, "POST", path, of, body).await;
    let path = "/v1/applications/{id}/late-entry";
    let body = json!({ "code": code["key"] });
    walk.take(founder, "POST", path, at, body).await;
    let path = "/v1/applications/{id}/overrides";
    let body = json!({ "code": "sector-out-of-scope", "reason": "A good lamp" });
    walk.take(coordinator, "POST", path, at, body).await;
    for (to, path) in [
        (json!({ "region": "BE2" }), "/v1/routings/{id}/refusal"),
        (json!({ "call_id": other }), "/v1/routings/{id}/consent"),
    ] {
        let mut body = to;
        body["reason"] = "Doubts about the lamp".into();
        let proposed = "/v1/applications/{id}/routings";
        let routing = id(&walk.take(coordinator, "POST", proposed, at, body).await);
        walk.take(founder, "POST", path, &[&routing], json!({}))
            .await;
    }
}

/// Decisions from staging to reversal, and what becomes of places.
async fn walk_decisions(walk: &mut Walk<'_>, admin: &Client, founder: &Client) {
    let world = walk.world;
    let (call, cohort) = world.open_call(4, &[]).await;
    let settings = json!({ "confirm_within_days": 5 });
    let path = "/v1/calls/{id}/places";
    walk.take(admin, "PUT", path, &[&call], settings).await;
    let accept = json!({
        "outcome": "accept", "cohort_id": cohort, "pillar": "test", "feedback": "Bright idea",
        "reasons": [{ "code": "need", "text": "A Lantern is needed" }],
    });
    let staged = "/v1/applications/{id}/staged-decision";
    let releases = "/v1/calls/{id}/releases";
    for how in ["confirmation", "renunciation"] {
        let project = world.project(founder, "Secret Torch").await;
        let application = world.submitted(founder, &project, &call).await;
        let at: &[&str] = &[&application];
        walk.take(admin, "PUT", staged, at, accept.clone()).await;
        walk.take(admin, "DELETE", staged, at, json!({})).await;
        let many = json!({
            "command": { "kind": "stage", "decision": accept }, "items": [{ "id": application }],
        });
        walk.take(admin, "POST", "/v1/bulk/applications", &[], many)
            .await;
        let later = json!({ "at": "2027-01-01T00:00:00Z" });
        let planned = walk.take(admin, "POST", releases, &[&call], later).await;
        let planned = id(&planned);
        let release = "/v1/releases/{id}";
        let changed = json!({ "at": "2027-02-01T00:00:00Z" });
        walk.take(admin, "PATCH", release, &[&planned], changed)
            .await;
        walk.take(admin, "DELETE", release, &[&planned], json!({}))
            .await;
        walk.take(admin, "POST", releases, &[&call], json!({}))
            .await;
        let reversal = "/v1/applications/{id}/reversal";
        let again = json!({ "reason": "The Lantern was mixed up", "then": accept });
        walk.take(admin, "POST", reversal, at, again).await;
        walk.take(admin, "POST", releases, &[&call], json!({}))
            .await;
        let open = founder.list("/v1/places?state=offered").await;
        let path = format!("/v1/places/{{id}}/{how}");
        walk.take(founder, "POST", &path, &[&id(&open[0])], json!({}))
            .await;
    }
}

/// Reviews of two applications, by hand and by plan, with a conflict of interest and a committee.
async fn walk_reviews(walk: &mut Walk<'_>, admin: &Client, founder: &Client) {
    let world = walk.world;
    let (call, _) = world.open_call(4, &[]).await;
    let (rita, remy) = (
        crate::reviews::reviewer(world, "Rita").await,
        crate::reviews::reviewer(world, "Remy").await,
    );
    let at: &[&str] = &[&call];
    let rubric = crate::reviews::rubric(json!({ "reviews_per_application": 1 }));
    walk.take(admin, "PUT", "/v1/calls/{id}/rubric", at, rubric)
        .await;
    let members = json!([{ "account_id": admin.id, "region": "BE1" }]);
    let committee = json!({ "members": members, "needed_per_region": 0 });
    walk.take(admin, "PUT", "/v1/calls/{id}/committee", at, committee)
        .await;
    let profile = json!({ "sectors": [], "languages": ["fr"], "max_load": 5 });
    walk.take(
        &rita,
        "PUT",
        "/v1/me/reviewer-profile",
        &[],
        profile.clone(),
    )
    .await;
    let path = "/v1/accounts/{id}/reviewer-profile";
    walk.take(admin, "PUT", path, &[&remy.id], profile).await;
    walk_plan(walk, admin, founder, &call, &rita, &remy).await;
}

/// A review by plan and two by hand, a vote, and a conflict of interest.
async fn walk_plan(
    walk: &mut Walk<'_>,
    admin: &Client,
    founder: &Client,
    call: &str,
    rita: &Client,
    remy: &Client,
) {
    let (world, at) = (walk.world, &[call]);
    let project = world.project(founder, "Secret Lantern").await;
    let application = world.submitted(founder, &project, call).await;
    let plan = walk
        .take(admin, "POST", "/v1/calls/{id}/review-plans", at, json!({}))
        .await;
    let path = "/v1/review-plans/{id}/application";
    walk.take(admin, "POST", path, &[&id(&plan)], json!({}))
        .await;
    let planned = admin.list("/v1/reviews").await.remove(0);
    walk.take(
        admin,
        "DELETE",
        "/v1/reviews/{id}",
        &[&id(&planned)],
        json!({}),
    )
    .await;
    let mut given = Vec::new();
    for who in [rita, remy] {
        let body = json!({ "account_id": who.id });
        let path = "/v1/applications/{id}/reviews";
        given.push(id(&walk
            .take(admin, "POST", path, &[&application], body)
            .await));
    }
    walk_scores(walk, admin, (rita, remy), &application, &given).await;
}

async fn walk_scores(
    walk: &mut Walk<'_>,
    admin: &Client,
    (rita, remy): (&Client, &Client),
    application: &str,
    given: &[String],
) {
    let draft = json!({
        "scores": { "need": 4, "team": 2 }, "comment": "The lamp shines", "private_note": "Doubtful",
        "recommendation": "accept",
    });
    walk.take(rita, "PUT", "/v1/reviews/{id}", &[&given[0]], draft)
        .await;
    walk.take(
        rita,
        "POST",
        "/v1/reviews/{id}/submission",
        &[&given[0]],
        json!({}),
    )
    .await;
    let decline = json!({ "reason": "Doubts about my time" });
    walk.take(
        remy,
        "POST",
        "/v1/reviews/{id}/decline",
        &[&given[1]],
        decline,
    )
    .await;
    let vote = json!({ "vote": "for" });
    walk.take(
        admin,
        "PUT",
        "/v1/applications/{id}/vote",
        &[application],
        vote,
    )
    .await;
    let conflict = json!({ "review_id": given[0], "note": "I own a Lantern" });
    let noted = walk
        .take(rita, "POST", "/v1/conflicts", &[], conflict)
        .await;
    let reason = json!({ "reason": "No Lantern any more" });
    walk.take(
        admin,
        "POST",
        "/v1/conflicts/{id}/end",
        &[&id(&noted)],
        reason,
    )
    .await;
}

async fn walk_sessions(walk: &mut Walk<'_>, project: &str, coach: &Client) {
    let booking = json!({
        "starts_at": "2026-03-03T09:00:00Z", "planned_minutes": 60, "place": "Lantern Hall",
        "link": "https://meet.lantern.example.org", "agenda": "The Lantern", "private_notes": "Doubts",
    });
    let path = "/v1/projects/{id}/coaching-sessions";
    let booked = id(&walk.take(coach, "POST", path, &[project], booking).await);
    let path = "/v1/projects/{id}/coaching-sessions/{session_id}";
    let cancelled = json!({ "state": "cancelled", "cancel_reason": "Lantern Hall is closed", "private_notes": "Doubtful" });
    walk.take(coach, "PATCH", path, &[project, &booked], cancelled)
        .await;
}

async fn walk_journey(walk: &mut Walk<'_>, project: &str, founder: &Client, coordinator: &Client) {
    let coach = walk.world.coach("Bea").await;
    let at: &[&str] = &[project];
    let assign = json!({ "account_id": coach.id, "role": "coach", "kind": "expert" });
    let path = "/v1/projects/{id}/assignments";
    let assigned = id(&walk.take(coordinator, "POST", path, at, assign).await);
    let path = "/v1/projects/{id}/assignments/{assignment_id}";
    let budget = json!({ "hours_budget": 9 });
    walk.take(coordinator, "PATCH", path, &[project, &assigned], budget)
        .await;
    walk_sessions(walk, project, &coach).await;
    walk.take(
        coordinator,
        "DELETE",
        path,
        &[project, &assigned],
        json!({}),
    )
    .await;
    let milestone = json!({ "title": "Prototype", "due_on": "2026-04-01", "required": false });
    let path = "/v1/projects/{id}/milestones";
    let milestone = id(&walk.take(coordinator, "POST", path, at, milestone).await);
    let path = "/v1/projects/{id}/milestones/{milestone_id}";
    walk.take(
        founder,
        "PATCH",
        path,
        &[project, &milestone],
        json!({ "done": true }),
    )
    .await;
    let note = json!({ "note": "The lamp shines", "confidence": "green" });
    walk.take(founder, "POST", "/v1/projects/{id}/updates", at, note)
        .await;
    let hold = json!({ "kind": "hold", "reason": "Waiting for parts" });
    walk.take(
        coordinator,
        "POST",
        "/v1/projects/{id}/transitions",
        at,
        hold,
    )
    .await;
    walk.world.deliver().await;
    let messages = founder.list("/v1/me/notifications").await;
    let message = id(&messages[0]);
    let path = "/v1/me/notifications/{id}";
    walk.take(founder, "PATCH", path, &[&message], json!({ "read": true }))
        .await;
}

#[actix_web::test]
async fn every_operation_that_succeeds_has_its_entry_and_none_tells_who_somebody_is() {
    let world = World::new().await;
    let (admin, founder, coordinator) = (
        world.admin().await,
        world.founder("Ada").await,
        world.coordinator("Carl", "BE1").await,
    );
    let mut left = writing();
    left.retain(|(_, path)| !DRY.contains(&path.as_str()));
    let mut walk = Walk {
        world: &world,
        left,
    };
    walk_accounts(&mut walk).await;
    walk_network(&mut walk, &admin, &founder).await;
    walk_documents(&mut walk, &founder).await;
    walk_team(&mut walk, &founder).await;
    let project = walk_applications(&mut walk, &founder, &coordinator).await;
    walk_gateway(&mut walk, &admin, &founder, &coordinator).await;
    walk_decisions(&mut walk, &admin, &founder).await;
    walk_journey(&mut walk, &project, &founder, &coordinator).await;
    walk_reviews(&mut walk, &admin, &founder).await;
    world.database.execute("UPDATE mails SET state = 'dead'");
    let mail = world
        .database
        .texts(if world.database.url.starts_with("sqlite") {
            "SELECT lower(hex(id)) AS t FROM mails LIMIT 1"
        } else {
            "SELECT id::text AS t FROM mails LIMIT 1"
        });
    walk.take(
        &admin,
        "POST",
        "/v1/mails/{id}/retry",
        &[&mail[0]],
        json!({}),
    )
    .await;
    assert_eq!(walk.left, BTreeSet::new(), "operations that nobody walked");

    let all = world
        .database
        .texts("SELECT cast(data AS text) AS t FROM events")
        .join("\n");
    for word in [
        "example.org",
        "Zoe",
        "Quirk",
        "Quark",
        "Ada",
        "Carl",
        "Secret",
        "nurses",
        "Falls",
        "lamp",
        "Bright",
        "shines",
        "parts",
        "1000",
        "1050",
        "horse",
        "Lantern",
        "Doubt",
        "lantern",
    ] {
        assert!(!all.contains(word), "{word} in {all}");
    }
    before_and_after(&founder, &project).await;
}

/// What the entries of a project say of what changed.
async fn before_and_after(founder: &Client, project: &str) {
    let events = founder.list("/v1/events?after=0").await;
    let of = |kind: &str| {
        let found = events
            .iter()
            .rfind(|event| event["kind"] == kind && event["project_id"] == project);
        found.unwrap_or_else(|| panic!("no {kind}"))["data"].clone()
    };
    let changed = of("project.changed");
    assert_eq!(changed["before"], json!({ "sector": "pharma" }));
    assert_eq!(changed["after"], json!({ "sector": "medtech" }));
    let submitted = of("application.submitted");
    assert_eq!(submitted["before"], json!({ "state": "draft" }));
    assert_eq!(submitted["after"], json!({ "state": "submitted" }));
    let held = of("project.held");
    assert_eq!(held["before"], json!({ "state": "active" }));
    assert_eq!(held["after"], json!({ "state": "on_hold" }));
    assert_eq!(of("milestone.done")["after"], json!({ "done": true }));
    assert_eq!(of("assignment.ended")["after"]["open"], false);
    let sequences: Vec<i64> = events
        .iter()
        .filter(|event| event["chain"] == project)
        .map(|event| event["sequence"].as_i64().expect("a number"))
        .collect();
    let count = i64::try_from(sequences.len()).expect("few");
    assert_eq!(sequences, (1..=count).collect::<Vec<_>>());
}

#[actix_web::test]
async fn no_row_is_left_outside_its_chain() {
    let world = World::new().await;
    let founder = world.founder("Ada").await;
    world.project(&founder, "Sangalux").await;
    let url = &world.database.url;
    for query in [
        "SELECT count(*) AS n FROM events WHERE chain IS NULL OR chain_seq IS NULL OR mac IS NULL",
        "SELECT count(*) AS n FROM events WHERE chain <> coalesce(project_id, subject_id)",
        "SELECT count(*) AS n FROM ledger_heads h WHERE length <> (SELECT count(*) FROM events e WHERE e.chain = h.chain)",
    ] {
        assert_eq!(sql::number(url, query), 0, "{query}");
    }
}
