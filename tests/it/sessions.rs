//! Signing in and out: tokens that rotate, rights that end at once, passwords, throttles, forgeries.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Duration;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::world::PASSWORD;
use crate::support::{Answer, Client, Setup, World};

/// One signed-in device.
struct Device {
    client: Client,
    refresh: String,
}

impl Device {
    async fn open(world: &World, email: &str) -> Self {
        let answer = sign_in(world, email, PASSWORD).await.expect(201);
        assert_eq!(answer.text_at("/token_type"), "Bearer");
        Self::holding(world, &answer)
    }

    fn holding(world: &World, answer: &Answer) -> Self {
        let token = answer.text_at("/access_token");
        Self {
            client: world.stranger.with_token(&token, ""),
            refresh: answer.text_at("/refresh_token"),
        }
    }

    async fn works(&self) {
        self.client.get("/v1/me").await.expect(200);
    }

    async fn is_dead(&self, world: &World) {
        self.client
            .get("/v1/me")
            .await
            .refused(401, "token-not-accepted");
        refresh(world, &self.refresh)
            .await
            .refused(401, "refresh-not-accepted");
    }
}

async fn sign_in(world: &World, email: &str, password: &str) -> Answer {
    let body = json!({ "email": email, "password": password });
    world.stranger.post("/v1/sessions", body).await
}

async fn refresh(world: &World, token: &str) -> Answer {
    let body = json!({ "refresh_token": token });
    world.stranger.post("/v1/sessions/refresh", body).await
}

/// A new device that follows from a refresh, a second later than what was before.
async fn rotated(world: &World, token: &str) -> Device {
    world.pass(Duration::seconds(1));
    Device::holding(world, &refresh(world, token).await.expect(200))
}

#[actix_web::test]
async fn a_refresh_token_rotates() {
    let world = World::new().await;
    world.founder("Ada").await;
    let mut device = Device::open(&world, "ada@example.org").await;
    for _ in 0..5 {
        let next = rotated(&world, &device.refresh).await;
        assert_ne!(next.refresh, device.refresh);
        next.works().await;
        device = next;
        world.pass(Duration::days(29));
    }
    for token in ["", "x", &"r".repeat(43)] {
        refresh(&world, token)
            .await
            .refused(401, "refresh-not-accepted");
    }
    let kept = world
        .database
        .texts("SELECT digest AS t FROM refresh_tokens");
    assert!(
        kept.iter()
            .all(|digest| digest.len() == 64 && *digest != device.refresh)
    );
    assert_eq!(kept.len(), 7, "two sign-ins and five refreshes");
}

#[actix_web::test]
async fn a_lost_reply_can_be_asked_for_again() {
    let world = World::new().await;
    world.founder("Ada").await;
    let first = Device::open(&world, "ada@example.org").await;
    let lost = rotated(&world, &first.refresh).await;
    world.pass(Duration::seconds(9));
    let third = Device::holding(&world, &refresh(&world, &first.refresh).await.expect(200));
    third.works().await;
    world.pass(Duration::seconds(11));
    let fourth = rotated(&world, &third.refresh).await;
    fourth.works().await;
    // The reply that was lost is worth nothing any more; showing it is theft.
    lost.is_dead_token(&world).await;
    fourth.is_dead(&world).await;
}

impl Device {
    async fn is_dead_token(&self, world: &World) {
        refresh(world, &self.refresh)
            .await
            .refused(401, "refresh-not-accepted");
    }
}

#[actix_web::test]
async fn a_lost_reply_can_not_be_asked_for_late() {
    let world = World::new().await;
    world.founder("Ada").await;
    let first = Device::open(&world, "ada@example.org").await;
    let second = rotated(&world, &first.refresh).await;
    world.pass(Duration::seconds(11));
    first.is_dead_token(&world).await;
    second.is_dead(&world).await;
}

#[actix_web::test]
async fn a_stolen_token_ends_its_session_and_the_owner_hears_of_it() {
    let world = World::new().await;
    world.founder("Ada").await;
    let first = Device::open(&world, "ada@example.org").await;
    let other = Device::open(&world, "ada@example.org").await;
    let second = rotated(&world, &first.refresh).await;
    let third = rotated(&world, &second.refresh).await;
    let before = world.mails().await.len();
    world.pass(Duration::seconds(1));
    first.is_dead_token(&world).await;
    for device in [&first, &second, &third] {
        device.is_dead(&world).await;
    }
    other.works().await;
    let letters = world.mails().await;
    let told: Vec<(&str, &str)> = letters[before..]
        .iter()
        .map(|letter| (letter.to.as_str(), letter.language.as_str()))
        .collect();
    assert_eq!(told, [("ada@example.org", "fr")]);
    assert!(
        letters[before].text.contains("/account#forgotten"),
        "{}",
        letters[before].text
    );
    let noted = world
        .database
        .texts("SELECT kind AS t FROM events WHERE kind = 'session.token_reused'");
    assert_eq!(noted.len(), 1);
}

#[actix_web::test]
async fn of_many_refreshes_at_once_one_branch_lives() {
    let world = World::new().await;
    world.founder("Ada").await;
    let first = Device::open(&world, "ada@example.org").await;
    let (_, second) = world.second_instance();
    world.pass(Duration::seconds(1));
    let racing = (0..16).map(|number| {
        let instance = if number % 2 == 0 {
            &world.stranger
        } else {
            &second
        };
        instance.post(
            "/v1/sessions/refresh",
            json!({ "refresh_token": first.refresh }),
        )
    });
    let answers = futures_util::future::join_all(racing).await;
    let open = world.database.texts(
        "SELECT digest AS t FROM refresh_tokens WHERE spent_at IS NULL AND session_id IN
            (SELECT id FROM sessions WHERE ended_at IS NULL) AND issued_at > (SELECT min(issued_at) FROM refresh_tokens)",
    );
    assert!(open.len() <= 1, "{} live branches", open.len());
    for answer in answers.into_iter().filter(|answer| answer.status != 200) {
        answer.refused(401, "refresh-not-accepted");
    }
}

#[actix_web::test]
async fn signing_out_works_from_the_next_request_on() {
    let world = World::new().await;
    world.founder("Ada").await;
    let (first, other) = (
        Device::open(&world, "ada@example.org").await,
        Device::open(&world, "ada@example.org").await,
    );
    let (_, second_instance) = world.second_instance();
    first
        .client
        .delete("/v1/sessions/current")
        .await
        .expect(204);
    first.is_dead(&world).await;
    let token = first.client.token.clone().unwrap_or_default();
    let elsewhere = second_instance.with_token(&token, "");
    elsewhere
        .get("/v1/me")
        .await
        .refused(401, "token-not-accepted");
    first
        .client
        .delete("/v1/sessions/current")
        .await
        .refused(401, "token-not-accepted");
    other.works().await;
}

#[actix_web::test]
async fn people_see_and_end_their_own_sessions() {
    let world = World::new().await;
    let ada = world.founder("Ada").await;
    let bob = world.founder("Bob").await;
    let phone = Device::open(&world, "ada@example.org").await;
    let sessions = ada.get("/v1/sessions").await.expect(200).json();
    let rows = sessions["data"].as_array().expect("sessions");
    let current = |wanted: bool| rows.iter().filter(move |row| row["current"] == wanted);
    assert_eq!((rows.len(), current(true).count()), (2, 1));
    let of_phone = current(false).next().expect("the phone")["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let path = format!("/v1/sessions/{of_phone}");
    bob.delete(&path).await.refused(404, "not-found");
    phone.works().await;
    ada.delete(&path).await.expect(204);
    phone.is_dead(&world).await;
    ada.delete(&path).await.refused(404, "not-found");
    ada.delete("/v1/sessions/nonsense")
        .await
        .refused(404, "not-found");
    assert_eq!(
        ada.get("/v1/sessions").await.json()["data"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
}

#[actix_web::test]
async fn a_changed_password_ends_the_other_sessions() {
    let world = World::new().await;
    let ada = world.founder("Ada").await;
    let phone = Device::open(&world, "ada@example.org").await;
    let change = |current: &str, new: &str| {
        ada.put(
            "/v1/me/password",
            json!({ "current_password": current, "new_password": new }),
        )
    };
    change("not my password", "something new 1")
        .await
        .refused(422, "wrong-password");
    let short = change(PASSWORD, "too short").await.refused(422, "invalid");
    assert_eq!(
        short.errors(),
        [("/new_password".into(), "too-short".into())]
    );
    phone.works().await;
    let before = world.mails().await.len();
    change(PASSWORD, " ünïcode and 🙂 ").await.expect(204);
    phone.is_dead(&world).await;
    ada.get("/v1/me").await.expect(200);
    sign_in(&world, "ada@example.org", PASSWORD)
        .await
        .refused(401, "wrong-credentials");
    sign_in(&world, "ada@example.org", "ünïcode and 🙂")
        .await
        .refused(401, "wrong-credentials");
    sign_in(&world, "ADA@example.org", " ünïcode and 🙂 ")
        .await
        .expect(201);
    let letters = world.mails().await;
    assert_eq!(
        (letters.len() - before, letters[before].to.as_str()),
        (1, "ada@example.org")
    );
}

#[actix_web::test]
async fn tokens_run_out() {
    let world = World::with(Setup {
        adjust: Some(|config| config.auth.access_minutes = 15),
        ..Setup::default()
    })
    .await;
    world.founder("Ada").await;
    let answer = sign_in(&world, "ada@example.org", PASSWORD)
        .await
        .expect(201);
    assert_eq!(answer.json()["expires_in"], 900);
    let device = Device::holding(&world, &answer);
    world.pass(Duration::minutes(14));
    device.works().await;
    world.pass(Duration::minutes(2));
    let expired = device
        .client
        .get("/v1/me")
        .await
        .refused(401, "token-expired");
    assert!(expired.header("www-authenticate").contains("expired"));
    device
        .client
        .get("/v1/regions")
        .await
        .refused(401, "token-expired");
    let next = rotated(&world, &device.refresh).await;
    next.works().await;
    world.pass(Duration::days(30));
    refresh(&world, &next.refresh)
        .await
        .refused(401, "refresh-not-accepted");
}

#[actix_web::test]
async fn who_may_not_come_in_hears_what_everybody_hears() {
    let world = World::new().await;
    world.founder("Ada").await;
    world.founder("Bob").await;
    let device = Device::open(&world, "bob@example.org").await;
    world
        .database
        .execute("UPDATE accounts SET disabled_at = created_at WHERE email = 'bob@example.org'");
    device.is_dead(&world).await;
    let body = json!({ "email": "carl@example.org", "password": PASSWORD, "name": "Carl", "language": "nl" });
    world.stranger.post("/v1/accounts", body).await.expect(201);
    let mut answers = Vec::new();
    for (email, password) in [
        ("ada@example.org", "not my password"),
        ("nobody@example.org", PASSWORD),
        ("bob@example.org", PASSWORD),
        ("carl@example.org", PASSWORD),
        ("carl@example.org", "!"),
    ] {
        let refused = sign_in(&world, email, password)
            .await
            .refused(401, "wrong-credentials");
        let mut said = refused.json();
        said["request_id"] = Value::Null;
        let mut headers: Vec<String> = refused.headers.keys().map(ToString::to_string).collect();
        headers.sort();
        answers.push((said, headers));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[actix_web::test]
async fn guessing_is_slowed_down_for_one_address_only() {
    let world = World::new().await;
    world.founder("Ada").await;
    world.founder("Bob").await;
    let (_, second) = world.second_instance();
    for turn in 0..10 {
        let instance = if turn % 2 == 0 {
            &world.stranger
        } else {
            &second
        };
        let email = if turn % 3 == 0 {
            "ADA@example.org"
        } else {
            "ada@example.org"
        };
        let guess = json!({ "email": email, "password": "a guess" });
        instance
            .post("/v1/sessions", guess)
            .await
            .refused(401, "wrong-credentials");
    }
    for password in ["a guess", PASSWORD] {
        let refused = sign_in(&world, "ada@example.org", password)
            .await
            .refused(429, "too-many-failures");
        let wait: u64 = refused.header("retry-after").parse().expect("seconds");
        assert!((1..=900).contains(&wait));
    }
    sign_in(&world, "bob@example.org", PASSWORD)
        .await
        .expect(201);
    world.pass(Duration::minutes(14));
    sign_in(&world, "ada@example.org", PASSWORD)
        .await
        .refused(429, "too-many-failures");
    world.pass(Duration::minutes(1));
    sign_in(&world, "ada@example.org", PASSWORD)
        .await
        .expect(201);
    for _ in 0..9 {
        sign_in(&world, "ada@example.org", "a guess")
            .await
            .refused(401, "wrong-credentials");
    }
    sign_in(&world, "ada@example.org", PASSWORD)
        .await
        .expect(201);
    sign_in(&world, "ada@example.org", "a guess")
        .await
        .refused(401, "wrong-credentials");
}

#[actix_web::test]
async fn strangers_can_not_flood_a_mailbox() {
    let world = World::new().await;
    world.founder("Ada").await;
    let sign_up = |email: &str| {
        let body = json!({ "email": email, "password": PASSWORD, "name": "Eve", "language": "en" });
        world.stranger.post("/v1/accounts", body)
    };
    let mut texts = Vec::new();
    for email in ["new@example.org", "ada@example.org"] {
        for _ in 0..6 {
            texts.push(sign_up(email).await.expect(201).text);
        }
    }
    texts.dedup();
    assert_eq!(texts.len(), 1);
    let letters = world.mails().await;
    let to = |address: &str| letters.iter().filter(|letter| letter.to == address).count();
    assert_eq!(
        (to("new@example.org"), to("ada@example.org"), letters.len()),
        (3, 3, 6)
    );
    world.pass(Duration::hours(1));
    sign_up("new@example.org").await.expect(201);
    assert_eq!(world.mails().await.len(), 7);
}

#[actix_web::test]
async fn a_stranger_can_not_set_the_password_that_the_owner_confirms() {
    let world = World::new().await;
    let sign_up = |password: &str, name: &str| {
        let body = json!({ "email": "ada@example.org", "password": password, "name": name, "language": "fr" });
        world.stranger.post("/v1/accounts", body)
    };
    sign_up("the owner's own", "Ada").await.expect(201);
    let code = world.mails().await[0].code();
    sign_up("the stranger's", "Eve").await.expect(201);
    let letters = world.mails().await;
    let strangers = letters[1].code();
    let verify = |code: String| {
        world
            .stranger
            .post("/v1/accounts/verify", json!({ "token": code }))
    };
    verify(code.clone()).await.expect(200);
    for used in [code, strangers] {
        verify(used).await.refused(422, "code-not-valid");
    }
    sign_in(&world, "ada@example.org", "the stranger's")
        .await
        .refused(401, "wrong-credentials");
    let answer = sign_in(&world, "ada@example.org", "the owner's own")
        .await
        .expect(201);
    let me = Device::holding(&world, &answer)
        .client
        .get("/v1/me")
        .await
        .expect(200);
    assert_eq!(me.text_at("/name"), "Ada");
    sign_up("the stranger's", "Eve").await.expect(201);
    sign_in(&world, "ada@example.org", "the stranger's")
        .await
        .refused(401, "wrong-credentials");
}

/// What a token of ours says, to bend.
fn claims(token: &str) -> Value {
    let middle = token.split('.').nth(1).expect("claims");
    let bytes = URL_SAFE_NO_PAD.decode(middle).expect("base64");
    serde_json::from_slice(&bytes).expect("JSON")
}

fn signed(key: &[u8], algorithm: Algorithm, kind: Option<&str>, claims: &Value) -> String {
    let mut header = Header::new(algorithm);
    header.typ = kind.map(str::to_owned);
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(key)).expect("a token")
}

/// Claims that are not ours, each in one way.
fn bent(claims: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    for (name, value) in [
        ("aud", json!("elsewhere")),
        ("aud", json!(["colonnade-api", "x"])),
        ("iss", json!("elsewhere")),
        ("exp", json!("never")),
        ("exp", json!(1e300)),
        ("exp", Value::Null),
        ("sub", json!("admin")),
        ("sid", json!(uuid::Uuid::now_v7())),
        ("sub", json!(uuid::Uuid::now_v7())),
        ("iat", json!(99_999_999_999_i64)),
        ("role", json!("admin")),
    ] {
        let mut one = claims.clone();
        one[name] = value;
        all.push(one);
    }
    for name in ["exp", "sub", "iss", "aud", "jti", "sid"] {
        let mut one = claims.clone();
        one.as_object_mut().expect("claims").remove(name);
        all.push(one);
    }
    all
}

#[actix_web::test]
async fn forged_tokens_are_not_accepted() {
    let world = World::new().await;
    let ada = world.founder("Ada").await;
    let token = ada.token.clone().expect("a token");
    let parts: Vec<&str> = token.split('.').collect();
    let (claims, key) = (claims(&token), world.app.secrets.key("access-token"));
    let plain = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let resigned = signed(&key, Algorithm::HS256, Some("at+jwt"), &claims);
    world
        .stranger
        .with_token(&resigned, "")
        .get("/v1/me")
        .await
        .expect(200);
    let mut forged = vec![
        String::new(),
        "x".into(),
        "..".into(),
        "a.b.c".into(),
        "x".repeat(5000),
        format!("{token}."),
        format!("{token}A"),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!(
            "{}.{}.{}",
            plain(r#"{"alg":"none","typ":"at+jwt"}"#),
            parts[1],
            ""
        ),
        format!(
            "{}.{}.{}",
            plain(r#"{"alg":"NONE","typ":"at+jwt"}"#),
            parts[1],
            parts[2]
        ),
        format!(
            "{}.{}.{}",
            parts[0],
            plain(&claims.to_string().replace("colonnade", "Colonnade")),
            parts[2]
        ),
        signed(
            b"another secret, another secret, another",
            Algorithm::HS256,
            Some("at+jwt"),
            &claims,
        ),
        signed(
            b"a secret for tests, a secret for tests",
            Algorithm::HS256,
            Some("at+jwt"),
            &claims,
        ),
        signed(b"", Algorithm::HS256, Some("at+jwt"), &claims),
        signed(&key, Algorithm::HS512, Some("at+jwt"), &claims),
        signed(&key, Algorithm::HS256, Some("JWT"), &claims),
        signed(&key, Algorithm::HS256, None, &claims),
        format!("col_{}", "a".repeat(43)),
        "col_".into(),
        format!("col_{token}"),
    ];
    forged.extend(
        bent(&claims)
            .iter()
            .map(|one| signed(&key, Algorithm::HS256, Some("at+jwt"), one)),
    );
    for token in forged {
        let refused = world.stranger.with_token(&token, "").get("/v1/me").await;
        let refused = refused.refused(401, "token-not-accepted");
        assert!(
            refused.header("www-authenticate").starts_with("Bearer "),
            "{token}"
        );
    }
    let mut old = claims.clone();
    old["exp"] = json!(1);
    let old = signed(&key, Algorithm::HS256, Some("at+jwt"), &old);
    world
        .stranger
        .with_token(&old, "")
        .get("/v1/me")
        .await
        .refused(401, "token-expired");
    for value in ["Basic YTpi", "Bearer", "Token x", &token, ""] {
        let ask = world
            .stranger
            .ask(Method::GET, "/v1/me")
            .header("Authorization", value);
        let refused = ask.send().await.refused(401, "token-not-accepted");
        assert!(
            refused.header("www-authenticate").starts_with("Bearer "),
            "{value}"
        );
    }
    let none = world
        .stranger
        .get("/v1/me")
        .await
        .refused(401, "sign-in-needed");
    assert_eq!(
        none.header("www-authenticate"),
        "Bearer realm=\"colonnade\""
    );
}

#[actix_web::test]
async fn a_replaced_token_is_worth_nothing_at_once() {
    let world = World::new().await;
    world.founder("Ada").await;
    let first = Device::open(&world, "ada@example.org").await;
    let lost = rotated(&world, &first.refresh).await;
    let third = rotated(&world, &first.refresh).await;
    world.pass(Duration::seconds(1));
    lost.is_dead_token(&world).await;
    drop(third);
}

#[actix_web::test]
async fn a_forgotten_password_is_replaced_by_a_code_that_works_once() {
    let world = World::new().await;
    world.founder("Ada").await;
    let device = Device::open(&world, "ada@example.org").await;
    let before = world.mails().await.len();
    let forgot = |email: &str| {
        world
            .stranger
            .post("/v1/accounts/password-reset", json!({ "email": email }))
    };
    let known = forgot("Ada@Example.org").await.expect(202);
    let unknown = forgot("nobody@example.org").await.expect(202);
    assert_eq!(known.text, unknown.text);
    let letters = world.mails().await;
    assert_eq!(
        (letters.len() - before, letters[before].to.as_str()),
        (1, "ada@example.org")
    );
    let code = letters[before].code();
    let reset = |code: &str, password: &str| {
        world.stranger.post(
            "/v1/accounts/password",
            json!({ "token": code, "password": password }),
        )
    };
    let verify = world
        .stranger
        .post("/v1/accounts/verify", json!({ "token": code }));
    verify.await.refused(422, "code-not-valid");
    reset(&code, "short").await.refused(422, "invalid");
    reset(&format!("{code}A"), "something new 1")
        .await
        .refused(422, "code-not-valid");
    device.works().await;
    reset(&code, "something new 1").await.expect(200);
    device.is_dead(&world).await;
    reset(&code, "something new 2")
        .await
        .refused(422, "code-not-valid");
    sign_in(&world, "ada@example.org", PASSWORD)
        .await
        .refused(401, "wrong-credentials");
    sign_in(&world, "ada@example.org", "something new 1")
        .await
        .expect(201);
    world.pass(Duration::hours(1));
    let before = world.mails().await.len();
    forgot("ada@example.org").await.expect(202);
    let late = world.mails().await[before].code();
    world.pass(Duration::hours(2));
    reset(&late, "something new 3")
        .await
        .refused(422, "code-not-valid");
}
