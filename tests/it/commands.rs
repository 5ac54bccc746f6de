//! The commands of the program, run as an operator runs them.

use std::path::Path;

use colonnade::config::Config;
use colonnade::db::{Place, migrate};
use colonnade::demo;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::database::{self, Database};
use crate::support::program::{self, Environment, Server, run};
use crate::support::{Client, sql};

const PASSWORD: &str = "correct horse battery";

/// A database as the template has it, and the environment to reach it.
fn ready() -> (tempfile::TempDir, Database, Environment) {
    let folder = tempfile::tempdir().expect("a folder");
    let database = Database::new(folder.path());
    let environment = program::environment(&database.url, folder.path());
    (folder, database, environment)
}

fn create_admin(environment: &Environment, email: &str, input: &str) -> program::Ended {
    let arguments = ["admin", "create-admin", "--email", email, "--name", "Root"];
    run(environment, &arguments, input)
}

/// Signs in at a server; gives the person.
async fn sign_in(base: &str, email: &str, password: &str) -> Client {
    let stranger = Client::stranger(base);
    let body = json!({ "email": email, "password": password });
    let answer = stranger.post("/v1/sessions", body).await.expect(201);
    stranger.with_token(&answer.text_at("/access_token"), "")
}

#[actix_web::test]
async fn the_server_starts_only_when_everything_is_migrated() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = database::empty(folder.path());
    let mut environment = program::environment(&database.url, folder.path());
    let place = Place::parse(&database.url).expect("a URL");
    let pending = migrate::pending(&place).expect("a list");
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    let refused = run(&environment, &serve, "");
    assert!(!refused.success);
    for name in &pending {
        assert!(refused.err.contains(name), "{name} in {}", refused.err);
    }
    assert!(refused.err.contains("colonnade migrate"), "{}", refused.err);
    let checked = run(&environment, &["check"], "");
    assert!(!checked.success);
    assert!(checked.out.contains(&pending[0]), "{}", checked.out);

    let migrated = run(&environment, &["migrate"], "");
    assert!(migrated.success, "{}", migrated.err);
    let count = pending.len();
    assert_eq!(migrated.out, format!("{count} migrations applied\n"));
    let again = run(&environment, &["migrate"], "");
    assert_eq!(again.out, "0 migrations applied\n");
    drop(Server::start(&environment).await);

    migrate::revert_all(&place).expect("down");
    environment.push(("COLONNADE__DATABASE__MIGRATE_ON_SERVE", "true".to_owned()));
    drop(Server::start(&environment).await);
    assert_eq!(migrate::pending(&place).expect("a list").len(), 0);
}

#[test]
fn every_mistake_in_the_configuration_is_said_at_once() {
    let (folder, _database, mut environment) = ready();
    let file = folder.path().join("wrong.toml");
    let text = "[server]\nworkers = \"many\"\ncolour = \"red\"\n\n[mail]\ntls = \"maybe\"\n";
    std::fs::write(&file, text).expect("a file");
    environment.push(("COLONNADE__AUTH__HASHERS", "0".to_owned()));
    let file = file.to_str().expect("text");
    let ended = run(&environment, &["check", "--config", file], "");
    assert!(!ended.success);
    let keys = [
        "server.workers",
        "server.colour",
        "mail.tls",
        "auth.hashers",
    ];
    for key in keys {
        assert!(ended.err.contains(key), "{key} in {}", ended.err);
    }
    assert_eq!(ended.err.lines().count(), keys.len(), "{}", ended.err);

    let (_folder, _database, mut environment) = ready();
    for (name, value) in [
        ("DATABASE_URL", "mysql://x"),
        ("COLONNADE__AUTH__SECRET", "do-not-show-me"),
        ("COLONNADE__MAIL__FROM", "nobody"),
        ("COLONNADE__ENVIRONMENT", "production"),
    ] {
        environment.push((name, value.to_owned()));
    }
    let ended = run(&environment, &["serve"], "");
    assert!(!ended.success);
    let keys = ["database.url", "auth.secret", "mail.from", "mail.transport"];
    for key in keys {
        assert!(ended.err.contains(key), "{key} in {}", ended.err);
    }
    assert_eq!(ended.err.lines().count(), keys.len(), "{}", ended.err);
    assert!(!ended.err.contains("do-not-show-me"), "{}", ended.err);
}

#[test]
fn check_says_that_all_is_well_or_what_is_not() {
    let (_folder, _database, mut environment) = ready();
    let fine = run(&environment, &["check"], "");
    assert!(fine.success, "{}{}", fine.out, fine.err);
    for line in [
        "configuration: fine",
        "database: fine",
        "mail: into the folder",
    ] {
        assert!(fine.out.contains(line), "{}", fine.out);
    }
    let sink = crate::support::Sink::start(0);
    environment.extend(program::by_smtp(&sink));
    let fine = run(&environment, &["check"], "");
    assert!(fine.success, "{}{}", fine.out, fine.err);
    assert!(
        fine.out.contains("mail: the server answers"),
        "{}",
        fine.out
    );
    drop(sink);
    let wrong = run(&environment, &["check"], "");
    assert!(!wrong.success);
    let expected = "mail: no connection to the mail server";
    assert!(wrong.out.contains(expected), "{}", wrong.out);
}

#[test]
fn the_references_in_docs_are_what_the_program_prints() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    for (command, file) in [("openapi", "openapi.json"), ("problems", "problems.md")] {
        let printed = run(&Environment::new(), &[command], "");
        assert!(printed.success, "{}", printed.err);
        let kept = std::fs::read_to_string(docs.join(file)).expect(file);
        let differs = printed.out.lines().zip(kept.lines()).find(|(a, b)| a != b);
        assert_eq!(differs, None, "write docs/{file} anew: colonnade {command}");
        assert_eq!(printed.out.trim_end(), kept.trim_end(), "docs/{file}");
    }
}

#[actix_web::test]
async fn an_admin_is_made_with_a_password_from_standard_input() {
    let (_folder, database, environment) = ready();
    let email = "root@example.org";
    let short = create_admin(&environment, email, "too short\n");
    assert!(!short.success);
    assert!(short.err.contains("12 characters"), "{}", short.err);
    let nobody = "SELECT count(*) AS n FROM accounts";
    assert_eq!(sql::number(&database.url, nobody), 0);
    let made = create_admin(&environment, "Root@Example.org", &format!("{PASSWORD}\n"));
    assert!(made.success, "{}", made.err);
    assert!(!format!("{}{}", made.out, made.err).contains(PASSWORD));
    let again = create_admin(&environment, email, PASSWORD);
    let server = Server::start(&environment).await;
    let admin = sign_in(&server.base, email, PASSWORD).await;
    admin.get("/v1/mails").await.expect(200);
    assert_eq!(sql::number(&database.url, nobody), 1, "{}", again.err);
    let grants = "SELECT count(*) AS n FROM grants";
    assert_eq!(sql::number(&database.url, grants), 1);
}

#[actix_web::test]
async fn loading_the_network_twice_changes_nothing() {
    let (_folder, database, environment) = ready();
    let state = || {
        let versions = "SELECT slug || ' ' || version AS t FROM organisations ORDER BY slug";
        let events = sql::number(&database.url, "SELECT count(*) AS n FROM events");
        (sql::texts(&database.url, versions), events)
    };
    let before = state();
    assert!(before.0.len() > 10, "{before:?}");
    for _ in 0..2 {
        let loaded = run(&environment, &["admin", "load-network"], "");
        assert!(loaded.success, "{}", loaded.err);
        assert_eq!(loaded.out, "the network is loaded\n");
        assert_eq!(state(), before);
    }
}

#[test]
fn the_demo_refuses_production() {
    let (folder, _database, mut environment) = ready();
    for (name, value) in [
        ("COLONNADE__ENVIRONMENT", "production"),
        ("COLONNADE__MAIL__TRANSPORT", "smtp"),
        ("COLONNADE__MAIL__HOST", "mail.example.org"),
    ] {
        environment.push((name, value.to_owned()));
    }
    let demo = folder.path().join("demo");
    let name = demo.to_str().expect("text");
    let arguments = ["demo", "--folder", name, "--listen", "127.0.0.1:0"];
    let refused = run(&environment, &arguments, "");
    assert!(!refused.success);
    assert!(refused.err.contains("production"), "{}", refused.err);
    assert_eq!(refused.err.lines().count(), 1, "{}", refused.err);
    assert!(!demo.exists(), "nothing is made");
}

#[actix_web::test]
async fn the_demo_is_the_cohort_of_2018() {
    if database::server().is_some() {
        return; // The demo has an embedded database of its own.
    }
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite:{}", folder.path().join("demo.db").display());
    let environment = program::environment(&url, folder.path());
    let settings: Vec<(String, String)> = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    let config = Config::load(None, &settings).expect("settings");
    demo::make(&config).await.expect("the demo");
    let made = create_admin(&environment, "root@example.org", PASSWORD);
    assert!(made.success, "{}", made.err);
    let server = Server::start(&environment).await;
    let admin = sign_in(&server.base, "root@example.org", PASSWORD).await;
    let cohorts = admin.get("/v1/cohorts?limit=100").await.expect(200).json();
    let cohorts = cohorts["data"].as_array().expect("cohorts");
    let of_2018 = |one: &&Value| one["slug"] == "medtech-accelerator-2018";
    let cohort = cohorts.iter().find(of_2018).expect("the cohort");
    let path = format!(
        "/v1/cohorts/{}/dashboard",
        cohort["id"].as_str().expect("an id")
    );
    let figures = admin
        .ask(Method::GET, &path)
        .send()
        .await
        .expect(200)
        .json();
    let projects = &figures["projects"];
    assert_eq!(projects["total"], 16, "{projects}");
    assert_eq!(
        (&projects["graduated"], &projects["exited"]),
        (&json!(12), &json!(2))
    );
    let rows = figures["funnel"].as_array().expect("a funnel").iter();
    let entered: Vec<&Value> = rows.map(|row| &row["entered"]).collect();
    assert_eq!(entered, [12, 15, 13, 12]);
    let load = figures["coach_load"].as_array().expect("coaches");
    let hours = |name: &str| -> f64 { load.iter().filter_map(|row| row[name].as_f64()).sum() };
    let (booked, held) = (hours("hours_booked"), hours("hours_held"));
    assert!(held > 20.0 && booked > held, "{booked} and {held}");
    let states = &figures["selection"]["by_state"];
    for (state, count) in [
        ("accepted", 16),
        ("waitlisted", 6),
        ("declined", 24),
        ("withdrawn", 5),
        ("draft", 7),
    ] {
        assert_eq!(states[state], count, "{state} in {states}");
    }
    the_whole_gateway_was_walked(&admin).await;
    its_reviews_are_blind(&server, &admin).await;
}

/// The rows of a list that fits on one page.
async fn all(client: &Client, path: &str) -> Vec<Value> {
    let page = client.get(path).await.expect(200).json();
    assert!(page["next"].is_null(), "{path} has more pages");
    page["data"].as_array().expect("rows").clone()
}

fn count(rows: &[Value], field: &str, word: &str) -> usize {
    rows.iter().filter(|row| row[field] == word).count()
}

/// Submitted with receipts, returned, placed and waiting as config/demo/gateway-2018.toml says.
async fn the_whole_gateway_was_walked(admin: &Client) {
    let applications = all(admin, "/v1/applications?limit=100").await;
    assert_eq!(applications.len(), 58);
    let mut came_again = 0;
    for application in applications.iter().filter(|one| one["state"] != "draft") {
        let id = application["id"].as_str().expect("an id");
        let path = format!("/v1/applications/{id}/receipts");
        let receipts = all(admin, &path).await;
        let path = format!("/v1/applications/{id}/returns");
        let returns = all(admin, &path).await;
        assert_eq!(receipts.len(), returns.len() + 1, "{application}");
        came_again += returns.len();
    }
    assert_eq!(came_again, 3);
    let places = all(admin, "/v1/places?limit=100").await;
    assert_eq!(
        (
            count(&places, "state", "confirmed"),
            count(&places, "state", "expired"),
            places.len()
        ),
        (16, 1, 17)
    );
    let ended = |one: &Value| one["ended_at"].as_str().map(str::to_owned).expect("an end");
    assert!(
        places
            .iter()
            .all(|one| ended(one).starts_with("2018-02-01T"))
    );
    let expired = places.iter().find(|one| one["state"] == "expired");
    assert!(ended(expired.expect("one")).starts_with("2018-02-01T09:00:00"));
    let decisions = all(admin, "/v1/decisions?limit=100").await;
    let holding = decisions.iter().filter(|one| one["ended_at"].is_null());
    let mut ranks: Vec<i64> = holding.filter_map(|one| one["rank"].as_i64()).collect();
    ranks.sort_unstable();
    assert_eq!(ranks, [2, 3, 4, 5, 6, 7], "the first has moved up");
    let lacks_reasons = |one: &Value| one["reasons"].as_array().is_none_or(Vec::is_empty);
    let declined = decisions.iter().filter(|one| one["outcome"] == "decline");
    assert_eq!(declined.clone().count(), 24);
    assert!(!declined.into_iter().any(lacks_reasons));
}

async fn its_reviews_are_blind(server: &Server, admin: &Client) {
    let reviews = all(admin, "/v1/reviews?limit=100").await;
    assert_eq!(count(&reviews, "state", "submitted"), 2 * 48);
    assert_eq!(count(&reviews, "state", "open"), 2, "one was withdrawn");
    let reviewer = sign_in(&server.base, "reviewer.1@example.org", demo::PASSWORD).await;
    let read = all(&reviewer, "/v1/applications?limit=100").await;
    assert!(read.len() > 10, "{}", read.len());
    let known = all(admin, "/v1/applications?limit=100").await;
    let is_known = |field: &str, one: &Value| known.iter().any(|other| other[field] == one[field]);
    for application in read {
        let text = application.to_string();
        assert!(!is_known("id", &application), "{text}");
        assert!(!is_known("reference", &application), "{text}");
        assert!(application["answers"]["need"].is_string(), "{text}");
        assert!(
            !text.contains("(demo)") && !text.contains("contact"),
            "{text}"
        );
    }
}
