//! Overload: what can't be done soon is turned away at once, memory stays bounded, and it is over when it is over.

use std::time::{Duration, Instant};

use colonnade::db::connection::Purpose;
use colonnade::db::{Conn, Place};
use diesel::connection::SimpleConnection;
use futures_util::{StreamExt, future, stream};
use reqwest::Method;
use serde_json::json;

use super::load::ground;
use crate::support::program::Server;
use crate::support::world::new_project;
use crate::support::{Answer, Client, say, scaled};

/// The value below which so many in a hundred are.
fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() - 1) * percent / 100]
}

/// Turned away as it should be: with the time to come again.
fn is_in_order(answer: Answer) {
    assert!(!answer.header("retry-after").is_empty(), "{}", answer.text);
    answer.refused(503, "busy");
}

/// Writes without a pause until the time is up; gives how long what was done and what was turned away took.
async fn press(client: &Client, until: Instant) -> (Vec<Duration>, Vec<Duration>) {
    let (mut done, mut shed) = (Vec::new(), Vec::new());
    while Instant::now() < until {
        let begun = Instant::now();
        let answer = client
            .post("/v1/projects", new_project("One of many"))
            .await;
        if answer.status == 201 {
            done.push(begun.elapsed());
        } else {
            is_in_order(answer);
            shed.push(begun.elapsed());
        }
    }
    (done, shed)
}

#[actix_web::test]
async fn too_much_is_turned_away_early() {
    let mut ground = ground().await;
    for (name, value) in [
        ("COLONNADE__DATABASE__WAIT_MILLISECONDS", "5"),
        ("COLONNADE__DATABASE__READERS", "1"),
        ("COLONNADE__DATABASE__PG_CONNECTIONS", "2"),
    ] {
        ground.environment.push((name, value.to_owned()));
    }
    let server = Server::start(&ground.environment).await;
    let mut client = ground.founder.clone();
    client.base.clone_from(&server.base);
    let until = Instant::now() + Duration::from_secs(scaled(4, 60) as u64);
    let clients = (0..scaled(120, 600)).map(|_| press(&client, until));
    let all = future::join_all(clients).await;
    let (mut done, mut shed) = (Vec::new(), Vec::new());
    for (some, others) in all {
        done.extend(some);
        shed.extend(others);
    }
    assert!(
        !done.is_empty() && !shed.is_empty(),
        "nothing was turned away"
    );
    let begun = Instant::now();
    while client
        .post("/v1/projects", new_project("Afterwards"))
        .await
        .status
        != 201
    {
        assert!(begun.elapsed() < Duration::from_secs(5), "still busy");
    }
    let memory = server.memory("VmHWM:") / 1024;
    assert!(memory < 512, "{memory} MiB");
    let (slow, quick) = (percentile(&mut done, 99), percentile(&mut shed, 50));
    // The clients share two cores with the server and measure their own waits too.
    assert!(slow < Duration::from_secs(8), "done after {slow:?}");
    assert!(
        quick < Duration::from_secs(2),
        "turned away after {quick:?}"
    );
    say(&format!(
        "overload: {} done (p99 {slow:?}), {} turned away (p50 {quick:?}), {memory} MiB at most",
        done.len(),
        shed.len()
    ));
}

/// Nobody else can write a project until this is dropped.
fn hold_writes(url: &str) -> Conn {
    let place = Place::parse(url).expect("a URL");
    let mut conn = place.connect(Purpose::Write).expect("a connection");
    let hold = if place.is_sqlite() {
        "BEGIN IMMEDIATE"
    } else {
        "BEGIN; LOCK TABLE projects IN SHARE ROW EXCLUSIVE MODE"
    };
    conn.batch_execute(hold).expect("the lock");
    conn
}

#[actix_web::test]
async fn reads_do_not_wait_behind_writes() {
    let mut ground = ground().await;
    let connections = ("COLONNADE__DATABASE__PG_CONNECTIONS", "4".to_owned());
    ground.environment.push(connections);
    let server = Server::start(&ground.environment).await;
    let mut client = ground.founder.clone();
    client.base.clone_from(&server.base);
    let held = hold_writes(&ground.database.url);
    let writes = (0..8).map(|_| client.post("/v1/projects", new_project("One that waits")));
    let reads = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let begun = Instant::now();
        client.get("/v1/projects").await.expect(200);
        let took = begun.elapsed();
        drop(held);
        took
    };
    let (written, took) = future::join(future::join_all(writes), reads).await;
    for answer in written {
        answer.expect(201);
    }
    assert!(took < Duration::from_secs(1), "read after {took:?}");
}

#[actix_web::test]
async fn a_flood_of_sign_ins_takes_a_bounded_share() {
    let ground = ground().await;
    let server = Server::start(&ground.environment).await;
    let stranger = Client::stranger(&server.base);
    let before = server.memory("VmRSS:");
    let sign_in = |number: usize| {
        let body =
            json!({ "email": format!("p{number}@example.org"), "password": "some password" });
        let ask = stranger.ask(Method::POST, "/v1/sessions").json(&body);
        ask.send()
    };
    let flood = async {
        let answers: Vec<Answer> = stream::iter((0..scaled(400, 4000)).map(sign_in))
            .buffer_unordered(200)
            .collect()
            .await;
        answers
    };
    let watch = async {
        let (mut times, until) = (Vec::new(), Instant::now() + Duration::from_secs(2));
        while Instant::now() < until {
            let begun = Instant::now();
            stranger.get("/health/live").await.expect(200);
            times.push(begun.elapsed());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        times
    };
    let (answers, mut live) = future::join(flood, watch).await;
    let mut refused = 0;
    for answer in answers {
        match answer.status.as_u16() {
            401 => {}
            429 => refused += 1,
            _ => {
                is_in_order(answer);
                refused += 1;
            }
        }
    }
    assert!(refused > 0, "nobody was turned away");
    let rise = (server.memory("VmHWM:").saturating_sub(before)) / 1024;
    // Two hash at a time, 19 MiB each; the rest is for 200 connections.
    assert!(rise < 2 * 19 + 40, "{rise} MiB");
    let live = percentile(&mut live, 50);
    assert!(live < Duration::from_secs(1), "{live:?}");
    say(&format!(
        "sign-ins: {refused} turned away, {rise} MiB more, /health/live p50 {live:?}"
    ));
}
