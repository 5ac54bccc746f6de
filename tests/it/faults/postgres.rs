//! PostgreSQL gone, silent, slow, and back: 503 in seconds, never 500, and whole again by itself.

use std::time::{Duration, Instant};

use futures_util::future;

use super::load::ground;
use crate::support::program::Server;
use crate::support::proxy::{Mode, Proxy};
use crate::support::world::new_project;
use crate::support::{Client, database, say, scaled, sql};

const CONNECTIONS: i64 = 6;

/// An address's host and port, and the same address by way of a proxy.
fn target(url: &str) -> String {
    let after = url.rsplit('@').next().unwrap_or(url);
    after.split('/').next().unwrap_or(after).to_owned()
}

/// Reads and writes at the same time; gives how long the slower one took, and whether both did it.
async fn ask(client: &Client) -> (Duration, bool) {
    let begun = Instant::now();
    let read = client.get("/v1/projects?limit=5");
    let write = client.post("/v1/projects", new_project("Through it all"));
    let (read, write) = future::join(read, write).await;
    let took = begun.elapsed();
    let mut done = true;
    for (answer, good) in [(read, 200), (write, 201)] {
        if answer.status != good {
            assert!(!answer.header("retry-after").is_empty(), "{}", answer.text);
            answer.expect(503);
            done = false;
        }
    }
    (took, done)
}

/// Keeps asking while the database is out of reach.
async fn outage(client: &Client, length: Duration) {
    let until = Instant::now() + length;
    let mut slowest = Duration::ZERO;
    while Instant::now() < until {
        let (took, done) = ask(client).await;
        assert!(!done, "there is no database");
        slowest = slowest.max(took);
        let begun = Instant::now();
        client.get("/health/live").await.expect(200);
        assert!(begun.elapsed() < Duration::from_secs(1), "live is slow");
        client.get("/health/ready").await.expect(503);
        assert!(begun.elapsed() < Duration::from_secs(4), "ready is slow");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(slowest < Duration::from_secs(10), "{slowest:?}");
}

/// Until everything is done again.
async fn recovery(client: &Client, within: u64) -> Duration {
    let back = Instant::now();
    while !ask(client).await.1 {
        assert!(
            back.elapsed() < Duration::from_secs(within),
            "it stays away"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    back.elapsed()
}

/// Until the instance has all its connections.
async fn is_whole(client: &Client, url: &str) {
    // The one who asks is one of them.
    let connections = "SELECT count(*) AS n FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'colonnade'";
    let many = || (0..64).map(|_| client.get("/v1/projects?limit=5"));
    let begun = Instant::now();
    while sql::number(url, connections) != CONNECTIONS + 1 {
        assert!(begun.elapsed() < Duration::from_secs(10), "not whole");
        // A thread that has just failed to connect says so for a second.
        future::join_all(many()).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for answer in future::join_all(many()).await {
        answer.expect(200);
    }
}

#[actix_web::test]
async fn an_outage_of_the_database_is_borne() {
    if database::server().is_none() {
        return; // SQLite is part of the program.
    }
    let mut ground = ground().await;
    let url = ground.database.url.clone();
    let proxy = Proxy::before(target(&url)).await;
    let through = url.replace(&target(&url), &proxy.address.to_string());
    ground.environment[0].1 = through;
    ground.environment.push((
        "COLONNADE__DATABASE__PG_CONNECTIONS",
        CONNECTIONS.to_string(),
    ));
    let mut server = Server::start(&ground.environment).await;
    let mut client = ground.founder.clone();
    client.base.clone_from(&server.base);
    is_whole(&client, &url).await;
    // Nobody says that a swallowed connection is dead, so that takes longer to notice.
    for (mode, within) in [(Mode::Refuse, 5), (Mode::Swallow, 15)] {
        proxy.set(mode);
        outage(&client, Duration::from_secs(scaled(3, 60) as u64)).await;
        proxy.set(Mode::Pass);
        let took = recovery(&client, within).await;
        assert!(server.is_alive());
        is_whole(&client, &url).await;
        say(&format!("PostgreSQL {mode:?}: back after {took:?}"));
    }
    proxy.set(Mode::Slow(Duration::from_millis(100)));
    for _ in 0..scaled(3, 60) {
        let (took, _) = ask(&client).await;
        assert!(took < Duration::from_secs(10), "{took:?}");
    }
    proxy.set(Mode::Pass);
    recovery(&client, 5).await;
}
