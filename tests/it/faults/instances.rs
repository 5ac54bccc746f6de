//! Two instances over one PostgreSQL: started at once on an empty database, one killed while it delivers.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future;
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::load::{CONNECTIONS, until_drained};
use crate::support::program::{self, Server};
use crate::support::{Client, Sink, database, say, scaled, sql};

/// Somebody signs up, at the other instance if one is gone; each sign-up queues one mail.
async fn sign_up(bases: &[String], number: usize) {
    let body = json!({
        "email": format!("person-{number}@example.org"), "password": "twelve or more",
        "name": "Ada", "language": "en",
    });
    for attempt in 0..200 {
        let base = &bases[(number + attempt) % bases.len()];
        let ask = Client::stranger(base)
            .ask(Method::POST, "/v1/accounts")
            .header("Idempotency-Key", &format!("person-{number}"))
            .json(&body);
        match ask.try_send().await {
            Some(answer) if answer.status == StatusCode::CREATED => return,
            Some(answer) => assert!(
                [409, 503].contains(&answer.status.as_u16()),
                "{}",
                answer.text
            ),
            None => {}
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nobody takes the sign-up");
}

#[actix_web::test]
async fn two_that_start_at_once_share_the_work_and_one_can_die() {
    if database::server().is_none() {
        return; // SQLite is for one instance.
    }
    let folder = tempfile::tempdir().expect("a folder");
    let database = database::empty(folder.path());
    let sink = Sink::start(0);
    let mut environment = program::environment(&database.url, folder.path());
    environment.extend(program::by_smtp(&sink));
    for (name, value) in [
        ("COLONNADE__DATABASE__MIGRATE_ON_SERVE", "true"),
        ("COLONNADE__DATABASE__PG_CONNECTIONS", "6"),
        ("COLONNADE__NOTIFICATIONS__POLL_MILLISECONDS", "100"),
        ("COLONNADE__NOTIFICATIONS__LEASE_SECONDS", "6"),
        ("COLONNADE__MAIL__TIMEOUT_SECONDS", "2"),
        // All of them sign up from one address.
        ("COLONNADE__THROTTLE__MAILS_FROM_ADDRESS", "10000"),
    ] {
        environment.push((name, value.to_owned()));
    }
    let (one, two) = future::join(Server::start(&environment), Server::start(&environment)).await;
    let migrations = "SELECT count(*) AS n FROM __diesel_schema_migrations";
    let known = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/postgres"));
    let known = known.expect("the migrations").count();
    assert_eq!(
        usize::try_from(sql::number(&database.url, migrations)),
        Ok(known)
    );

    let bases = [one.base.clone(), two.base.clone()];
    let people = scaled(40, 1000);
    let sign_ups = (0..people).map(|number| sign_up(&bases, number));
    let kill = async {
        while sink.letters().len() < people / 8 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        one.kill();
    };
    future::join(future::join_all(sign_ups), kill).await;
    until_drained(&database.url).await;
    let ids: Vec<String> = sink
        .letters()
        .into_iter()
        .map(|one| one.message_id)
        .collect();
    let different: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(different.len(), people, "each mail has come");
    let copies = ids.len() - different.len();
    assert!(copies <= CONNECTIONS, "{copies} copies");
    drop(two);
    say(&format!(
        "two instances: {people} mails, 0 lost, {copies} sent again under the same Message-ID"
    ));
}
