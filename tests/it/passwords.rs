//! Passwords: which are refused, how they are kept, and that nobody can find out who has an account.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, Version};
use serde_json::{Value, json};

use crate::support::world::PASSWORD;
use crate::support::{Answer, Client, Setup, World};

async fn sign_in(client: &Client, email: &str, password: &str) -> Answer {
    let body = json!({ "email": email, "password": password });
    client.post("/v1/sessions", body).await
}

async fn sign_up(client: &Client, email: &str, password: &str) -> Answer {
    let body =
        json!({ "email": email, "password": password, "name": "Ada Lovelace", "language": "en" });
    client.post("/v1/accounts", body).await
}

async fn forget(client: &Client, email: &str) -> Answer {
    let body = json!({ "email": email });
    client.post("/v1/accounts/password-reset", body).await
}

/// Words that head every list of passwords found in leaks.
const COMMON: &[&str] = &[
    "123456",
    "password",
    "123456789",
    "12345678",
    "12345",
    "qwerty",
    "abc123",
    "football",
    "monkey",
    "letmein",
    "111111",
    "mustang",
    "access",
    "shadow",
    "master",
    "michael",
    "superman",
    "696969",
    "123123",
    "batman",
    "trustno1",
    "baseball",
    "dragon",
    "iloveyou",
    "sunshine",
    "princess",
    "welcome",
    "admin",
    "login",
    "passw0rd",
    "starwars",
    "whatever",
    "qazwsx",
    "qwertyuiop",
    "1q2w3e4r",
    "zaq12wsx",
    "654321",
    "000000",
    "charlie",
    "donald",
    "freedom",
    "hello",
    "secret",
    "cheese",
    "computer",
    "jordan",
    "hunter",
    "killer",
    "pepper",
    "ginger",
    "summer",
    "thomas",
    "soccer",
    "hockey",
    "ranger",
    "daniel",
    "asshole",
    "fuckyou",
    "maggie",
    "jessica",
    "harley",
    "ashley",
    "nicole",
    "chelsea",
    "matthew",
    "yankees",
    "liverpool",
];

#[actix_web::test]
async fn common_passwords_are_refused_also_filled_up_or_doubled() {
    let world = World::new().await;
    let before = world.count("jobs");
    for (turn, word) in COMMON.iter().enumerate() {
        let client = world.stranger.at(&format!("198.51.100.{turn}"));
        for password in [
            (*word).to_owned(),
            format!("{word}{word}"),
            format!("{word}12345678"),
            format!("{}!!!!!!!!", word.to_uppercase()),
        ] {
            let refused = sign_up(&client, "ada@example.org", &password).await;
            let code = if password.chars().count() < 12 {
                "too-short"
            } else {
                "easily-guessed"
            };
            assert_eq!(
                refused.refused(422, "invalid").errors(),
                [("/password".to_owned(), code.to_owned())],
                "{password}"
            );
        }
    }
    assert_eq!(world.count("jobs"), before);
}

#[actix_web::test]
async fn the_rules_are_the_same_wherever_a_password_is_chosen() {
    let world = World::new().await;
    let ada = world.founder("Ada").await;
    forget(&world.stranger, "ada@example.org").await.expect(202);
    let code = world.mails().await.pop().expect("a mail").code();
    let long = "é".repeat(129);
    for (password, error) in [
        ("password1234", "easily-guessed"),
        ("colonnade-2026", "easily-guessed"),
        ("ada@example.org", "easily-guessed"),
        ("short", "too-short"),
        (long.as_str(), "too-long"),
        ("a NUL \0 in the middle", "control-character"),
    ] {
        let refused = [
            (
                "/password",
                sign_up(&world.stranger, "ada@example.org", password).await,
            ),
            (
                "/new_password",
                ada.put(
                    "/v1/me/password",
                    json!({ "current_password": PASSWORD, "new_password": password }),
                )
                .await,
            ),
            (
                "/password",
                world
                    .stranger
                    .post(
                        "/v1/accounts/password",
                        json!({ "token": code, "password": password }),
                    )
                    .await,
            ),
        ];
        for (pointer, answer) in refused {
            let errors = answer.refused(422, "invalid").errors();
            assert_eq!(
                errors,
                [(pointer.to_owned(), error.to_owned())],
                "{password}"
            );
        }
    }
    let huge = sign_up(&world.stranger, "ada@example.org", &"x".repeat(1_000_000)).await;
    huge.refused(413, "too-large");
    // The code is still good, since none of these used it.
    let emoji: String = "🙂🌧🏠🎻🦔📚🚲🧀🌻⛵🪁🧵"
        .chars()
        .cycle()
        .take(128)
        .collect();
    let body = json!({ "token": code, "password": emoji });
    world
        .stranger
        .post("/v1/accounts/password", body)
        .await
        .expect(200);
    sign_in(&world.stranger, "ada@example.org", &emoji)
        .await
        .expect(201);
    let one_less: String = emoji.chars().take(127).collect();
    sign_in(&world.stranger, "ada@example.org", &one_less)
        .await
        .refused(401, "wrong-credentials");
}

#[actix_web::test]
async fn an_older_hash_is_renewed_at_the_next_sign_in() {
    let world = World::new().await;
    let ada = world.founder("Ada").await;
    let version = ada.get("/v1/me").await.expect(200).header("etag");
    let params = Params::new(8192, 1, 1, None).expect("parameters");
    let older = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password(PASSWORD.as_bytes())
        .expect("a hash")
        .to_string();
    world.database.execute(&format!(
        "UPDATE accounts SET password_hash = '{older}' WHERE email = 'ada@example.org'"
    ));
    let kept = || {
        let query = "SELECT password_hash AS t FROM accounts WHERE email = 'ada@example.org'";
        world.database.texts(query).pop().expect("a hash")
    };
    sign_in(&world.stranger, "ada@example.org", "a guess")
        .await
        .refused(401, "wrong-credentials");
    assert_eq!(kept(), older);
    sign_in(&world.stranger, "ada@example.org", PASSWORD)
        .await
        .expect(201);
    let renewed = kept();
    assert!(
        renewed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{renewed}"
    );
    sign_in(&world.stranger, "ada@example.org", PASSWORD)
        .await
        .expect(201);
    assert_eq!(kept(), renewed, "once is enough");
    assert_eq!(ada.get("/v1/me").await.expect(200).header("etag"), version);
}

/// What a request cost, in things that can be counted.
fn work(world: &World) -> Vec<i64> {
    let hashes = i64::try_from(world.app.passwords.evaluated()).expect("few");
    let tables = [
        "jobs",
        "mails",
        "events",
        "one_time_codes",
        "accounts",
        "throttle_buckets",
    ];
    let rows = tables.iter().map(|table| world.count(table));
    std::iter::once(hashes).chain(rows).collect()
}

/// Everything that can be seen of an answer, without what differs with each request.
fn seen(answer: &Answer) -> (u16, String, Vec<(String, String)>) {
    let mut json: Value = answer.json();
    if !json["request_id"].is_null() {
        json["request_id"] = Value::Null;
    }
    let mut headers: Vec<(String, String)> = answer
        .headers
        .iter()
        .filter(|(name, _)| !["x-request-id", "date"].contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), format!("{value:?}")))
        .collect();
    headers.sort();
    (answer.status.as_u16(), json.to_string(), headers)
}

#[actix_web::test]
async fn neither_the_answer_nor_the_work_tells_who_has_an_account() {
    let world = World::new().await;
    world.founder("Ada").await;
    world.founder("Bob").await;
    world
        .database
        .execute("UPDATE accounts SET disabled_at = created_at WHERE email = 'bob@example.org'");
    sign_up(
        &world.stranger.at("198.51.100.1"),
        "carl@example.org",
        PASSWORD,
    )
    .await
    .expect(201);
    world.deliver().await;
    let mut answers = vec![Vec::new(), Vec::new(), Vec::new()];
    let names = ["ada", "bob", "carl", "dora"];
    for name in names {
        let client = world.stranger.at("198.51.100.2");
        sign_in(&client, &format!("{name}@example.org"), "a guess").await;
    }
    for (turn, name) in names.iter().enumerate() {
        // Neither the places nor the lengths of the addresses differ in kind.
        let client = world.stranger.at(&format!("203.0.113.{turn}"));
        let email = format!("{name}@example.org");
        for (kind, heard) in answers.iter_mut().enumerate() {
            let before = work(&world);
            let answer = match kind {
                0 => sign_in(&client, &email, "not my password")
                    .await
                    .expect(401),
                1 => sign_up(&client, &email, "zonnebloem twaalf")
                    .await
                    .expect(201),
                _ => forget(&client, &email).await.expect(202),
            };
            let cost: Vec<i64> = work(&world)
                .iter()
                .zip(before)
                .map(|(after, before)| after - before)
                .collect();
            heard.push((seen(&answer), cost));
        }
    }
    for mut heard in answers {
        heard.dedup();
        assert_eq!(heard.len(), 1, "{heard:#?}");
    }
    let before = world.mails().await.len();
    assert!(before >= 5, "the mailboxes do learn of it: {before}");
}

/// The probability that two samples of one distribution differ as much as these (Mann and Whitney, by the normal
/// approximation), and how far their medians are apart, in milliseconds.
fn compare(mut one: Vec<Duration>, mut other: Vec<Duration>) -> (f64, f64) {
    let score = |a: &Duration| -> f64 {
        let scores = other.iter().map(|b| match a.cmp(b) {
            Ordering::Greater => 1.0,
            Ordering::Equal => 0.5,
            Ordering::Less => 0.0,
        });
        scores.sum()
    };
    let wins: f64 = one.iter().map(score).sum();
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let (ours, theirs) = (one.len() as f64, other.len() as f64);
    let spread = (ours * theirs * (ours + theirs + 1.0) / 12.0).sqrt();
    let deviation = ((wins - ours * theirs / 2.0) / spread).abs() / 2.0_f64.sqrt();
    // The tail of the normal distribution, by Abramowitz and Stegun 7.1.26.
    let step = 1.0 / (1.0 + 0.327_591_1 * deviation);
    let sum = [
        1.061_405_429,
        -1.453_152_027,
        1.421_413_741,
        -0.284_496_736,
        0.254_829_592,
    ]
    .iter()
    .fold(0.0, |sum, factor| sum * step + factor);
    let likely = sum * step * (-deviation * deviation).exp();
    one.sort();
    other.sort();
    let median = |all: &[Duration]| all[all.len() / 2].as_secs_f64() * 1000.0;
    (likely, (median(&one) - median(&other)).abs())
}

/// Depends on the clock of the machine, so it is not in the normal run: `cargo test --test it -- --ignored time_tells`.
#[actix_web::test]
#[ignore = "measures time; run it alone on a quiet machine"]
async fn no_time_tells_who_has_an_account() {
    const SAMPLES: usize = 500;
    let world = World::with(Setup {
        adjust: Some(|config| {
            config.throttle.guesses_overall = 1_000_000;
            config.throttle.mails_overall = 1_000_000;
            config.throttle.guesses_on_account = 10_000;
        }),
        ..Setup::default()
    })
    .await;
    world.founder("Ada").await;
    for kind in 0..3 {
        let mut times = [Vec::new(), Vec::new()];
        for turn in 0..SAMPLES * 2 {
            let client = world.stranger.at(&format!("2001:db8:{kind:x}:{turn:x}::1"));
            let email = ["ada@example.org", "bob@example.org"][turn % 2];
            let started = Instant::now();
            match kind {
                0 => sign_in(&client, email, "not my password").await.expect(401),
                1 => sign_up(&client, email, PASSWORD).await.expect(201),
                _ => forget(&client, email).await.expect(202),
            };
            times[turn % 2].push(started.elapsed());
        }
        let [known, unknown] = times;
        let (p, apart) = compare(known, unknown);
        assert!(
            p > 0.01 && apart < 5.0,
            "kind {kind}: p = {p}, medians {apart} ms apart"
        );
    }
}
