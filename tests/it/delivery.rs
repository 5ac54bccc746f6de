//! What everybody must be told: once, late rather than never, whatever the mail server does meanwhile.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::Duration as Span;
use colonnade::config::Config;
use colonnade::jobs;
use futures_util::future;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::world::app;
use crate::support::{Client, Letter, Setup, Sink, World};

/// A world with mail by SMTP.
async fn world(sink: Sink) -> World {
    World::with(Setup {
        smtp: Some(sink),
        ..Setup::default()
    })
    .await
}

/// The outbox, oldest first, as an admin sees it.
async fn outbox(admin: &Client, state: &str) -> Vec<Value> {
    let path = format!("/v1/mails?state={state}&limit=100&sort=created_at");
    let page = admin.get(&path).await.expect(200).json();
    page["data"].as_array().expect("mails").clone()
}

/// Somebody's submitted application, which queues one mail, to them.
async fn one_mail(world: &World) -> Client {
    let (call, _) = world.open_call(4, &[]).await;
    let founder = world.founder("Ada").await;
    let project = world.project(&founder, "Sangalux").await;
    world.submitted(&founder, &project, &call).await;
    founder
}

/// How many copies of each mail came, by Message-ID.
fn copies(letters: &[Letter]) -> BTreeMap<String, usize> {
    letters.iter().fold(BTreeMap::new(), |mut count, letter| {
        *count.entry(letter.message_id.clone()).or_insert(0) += 1;
        count
    })
}

#[actix_web::test]
async fn a_refused_mail_is_tried_again_after_growing_waits_under_one_message_id() {
    let world = world(Sink::start(3)).await;
    let admin = world.admin().await;
    one_mail(&world).await;
    world.deliver().await;
    for (attempts, wait) in [(1, 30), (2, 60), (3, 120)] {
        assert_eq!(world.mails().await.len(), 0);
        world.pass(Span::seconds(wait - 1));
        world.deliver().await;
        let queued = outbox(&admin, "queued").await;
        assert_eq!(queued.len(), 1);
        assert_eq!(queued[0]["attempts"], attempts, "not before its time");
        assert_eq!(queued[0]["last_error"], "the mail server answered 451");
        world.pass(Span::seconds(1));
        world.deliver().await;
    }
    let letters = world.mails().await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].to, "ada@example.org");
    let sent = outbox(&admin, "sent").await;
    let id = sent[0]["id"].as_str().expect("an id");
    assert_eq!(letters[0].message_id, format!("{id}@example.org"));
    assert_eq!(sent[0]["attempts"], 4);
    world.pass(Span::days(10));
    assert_eq!(world.mails().await.len(), 1, "sent is sent");
}

#[actix_web::test]
async fn a_mail_that_fails_too_often_is_dead_and_an_admin_can_send_it_again() {
    let world = World::with(Setup {
        smtp: Some(Sink::start(3)),
        adjust: Some(|config| config.notifications.attempts = 3),
    })
    .await;
    let admin = world.admin().await;
    let founder = one_mail(&world).await;
    for _ in 0..5 {
        world.deliver().await;
        world.pass(Span::hours(6));
    }
    assert_eq!(world.mails().await.len(), 0);
    assert_eq!(outbox(&admin, "queued").await.len(), 0);
    let dead = outbox(&admin, "dead").await;
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0]["attempts"], 3);
    assert_eq!(dead[0]["last_error"], "the mail server answered 451");
    let id = dead[0]["id"].as_str().expect("an id");
    let path = format!("/v1/mails/{id}/retry");
    founder
        .get("/v1/mails?state=dead")
        .await
        .refused(403, "not-allowed");
    founder
        .post(&path, json!({}))
        .await
        .refused(403, "not-allowed");
    admin.post(&path, json!({})).await.expect(200);
    admin.post(&path, json!({})).await.refused(404, "not-found");
    let letters = world.mails().await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].message_id, format!("{id}@example.org"));
    assert_eq!(outbox(&admin, "dead").await.len(), 0);
}

#[actix_web::test]
async fn a_mail_server_that_hangs_or_is_down_holds_up_no_request() {
    let mut world = world(Sink::start(0)).await;
    let admin = world.admin().await;
    let founder = one_mail(&world).await;
    let sink = world.smtp.take().expect("the mail server");
    sink.freeze();
    // The worker is given up in mid-exchange, as when its process ends.
    let worker = tokio::time::timeout(Duration::from_secs(2), world.deliver());
    let requests = async {
        let mut slowest = Duration::ZERO;
        for number in 0..20 {
            let begun = Instant::now();
            world.project(&founder, &format!("Project {number}")).await;
            slowest = slowest.max(begun.elapsed());
        }
        slowest
    };
    let (_, slowest) = future::join(worker, requests).await;
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    sink.thaw();
    world.deliver().await;
    assert_eq!(sink.letters().len(), 0, "its lease holds still");
    world.pass(Span::seconds(120));
    world.deliver().await;
    assert_eq!(sink.letters().len(), 1);

    drop(sink);
    let (call, _) = world.open_call(4, &[]).await;
    let project = world.project(&founder, "Podoméa").await;
    world.submitted(&founder, &project, &call).await;
    world.deliver().await;
    let queued = outbox(&admin, "queued").await;
    assert_eq!(queued.len(), 1);
    assert_eq!(queued[0]["last_error"], "no connection to the mail server");
}

/// A world whose mail server is waited for one second at most.
async fn impatient_world(sink: Sink) -> World {
    World::with(Setup {
        smtp: Some(sink),
        adjust: Some(|config| config.mail.timeout_seconds = 1),
    })
    .await
}

#[actix_web::test]
async fn a_mail_server_that_never_answers_does_not_stop_the_worker() {
    let mut world = impatient_world(Sink::start(0)).await;
    let admin = world.admin().await;
    let founder = one_mail(&world).await;
    assert_eq!(world.mails().await.len(), 1, "a connection is open now");
    let sink = world.smtp.take().expect("the mail server");
    sink.freeze();
    let (call, _) = world.open_call(4, &[]).await;
    let project = world.project(&founder, "Podoméa").await;
    world.submitted(&founder, &project, &call).await;
    let worker = tokio::time::timeout(Duration::from_secs(10), world.deliver()).await;
    worker.expect("the worker comes back by itself");
    let queued = outbox(&admin, "queued").await;
    assert_eq!(queued.len(), 1);
    assert_eq!(queued[0]["attempts"], 1);
    let why = "the mail server did not answer in time";
    assert_eq!(queued[0]["last_error"], why);
    sink.thaw();
    world.pass(Span::seconds(30));
    world.deliver().await;
    let letters = sink.letters();
    assert_eq!(letters.len(), 2);
    let id = queued[0]["id"].as_str().expect("an id");
    assert_eq!(letters[1].message_id, format!("{id}@example.org"));
}

#[actix_web::test]
async fn an_answer_that_comes_too_late_is_not_taken_for_that_to_the_next_try() {
    let sink = [("SINK_LATE", "1".into()), ("SINK_REFUSE", "1".into())];
    let world = impatient_world(Sink::start_with(&sink)).await;
    let admin = world.admin().await;
    one_mail(&world).await;
    for why in [
        "the mail server did not answer in time",
        "the mail server answered 451",
    ] {
        world.deliver().await;
        let queued = outbox(&admin, "queued").await;
        assert_eq!(queued.len(), 1, "{why}");
        assert_eq!(queued[0]["last_error"], why);
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.pass(Span::seconds(60));
    }
    let letters = world.mails().await;
    let copies = copies(&letters);
    assert_eq!((letters.len(), copies.len()), (2, 1), "one mail, twice");
    assert_eq!(outbox(&admin, "sent").await[0]["attempts"], 3);
}

#[actix_web::test]
async fn a_mail_waits_until_the_sign_in_to_the_mail_server_is_right() {
    let wrong: fn(&mut Config) = |config| config.mail.password = "wrong".into();
    let none: fn(&mut Config) = |config| config.mail.username = String::new();
    for (adjust, code) in [(wrong, "535"), (none, "530")] {
        let world = World::with(Setup {
            smtp: Some(Sink::start(0)),
            adjust: Some(adjust),
        })
        .await;
        let admin = world.admin().await;
        one_mail(&world).await;
        assert_eq!(world.mails().await.len(), 0);
        let queued = outbox(&admin, "queued").await;
        assert_eq!(queued.len(), 1, "{code}");
        let why = format!("the mail server answered {code}");
        assert_eq!(queued[0]["last_error"], why);
        let mut config = world.app.config.clone();
        config.mail.username = "colonnade".into();
        config.mail.password = "let me in".into();
        let mended = app(config, &world.clock);
        world.pass(Span::seconds(30));
        jobs::drain(&mended).await.expect("the worker");
        let letters = world.mails().await;
        assert_eq!(letters.len(), 1);
        let id = queued[0]["id"].as_str().expect("an id");
        assert_eq!(letters[0].message_id, format!("{id}@example.org"));
    }
}

#[actix_web::test]
async fn two_instances_share_the_work_and_nobody_hears_twice() {
    let world = world(Sink::start(0)).await;
    let (call, cohort) = world.open_call(16, &[]).await;
    let (founder, coordinator) = (
        world.founder("Ada").await,
        world.coordinator("Carl", "BE1").await,
    );
    let mut projects = Vec::new();
    for number in 0..5 {
        let title = format!("Project {number}");
        let project = world.admitted(&founder, &coordinator, &call, &cohort, &title);
        projects.push(project.await);
    }
    let before = world.mails().await.len();
    let (other, _) = world.second_instance();
    for round in 0..10 {
        for project in &projects {
            let path = format!("/v1/projects/{project}/transitions");
            for kind in ["hold", "resume"] {
                let body = json!({ "kind": kind, "reason": format!("round {round}") });
                coordinator.post_seen(&path, body).await.expect(201);
            }
        }
        let (first, second) = future::join(jobs::drain(&world.app), jobs::drain(&other)).await;
        let (first, second) = (first.expect("the worker"), second.expect("the other"));
        assert!(first + second >= 30, "{first} and {second}");
    }
    let letters = world.mails().await;
    assert_eq!(letters.len() - before, 200, "one for each person and event");
    assert!(copies(&letters).values().all(|count| *count == 1));
    for reader in ["ada@example.org", "carl@example.org"] {
        let own = letters[before..].iter().filter(|one| one.to == reader);
        assert_eq!(own.count(), 100, "{reader}");
    }
    let waiting = world.app.db.read(|conn| Ok(jobs::waiting(conn)?)).await;
    assert_eq!(waiting.expect("a count"), 0);
}

#[actix_web::test]
async fn a_code_that_has_run_out_is_not_sent_late() {
    let world = world(Sink::start(2)).await;
    let admin = world.admin().await;
    world.founder("Ada").await;
    let ada = json!({ "email": "ada@example.org" });
    let new = json!({ "email": "eve@example.org", "password": "twelve or more", "name": "Eve", "language": "de" });
    let forgotten = "/v1/accounts/password-reset";
    world
        .stranger
        .post(forgotten, ada.clone())
        .await
        .expect(202);
    world.stranger.post("/v1/accounts", new).await.expect(201);
    // The mail server refuses both for the time being.
    assert_eq!(world.mails().await.len(), 0);
    world.pass(Span::hours(2));
    let letters = world.mails().await;
    assert_eq!(letters.len(), 1, "a sign-up's code holds longer");
    assert_eq!(letters[0].to, "eve@example.org");
    let dead = outbox(&admin, "dead").await;
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0]["template"], "reset_password");
    assert_eq!(dead[0]["last_error"], "it ran out before it could leave");
    world.stranger.post(forgotten, ada).await.expect(202);
    assert_eq!(world.mails().await.len(), 2);
}

/// Somebody's first message, and kind and mark of all about projects. An application's may be as old as the first of
/// them, so that either may come first.
async fn list(reader: &Client) -> (Value, Vec<(String, bool)>) {
    let page = reader.get("/v1/me/notifications").await.expect(200).json();
    let short = |one: &Value| {
        let kind = one["kind"]
            .as_str()
            .filter(|kind| kind.starts_with("project."))?;
        Some((kind.to_owned(), one["read"] == true))
    };
    let messages = page["data"].as_array().expect("messages");
    (
        page["data"][0].clone(),
        messages.iter().filter_map(short).collect(),
    )
}

#[actix_web::test]
async fn messages_are_listed_unread_first_and_belong_to_one_person() {
    let world = World::new().await;
    let (call, cohort) = world.open_call(16, &[]).await;
    let (founder, coordinator, other) = (
        world.founder("Ada").await,
        world.coordinator("Carl", "BE1").await,
        world.founder("Eve").await,
    );
    let project = world.admitted(&founder, &coordinator, &call, &cohort, "Sangalux");
    let moves = format!("/v1/projects/{}/transitions", project.await);
    for kind in ["hold", "resume"] {
        world.pass(Span::minutes(1));
        let body = json!({ "kind": kind, "reason": "waiting" });
        coordinator.post_seen(&moves, body).await.expect(201);
    }
    world.deliver().await;
    let (newest, kinds) = list(&founder).await;
    let all = [
        ("project.resumed", false),
        ("project.held", false),
        ("project.entered", false),
    ];
    assert_eq!(kinds, all.map(|(kind, read)| (kind.to_owned(), read)));

    let path = format!(
        "/v1/me/notifications/{}",
        newest["id"].as_str().expect("an id")
    );
    let read = json!({ "read": true });
    let etag = founder.get(&path).await.expect(200).header("etag");
    other.get(&path).await.refused(404, "not-found");
    other
        .patch(&path, "*", read.clone())
        .await
        .refused(404, "not-found");
    coordinator
        .patch(&path, &etag, read.clone())
        .await
        .refused(404, "not-found");
    let unseen = founder.ask(reqwest::Method::PATCH, &path).json(&read);
    unseen.send().await.refused(428, "version-needed");
    let changed = founder.patch(&path, &etag, read.clone()).await.expect(200);
    assert_ne!(changed.header("etag"), etag);
    founder
        .patch(&path, &etag, read)
        .await
        .refused(412, "stale-version");
    let all = [
        ("project.held", false),
        ("project.entered", false),
        ("project.resumed", true),
    ];
    assert_eq!(
        list(&founder).await.1,
        all.map(|(kind, read)| (kind.to_owned(), read))
    );
    let unread = founder
        .get("/v1/me/notifications?read=false")
        .await
        .expect(200);
    assert_eq!(unread.json()["data"].as_array().expect("messages").len(), 3);
    let foreign = other.get("/v1/me/notifications").await.expect(200);
    assert_eq!(foreign.json()["data"], json!([]));
}

#[actix_web::test]
async fn messages_come_page_by_page_each_once() {
    let world = World::new().await;
    let (call, cohort) = world.open_call(16, &[]).await;
    let (founder, coordinator) = (
        world.founder("Ada").await,
        world.coordinator("Carl", "BE1").await,
    );
    let project = world.admitted(&founder, &coordinator, &call, &cohort, "Sangalux");
    let moves = format!("/v1/projects/{}/transitions", project.await);
    // The clock stands still, so that only their ids put these messages into an order.
    for number in 0..8 {
        let kind = ["hold", "resume"][number % 2];
        let body = json!({ "kind": kind, "reason": "waiting" });
        coordinator.post_seen(&moves, body).await.expect(201);
    }
    world.deliver().await;
    let whole = founder
        .get("/v1/me/notifications?limit=100")
        .await
        .expect(200)
        .json();
    let whole = whole["data"].as_array().expect("messages").clone();
    assert_eq!(whole.len(), 10);
    for one in [1, 4, 7] {
        let path = format!(
            "/v1/me/notifications/{}",
            whole[one]["id"].as_str().expect("an id")
        );
        founder
            .patch(&path, "\"1\"", json!({ "read": true }))
            .await
            .expect(200);
    }
    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let page = founder
            .get(&format!("/v1/me/notifications?limit=3{next}"))
            .await
            .expect(200)
            .json();
        for one in page["data"].as_array().expect("messages") {
            seen.push((one["read"] == true, one["id"].to_string()));
        }
        let Some(cursor) = page["next"].as_str() else {
            break;
        };
        next = format!("&cursor={cursor}");
    }
    assert!(seen.is_sorted_by_key(|(read, _)| *read), "{seen:?}");
    let mut ids: Vec<&String> = seen.iter().map(|(_, id)| id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!((seen.len(), ids.len()), (10, 10));
}

#[actix_web::test]
async fn who_has_two_roles_on_a_project_gets_one_mail() {
    let world = world(Sink::start(0)).await;
    let (call, cohort) = world.open_call(16, &[]).await;
    let coordinator = world.coordinator("Carl", "BE1").await;
    let both = world.lead("Ada", "bhic").await;
    let project = world.project(&both, "Sangalux").await;
    let application = world.submitted(&both, &project, &call).await;
    let before = world.mails().await.len();
    let body = json!({ "outcome": "accept", "cohort_id": cohort, "pillar": "create_learn" });
    let decision = format!("/v1/applications/{application}/decision");
    coordinator.post_seen(&decision, body).await.expect(200);
    let letters = world.mails().await;
    let mut readers: Vec<&str> = letters[before..]
        .iter()
        .map(|one| one.to.as_str())
        .collect();
    readers.sort_unstable();
    assert_eq!(readers, ["ada@example.org", "carl@example.org"]);
}

#[actix_web::test]
async fn mails_and_messages_follow_the_language_of_the_account() {
    let world = world(Sink::start(0)).await;
    let founder = one_mail(&world).await;
    // The mail is queued already; it is written when it leaves.
    let etag = founder.get("/v1/me").await.expect(200).header("etag");
    let dutch = json!({ "language": "nl" });
    founder.patch("/v1/me", &etag, dutch).await.expect(200);
    let letters = world.mails().await;
    assert_eq!(letters[0].language, "nl");
    assert!(letters[0].html.contains("lang=\"nl\""));
    let line = || async {
        let page = founder.get("/v1/me/notifications").await.expect(200);
        page.text_at("/data/0/message")
    };
    assert_eq!(line().await, letters[0].subject);
    let etag = founder.get("/v1/me").await.expect(200).header("etag");
    let german = json!({ "language": "de" });
    let answer = founder.patch("/v1/me", &etag, german).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_ne!(line().await, letters[0].subject);
    let asked = founder.ask(reqwest::Method::GET, "/v1/me/notifications");
    let asked = asked.header("accept-language", "nl-BE").send().await;
    assert_eq!(asked.text_at("/data/0/message"), letters[0].subject);
    assert_eq!(
        world.mails().await.len(),
        1,
        "a new language is no new mail"
    );
}
