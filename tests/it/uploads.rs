//! Uploads that are meant to do harm, or that are cut off: memory stays flat, and nothing is left over.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use colonnade::app::App;
use colonnade::clock::{Clock, SetClock, SystemChance, SystemClock};
use colonnade::config::Config;
use colonnade::{documents, jobs};
use futures_util::future;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::documents::PDF;
use crate::support::database::Database;
use crate::support::program::{self, Environment, Server};
use crate::support::world::PASSWORD;
use crate::support::{Client, Setup, World, say, scaled};

const MIB: usize = 1024 * 1024;
const HEAD: &str =
    "--seam\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.pdf\"\r\n\r\n";

/// A database with a founder and a project in it, for the program as it is built.
struct Ground {
    folder: tempfile::TempDir,
    database: Database,
    environment: Environment,
    path: String,
}

async fn ground() -> Ground {
    let world = World::new().await;
    world.clock.set(SystemClock.now());
    let founder = world.founder("Ada").await;
    let project = world.project(&founder, "Sangalux").await;
    let (folder, database) = world.leave().await;
    let environment = program::environment(&database.url, folder.path());
    Ground {
        folder,
        database,
        environment,
        path: format!("/v1/projects/{project}/documents"),
    }
}

async fn sign_in(server: &Server) -> Client {
    let stranger = Client::stranger(&server.base);
    let body = serde_json::json!({ "email": "ada@example.org", "password": PASSWORD });
    let answer = stranger.post("/v1/sessions", body).await.expect(201);
    stranger.with_token(&answer.text_at("/access_token"), "")
}

/// The head of an upload, with these headers beside.
fn head(client: &Client, path: &str, more: &str) -> String {
    let token = client.token.as_deref().expect("a token");
    format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
         content-type: multipart/form-data; boundary=seam\r\n{more}\r\n"
    )
}

/// Sends until the server answers or hangs up; gives how much was sent, and the answer.
async fn pour(address: &str, head: String, piece: &[u8], most: usize) -> (usize, String) {
    let stream = TcpStream::connect(address).await.expect("a connection");
    let (mut from, mut to) = stream.into_split();
    to.write_all(head.as_bytes()).await.expect("a start");
    let pouring = async {
        let mut sent = 0;
        while sent < most && to.write_all(piece).await.is_ok() {
            sent += piece.len();
        }
        sent
    };
    let hearing = async {
        let mut answer = Vec::new();
        let mut some = [0; 4096];
        while let Ok(read) = from.read(&mut some).await {
            if read == 0 {
                break;
            }
            answer.extend_from_slice(&some[..read]);
        }
        String::from_utf8_lossy(&answer).into_owned()
    };
    future::join(pouring, hearing).await
}

#[actix_web::test]
async fn two_gigabytes_are_refused_at_once_and_memory_stays_flat() {
    let ground = ground().await;
    let server = Server::start(&ground.environment).await;
    let client = sign_in(&server).await;
    let address = server.base.trim_start_matches("http://").to_owned();
    // What a program needs to have done once is no part of what an upload takes.
    let small = [PDF, &vec![b' '; 2 * MIB]].concat();
    client
        .upload(&ground.path, "a.pdf", &small)
        .await
        .expect(201);
    let before = server.memory("VmRSS:");
    let piece = vec![b' '; MIB];
    let mut chunk = format!("{MIB:x}\r\n").into_bytes();
    chunk.extend_from_slice(&piece);
    chunk.extend_from_slice(b"\r\n");
    let begun = Instant::now();
    let start = format!("{:x}\r\n{HEAD}\r\n", HEAD.len());
    for (more, start, piece) in [
        ("content-length: 2147483648\r\n", HEAD.to_owned(), &piece),
        ("transfer-encoding: chunked\r\n", start, &chunk),
        // A body that never comes to its first part.
        ("transfer-encoding: chunked\r\n", String::new(), &chunk),
    ] {
        let said = head(&client, &ground.path, more) + &start;
        let pours = (0..4).map(|_| pour(&address, said.clone(), piece, 2048 * MIB));
        for (sent, heard) in future::join_all(pours).await {
            assert!(sent < 64 * MIB, "{more}{sent} bytes were taken");
            // A client that is still sending may lose the answer with the connection.
            assert!(
                heard.is_empty() || heard.starts_with("HTTP/1.1 413 "),
                "{heard}"
            );
        }
    }
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
    let rise = server.memory("VmHWM:").saturating_sub(before) / 1024;
    assert!(rise < 48, "{rise} MiB");
    let left = std::fs::read_dir(ground.folder.path().join("documents")).expect("the folder");
    assert_eq!(left.count(), 1, "nothing but the one that was accepted");
    say(&format!(
        "2 GB uploads: 12 refused in {took:?}, {rise} MiB more"
    ));
}

#[actix_web::test]
async fn a_refusal_is_heard_by_who_waits_for_it() {
    let world = World::new().await;
    let founder = world.founder("Ada").await;
    let project = world.project(&founder, "Sangalux").await;
    let path = format!("/v1/projects/{project}/documents");
    let address = founder.base.trim_start_matches("http://").to_owned();
    let said = head(&founder, &path, "content-length: 2147483648\r\n");
    let (_, heard) = pour(&address, said, b"", 0).await;
    assert!(heard.starts_with("HTTP/1.1 413 "), "{heard}");
    assert!(heard.contains("document-too-large"), "{heard}");
}

#[actix_web::test]
async fn who_drips_is_cut_and_who_is_slow_is_not() {
    let world = World::with(Setup {
        smtp: None,
        adjust: Some(|config| config.documents.slowest_kib_per_second = 64),
    })
    .await;
    let founder = world.founder("Ada").await;
    let project = world.project(&founder, "Sangalux").await;
    let path = format!("/v1/projects/{project}/documents");
    let address = founder.base.trim_start_matches("http://").to_owned();
    let body = crate::support::client::form(&[(
        "file",
        Some("a.pdf"),
        &[PDF, &vec![b' '; 400 * 1024]].concat(),
    )]);
    let length = format!("content-length: {}\r\n", body.len());
    let said = head(&founder, &path, &length);
    // The whole takes three seconds, three times what a request may take; but it comes faster than 64 KiB a second.
    let mut stream = TcpStream::connect(&address).await.expect("a connection");
    stream.write_all(said.as_bytes()).await.expect("a start");
    for piece in body.chunks(body.len() / 15) {
        stream.write_all(piece).await.expect("a piece");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let mut heard = vec![0; 4096];
    let read = stream.read(&mut heard).await.expect("an answer");
    let heard = String::from_utf8_lossy(&heard[..read]).into_owned();
    assert!(heard.starts_with("HTTP/1.1 201 "), "{heard}");
    // One that says a byte now and then has a second, and is told so.
    let begun = Instant::now();
    let mut stream = TcpStream::connect(&address).await.expect("a connection");
    stream.write_all(said.as_bytes()).await.expect("a start");
    let mut heard = vec![0; 4096];
    let read = loop {
        assert!(begun.elapsed() < Duration::from_secs(10), "STILL OPEN");
        let pause = Duration::from_millis(100);
        match tokio::time::timeout(pause, stream.read(&mut heard)).await {
            Ok(read) => break read.unwrap_or(0),
            Err(_) => stream.write_all(b"-").await.expect("a byte"),
        }
    };
    let heard = String::from_utf8_lossy(&heard[..read]).into_owned();
    assert!(heard.starts_with("HTTP/1.1 408 "), "{heard}");
}

#[actix_web::test]
async fn a_refused_body_without_an_end_is_not_read_for_ever() {
    let world = World::new().await;
    let founder = world.founder("Ada").await;
    let project = world.project(&founder, "Sangalux").await;
    let address = founder.base.trim_start_matches("http://").to_owned();
    let path = format!("/v1/projects/{project}/documents");
    let nobody = founder.with_token("nonsense", "");
    for (client, path, status) in [
        (&nobody, path.as_str(), 401),
        (&founder, "/v1/projects/0/documents", 404),
        (&founder, "/v1/projects", 415),
    ] {
        let said = head(client, path, "transfer-encoding: chunked\r\n");
        let begun = Instant::now();
        let mut stream = TcpStream::connect(&address).await.expect("a connection");
        stream.write_all(said.as_bytes()).await.expect("a start");
        let mut heard = Vec::new();
        let mut some = [0; 4096];
        loop {
            assert!(begun.elapsed() < Duration::from_secs(8), "STILL OPEN");
            let pause = Duration::from_millis(100);
            match tokio::time::timeout(pause, stream.read(&mut some)).await {
                Ok(Ok(0) | Err(_)) => break,
                Ok(Ok(read)) => heard.extend_from_slice(&some[..read]),
                Err(_) if stream.write_all(b"1\r\nx\r\n").await.is_err() => break,
                Err(_) => {}
            }
        }
        let heard = String::from_utf8_lossy(&heard);
        assert!(heard.starts_with(&format!("HTTP/1.1 {status} ")), "{heard}");
    }
}

/// The program's data as another instance sees it, so many hours later.
fn later(ground: &Ground, hours: i64) -> Arc<App> {
    let mut config = Config::load(None, &[]).expect("defaults");
    config.database.url = ground.database.url.clone();
    config.auth.secret = program::SECRET.into();
    config.documents.folder = documents_in(ground.folder.path());
    config.mail.folder = ground.folder.path().join("mail").display().to_string();
    let now = SystemClock.now().plus(chrono::Duration::hours(hours));
    let app = App::new(config, Arc::new(SetClock::at(now)), Arc::new(SystemChance));
    Arc::new(app.expect("an app"))
}

fn documents_in(folder: &Path) -> String {
    folder.join("documents").display().to_string()
}

#[actix_web::test]
async fn kill_9_in_the_middle_of_uploads_leaves_nothing_over() {
    let mut ground = ground().await;
    for (name, value) in [("QUOTA_MIB", "100000"), ("AT_ONCE", "64")] {
        let name: &'static str = match name {
            "QUOTA_MIB" => "COLONNADE__DOCUMENTS__QUOTA_MIB",
            _ => "COLONNADE__DOCUMENTS__AT_ONCE",
        };
        ground.environment.push((name, value.to_owned()));
    }
    let content = [PDF, &vec![b' '; 6 * MIB]].concat();
    let mut acknowledged = Vec::new();
    for round in 0..scaled(4, 40) {
        let server = Server::start(&ground.environment).await;
        let client = sign_in(&server).await;
        let uploads = (0..12).map(|_| async {
            let ask = client.ask(reqwest::Method::POST, &ground.path);
            let answer = ask.file("a.pdf", &content).try_send().await?;
            (answer.status == 201).then(|| answer.text_at("/id"))
        });
        let killing = async {
            tokio::time::sleep(Duration::from_millis(150 + 250 * (round as u64 % 4))).await;
            server.kill();
        };
        let (done, ()) = future::join(future::join_all(uploads), killing).await;
        acknowledged.extend(done.into_iter().flatten());
    }
    let url = &ground.database.url;
    let count = |what: &str| {
        crate::support::sql::number(
            url,
            &format!("SELECT count(*) AS n FROM documents WHERE {what}"),
        )
    };
    let (lost, kept) = (count("state = 'arriving'"), count("state = 'kept'"));
    let app = later(&ground, 2);
    let (given_up, _) = documents::sweep(&app).await.expect("a sweep");
    jobs::drain(&app).await.expect("the worker");
    assert_eq!(i64::try_from(given_up), Ok(lost));
    assert_eq!(count("state = 'arriving'"), 0);
    let audit = documents::audit(&app).await.expect("an audit");
    assert_eq!((audit.missing.len(), audit.strays.len()), (0, 0));
    assert_eq!(i64::try_from(audit.kept), Ok(kept));
    let names = std::fs::read_dir(documents_in(ground.folder.path())).expect("the folder");
    let mut names: Vec<String> = names
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(i64::try_from(names.len()), Ok(kept), "{names:?}");
    names.sort();
    for id in &acknowledged {
        assert!(names.contains(id), "{id} was promised and is gone");
    }
    for name in &names {
        let path = ground.folder.path().join("documents").join(name);
        let file = std::fs::read(path).expect("a file");
        assert!(file == content, "{name} is not whole");
    }
    say(&format!(
        "kill -9 in uploads: {} kept, {lost} lost, nothing left over",
        names.len()
    ));
}

#[actix_web::test]
async fn files_that_no_row_knows_go_after_a_week() {
    let world = World::new().await;
    let founder = world.founder("Ada").await;
    let project = world.project(&founder, "Sangalux").await;
    let path = format!("/v1/projects/{project}/documents");
    founder.upload(&path, "a.pdf", PDF).await.expect(201);
    let stray = world.app.new_id();
    let file = std::path::PathBuf::from(&world.app.config.documents.folder);
    std::fs::write(file.join(stray.to_string()), b"x").expect("a stray");
    std::fs::write(file.join("notes.txt"), b"not ours").expect("a file");
    assert_eq!(documents::sweep(&world.app).await.expect("a sweep"), (0, 0));
    let audit = documents::audit(&world.app).await.expect("an audit");
    assert_eq!((audit.kept, audit.strays), (1, vec![stray]));
    world.pass(chrono::Duration::days(8));
    assert_eq!(documents::sweep(&world.app).await.expect("a sweep"), (0, 1));
    assert_eq!(world.files().len(), 2);
    // A document whose file somebody has removed is said, and is no 500.
    let id = founder.list(&path).await[0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    std::fs::remove_file(file.join(&id)).expect("its end");
    let audit = documents::audit(&world.app).await.expect("an audit");
    assert_eq!(audit.missing, [id.parse::<uuid::Uuid>().expect("an id")]);
    let content = founder.get(&format!("/v1/documents/{id}/content")).await;
    content.refused(503, "file-store-unavailable");
}
