//! Idempotency under concurrency and kills: a key sent many times, to many instances, through crashes, is one effect.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::load::{Ground, ground};
use crate::support::program::Server;
use crate::support::world::new_project;
use crate::support::{Answer, Client, database, say, scaled, sql};

/// How many requests are on their way at a time.
const AT_ONCE: usize = 48;

/// Two instances where the database can be shared.
async fn start(ground: &Ground) -> Vec<Server> {
    let mut servers = vec![Server::start(&ground.environment).await];
    if database::server().is_some() {
        servers.push(Server::start(&ground.environment).await);
    }
    servers
}

async fn send(client: &Client, base: &str, key: &str, title: &str) -> Option<Answer> {
    let mut client = client.clone();
    client.base = base.to_owned();
    client
        .ask(Method::POST, "/v1/projects")
        .header("Idempotency-Key", key)
        .json(&new_project(title))
        .try_send()
        .await
}

/// Each key 1 to 8 times, the copies of a key next to each other and over all instances.
fn copies(keys: &[String], instances: usize) -> Vec<(String, usize)> {
    let of_key = |(number, key): (usize, &String)| {
        (0..=number % 8)
            .map(|copy| (key.clone(), copy % instances))
            .collect::<Vec<_>>()
    };
    keys.iter().enumerate().flat_map(of_key).collect()
}

/// The answers that did something, by key: each must be the same, whoever gave it and whenever.
type Told = BTreeMap<String, String>;

fn keep(told: &mut Told, key: &str, answer: &Answer) {
    if answer.status == StatusCode::CREATED {
        let first = told.entry(key.to_owned()).or_insert(answer.text.clone());
        assert_eq!(*first, answer.text, "{key} was answered in two ways");
    } else {
        let busy = answer.text.contains("idempotency-key-in-use");
        assert!(busy || answer.status == 503, "{}", answer.text);
    }
}

/// Sends every copy once; one instance is killed when about half has been answered.
async fn storm(ground: &Ground, servers: &mut Vec<Server>, keys: &[String], told: &mut Told) {
    let bases: Vec<String> = servers.iter().map(|server| server.base.clone()).collect();
    let all = copies(keys, bases.len());
    let (half, answered) = (all.len() / 2, AtomicUsize::new(0));
    let mut victim = Some(servers.swap_remove(0));
    let mut answers = stream::iter(all)
        .map(|(key, instance)| {
            let (base, founder) = (&bases[instance], &ground.founder);
            async move { (send(founder, base, &key, &key).await, key) }
        })
        .buffer_unordered(AT_ONCE);
    while let Some((answer, key)) = answers.next().await {
        if answered.fetch_add(1, Ordering::Relaxed) == half
            && let Some(server) = victim.take()
        {
            server.kill();
        }
        if let Some(answer) = answer {
            keep(told, &key, &answer);
        }
    }
}

/// Sends each key until it is answered, as a client does that heard nothing.
async fn settle(ground: &Ground, servers: &[Server], keys: &[String], told: &mut Told) {
    let bases: Vec<&String> = servers.iter().map(|server| &server.base).collect();
    for (number, key) in keys.iter().enumerate() {
        for pause in 0.. {
            let base = bases[(number + pause) % bases.len()];
            let answer = send(&ground.founder, base, key, key).await;
            let answer = answer.expect("an answer");
            keep(told, key, &answer);
            if answer.status == StatusCode::CREATED {
                break;
            }
            // PostgreSQL may need a moment to see that who held the key is dead.
            assert!(pause < 100, "{key} stays taken: {}", answer.text);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[actix_web::test]
async fn a_key_is_one_effect_through_concurrency_and_kills() {
    let ground = ground().await;
    let (rounds, each) = (scaled(2, 50), scaled(60, 200));
    let mut told = Told::new();
    for round in 0..rounds {
        let keys: Vec<String> = (0..each).map(|n| format!("once-{round}-{n}")).collect();
        let mut servers = start(&ground).await;
        storm(&ground, &mut servers, &keys, &mut told).await;
        let servers = start(&ground).await;
        settle(&ground, &servers, &keys, &mut told).await;
    }
    assert_eq!(told.len(), rounds * each);
    let rows = sql::texts(
        &ground.database.url,
        "SELECT title AS t FROM projects WHERE title LIKE 'once-%'",
    );
    assert_eq!(rows.len(), told.len(), "each key is one row");
    for (key, answer) in &told {
        assert!(answer.contains(&format!("\"title\":\"{key}\"")), "{answer}");
    }
    say(&format!(
        "idempotency: {} keys, {rounds} kills, 0 without effect, 0 with two",
        told.len()
    ));
}

#[actix_web::test]
async fn a_key_belongs_to_one_command_and_one_person() {
    let ground = ground().await;
    let servers = start(&ground).await;
    let (first, last) = (&servers[0].base, &servers[servers.len() - 1].base);
    let made = send(&ground.founder, first, "mine", "Mine").await;
    let made = made.expect("an answer").expect(201);
    let again = send(&ground.founder, last, "mine", "Mine").await;
    let again = again.expect("an answer").expect(201);
    assert_eq!(again.text, made.text);
    assert_eq!(again.header("Idempotency-Replayed"), "true");
    let other = send(&ground.founder, last, "mine", "Another").await;
    let other = other.expect("an answer");
    other.refused(422, "idempotency-key-reused");
    let theirs = send(&ground.coordinator, last, "mine", "Mine").await;
    let theirs = theirs.expect("an answer").expect(201);
    assert_ne!(theirs.text_at("/id"), made.text_at("/id"));
    let seen = json!(made.text_at("/version"));
    assert_eq!(seen, json!("1"));
}
