//! Signing in and out: tokens that rotate, rights that end at once, codes that work once.

use chrono::Duration;
use colonnade::clock::{Clock, SystemClock};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::database::server;
use crate::support::mailbox::letters;
use crate::support::program::{self, Server};
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
    let racing = (0..32).map(|number| {
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
    let answers = join_all(racing).await;
    assert!(answers.iter().any(|answer| answer.status == 200));
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
    let ask = world.stranger.ask(Method::POST, "/v1/sessions");
    let credentials = json!({ "email": "ada@example.org", "password": PASSWORD });
    let named = format!("Phone/1.0 {}", "x".repeat(300));
    let answer = ask
        .header("User-Agent", &named)
        .json(&credentials)
        .send()
        .await;
    let phone = Device::holding(&world, &answer.expect(201));
    let sessions = ada.get("/v1/sessions").await.expect(200).json();
    let rows = sessions["data"].as_array().expect("sessions");
    let current = |wanted: bool| rows.iter().filter(move |row| row["current"] == wanted);
    assert_eq!((rows.len(), current(true).count()), (2, 1));
    let device = |row: &Value| row["device"].as_str().map(str::to_owned);
    assert_eq!(
        current(true).next().map(device),
        Some(None),
        "it gave no name"
    );
    let shown = current(false).next().and_then(device);
    assert_eq!(shown.as_deref(), Some(&named[..200]));
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
async fn a_session_shows_when_it_was_last_used() {
    let world = World::new().await;
    world.founder("Ada").await;
    let device = Device::open(&world, "ada@example.org").await;
    world.pass(Duration::hours(3));
    let device = rotated(&world, &device.refresh).await;
    let sessions = device.client.get("/v1/sessions").await.expect(200).json();
    let own = sessions["data"]
        .as_array()
        .expect("sessions")
        .iter()
        .find(|row| row["current"] == true);
    let own = own.expect("its own");
    assert_eq!(own["created_at"], "2026-03-02T09:00:00Z");
    assert_eq!(own["last_used_at"], "2026-03-02T12:00:01Z");
}

#[actix_web::test]
async fn people_end_all_their_other_sessions_at_once() {
    let world = World::new().await;
    let ada = world.founder("Ada").await;
    let bob = world.founder("Bob").await;
    let mut devices = Vec::new();
    for _ in 0..3 {
        devices.push(Device::open(&world, "ada@example.org").await);
    }
    ada.delete("/v1/sessions").await.expect(204);
    for device in &devices {
        device.is_dead(&world).await;
    }
    ada.get("/v1/me").await.expect(200);
    bob.get("/v1/me").await.expect(200);
    let ended = "SELECT kind AS t FROM events WHERE kind = 'session.ended'";
    assert_eq!(world.database.texts(ended).len(), 3);
    ada.delete("/v1/sessions").await.expect(204);
    world
        .stranger
        .delete("/v1/sessions")
        .await
        .refused(401, "sign-in-needed");
}

#[actix_web::test]
async fn a_code_used_many_times_at_once_works_once() {
    let world = World::new().await;
    world.founder("Ada").await;
    let (_, second) = world.second_instance();
    let new = json!({ "email": "eve@example.org", "password": PASSWORD, "name": "Eve", "language": "en" });
    world.stranger.post("/v1/accounts", new).await.expect(201);
    let forgotten = json!({ "email": "ada@example.org" });
    let forgot = "/v1/accounts/password-reset";
    world.stranger.post(forgot, forgotten).await.expect(202);
    let letters = world.mails().await;
    let code = |to: &str| {
        letters
            .iter()
            .rfind(|one| one.to == to)
            .expect("a mail")
            .code()
    };
    for (path, body) in [
        (
            "/v1/accounts/verify",
            json!({ "token": code("eve@example.org") }),
        ),
        (
            "/v1/accounts/password",
            json!({ "token": code("ada@example.org"), "password": "something newer 1" }),
        ),
    ] {
        // From networks of their own, so that no limit hides what the code itself allows.
        let racing = (0..64).map(|turn| {
            let instance = [&world.stranger, &second][turn % 2];
            let client = instance.at(&format!("198.51.100.{turn}"));
            let body = body.clone();
            async move { client.post(path, body).await }
        });
        let answers = join_all(racing).await;
        let successes = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(successes, 1, "{path}");
        for answer in answers.into_iter().filter(|answer| answer.status != 200) {
            answer.refused(422, "code-not-valid");
        }
    }
}

/// Two programs over one database, where the database allows it; else one that plays both.
struct Programs {
    here: Client,
    there: Client,
    _servers: Vec<Server>,
}

impl Programs {
    async fn start(environment: &program::Environment) -> Self {
        let mut servers = vec![Server::start(environment).await];
        if server().is_some() {
            servers.push(Server::start(environment).await);
        }
        let client = |server: Option<&Server>| Client::stranger(&server.expect("a server").base);
        Self {
            here: client(servers.first()),
            there: client(servers.last()),
            _servers: servers,
        }
    }

    /// Signs in here: the token, as a client here and as one there.
    async fn enter(&self, email: &str, password: &str) -> (Client, Client) {
        let body = json!({ "email": email, "password": password });
        let answer = self.here.post("/v1/sessions", body).await.expect(201);
        let token = answer.text_at("/access_token");
        let (here, there) = (
            self.here.with_token(&token, ""),
            self.there.with_token(&token, ""),
        );
        there.get("/v1/me").await.expect(200);
        (here, there)
    }
}

/// Waits until the mail with a code for a new password has come, and gives the code.
async fn reset_code(folder: &std::path::Path) -> String {
    for _ in 0..100 {
        let come = letters(folder, "eml");
        if let Some(letter) = come.iter().find(|letter| letter.text.contains("#reset=")) {
            return letter.code();
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("no mail");
}

#[actix_web::test]
async fn what_ends_has_ended_on_every_instance_at_the_next_request() {
    let world = World::new().await;
    world.clock.set(SystemClock.now());
    world.founder("Ada").await;
    world.admin().await;
    let carl = world.coordinator("Carl", "BE1").await;
    let (folder, database) = world.leave().await;
    let environment = program::environment(&database.url, folder.path());
    let programs = Programs::start(&environment).await;
    let (ada, gone) = ("ada@example.org", "token-not-accepted");

    let (here, there) = programs.enter(ada, PASSWORD).await;
    here.delete("/v1/sessions/current").await.expect(204);
    there.get("/v1/me").await.refused(401, gone);

    let (here, _) = programs.enter(ada, PASSWORD).await;
    let (_, other) = programs.enter(ada, PASSWORD).await;
    here.delete("/v1/sessions").await.expect(204);
    other.get("/v1/me").await.refused(401, gone);

    let (_, other) = programs.enter(ada, PASSWORD).await;
    let body = json!({ "current_password": PASSWORD, "new_password": "something newer 1" });
    here.put("/v1/me/password", body).await.expect(204);
    other.get("/v1/me").await.refused(401, gone);
    here.get("/v1/me").await.expect(200);

    let (_, other) = programs.enter(ada, "something newer 1").await;
    let path = "/v1/accounts/password-reset";
    programs
        .here
        .post(path, json!({ "email": ada }))
        .await
        .expect(202);
    let code = reset_code(&folder.path().join("mail")).await;
    let body = json!({ "token": code, "password": "something newer 2" });
    programs
        .here
        .post("/v1/accounts/password", body)
        .await
        .expect(200);
    other.get("/v1/me").await.refused(401, gone);

    let (admin, _) = programs.enter("admin@example.org", PASSWORD).await;
    let (_, coordinator) = programs.enter("carl@example.org", PASSWORD).await;
    coordinator.get("/v1/accounts").await.expect(200);
    let me = coordinator.get("/v1/me").await.expect(200);
    let path = format!(
        "/v1/accounts/{}/grants/{}",
        carl.id,
        me.text_at("/grants/0/id")
    );
    admin.delete(&path).await.expect(204);
    coordinator
        .get("/v1/accounts")
        .await
        .refused(403, "not-allowed");
    let body = json!({ "role": "coordinator", "scope": { "kind": "region", "region": "BE1" } });
    let path = format!("/v1/accounts/{}/grants", carl.id);
    admin.post(&path, body).await.expect(201);
    coordinator.get("/v1/accounts").await.expect(200);

    database
        .execute("UPDATE accounts SET disabled_at = created_at WHERE email = 'carl@example.org'");
    coordinator.get("/v1/me").await.refused(401, gone);
}

/// Everything that is kept, as text.
fn dump(world: &World) -> String {
    let names = if server().is_some() {
        "SELECT tablename::text AS t FROM pg_tables WHERE schemaname = 'public'"
    } else {
        let path = world.database.url.trim_start_matches("sqlite:");
        let bytes = [path.to_owned(), format!("{path}-wal")]
            .map(|file| std::fs::read(file).unwrap_or_default());
        return bytes
            .iter()
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            .collect();
    };
    let tables = world.database.texts(names);
    let rows = |name: &String| {
        world
            .database
            .texts(&format!("SELECT x::text AS t FROM \"{name}\" x"))
    };
    tables.iter().flat_map(rows).collect()
}

#[actix_web::test]
async fn the_database_holds_nothing_that_opens_a_door() {
    let world = World::new().await;
    let admin = world.admin().await;
    world.founder("Ada").await;
    let ask = world
        .stranger
        .ask(Method::POST, "/v1/sessions")
        .header("Idempotency-Key", "key-1");
    let credentials = json!({ "email": "ada@example.org", "password": PASSWORD });
    let answer = ask.json(&credentials).send().await.expect(201);
    let device = Device::holding(&world, &answer);
    let next = rotated(&world, &device.refresh).await;
    let body = json!({ "name": "Key", "role": "partner", "scope": { "kind": "network" }, "actions": ["read:dashboards"], "expires_in_days": 1 });
    let key = admin
        .post("/v1/api-keys", body)
        .await
        .expect(201)
        .text_at("/key");
    let reset = json!({ "email": "ada@example.org" });
    world
        .stranger
        .post("/v1/accounts/password-reset", reset)
        .await
        .expect(202);
    let new = json!({ "email": "eve@example.org", "password": PASSWORD, "name": "Eve", "language": "en" });
    world.stranger.post("/v1/accounts", new).await.expect(201);
    let codes: Vec<String> = world
        .mails()
        .await
        .iter()
        .map(crate::support::Letter::code)
        .collect();
    assert_eq!(codes.len(), 2);
    let mut secrets = codes.clone();
    for client in [&device.client, &next.client, &admin] {
        secrets.push(client.token.clone().expect("a token"));
    }
    secrets.extend([
        device.refresh.clone(),
        next.refresh.clone(),
        key,
        PASSWORD.to_owned(),
    ]);
    let dump = dump(&world);
    assert!(dump.contains("ada@example.org"), "it is a dump");
    for secret in &secrets {
        assert!(!dump.contains(secret), "{secret}");
        // Nor in pieces: the signature of a token, the code without the row's id.
        let end = &secret[secret.len().saturating_sub(20)..];
        assert!(!dump.contains(end), "the end of {secret}");
    }
    let kept = [
        "SELECT digest AS t FROM refresh_tokens",
        "SELECT digest AS t FROM api_keys",
        "SELECT sealed AS t FROM idempotency_keys WHERE sealed IS NOT NULL",
    ];
    for text in kept.iter().flat_map(|query| world.database.texts(query)) {
        if text.len() <= 200 {
            refresh(&world, &text)
                .await
                .refused(401, "refresh-not-accepted");
        }
        for token in [text.clone(), format!("col_{text}")] {
            let client = world.stranger.with_token(&token, "");
            client
                .get("/v1/me")
                .await
                .refused(401, "token-not-accepted");
        }
    }
    next.works().await;
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
    change("not my password", "something newer 1")
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
async fn strangers_can_not_flood_a_mailbox() {
    let world = World::new().await;
    world.founder("Ada").await;
    let sign_up = |email: &str| {
        let body = json!({ "email": email, "password": PASSWORD, "name": "Eve", "language": "en" });
        world.stranger.post("/v1/accounts", body)
    };
    let mut texts = Vec::new();
    for email in ["new@example.org", "ada@example.org"] {
        for _ in 0..5 {
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
    reset(&format!("{code}A"), "something newer 1")
        .await
        .refused(422, "code-not-valid");
    device.works().await;
    reset(&code, "something newer 1").await.expect(200);
    device.is_dead(&world).await;
    reset(&code, "something newer 2")
        .await
        .refused(422, "code-not-valid");
    sign_in(&world, "ada@example.org", PASSWORD)
        .await
        .refused(401, "wrong-credentials");
    sign_in(&world, "ada@example.org", "something newer 1")
        .await
        .expect(201);
    world.pass(Duration::hours(1));
    let before = world.mails().await.len();
    forgot("ada@example.org").await.expect(202);
    let late = world.mails().await[before].code();
    world.pass(Duration::hours(2));
    reset(&late, "something newer 3")
        .await
        .refused(422, "code-not-valid");
}
