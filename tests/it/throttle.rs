//! Brakes: guesses are slowed by place, account, address and overall, on all instances together, and nobody is kept out by
//! a stranger; mail that strangers cause is bounded.

use chrono::Duration;
use colonnade::throttle;
use futures_util::FutureExt;
use serde_json::{Value, json};

use crate::support::world::PASSWORD;
use crate::support::{Answer, Client, Setup, World};

/// Where the attackers are.
const ELSEWHERE: &str = "203.0.113.9";

async fn sign_in(client: &Client, email: &str, password: &str) -> Answer {
    let body = json!({ "email": email, "password": password });
    client.post("/v1/sessions", body).await
}

async fn guess(client: &Client, email: &str) -> Answer {
    sign_in(client, email, "a guess").await
}

async fn forget(client: &Client, email: &str) -> Answer {
    let body = json!({ "email": email });
    client.post("/v1/accounts/password-reset", body).await
}

/// What an answer says, without what differs with each request.
fn said(answer: &Answer) -> (u16, Value, Vec<String>) {
    let mut json = answer.json();
    json["request_id"] = Value::Null;
    let mut headers: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
    headers.push(answer.header("retry-after"));
    headers.sort();
    (answer.status.as_u16(), json, headers)
}

#[actix_web::test]
async fn guesses_hold_up_the_place_that_they_come_from() {
    let world = World::new().await;
    world.founder("Ada").await;
    let (_, second) = world.second_instance();
    let mut heard = Vec::new();
    for (email, address) in [
        ("ada@example.org", "203.0.113.1"),
        ("nobody@example.org", "203.0.113.2"),
    ] {
        let (here, there) = (world.stranger.at(address), second.at(address));
        for turn in 0..10 {
            let instance = [&here, &there][turn % 2];
            let spelt = [email.to_uppercase(), email.to_owned()];
            guess(instance, &spelt[turn % 2])
                .await
                .refused(401, "wrong-credentials");
        }
        for instance in [&here, &there] {
            let refused = sign_in(instance, email, PASSWORD).await;
            let refused = refused.refused(429, "too-many-failures");
            assert_eq!(refused.header("retry-after"), "360");
            heard.push(said(&refused));
        }
    }
    heard.dedup();
    assert_eq!(heard.len(), 1, "{heard:?}");
    // Her own network is not concerned, nor is her account from a third one.
    sign_in(&world.stranger, "ada@example.org", PASSWORD)
        .await
        .expect(201);
    sign_in(
        &world.stranger.at("203.0.113.3"),
        "ada@example.org",
        PASSWORD,
    )
    .await
    .expect(201);
    let there = world.stranger.at("203.0.113.1");
    world.pass(Duration::seconds(359));
    guess(&there, "ada@example.org")
        .await
        .refused(429, "too-many-failures");
    world.pass(Duration::seconds(1));
    guess(&there, "ada@example.org")
        .await
        .refused(401, "wrong-credentials");
    guess(&there, "ada@example.org")
        .await
        .refused(429, "too-many-failures");
    world.pass(Duration::minutes(6));
    sign_in(&there, "ada@example.org", PASSWORD)
        .await
        .expect(201);
}

#[actix_web::test]
async fn right_passwords_are_not_counted() {
    let world = World::new().await;
    world.founder("Ada").await;
    let there = world.stranger.at(ELSEWHERE);
    for _ in 0..25 {
        sign_in(&there, "ada@example.org", PASSWORD)
            .await
            .expect(201);
    }
}

#[actix_web::test]
async fn many_addresses_evaluate_few_guesses_and_the_owner_comes_in_all_the_while() {
    let world = World::with(Setup {
        adjust: Some(|config| config.throttle.guesses_overall = 100_000),
        ..Setup::default()
    })
    .await;
    world.founder("Ada").await;
    let phone = sign_in(&world.stranger, "ada@example.org", PASSWORD)
        .await
        .expect(201)
        .text_at("/refresh_token");
    let (other, second) = world.second_instance();
    let evaluated = || world.app.passwords.evaluated() + other.passwords.evaluated();
    let (before, mut right) = (evaluated(), 0);
    for turn in 0..600_u32 {
        // Each from a network of its own, over an hour.
        let address = format!("2001:db8:{turn:x}::1");
        let instance = if turn % 2 == 0 {
            &world.stranger
        } else {
            &second
        };
        guess(&instance.at(&address), "ada@example.org").await;
        world.pass(Duration::seconds(6));
        if turn % 100 == 99 {
            sign_in(&world.stranger, "ada@example.org", PASSWORD)
                .await
                .expect(201);
            let body =
                json!({ "email": "ada@example.org", "password": PASSWORD, "refresh_token": phone });
            let train = world.stranger.at("198.51.100.77");
            train.post("/v1/sessions", body).await.expect(201);
            right += 2;
            // From there she is known now; forget it, so that the next time shows the same.
            world.database.execute("DELETE FROM known_places WHERE last_used_at > (SELECT min(last_used_at) FROM known_places)");
            sign_in(&world.stranger, "ada@example.org", PASSWORD).await;
            right += 1;
        }
    }
    let guesses = evaluated() - before - right;
    assert!((40..=100).contains(&guesses), "{guesses} evaluated");
    // A stranger's own token makes nobody's device of it.
    world.founder("Eve").await;
    let eve = sign_in(&world.stranger, "eve@example.org", PASSWORD)
        .await
        .expect(201)
        .text_at("/refresh_token");
    for turn in 0..41 {
        let address = format!("2001:db9:{turn:x}::1");
        guess(&world.stranger.at(&address), "ada@example.org").await;
    }
    let body = json!({ "email": "ada@example.org", "password": PASSWORD, "refresh_token": eve });
    world
        .stranger
        .at(ELSEWHERE)
        .post("/v1/sessions", body)
        .await
        .refused(429, "too-many-failures");
}

#[actix_web::test]
async fn a_made_up_address_gives_no_further_guess() {
    let world = World::with(Setup {
        adjust: Some(|config| config.server.trusted_proxies = String::new()),
        ..Setup::default()
    })
    .await;
    world.founder("Ada").await;
    let before = world.app.passwords.evaluated();
    for turn in 0..200 {
        guess(
            &world.stranger.at(&format!("198.51.100.{turn}")),
            "nobody@example.org",
        )
        .await;
    }
    assert_eq!(world.app.passwords.evaluated() - before, 10);
}

#[actix_web::test]
async fn all_of_a_64_is_one_place() {
    let world = World::new().await;
    let before = world.app.passwords.evaluated();
    for turn in 0..100 {
        let address = format!("2001:db8:1:2:{turn:x}::{turn:x}");
        guess(&world.stranger.at(&address), "nobody@example.org").await;
    }
    assert_eq!(world.app.passwords.evaluated() - before, 10);
    // What the client puts before the proxy's word changes nothing.
    let lied = "192.0.2.1, 2001:db8:1:2::1";
    guess(&world.stranger.at(lied), "nobody@example.org")
        .await
        .refused(429, "too-many-failures");
}

#[actix_web::test]
async fn guesses_at_many_accounts_are_counted_by_address_and_overall() {
    let world = World::with(Setup {
        adjust: Some(|config| {
            config.throttle.guesses_from_address = 5;
            config.throttle.guesses_overall = 8;
        }),
        ..Setup::default()
    })
    .await;
    world.founder("Ada").await;
    for turn in 0..5 {
        guess(
            &world.stranger.at(ELSEWHERE),
            &format!("p{turn}@example.org"),
        )
        .await
        .refused(401, "wrong-credentials");
    }
    guess(&world.stranger.at(ELSEWHERE), "p9@example.org")
        .await
        .refused(429, "too-many-failures");
    for turn in 0..3 {
        guess(
            &world.stranger.at(&format!("198.51.100.{turn}")),
            "p9@example.org",
        )
        .await
        .refused(401, "wrong-credentials");
    }
    guess(&world.stranger.at("198.51.100.9"), "p9@example.org")
        .await
        .refused(429, "too-many-failures");
    sign_in(&world.stranger, "ada@example.org", PASSWORD)
        .await
        .expect(201);
}

#[actix_web::test]
async fn without_the_counters_nobody_is_let_in() {
    let world = World::new().await;
    world.founder("Ada").await;
    world
        .database
        .execute("ALTER TABLE throttle_buckets RENAME TO elsewhere");
    let refused = sign_in(&world.stranger, "ada@example.org", PASSWORD).await;
    assert!(refused.status.is_server_error(), "{}", refused.text);
    assert_eq!(world.count("sessions"), 1, "the one from before");
    world
        .database
        .execute("ALTER TABLE elsewhere RENAME TO throttle_buckets");
    sign_in(&world.stranger, "ada@example.org", PASSWORD)
        .await
        .expect(201);
}

#[actix_web::test]
async fn a_guess_that_nobody_looked_at_is_given_back() {
    let world = World::with(Setup {
        adjust: Some(|config| {
            config.auth.hashers = 1;
            config.auth.hashes_waiting = 1;
        }),
        ..Setup::default()
    })
    .await;
    world.founder("Ada").await;
    // A hash that takes some hundred times as long holds the hasher, and another one waits behind it.
    let passwords = &world.app.passwords;
    let slow = passwords.hash("one".into()).await.expect("a hash");
    let slow = slow.replace("t=2,", "t=500,");
    let mut first = Box::pin(passwords.verify("one".into(), Some(slow)));
    assert!((&mut first).now_or_never().is_none());
    let second = loop {
        let mut second = Box::pin(passwords.hash("two".into()));
        if (&mut second).now_or_never().is_none() {
            break second;
        }
        // The hasher has not taken the first one yet.
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    };
    for _ in 0..11 {
        let refused = guess(&world.stranger, "ada@example.org").await;
        assert_eq!(refused.refused(503, "busy").header("retry-after"), "1");
    }
    first.await.expect("a comparison");
    second.await.expect("a hash");
    guess(&world.stranger, "ada@example.org")
        .await
        .refused(401, "wrong-credentials");
    sign_in(&world.stranger, "ada@example.org", PASSWORD)
        .await
        .expect(201);
}

#[actix_web::test]
async fn a_stolen_session_does_not_help_to_guess_the_password() {
    let world = World::new().await;
    let ada = world.founder("Ada").await;
    let guess = json!({ "current_password": "a guess", "new_password": "something newer 1" });
    for _ in 0..10 {
        ada.put("/v1/me/password", guess.clone())
            .await
            .refused(422, "wrong-password");
    }
    ada.put("/v1/me/password", guess)
        .await
        .refused(429, "too-many-failures");
    let right = json!({ "current_password": PASSWORD, "new_password": "something newer 1" });
    world.pass(Duration::hours(1));
    ada.put("/v1/me/password", right).await.expect(204);
}

#[actix_web::test]
async fn wrong_codes_are_counted_and_right_ones_never_held_up() {
    let world = World::with(Setup {
        adjust: Some(|config| config.throttle.wrong_codes_from_address = 6),
        ..Setup::default()
    })
    .await;
    world.founder("Ada").await;
    let right = sign_in(&world.stranger, "ada@example.org", PASSWORD)
        .await
        .expect(201)
        .text_at("/refresh_token");
    forget(&world.stranger, "ada@example.org").await.expect(202);
    let code = world.mails().await.pop().expect("a mail").code();
    let tries = [
        (
            "/v1/sessions/refresh",
            json!({ "refresh_token": "wrong" }),
            401,
        ),
        ("/v1/accounts/verify", json!({ "token": "wrong" }), 422),
        (
            "/v1/accounts/password",
            json!({ "token": "wrong", "password": "something newer 1" }),
            422,
        ),
    ];
    for (path, body, status) in tries.iter().cycle().take(6) {
        world
            .stranger
            .post(path, body.clone())
            .await
            .expect(*status);
    }
    for (path, body, _) in &tries {
        let refused = world.stranger.post(path, body.clone()).await;
        let refused = refused.refused(429, "too-many-requests");
        assert_eq!(refused.header("retry-after"), "600", "{path}");
    }
    let body = json!({ "refresh_token": right });
    world
        .stranger
        .post("/v1/sessions/refresh", body)
        .await
        .expect(200);
    let body = json!({ "token": code, "password": "something newer 1" });
    world
        .stranger
        .post("/v1/accounts/password", body)
        .await
        .expect(200);
    let (path, body, status) = &tries[0];
    world
        .stranger
        .at(ELSEWHERE)
        .post(path, body.clone())
        .await
        .expect(*status);
}

#[actix_web::test]
async fn many_networks_send_few_mails_to_one_mailbox() {
    let world = World::new().await;
    world.founder("Ada").await;
    let mut heard = Vec::new();
    for turn in 0..120_u32 {
        let client = world
            .stranger
            .at(&format!("2001:db8:{:x}::{turn:x}", turn / 2));
        for email in ["ada@example.org", "nobody@example.org"] {
            heard.push(said(&forget(&client, email).await.expect(202)));
        }
    }
    heard.dedup();
    assert_eq!(heard.len(), 1, "{heard:?}");
    let letters = world.mails().await;
    assert_eq!(letters.len(), 3);
    assert!(letters.iter().all(|letter| letter.to == "ada@example.org"));
}

#[actix_web::test]
async fn one_network_causes_few_mails() {
    let world = World::with(Setup {
        adjust: Some(|config| config.throttle.mails_overall = 14),
        ..Setup::default()
    })
    .await;
    world.founder("Ada").await;
    let sign_up = |client: &Client, email: &str| {
        let body = json!({ "email": email, "password": PASSWORD, "name": "Eve", "language": "en" });
        let client = client.clone();
        async move { client.post("/v1/accounts", body).await }
    };
    let there = world.stranger.at(ELSEWHERE);
    for turn in 0..5 {
        sign_up(&there, &format!("p{turn}@example.org"))
            .await
            .expect(201);
        forget(&there, &format!("p{turn}@example.org"))
            .await
            .expect(202);
    }
    let mut heard = Vec::new();
    for email in ["ada@example.org", "nobody@example.org"] {
        let before = world.app.passwords.evaluated();
        for refused in [sign_up(&there, email).await, forget(&there, email).await] {
            let refused = refused.refused(429, "too-many-requests");
            assert_eq!(refused.header("retry-after"), "360");
            let (status, mut json, headers) = said(&refused);
            json["instance"] = Value::Null;
            heard.push((status, json, headers));
        }
        assert_eq!(
            world.app.passwords.evaluated(),
            before,
            "no hash for nothing"
        );
    }
    heard.dedup();
    assert_eq!(heard.len(), 1, "{heard:?}");
    for turn in 0..4 {
        forget(
            &world.stranger.at(&format!("198.51.100.{turn}")),
            "ada@example.org",
        )
        .await
        .expect(202);
    }
    forget(&world.stranger.at("198.51.100.9"), "ada@example.org")
        .await
        .refused(429, "too-many-requests");
}

#[actix_web::test]
async fn a_clock_that_was_ahead_neither_empties_a_bucket_nor_locks_it() {
    let world = World::new().await;
    world.founder("Ada").await;
    let there = world.stranger.at(ELSEWHERE);
    world.pass(Duration::days(3));
    for _ in 0..10 {
        guess(&there, "ada@example.org").await.expect(401);
    }
    world.pass(Duration::days(-3));
    guess(&there, "ada@example.org")
        .await
        .refused(401, "wrong-credentials");
    let refused = guess(&there, "ada@example.org").await;
    let refused = refused.refused(429, "too-many-failures");
    assert_eq!(refused.header("retry-after"), "360");
    world.pass(Duration::minutes(6));
    sign_in(&there, "ada@example.org", PASSWORD)
        .await
        .expect(201);
}

#[actix_web::test]
async fn what_no_longer_counts_is_forgotten() {
    let world = World::new().await;
    world.founder("Ada").await;
    guess(&world.stranger.at(ELSEWHERE), "ada@example.org").await;
    let sweep = || async {
        let now = colonnade::clock::Clock::now(&world.clock);
        let swept = world
            .app
            .db
            .write(move |conn| Ok(throttle::forget_old(conn, now)?));
        swept.await.expect("a sweep");
        (world.count("throttle_buckets"), world.count("known_places"))
    };
    let (buckets, places) = sweep().await;
    assert_eq!((buckets, places), (4, 1));
    world.pass(Duration::hours(2));
    assert_eq!(sweep().await, (0, 1));
    world.pass(Duration::days(400));
    assert_eq!(sweep().await, (0, 0));
    let kept = world
        .database
        .texts("SELECT key AS t FROM throttle_buckets");
    assert!(kept.iter().all(|key| key.len() == 43 && !key.contains('@')));
}
