//! SIGTERM under load: not ready first, then nothing new, and what is in hand is finished.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::load::{
    Kept, Writer, everyone_was_told, ground, load, nothing_is_lost_or_doubled, until_drained,
};
use crate::support::program::Server;
use crate::support::{Client, sql};

/// A request of which the server has the head and half the body.
async fn half_sent(client: &Client, base: &str, title: &str) -> (TcpStream, String) {
    let address = base.strip_prefix("http://").expect("an address");
    let body = crate::support::world::new_project(title).to_string();
    let token = client.token.as_deref().expect("a token");
    let head = format!(
        "POST /v1/projects HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let (half, rest) = body.split_at(body.len() / 2);
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let sent = stream.write_all(format!("{head}{half}").as_bytes()).await;
    sent.expect("half a request");
    (stream, rest.to_owned())
}

/// Sends the rest and gives the status line.
async fn finish((mut stream, rest): (TcpStream, String)) -> String {
    let sent = stream.write_all(rest.as_bytes()).await;
    sent.expect("the other half");
    let mut line = String::new();
    let mut answer = BufReader::new(stream);
    let read = answer.read_line(&mut line);
    let _ = tokio::time::timeout(Duration::from_secs(20), read).await;
    line
}

#[actix_web::test]
async fn a_stop_finishes_what_is_in_hand() {
    let ground = ground().await;
    let url = &ground.database.url;
    let mut writers = Writer::all(&ground);
    let server = Server::start(&ground.environment).await;
    let base = server.base.clone();
    let stop = async {
        let titles: Vec<String> = (0..8).map(|number| format!("Half {number}")).collect();
        let begin = titles
            .iter()
            .map(|title| half_sent(&ground.founder, &base, title));
        let begun = future::join_all(begin).await;
        tokio::time::sleep(Duration::from_millis(1500)).await;
        server.terminate();
        let asked = Instant::now();
        tokio::time::sleep(Duration::from_millis(500)).await;
        for line in future::join_all(begun.into_iter().map(finish)).await {
            assert_eq!(line.trim(), "HTTP/1.1 201 Created");
        }
        let code = server.end(Duration::from_secs(30)).await;
        (code, asked.elapsed())
    };
    let (code, took) = load(&mut writers, &base, 200, stop).await;
    assert_eq!(code, Some(0), "after {took:?}");
    let kept: Vec<&Kept> = writers.iter().flat_map(|writer| &writer.kept).collect();
    nothing_is_lost_or_doubled(url, &kept);
    let halves = "SELECT count(*) AS n FROM projects WHERE title LIKE 'Half %'";
    assert_eq!(sql::number(url, halves), 8);
    let leased = "SELECT count(*) AS n FROM jobs WHERE lease_until IS NOT NULL";
    assert_eq!(sql::number(url, leased), 0, "leases are given back");
    let server = Server::start(&ground.environment).await;
    until_drained(url).await;
    everyone_was_told(url);
    drop(server);
    let letters = ground.sink.letters();
    let ids: BTreeSet<&String> = letters.iter().map(|letter| &letter.message_id).collect();
    assert_eq!(ids.len(), letters.len(), "a stop sends no copies");
}

/// What a health page says over a connection of its own; none where nobody listens.
async fn health(base: &str, page: &str) -> Option<u16> {
    let asked = Client::stranger(base).ask(reqwest::Method::GET, &format!("/health/{page}"));
    Some(asked.try_send().await?.status.as_u16())
}

#[actix_web::test]
async fn a_stop_is_announced_before_the_door_is_shut() {
    let mut ground = ground().await;
    let drain = ("COLONNADE__SERVER__DRAIN_SECONDS", "5".to_owned());
    ground.environment.push(drain);
    let server = Server::start(&ground.environment).await;
    let base = server.base.clone();
    assert_eq!(health(&base, "ready").await, Some(200));
    server.terminate();
    let asked = Instant::now();
    while health(&base, "ready").await != Some(503) {
        assert!(asked.elapsed() < Duration::from_secs(4), "still ready");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut client = ground.founder.clone();
    client.base.clone_from(&base);
    client.get("/v1/projects").await.expect(200);
    while health(&base, "live").await.is_some() {
        assert!(asked.elapsed() < Duration::from_secs(20), "still open");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(asked.elapsed() > Duration::from_secs(4), "no time to turn");
    assert_eq!(server.end(Duration::from_secs(30)).await, Some(0));
}
