//! What all routes have in common: how they read, refuse, keep versions, repeat, list and speak.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use colonnade::db::Place;
use colonnade::db::connection::Purpose;
use diesel::connection::SimpleConnection;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::world::new_project;
use crate::support::{Answer, Client, World};

/// What must not change when a request is refused.
fn rows(world: &World) -> Vec<i64> {
    let events = "events WHERE kind <> 'attempt.refused'";
    ["projects", "applications", events, "idempotency_keys"]
        .map(|table| world.count(table))
        .to_vec()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(pointer, code)| ((*pointer).to_owned(), (*code).to_owned()))
        .collect()
}

async fn post_raw(client: &Client, kind: &str, body: impl Into<reqwest::Body>) -> Answer {
    client
        .ask(Method::POST, "/v1/projects")
        .body(kind, body)
        .send()
        .await
}

/// Arrays in arrays, so many.
fn nested(depth: usize) -> String {
    format!("{}{}", "[".repeat(depth), "]".repeat(depth))
}

#[actix_web::test]
async fn what_is_no_json_is_unreadable() {
    let world = World::new().await;
    let founder = world.founder("Ada").await;
    let before = rows(&world);
    for body in [
        "",
        "{",
        "nul",
        "[1,",
        "{\"title\": \"a\"}}",
        "\u{feff}{}",
        "{'a': 1}",
        "{\"a\": NaN}",
    ] {
        post_raw(&founder, "application/json", body)
            .await
            .refused(400, "unreadable");
    }
    post_raw(
        &founder,
        "application/json",
        b"{\"title\": \"\xff\"}".to_vec(),
    )
    .await
    .refused(400, "unreadable");
    assert_eq!(rows(&world), before);
}

#[actix_web::test]
async fn every_mistake_is_named_at_once() {
    let world = World::new().await;
    let founder = world.founder("Ada").await;
    let before = rows(&world);
    let body = json!({
        "title": 5, "sector": "alchemy", "country": "be", "extra": 1, "language": "xx", "website": "ftp://x.be",
    });
    let answer = founder
        .post("/v1/projects", body)
        .await
        .refused(422, "invalid");
    let expected = [
        ("/country", "wrong-format"),
        ("/extra", "unknown-field"),
        ("/language", "not-one-of"),
        ("/sector", "not-one-of"),
        ("/summary", "required"),
        ("/title", "wrong-type"),
        ("/website", "wrong-format"),
    ];
    assert_eq!(answer.errors(), pairs(&expected));
    for (body, expected) in [
        (json!([]), ("", "wrong-type")),
        (json!("text"), ("", "wrong-type")),
        (json!(null), ("", "wrong-type")),
    ] {
        let answer = founder
            .post("/v1/projects", body)
            .await
            .refused(422, "invalid");
        assert_eq!(answer.errors(), pairs(&[expected]));
    }
    let mut long = new_project("T");
    long["title"] = "é".repeat(201).into();
    long["summary"] = " \n ".into();
    let answer = founder
        .post("/v1/projects", long)
        .await
        .refused(422, "invalid");
    assert_eq!(
        answer.errors(),
        pairs(&[("/summary", "empty"), ("/title", "too-long")])
    );
    assert_eq!(rows(&world), before);
}

#[actix_web::test]
async fn bodies_have_a_largest_size() {
    let world = World::new().await;
    let founder = world.founder("Ada").await;
    let limit = 256 * 1024;
    let padded = |size: usize| {
        let body = new_project("Padded").to_string();
        format!("{body}{}", " ".repeat(size - body.len()))
    };
    post_raw(&founder, "application/json", padded(limit))
        .await
        .expect(201);
    let before = rows(&world);
    post_raw(&founder, "application/json", padded(limit + 1))
        .await
        .refused(413, "too-large");
    let started = Instant::now();
    post_raw(&founder, "application/json", padded(10_000_000))
        .await
        .refused(413, "too-large");
    assert!(
        started.elapsed() < Duration::from_secs(1),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(rows(&world), before);
}

#[actix_web::test]
async fn a_body_of_unknown_length_has_the_same_largest_size() {
    let world = World::new().await;
    let founder = world.founder("Ada").await;
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    let request = format!(
        "{}Transfer-Encoding: chunked\r\n\r\n{}",
        head(&founder, "POST /v1/projects"),
        chunk.repeat(5)
    );
    let mut stream = connect(&world).await;
    stream
        .write_all(request.as_bytes())
        .await
        .expect("to write");
    let answer = read_some(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("\"code\":\"too-large\""), "{answer}");
}

#[actix_web::test]
async fn bodies_nest_32_deep_and_no_deeper() {
    let world = World::new().await;
    let (call, _) = world.open_call(9, &[]).await;
    let founder = world.founder("Ada").await;
    let body = |project: &str, deep: usize| {
        format!(
            "{{\"project_id\":\"{project}\",\"call_id\":\"{call}\",\"answers\":{{\"a\":{}}}}}",
            nested(deep - 2)
        )
    };
    let post = |body: String| {
        let ask = founder.ask(Method::POST, "/v1/applications");
        ask.body("application/json", body).send()
    };
    let project = world.project(&founder, "Deep").await;
    let before = rows(&world);
    for deep in [33, 34, 1_000, 100_000] {
        post(body(&project, deep)).await.refused(400, "unreadable");
    }
    assert_eq!(rows(&world), before);
    let made = post(body(&project, 32)).await.expect(201);
    assert_eq!(made.json()["answers"]["a"].to_string(), nested(30));
}

#[actix_web::test]
async fn only_plain_json_is_taken() {
    let world = World::new().await;
    let founder = world.founder("Ada").await;
    let before = rows(&world);
    let body = new_project("Typed").to_string();
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/xml",
    ] {
        post_raw(&founder, kind, body.clone())
            .await
            .refused(415, "unsupported-media-type");
    }
    let ask = founder.ask(Method::POST, "/v1/projects");
    let packed = ask
        .header("content-encoding", "gzip")
        .body("application/json", body.clone());
    packed.send().await.refused(415, "unsupported-media-type");
    assert_eq!(rows(&world), before);
    post_raw(&founder, "application/json; charset=utf-8", body)
        .await
        .expect(201);
}

#[actix_web::test]
async fn what_is_not_there_is_not_found() {
    let world = World::new().await;
    let admin = world.admin().await;
    let paths = [
        "/v1/projects/ID",
        "/v1/projects/ID/actions",
        "/v1/projects/ID/transitions",
        "/v1/projects/ID/stays",
        "/v1/projects/ID/milestones",
        "/v1/projects/ID/milestones/ID",
        "/v1/projects/ID/assignments",
        "/v1/projects/ID/assignments/ID",
        "/v1/projects/ID/updates",
        "/v1/projects/ID/coaching-sessions",
        "/v1/projects/ID/coaching-sessions/ID",
        "/v1/projects/ID/team",
        "/v1/applications/ID",
        "/v1/applications/ID/receipt",
        "/v1/applications/ID/matches",
        "/v1/applications/ID/duplicates",
        "/v1/applications/ID/routings",
        "/v1/cohorts/ID",
        "/v1/cohorts/ID/dashboard",
        "/v1/calls/ID",
        "/v1/calls/ID/eligibility",
        "/v1/api-keys/ID",
        "/v1/accounts/ID",
        "/v1/regions/ID/dashboard",
        "/v1/postal-codes/BE/ID",
        "/problems/ID",
        "/v1/nothing/ID",
        "/ID",
    ];
    let unknown = uuid::Uuid::now_v7().to_string();
    for id in [
        unknown.as_str(),
        "1",
        "not-a-uuid",
        "00000000-0000-0000-0000-000000000000",
        "%F0%9F%98%80",
    ] {
        for path in paths {
            admin
                .get(&path.replace("ID", id))
                .await
                .refused(404, "not-found");
        }
    }
    let step = json!({ "kind": "hold", "reason": "r" });
    admin
        .post_seen(&format!("/v1/projects/{unknown}/transitions"), step)
        .await
        .refused(404, "not-found");
}

#[actix_web::test]
async fn a_wrong_method_hears_which_are_right() {
    let world = World::new().await;
    let admin = world.admin().await;
    for (method, path, allowed) in [
        (Method::DELETE, "/v1/projects", "GET, HEAD, POST"),
        (Method::PUT, "/v1/me", "GET, HEAD, PATCH"),
        // `refresh` could be the id of a session to end.
        (Method::GET, "/v1/sessions/refresh", "DELETE, POST"),
        (Method::PATCH, "/v1/regions", "GET, HEAD"),
    ] {
        let answer = admin.ask(method.clone(), path).send().await;
        let answer = answer.refused(405, "method-not-allowed");
        assert_eq!(answer.header("allow"), allowed, "{method} {path}");
    }
}

#[actix_web::test]
async fn addresses_and_headers_have_a_largest_size() {
    let world = World::new().await;
    let founder = world.founder("Ada").await;
    let long = |length: usize| {
        let start = "/v1/projects?q=";
        format!("{start}{}", "a".repeat(length - start.len()))
    };
    founder.get(&long(8 * 1024)).await.refused(422, "invalid");
    founder
        .get(&long(8 * 1024 + 1))
        .await
        .refused(414, "uri-too-long");
    founder
        .get(&long(60_000))
        .await
        .refused(414, "uri-too-long");
    let wide = |length: usize| {
        let ask = founder.ask(Method::GET, "/v1/me");
        ask.header("x-wide", &"a".repeat(length)).send()
    };
    wide(30_000).await.expect(200);
    wide(32 * 1024).await.refused(431, "headers-too-large");
    for size in [200_000, 2_000_000] {
        let request = format!(
            "{}X-Wide: {}\r\n\r\n",
            head(&founder, "GET /v1/me"),
            "a".repeat(size)
        );
        let mut stream = connect(&world).await;
        let sent = stream.write_all(request.as_bytes()).await;
        let answer = read_some(&mut stream).await;
        let refused = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
        assert!(refused, "{size}, sent {sent:?}: {answer}");
    }
    world.founder("Bob").await.get("/v1/me").await.expect(200);
}

fn head(client: &Client, line: &str) -> String {
    let token = client.token.as_deref().unwrap_or_default();
    format!(
        "{line} HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
    )
}

#[actix_web::test]
async fn what_no_parser_understands_is_a_problem_too() {
    let world = World::new().await;
    let wide = format!("GET /v1/me HTTP/1.1\r\nx: {}\r\n", "x".repeat(131_100));
    for (said, status, code) in [
        ("no such thing\r\n\r\n", 400, "unreadable"),
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n", 400, "unreadable"),
        (wide.as_str(), 431, "headers-too-large"),
    ] {
        let mut stream = connect(&world).await;
        let _ = stream.write_all(said.as_bytes()).await;
        let answer = read_some(&mut stream).await;
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        assert!(
            head.contains("content-type: application/problem+json"),
            "{head}"
        );
        assert!(
            head.contains(&format!("content-length: {}", body.len())),
            "{head}"
        );
        let problem: Value = serde_json::from_str(body).expect("a problem document");
        assert_eq!(
            (&problem["code"], &problem["status"]),
            (&json!(code), &json!(status))
        );
    }
    world.stranger.get("/health/live").await.expect(200);
}

async fn connect(world: &World) -> TcpStream {
    let address = world.stranger.base.trim_start_matches("http://").to_owned();
    TcpStream::connect(address).await.expect("a connection")
}

/// What comes within three seconds; nothing where the connection is cut.
async fn read_some(stream: &mut TcpStream) -> String {
    let mut bytes = vec![0; 16 * 1024];
    let read = tokio::time::timeout(Duration::from_secs(3), stream.read(&mut bytes)).await;
    let length = read.expect("an answer or the end").unwrap_or_default();
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

#[actix_web::test]
async fn a_body_that_drips_is_cut_off() {
    let world = World::new().await;
    let founder = world.founder("Ada").await;
    let before = rows(&world);
    let mut stream = connect(&world).await;
    let head = format!(
        "{}Content-Length: 1000\r\n\r\n",
        head(&founder, "POST /v1/projects")
    );
    stream.write_all(head.as_bytes()).await.expect("to write");
    let (mut reader, mut writer) = stream.split();
    let (mut answer, mut bytes) = (String::new(), vec![0; 4096]);
    let started = Instant::now();
    loop {
        // The answer comes after the second that a body may take here; the server hangs up five seconds later.
        assert!(
            !answer.is_empty() || started.elapsed() < Duration::from_secs(3),
            "no answer"
        );
        assert!(
            started.elapsed() < Duration::from_secs(8),
            "still open: {answer}"
        );
        tokio::select! {
            read = reader.read(&mut bytes) => match read {
                Ok(length) if length > 0 => answer.push_str(&String::from_utf8_lossy(&bytes[..length])),
                _ => break,
            },
            () = tokio::time::sleep(Duration::from_millis(300)) => {
                if writer.write_all(b" ").await.is_err() {
                    break;
                }
            }
        }
    }
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(
        answer.contains("application/problem+json")
            && answer.contains("\"code\":\"request-timeout\"")
    );
    assert_eq!(rows(&world), before);
}

#[actix_web::test]
async fn nobody_overwrites_what_they_have_not_seen() {
    let world = World::new().await;
    let founder = world.founder("Ada").await;
    let path = format!("/v1/projects/{}", world.project(&founder, "One").await);
    let title = |title: &str| json!({ "title": title });
    let blind = founder
        .ask(Method::PATCH, &path)
        .json(&title("Two"))
        .send()
        .await;
    blind.refused(428, "version-needed");
    for stale in ["\"2\"", "\"0\"", "W/\"1\"", "1", "\"x\"", ""] {
        founder
            .patch(&path, stale, title("Two"))
            .await
            .refused(412, "stale-version");
    }
    let seen = founder.get(&path).await.expect(200);
    assert_eq!(
        (seen.text_at("/title"), seen.header("etag")),
        ("One".into(), "\"1\"".into())
    );
    let changed = founder
        .patch(&path, "\"9\", \"1\"", title("Two"))
        .await
        .expect(200);
    assert_eq!(
        (changed.text_at("/title"), changed.header("etag")),
        ("Two".into(), "\"2\"".into())
    );
    founder
        .patch(&path, "\"1\"", title("Three"))
        .await
        .refused(412, "stale-version");
    founder.patch(&path, "*", title("Three")).await.expect(200);

    let racing = (0..16).map(|number| founder.patch(&path, "\"3\"", title(&number.to_string())));
    let answers = join_all(racing).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(won, 1);
    for lost in answers.into_iter().filter(|answer| answer.status != 200) {
        lost.refused(412, "stale-version");
    }
}

#[actix_web::test]
async fn who_has_it_already_gets_no_body() {
    let world = World::new().await;
    let founder = world.founder("Ada").await;
    let project = world.project(&founder, "One").await;
    for path in [
        format!("/v1/projects/{project}"),
        "/v1/me".into(),
        "/v1/regions".into(),
    ] {
        let full = founder.get(&path).await.expect(200);
        let etag = full.header("etag");
        assert!(etag.starts_with('"') && etag.len() > 2, "{path}: {etag}");
        let ask = |tag: &str| {
            founder
                .ask(Method::GET, &path)
                .header("If-None-Match", tag)
                .send()
        };
        for known in [
            etag.as_str(),
            "*",
            &format!("W/{etag}"),
            &format!("\"other\", {etag}"),
        ] {
            let same = ask(known).await.expect(304);
            assert_eq!(
                (same.text.as_str(), same.header("etag")),
                ("", etag.clone()),
                "{path}"
            );
        }
        assert_eq!(ask("\"other\"").await.expect(200).text, full.text);
        let only_head = founder.ask(Method::HEAD, &path).send().await.expect(200);
        assert_eq!(
            (only_head.text.as_str(), only_head.header("etag")),
            ("", etag)
        );
        assert_eq!(
            only_head.header("content-length"),
            full.text.len().to_string()
        );
    }
    let missing = format!("/v1/projects/{}", uuid::Uuid::now_v7());
    let absent = founder.ask(Method::HEAD, &missing).send().await.expect(404);
    assert_eq!(absent.text, "");
}

async fn post_with_key(client: &Client, key: &str, body: &Value) -> Answer {
    let ask = client.ask(Method::POST, "/v1/projects");
    ask.header("Idempotency-Key", key).json(body).send().await
}

#[actix_web::test]
async fn the_same_command_twice_is_done_once() {
    let world = World::new().await;
    let (ada, bob) = (world.founder("Ada").await, world.founder("Bob").await);
    let body = new_project("Once");
    let first = post_with_key(&ada, "key-1", &body).await.expect(201);
    assert_eq!(first.header("idempotency-replayed"), "");
    let again = post_with_key(&ada, "key-1", &body).await.expect(201);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.text, first.text);
    for name in ["etag", "location", "content-type"] {
        assert_eq!(again.header(name), first.header(name), "{name}");
    }
    assert_eq!(world.count("projects"), 1);
    post_with_key(&ada, "key-1", &new_project("Other"))
        .await
        .refused(422, "idempotency-key-reused");
    let elsewhere = ada
        .ask(Method::POST, "/v1/applications")
        .header("Idempotency-Key", "key-1");
    let valid = json!({ "project_id": first.text_at("/id"), "call_id": first.text_at("/id") });
    elsewhere
        .json(&valid)
        .send()
        .await
        .refused(422, "idempotency-key-reused");
    assert_eq!(world.count("projects"), 1);
    let others = post_with_key(&bob, "key-1", &body).await.expect(201);
    assert_ne!(others.text_at("/id"), first.text_at("/id"));
    let (_, second) = world.second_instance();
    let ada_there = second.with_token(ada.token.as_deref().unwrap_or_default(), &ada.id);
    let there = post_with_key(&ada_there, "key-1", &body).await.expect(201);
    assert_eq!(
        (
            there.text,
            there.headers.contains_key("idempotency-replayed")
        ),
        (first.text, true)
    );
    for key in ["", "two words", &"k".repeat(256), "schlüssel"] {
        let refused = post_with_key(&ada, key, &body)
            .await
            .refused(422, "invalid");
        assert_eq!(
            refused.errors(),
            pairs(&[("/Idempotency-Key", "wrong-format")])
        );
    }
    post_with_key(&ada, &"k".repeat(255), &body)
        .await
        .expect(201);
    assert_eq!(world.count("projects"), 3);
    world.pass(chrono::Duration::hours(47));
    assert_eq!(
        post_with_key(&ada, "key-1", &body)
            .await
            .header("idempotency-replayed"),
        "true"
    );
}

#[actix_web::test]
async fn a_refused_command_leaves_its_key_free() {
    let world = World::new().await;
    let ada = world.founder("Ada").await;
    let mut body = new_project("Once");
    body["postal_code"] = "0001".into();
    let before = rows(&world);
    let refused = post_with_key(&ada, "key-1", &body)
        .await
        .refused(422, "invalid");
    assert_eq!(
        refused.errors(),
        pairs(&[("/postal_code", "postal-code-unknown")])
    );
    assert_eq!(rows(&world), before);
    post_with_key(&ada, "key-1", &new_project("Once"))
        .await
        .expect(201);
}

#[actix_web::test]
async fn ten_at_once_make_one() {
    let world = World::new().await;
    let ada = world.founder("Ada").await;
    let body = new_project("Once");
    let answers = join_all((0..10).map(|_| post_with_key(&ada, "key-1", &body))).await;
    let mut texts = BTreeSet::new();
    for answer in answers {
        match answer.status.as_u16() {
            409 => drop(answer.refused(409, "idempotency-key-in-use")),
            _ => drop(texts.insert(answer.expect(201).text)),
        }
    }
    assert_eq!((texts.len(), world.count("projects")), (1, 1));
}

#[actix_web::test]
async fn a_secret_reply_is_repeated_but_never_kept_readable() {
    let world = World::new().await;
    let admin = world.admin().await;
    let body = json!({
        "name": "Feed", "role": "partner", "scope": { "kind": "region", "region": "BE1" },
        "actions": ["read:projects"], "expires_in_days": 30,
    });
    let post = || {
        let ask = admin.ask(Method::POST, "/v1/api-keys");
        ask.header("Idempotency-Key", "key-1").json(&body).send()
    };
    let (first, again) = (post().await.expect(201), post().await.expect(201));
    assert!(first.text_at("/key").starts_with("col_"));
    assert_eq!(first.text, again.text);
    assert_eq!(again.header("idempotency-replayed"), "true");
    let kept = world
        .database
        .texts("SELECT cast(reply AS text) || coalesce(sealed, '') AS t FROM idempotency_keys");
    assert_eq!(kept.len(), 1);
    assert!(
        !kept[0].contains("col_") && !kept[0].contains("Feed"),
        "{}",
        kept[0]
    );
    let secret = first.text_at("/key");
    let shown = admin.get(&first.header("location")).await.expect(200);
    assert!(!shown.text.contains(&secret), "{}", shown.text);
    assert_eq!(
        world
            .database
            .texts("SELECT digest AS t FROM api_keys")
            .len(),
        1
    );
}

#[actix_web::test]
async fn lists_refuse_what_they_do_not_know() {
    let world = World::new().await;
    let admin = world.admin().await;
    for (query, pointer, code) in [
        ("limit=0", "/limit", "too-small"),
        ("limit=101", "/limit", "too-large"),
        ("limit=-1", "/limit", "too-small"),
        ("limit=abc", "/limit", "wrong-type"),
        ("limit=", "/limit", "wrong-type"),
        ("colour=red", "/colour", "unknown-field"),
        ("sort=colour", "/sort", "not-one-of"),
        ("cursor=abc", "/cursor", "wrong-cursor"),
        ("cursor=", "/cursor", "wrong-cursor"),
        (
            "cursor=eyJzIjoiLWNyZWF0ZWRfYXQifQ",
            "/cursor",
            "wrong-cursor",
        ),
        ("limit=1&limit=2", "/limit", "repeated"),
        ("format=pdf", "/format", "not-one-of"),
    ] {
        for list in [
            "/v1/projects",
            "/v1/applications",
            "/v1/accounts",
            "/v1/api-keys",
            "/v1/cohorts",
            "/v1/calls",
        ] {
            let refused = admin
                .get(&format!("{list}?{query}"))
                .await
                .refused(422, "invalid");
            assert_eq!(
                refused.errors(),
                pairs(&[(pointer, code)]),
                "{list}?{query}"
            );
        }
    }
    for query in [
        "state=asleep",
        "at_risk=perhaps",
        "coach=me",
        "updated_since=yesterday",
    ] {
        admin
            .get(&format!("/v1/projects?{query}"))
            .await
            .refused(422, "invalid");
    }
}

/// Walks a list to its end by its cursors, and adds a project on the way.
async fn walk(world: &World, founder: &Client, sort: &str) -> Vec<String> {
    let (mut seen, mut next): (Vec<String>, Option<String>) = (Vec::new(), None);
    for turn in 0..80 {
        let cursor = next
            .map(|next| format!("&cursor={next}"))
            .unwrap_or_default();
        let path = format!("/v1/projects?limit=4&sort={sort}&q=Sample{cursor}");
        let answer = founder.get(&path).await.expect(200);
        let page = answer.json();
        let rows = page["data"].as_array().expect("projects");
        seen.extend(
            rows.iter()
                .map(|row| row["title"].as_str().expect("a title").to_owned()),
        );
        next = page["next"].as_str().map(str::to_owned);
        let Some(cursor) = &next else {
            assert_eq!(answer.header("link"), "");
            return seen;
        };
        assert!(
            answer
                .header("link")
                .contains(&format!("cursor={cursor}>; rel=\"next\""))
        );
        world.pass(chrono::Duration::seconds(1));
        world
            .project(founder, &format!("Sample {sort} {turn}"))
            .await;
    }
    panic!("{sort} does not end");
}

#[actix_web::test]
async fn cursors_pass_everything_once_whatever_is_added() {
    let world = World::new().await;
    let founder = world.founder("Ada").await;
    let mut expected = BTreeSet::new();
    for number in 0..25 {
        if number % 4 == 0 {
            world.pass(chrono::Duration::seconds(1));
        }
        // Titles repeat, so that the id has to decide.
        let title = format!("Sample number {:02}", number / 2);
        world.project(&founder, &title).await;
        expected.insert(title);
    }
    for sort in [
        "-created_at",
        "created_at",
        "-updated_at",
        "updated_at",
        "title",
        "-title",
    ] {
        let seen = walk(&world, &founder, sort).await;
        let old: Vec<&String> = seen
            .iter()
            .filter(|title| title.starts_with("Sample number"))
            .collect();
        assert_eq!(old.len(), 25, "{sort}: {seen:?}");
        assert_eq!(
            old.iter().copied().cloned().collect::<BTreeSet<_>>(),
            expected,
            "{sort}"
        );
        if sort.ends_with("title") {
            let mut sorted = seen.clone();
            sorted.sort();
            if sort.starts_with('-') {
                sorted.reverse();
            }
            assert_eq!(seen, sorted);
        }
    }
}

#[actix_web::test]
async fn a_cursor_is_good_for_its_own_list_only() {
    let world = World::new().await;
    let founder = world.founder("Ada").await;
    for title in ["One", "Two", "Three"] {
        world.project(&founder, title).await;
    }
    let first = founder
        .get("/v1/projects?limit=1&state=prospect")
        .await
        .expect(200);
    let cursor = first.text_at("/next");
    founder
        .get(&format!(
            "/v1/projects?limit=2&state=prospect&cursor={cursor}"
        ))
        .await
        .expect(200);
    let bent = format!("{}A", &cursor[..cursor.len() - 4]);
    for query in [
        format!("cursor={cursor}"),
        format!("state=active&cursor={cursor}"),
        format!("state=prospect&sort=title&cursor={cursor}"),
        format!("state=prospect&q=one&cursor={cursor}"),
        format!("state=prospect&cursor={bent}"),
    ] {
        let refused = founder
            .get(&format!("/v1/projects?{query}"))
            .await
            .refused(422, "invalid");
        assert_eq!(
            refused.errors(),
            pairs(&[("/cursor", "wrong-cursor")]),
            "{query}"
        );
    }
    founder
        .get(&format!("/v1/applications?state=draft&cursor={cursor}"))
        .await
        .refused(422, "invalid");
}

#[actix_web::test]
async fn lists_come_as_csv_without_formulas() {
    let world = World::new().await;
    let founder = world.founder("Ada").await;
    for title in ["=1+1", "+1", "-1", "@SUM(A1)", "a \"quoted\", title"] {
        world.project(&founder, title).await;
    }
    let by_query = founder.get("/v1/projects?format=csv").await.expect(200);
    let ask = founder
        .ask(Method::GET, "/v1/projects")
        .header("Accept", "text/csv");
    let by_header = ask.send().await.expect(200);
    assert_eq!(by_query.text, by_header.text);
    assert_eq!(
        by_query.header("content-type"),
        "text/csv; charset=utf-8; header=present"
    );
    let mut reader = csv::Reader::from_reader(by_query.text.as_bytes());
    let headers = reader.headers().expect("a head").clone();
    let column = headers
        .iter()
        .position(|name| name == "title")
        .expect("the titles");
    let mut titles = BTreeSet::new();
    for record in reader.records() {
        let record = record.expect("a record");
        for cell in &record {
            assert!(
                !cell.starts_with(['=', '+', '-', '@', '\t', '\r']),
                "{cell}"
            );
        }
        titles.insert(record[column].to_owned());
    }
    let expected = ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "a \"quoted\", title"].map(str::to_owned);
    assert_eq!(titles, BTreeSet::from(expected));
    let page = founder
        .get("/v1/projects?format=csv&limit=2")
        .await
        .expect(200);
    assert!(page.header("link").contains("format=csv") && page.header("link").contains("cursor="));
}

#[actix_web::test]
async fn titles_change_with_the_language_and_codes_do_not() {
    let world = World::new().await;
    let mut titles = BTreeSet::new();
    for language in [
        "en",
        "nl",
        "fr",
        "de",
        "nl-BE,fr;q=0.5",
        "es, fr;q=0.3",
        "xx",
    ] {
        let ask = world
            .stranger
            .ask(Method::GET, "/v1/me")
            .header("Accept-Language", language);
        let refused = ask.send().await.refused(401, "sign-in-needed");
        titles.insert(refused.text_at("/title"));
    }
    assert_eq!(titles.len(), 4, "{titles:?}");
    let mut messages = BTreeSet::new();
    let founder = world.founder("Ada").await;
    for language in ["en", "nl", "fr", "de"] {
        let ask = founder
            .ask(Method::POST, "/v1/projects")
            .header("Accept-Language", language);
        let refused = ask
            .json(&json!({ "title": "x" }))
            .send()
            .await
            .refused(422, "invalid");
        assert_eq!(refused.errors()[0], ("/country".into(), "required".into()));
        messages.insert(refused.text_at("/errors/0/message"));
    }
    assert_eq!(messages.len(), 4, "{messages:?}");
}

#[actix_web::test]
async fn texts_are_kept_tidy() {
    let world = World::new().await;
    let founder = world.founder("Ada").await;
    let mut body = new_project("  Podome\u{301}a\u{a0} ");
    body["summary"] = "\n one\r\ntwo \n".into();
    let made = founder.post("/v1/projects", body).await.expect(201);
    assert_eq!(
        (made.text_at("/title"), made.text_at("/summary")),
        ("Podoméa".into(), "one\ntwo".into())
    );
    let before = rows(&world);
    for text in ["a\u{0}b", "a\u{7}b", "a\u{1b}[31mb", "a\u{7f}b", "a\u{85}b"] {
        let refused = founder
            .post("/v1/projects", new_project(text))
            .await
            .refused(422, "invalid");
        assert_eq!(
            refused.errors(),
            pairs(&[("/title", "control-character")]),
            "{text:?}"
        );
    }
    for text in ["a\nb", "a\tb"] {
        let refused = founder
            .post("/v1/projects", new_project(text))
            .await
            .refused(422, "invalid");
        assert_eq!(
            refused.errors(),
            pairs(&[("/title", "wrong-format")]),
            "{text:?}"
        );
    }
    assert_eq!(rows(&world), before);
}

#[actix_web::test]
async fn a_callers_own_request_id_is_kept_where_it_is_sensible() {
    let world = World::new().await;
    for (given, kept) in [
        ("a-sensible-id-1", true),
        ("short", false),
        ("with spaces in it", false),
    ] {
        let ask = world
            .stranger
            .ask(Method::GET, "/v1/me")
            .header("x-request-id", given);
        let refused = ask.send().await.refused(401, "sign-in-needed");
        assert_eq!(refused.text_at("/request_id") == given, kept, "{given}");
    }
}

/// Copies of a project with words of their own, from 1 to so many.
fn copies(world: &World, project: &str, count: u32) {
    let place = Place::parse(&world.database.url).expect("a URL");
    let mut conn = place.connect(Purpose::Write).expect("a connection");
    let id = if place.is_sqlite() {
        "randomblob(16)"
    } else {
        "gen_random_uuid()"
    };
    conn.batch_execute(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
        INSERT INTO projects (id, reference, title, summary, sector, country, region, language, state,
            shared_with_partners, created_by, version, created_at, updated_at)
        SELECT {id}, 'P-COPY' || i, 'Sangalux copy ' || i, 'One of many.', sector, country, region, language, state,
            shared_with_partners, created_by, version, created_at, updated_at
        FROM projects, n WHERE title = '{project}'"
    ))
    .expect("the copies");
}

/// On PostgreSQL a search that finds many is done in another way than one that finds few.
#[actix_web::test]
async fn few_and_many_are_found_alike() {
    let world = World::new().await;
    let (founder, coordinator) = (
        world.founder("Ada").await,
        world.coordinator("Carl", "BE1").await,
    );
    for title in ["Original", "Something else"] {
        founder
            .post("/v1/projects", new_project(title))
            .await
            .expect(201);
    }
    copies(&world, "Original", 1001);
    let found = async |text: &str| {
        let path = format!("/v1/projects?q={text}&limit=100");
        let page = coordinator.get(&path).await.expect(200).json();
        page["data"].as_array().expect("a list").len()
    };
    assert_eq!(found("sangal").await, 100);
    // 70, and 700 to 709.
    assert_eq!(found("sangalux%2070").await, 11);
    assert_eq!(found("else").await, 1);
    assert_eq!(found("nothing").await, 0);
}
