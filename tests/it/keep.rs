//! Keep and restore: under load, from one database into the other, and never from a file that is not whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use colonnade::clock::{Clock, SystemClock};
use colonnade::db::connection::Purpose;
use colonnade::db::{Place, dialect, migrate};
use colonnade::keep;
use diesel::RunQueryDsl;
use futures_util::future;
use serde_json::json;

use crate::support::database::{self, Database};
use crate::support::program::{self, Ended, Environment, Server};
use crate::support::world::{PASSWORD, new_project};
use crate::support::{Client, Sink, World, sql};

const WRITERS: usize = 32;

/// A database that is not there yet, of either kind.
struct Target {
    url: String,
    _database: Option<Database>,
    folder: tempfile::TempDir,
}

impl Target {
    fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self {
            url: format!("sqlite:{}", folder.path().join("restored.db").display()),
            _database: None,
            folder,
        }
    }

    /// Of the kind that the suite runs on.
    fn same() -> Self {
        if database::server().is_none() {
            return Self::sqlite();
        }
        let folder = tempfile::tempdir().expect("a folder");
        let database = database::empty(folder.path());
        Self {
            url: database.url.clone(),
            _database: Some(database),
            folder,
        }
    }

    fn environment(&self) -> Environment {
        program::environment(&self.url, self.folder.path())
    }

    fn tables(&self) -> usize {
        let place = Place::parse(&self.url).expect("a URL");
        let mut conn = place.connect(Purpose::Write).expect("a connection");
        keep::tables(&mut conn).expect("the tables").len()
    }
}

fn backup(environment: &Environment, file: &Path) -> Ended {
    let file = file.to_str().expect("text");
    program::run(environment, &["backup", "--to", file], "")
}

fn restore(environment: &Environment, file: &Path) -> Ended {
    let file = file.to_str().expect("text");
    program::run(environment, &["restore", "--from", file], "")
}

#[track_caller]
fn succeeded(ended: Ended) -> Ended {
    assert!(ended.success, "{}{}", ended.out, ended.err);
    ended
}

#[track_caller]
fn refused(ended: &Ended, because: &str) {
    assert!(!ended.success, "{}", ended.out);
    assert!(ended.err.contains(because), "{because}: {}", ended.err);
}

fn number(url: &str, query: &str) -> i64 {
    sql::number(url, &format!("SELECT (SELECT {query}) AS n"))
}

/// How many rows each table has, as a command printed it.
fn printed(ended: &Ended) -> BTreeMap<String, u64> {
    let line = |line: &str| {
        let (table, rows) = line.split_once(' ')?;
        Some((table.to_owned(), rows.trim().parse().ok()?))
    };
    ended.out.lines().filter_map(line).collect()
}

/// What must be equal on both databases, as text.
fn content(url: &str) -> Vec<String> {
    let (hex, micros) = if url.starts_with("sqlite:") {
        ("lower(hex(id))", "at")
    } else {
        (
            "replace(id::text, '-', '')",
            "(extract(epoch FROM at) * 1000000)::bigint",
        )
    };
    let queries = [
        format!("SELECT {hex} || ' ' || title || version AS t FROM projects ORDER BY id"),
        format!("SELECT {hex} || ' ' || email || password_hash AS t FROM accounts ORDER BY id"),
        format!("SELECT {hex} || ' ' || seq || kind || {micros} AS t FROM events ORDER BY seq"),
    ];
    let rows = queries.iter().flat_map(|query| sql::texts(url, query));
    rows.collect()
}

/// A world in which a founder and a coordinator have a project that is admitted, left to another program.
async fn ground() -> (Client, tempfile::TempDir, Database) {
    let world = World::new().await;
    world.clock.set(SystemClock.now());
    let (call, cohort) = world.open_call(16, &[("BE1", 4)]).await;
    let (founder, coordinator) = (
        world.founder("Ada").await,
        world.coordinator("Carl", "BE1").await,
    );
    world
        .admitted(&founder, &coordinator, &call, &cohort, "Sangalux")
        .await;
    let (folder, database) = world.leave().await;
    (founder, folder, database)
}

/// Adds projects until told to stop; keeps the title and id of what was acknowledged.
async fn write(client: Client, number: usize, stop: &AtomicBool, kept: &Mutex<Vec<[String; 2]>>) {
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        let title = format!("lantern{number}x{count}");
        let answer = client.post("/v1/projects", new_project(&title)).await;
        let id = answer.expect(201).text_at("/id");
        kept.lock().expect("the list").push([title, id]);
        count += 1;
    }
}

/// A restored database is one to work with.
async fn is_alive(target: &Target, kept: &[[String; 2]]) {
    let place = Place::parse(&target.url).expect("a URL");
    let mut conn = place.connect(Purpose::Write).expect("a connection");
    let change = diesel::sql_query("DELETE FROM events").execute(&mut conn);
    let error = change.expect_err("events stay").to_string();
    assert!(error.contains("append-only"), "{error}");
    let last = number(&target.url, "max(seq) FROM events");
    let server = Server::start(&target.environment()).await;
    let stranger = Client::stranger(&server.base);
    let body = json!({ "email": "ada@example.org", "password": PASSWORD });
    let session = stranger.post("/v1/sessions", body).await.expect(201);
    let founder = stranger.with_token(&session.text_at("/access_token"), "");
    for [title, id] in kept.iter().step_by(23) {
        let found = founder.get(&format!("/v1/projects/{id}")).await.expect(200);
        assert_eq!(found.text_at("/title"), *title);
        let ids = founder.ids(&format!("/v1/projects?q={title}")).await;
        assert!(ids.contains(id), "{title} is not found by its words");
    }
    let new = founder.post("/v1/projects", new_project("New")).await;
    let new = new.expect(201).text_at("/id").replace('-', "");
    let hex = if place.is_sqlite() {
        "lower(hex(subject_id))"
    } else {
        "replace(subject_id::text, '-', '')"
    };
    let seq = number(
        &target.url,
        &format!("max(seq) FROM events WHERE {hex} = '{new}'"),
    );
    assert!(seq > last, "{seq} after {last}");
}

#[actix_web::test]
async fn what_was_acknowledged_before_a_backup_under_load_is_in_it() {
    let (mut founder, folder, database) = ground().await;
    let environment = program::environment(&database.url, folder.path());
    let server = Server::start(&environment).await;
    founder.base.clone_from(&server.base);
    let file = folder.path().join("under load.backup");
    let (stop, kept) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    let writers = (0..WRITERS).map(|number| write(founder.clone(), number, &stop, &kept));
    let count = || kept.lock().expect("the list").len();
    let keeping = async {
        let until = Instant::now() + Duration::from_secs(30);
        while count() < 300 {
            assert!(Instant::now() < until, "too few writes");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let before = kept.lock().expect("the list").clone();
        let (environment, file) = (environment.clone(), file.clone());
        let ended = actix_web::rt::task::spawn_blocking(move || backup(&environment, &file)).await;
        stop.store(true, Ordering::Relaxed);
        (before, succeeded(ended.expect("the backup")), count())
    };
    let ((before, kept_rows, after), _) = future::join(keeping, future::join_all(writers)).await;
    assert!(after > before.len(), "writes went on meanwhile");
    server.kill();

    let mut file = file;
    let mut rows = printed(&kept_rows);
    let mut source: Option<Vec<String>> = None;
    let kinds: &[fn() -> Target] = match database::server() {
        None => &[Target::same, Target::sqlite],
        Some(_) => &[Target::same, Target::sqlite, Target::same],
    };
    for kind in kinds {
        let target = kind();
        let restored = succeeded(restore(&target.environment(), &file));
        assert_eq!(printed(&restored), rows);
        let mut content = content(&target.url);
        for [title, id] in &before {
            let row = format!("{} {title}1", id.replace('-', ""));
            assert!(content.contains(&row), "{row} is missing");
        }
        // Written in one transaction, kept in one: the tables are of one moment.
        let created = "(SELECT count(*) FROM events AS e WHERE e.subject_id = p.id AND e.kind = 'project.created')";
        let torn = format!("count(*) FROM projects AS p WHERE {created} <> 1");
        assert_eq!(
            number(&target.url, &torn),
            0,
            "projects without their event"
        );
        let held = content.pop().expect("an event");
        assert!(held.contains("outbox.held"), "{held}");
        if let Some(source) = source {
            assert_eq!(content, source);
        }
        is_alive(&target, &before).await;
        file = folder.path().join("next.backup");
        rows = printed(&succeeded(backup(&target.environment(), &file)));
        source = Some(self::content(&target.url));
        if let Ok(Place::Sqlite(path)) = Place::parse(&target.url) {
            let check = "SELECT integrity_check AS t FROM pragma_integrity_check
                         UNION ALL SELECT \"table\" FROM pragma_foreign_key_check";
            assert_eq!(sql::texts(&target.url, check), ["ok"], "{path}");
        }
    }
}

/// Positions all over a file, the same at each run.
fn positions(length: usize) -> BTreeSet<usize> {
    let mut number: u64 = 0x9e37_79b9_7f4a_7c15;
    let draw = |_| {
        number ^= number << 13;
        number ^= number >> 7;
        number ^= number << 17;
        usize::try_from(number).expect("64 bits") % length
    };
    let ends = [
        0,
        18,
        19,
        length - 65,
        length - 64,
        length - 33,
        length - 32,
        length - 1,
    ];
    (0..92).map(draw).chain(ends).collect()
}

#[actix_web::test]
async fn a_flipped_byte_or_a_missing_end_is_refused_and_nothing_is_written() {
    let (_, folder, database) = ground().await;
    let environment = program::environment(&database.url, folder.path());
    let whole = folder.path().join("whole.backup");
    succeeded(backup(&environment, &whole));
    let bytes = std::fs::read(&whole).expect("the backup");
    let target = Target::same();
    let damaged = folder.path().join("damaged.backup");
    let try_bytes = |bytes: &[u8], what: &str| {
        std::fs::write(&damaged, bytes).expect("a file");
        let ended = restore(&target.environment(), &damaged);
        assert!(!ended.success, "{what} was taken");
        let because = ["is damaged", "is not a backup"];
        let said = because.iter().any(|why| ended.err.contains(why));
        assert!(said, "{what}: {}", ended.err);
    };
    let positions = positions(bytes.len());
    assert!(positions.len() > 90, "{}", positions.len());
    for at in positions {
        let mut bent = bytes.clone();
        bent[at] ^= 1 << (at % 8);
        try_bytes(&bent, &format!("byte {at}"));
    }
    for length in [
        0,
        1,
        18,
        19,
        40,
        64,
        400,
        bytes.len() / 2,
        bytes.len() - 64,
        bytes.len() - 1,
    ] {
        try_bytes(&bytes[..length], &format!("{length} bytes"));
    }
    try_bytes(&[&bytes[..], b"\n"].concat(), "one byte more");
    let middle = bytes.len() / 2;
    let cut = [&bytes[..middle], &bytes[middle + 1..]].concat();
    try_bytes(&cut, "a byte left out");
    if let Ok(Place::Sqlite(path)) = Place::parse(&target.url) {
        assert!(!Path::new(&path).exists(), "a database was made");
    }
    assert_eq!(target.tables(), 0);
    succeeded(restore(&target.environment(), &whole));
}

/// Writes a backup anew as somebody would who does not have the secret: other text, and a digest that is right.
fn forge(from: &Path, to: &Path, header: (&str, &str), row: (&str, &str)) {
    let bytes = std::fs::read(from).expect("the backup");
    let lines: Vec<&[u8]> = bytes.splitn(3, |byte| *byte == b'\n').collect();
    let content = &lines[2][..lines[2].len() - 64];
    let mut text = String::new();
    let mut reader = flate2::bufread::GzDecoder::new(content);
    reader.read_to_string(&mut text).expect("text");
    let head = String::from_utf8(lines[1].to_vec()).expect("text");
    assert!(head.contains(header.0) && text.contains(row.0), "{text}");
    let mut forged = format!("colonnade backup 1\n{}\n", head.replace(header.0, header.1));
    let mut writer = flate2::write::GzEncoder::new(
        std::mem::take(&mut forged).into_bytes(),
        flate2::Compression::fast(),
    );
    // The head is not compressed.
    let head = std::mem::take(writer.get_mut());
    writer
        .write_all(text.replace(row.0, row.1).as_bytes())
        .expect("bytes");
    let mut forged = [head, writer.finish().expect("bytes")].concat();
    forged.extend_from_slice(&bytes[bytes.len() - 64..bytes.len() - 32]);
    let digest = digest::digest(&digest::SHA256, &forged);
    forged.extend_from_slice(digest.as_ref());
    std::fs::write(to, forged).expect("a file");
}

#[actix_web::test]
async fn a_forged_backup_is_refused_and_leaves_nothing() {
    let (_, folder, database) = ground().await;
    let environment = program::environment(&database.url, folder.path());
    let file = folder.path().join("a.backup");
    succeeded(backup(&environment, &file));
    let forged = folder.path().join("forged.backup");
    let target = Target::same();
    forge(&file, &forged, ("", ""), ("Sangalux", "Sangalum"));
    let ended = restore(&target.environment(), &forged);
    refused(&ended, "does not have the secret");
    let head = std::fs::read(&file).expect("the backup");
    let head = String::from_utf8_lossy(&head).into_owned();
    let secret = head.split("\"secret\":\"").nth(1).expect("a secret");
    let other = (&secret[..16], "0123456789abcdef");
    forge(&file, &forged, other, ("Sangalux", "Sangalum"));
    let ended = restore(&target.environment(), &forged);
    refused(&ended, "the table projects did not come back");
    assert_eq!(target.tables(), 0, "nothing is left of it");
    // Under another secret it is the operator who decides.
    forge(&file, &forged, other, ("", ""));
    let ended = succeeded(restore(&target.environment(), &forged));
    assert!(ended.err.contains("another secret"), "{}", ended.err);
}

#[actix_web::test]
async fn a_database_with_anything_in_it_is_not_restored_into() {
    let (_, folder, database) = ground().await;
    let environment = program::environment(&database.url, folder.path());
    let file = folder.path().join("a.backup");
    succeeded(backup(&environment, &file));
    let before = content(&database.url);
    refused(&restore(&environment, &file), "the database is not empty");
    assert_eq!(content(&database.url), before);
    let target = Target::same();
    succeeded(program::run(&target.environment(), &["migrate"], ""));
    refused(&restore(&target.environment(), &file), "is not empty");
    refused(&restore(&environment, &folder.path().join("none")), "none");
}

#[actix_web::test]
async fn mail_waits_after_a_restore_until_it_is_released_and_leaves_once() {
    let world = World::new().await;
    world.clock.set(SystemClock.now());
    let (mut admin, founder) = (world.admin().await, world.founder("Ada").await);
    let (call, _) = world.open_call(4, &[]).await;
    let project = world.project(&founder, "Sangalux").await;
    world.submitted(&founder, &project, &call).await;
    let new =
        json!({ "email": "bo@example.org", "password": PASSWORD, "name": "Bo", "language": "nl" });
    world.stranger.post("/v1/accounts", new).await.expect(201);
    let (folder, database) = world.leave().await;
    let file = folder.path().join("a.backup");
    let environment = program::environment(&database.url, folder.path());
    succeeded(backup(&environment, &file));

    for drops in [false, true] {
        let (target, sink) = (Target::same(), Sink::start(0));
        let mut environment = target.environment();
        environment.extend(program::by_smtp(&sink));
        environment.push(("COLONNADE__NOTIFICATIONS__POLL_MILLISECONDS", "100".into()));
        succeeded(restore(&environment, &file));
        let server = Server::start(&environment).await;
        let second = match database::server() {
            None => None,
            Some(_) => Some(Server::start(&environment).await),
        };
        admin.base.clone_from(&server.base);
        let told = "count(*) FROM jobs WHERE kind = 'notify'";
        until(|| number(&target.url, told) == 0).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(sink.letters().len(), 0, "mail left while on hold");
        assert!(number(&target.url, "count(*) FROM notifications") > 0);
        let mails = admin.list("/v1/mails").await;
        assert!(mails.len() >= 2, "{mails:?}");
        assert!(mails.iter().all(|mail| mail["held"] == true), "{mails:?}");
        let metrics = admin.get("/metrics").await.expect(200).text;
        let gauge = "jobs_held{kind=\"send_mail\"} 1";
        assert!(metrics.contains(gauge), "{metrics}");
        let shown = succeeded(program::run(&environment, &["outbox"], ""));
        assert!(shown.out.starts_with("on hold since "), "{}", shown.out);

        let arguments: &[&str] = if drops {
            &["outbox", "release", "--drop"]
        } else {
            &["outbox", "release"]
        };
        let released = succeeded(program::run(&environment, arguments, ""));
        assert!(released.out.contains("is released"), "{}", released.out);
        let state = if drops { "dead" } else { "sent" };
        let left = "count(*) FROM jobs WHERE state = 'waiting'";
        until(|| number(&target.url, left) == 0).await;
        let now = admin.list("/v1/mails").await;
        assert_eq!(now.len(), mails.len());
        for mail in &now {
            assert_eq!(
                (&mail["state"], &mail["held"]),
                (&json!(state), &json!(false))
            );
        }
        let letters = sink.letters();
        let ids: BTreeSet<&String> = letters.iter().map(|letter| &letter.message_id).collect();
        let expected = if drops { 0 } else { mails.len() };
        assert_eq!((letters.len(), ids.len()), (expected, expected));
        let again = program::run(&environment, arguments, "");
        assert_eq!(again.out, "the outbox was not on hold\n");
        for kind in ["outbox.held", "outbox.released"] {
            let events = admin.list(&format!("/v1/events?kind={kind}")).await;
            assert_eq!(events.len(), 1, "{kind}");
        }
        if drops {
            let path = format!("/v1/mails/{}/retry", now[0]["id"].as_str().expect("an id"));
            admin.post(&path, json!({})).await.expect(200);
            until(|| sink.letters().len() == 1).await;
        }
        drop((server, second));
    }
}

async fn until(done: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < end, "it did not come to that");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What lies in a folder, hidden or not.
fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    entries.map(|entry| entry.path()).collect()
}

#[test]
fn a_fresh_installation_can_be_kept_and_a_missing_one_cannot() {
    let (source, target) = (Target::same(), Target::same());
    let kept = tempfile::tempdir().expect("a folder");
    let file = kept.path().join("fresh.backup");
    let missing = backup(&source.environment(), &file);
    let because = match database::server() {
        None => "there is no database at",
        Some(_) => "this is no database of Colonnade",
    };
    refused(&missing, because);
    assert_eq!(files(kept.path()).len(), 0, "no file is left");
    assert_eq!(source.tables(), 0);
    succeeded(program::run(&source.environment(), &["migrate"], ""));
    let ended = succeeded(backup(&source.environment(), &file));
    assert_eq!(files(kept.path()).len(), 1);
    let mode = File::open(&file).and_then(|file| file.metadata());
    let mode = mode.expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(printed(&ended).values().sum::<u64>(), 0, "{}", ended.out);
    succeeded(restore(&target.environment(), &file));
    assert_eq!(number(&target.url, "max(seq) FROM events"), 1);
}

#[test]
fn every_table_and_column_is_kept_or_the_backup_fails() {
    let target = Target::same();
    succeeded(program::run(&target.environment(), &["migrate"], ""));
    let place = Place::parse(&target.url).expect("a URL");
    let mut conn = place.connect(Purpose::Write).expect("a connection");
    let found = keep::tables(&mut conn).expect("the tables");
    let found: BTreeMap<String, BTreeSet<String>> = found
        .into_iter()
        .map(|table| (table.name.clone(), table.names().into_iter().collect()))
        .collect();
    let declared: BTreeMap<String, BTreeSet<String>> = crate::migrations::declared()
        .into_iter()
        .map(|(table, columns)| (table, columns.into_keys().collect()))
        .collect();
    assert_eq!(found, declared);

    let file = target.folder.path().join("a.backup");
    let kept = succeeded(backup(&target.environment(), &file));
    let tables: BTreeSet<String> = printed(&kept).into_keys().collect();
    assert_eq!(tables, declared.into_keys().collect());
    let before = (
        std::fs::read(&file).expect("it"),
        files(target.folder.path()),
    );
    let (number, unknown) = match database::server() {
        None => ("INTEGER", "ANY"),
        Some(_) => ("bigint", "numeric"),
    };
    for (kind, because) in [
        (number, "no migration makes the table extra"),
        (unknown, "extra.worth is of the type"),
    ] {
        for statement in [
            "DROP TABLE IF EXISTS extra".to_owned(),
            format!("CREATE TABLE extra (id {number} PRIMARY KEY NOT NULL, worth {kind}) STRICT"),
        ] {
            let statement = match database::server() {
                None => statement,
                Some(_) => statement.replace(" STRICT", ""),
            };
            let done = diesel::sql_query(statement).execute(&mut conn);
            done.expect("a table");
        }
        refused(&backup(&target.environment(), &file), because);
        let after = (
            std::fs::read(&file).expect("it"),
            files(target.folder.path()),
        );
        assert!(
            after == before,
            "the last good backup stays, and nothing else"
        );
    }
}

#[test]
fn a_backup_of_an_older_release_is_brought_up_to_date_and_one_of_a_newer_is_refused() {
    let (source, target) = (Target::same(), Target::same());
    let place = Place::parse(&source.url).expect("a URL");
    let known = migrate::known().expect("versions");
    let mut conn = migrate::connect(&place).expect("a connection");
    dialect::begin_write(&mut conn).expect("a transaction");
    migrate::apply(&mut conn, &known[..9]).expect("migrations");
    dialect::commit(&mut conn).expect("a commit");
    let rows = "INSERT INTO regions (code, iso, names, languages) VALUES ('BE1', 'BE-BRU', '{\"b\": 1e2, \"a\": 2}', '[]')";
    let done = diesel::sql_query(rows).execute(&mut conn);
    done.expect("a row");
    let file = source.folder.path().join("old.backup");
    succeeded(backup(&source.environment(), &file));
    succeeded(restore(&target.environment(), &file));
    let restored = Place::parse(&target.url).expect("a URL");
    assert_eq!(migrate::pending(&restored).expect("a list").len(), 0);
    assert_eq!(number(&target.url, "count(*) FROM regions"), 1);
    assert_eq!(number(&target.url, "count(*) FROM held_work"), 1);

    let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('20991231000001')";
    let done = diesel::sql_query(newer).execute(&mut conn);
    done.expect("a row");
    let ended = backup(&source.environment(), &file);
    refused(
        &ended,
        "the migration 20991231000001, which this release does not know",
    );
}
