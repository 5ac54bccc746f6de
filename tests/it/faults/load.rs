//! What the tests of crashes share: 64 clients that write, what they were told, and what must be true of the rows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use colonnade::clock::{Clock, SystemClock};
use futures_util::future;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::database::{self, Database};
use crate::support::program::{self, Environment};
use crate::support::{Client, Sink, World, scaled, sql};

const WRITERS: usize = 64;
/// Connections to the mail server, which is how many mails can be on their way when the server is killed.
pub const CONNECTIONS: usize = 4;

/// A database with people and admitted projects, which no program has open.
pub struct Ground {
    pub founder: Client,
    pub coordinator: Client,
    projects: Vec<String>,
    pub database: Database,
    _folder: tempfile::TempDir,
    pub sink: Sink,
    pub environment: Environment,
}

pub async fn ground() -> Ground {
    let world = World::new().await;
    world.clock.set(SystemClock.now());
    let (call, cohort) = world.open_call(16, &[]).await;
    let (founder, coordinator) = (
        world.founder("Ada").await,
        world.coordinator("Carl", "BE1").await,
    );
    let mut projects = Vec::new();
    for number in 0..WRITERS / 8 {
        let title = format!("Project {number}");
        let project = world.admitted(&founder, &coordinator, &call, &cohort, &title);
        projects.push(project.await);
    }
    let sink = Sink::start(0);
    let (folder, database) = world.leave().await;
    let mut environment = program::environment(&database.url, folder.path());
    environment.extend(program::by_smtp(&sink));
    for (name, value) in [
        ("COLONNADE__NOTIFICATIONS__POLL_MILLISECONDS", "100"),
        ("COLONNADE__NOTIFICATIONS__LEASE_SECONDS", "6"),
        ("COLONNADE__MAIL__TIMEOUT_SECONDS", "2"),
    ] {
        environment.push((name, value.to_owned()));
    }
    Ground {
        founder,
        coordinator,
        projects,
        database,
        _folder: folder,
        sink,
        environment,
    }
}

/// One command, told apart by its key, which it also writes into its row.
#[derive(Clone)]
pub struct Write {
    table: &'static str,
    path: String,
    key: String,
    body: Value,
}

/// What the server has acknowledged.
pub struct Kept {
    pub by: usize,
    pub write: Write,
    pub answer: String,
    id: String,
}

/// A client that does one kind of thing over and over, and asks again under the same key when it got no answer.
pub struct Writer {
    number: usize,
    pub client: Client,
    project: String,
    count: usize,
    unanswered: Option<Write>,
    pub kept: Vec<Kept>,
}

impl Writer {
    pub fn all(ground: &Ground) -> Vec<Self> {
        let writer = |number: usize| Self {
            number,
            client: match number % 8 {
                0 => ground.coordinator.clone(),
                _ => ground.founder.clone(),
            },
            project: ground.projects[number / 8].clone(),
            count: 0,
            unanswered: None,
            kept: Vec::new(),
        };
        (0..WRITERS).map(writer).collect()
    }

    fn next(&mut self) -> Write {
        let key = format!("key-{}-{}", self.number, self.count);
        self.count += 1;
        let of_project = |what: &str| format!("/v1/projects/{}/{what}", self.project);
        let (table, path, body) = match self.number % 8 {
            0 => {
                let kind = ["resume", "hold"][self.count % 2];
                let body = json!({ "kind": kind, "reason": key });
                ("transitions", of_project("transitions"), body)
            }
            1..=3 => {
                let body = json!({ "note": key, "confidence": "green" });
                ("updates", of_project("updates"), body)
            }
            _ => {
                let body = crate::support::world::new_project(&key);
                ("projects", "/v1/projects".to_owned(), body)
            }
        };
        Write {
            table,
            path,
            key,
            body,
        }
    }

    pub fn ask(&self, write: &Write) -> crate::support::client::Ask {
        self.client
            .ask(Method::POST, &write.path)
            .header("If-Match", "*")
            .header("Idempotency-Key", &write.key)
            .json(&write.body)
    }

    /// Writes until the server is gone.
    async fn work(&mut self, acknowledged: &AtomicUsize) {
        loop {
            let write = match self.unanswered.take() {
                Some(write) => write,
                None => self.next(),
            };
            match self.ask(&write).try_send().await {
                None => {
                    self.unanswered = Some(write);
                    return;
                }
                Some(answer) if answer.status == StatusCode::CREATED => {
                    self.kept.push(Kept {
                        by: self.number,
                        id: answer.text_at("/id"),
                        answer: answer.text,
                        write,
                    });
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                }
                // PostgreSQL may not have noticed yet that who held the key is dead.
                Some(answer) => {
                    let busy = answer.text.contains("idempotency-key-in-use");
                    assert!(busy || answer.status == 503, "{}", answer.text);
                    self.unanswered = Some(write);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }
}

/// All write until the server is gone; `then` may go on when so many writes have been acknowledged.
pub async fn load<T>(
    writers: &mut [Writer],
    base: &str,
    enough: usize,
    then: impl Future<Output = T>,
) -> T {
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let work = writers.iter_mut().map(|writer| {
        writer.client.base = base.to_owned();
        writer.work(&acknowledged)
    });
    let wait = async {
        let until = Instant::now() + Duration::from_secs(20);
        while acknowledged.load(Ordering::Relaxed) < enough {
            assert!(Instant::now() < until, "too few writes");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        then.await
    };
    future::join(future::join_all(work), wait).await.1
}

/// Every acknowledged write is one row, under the id that was told.
pub fn nothing_is_lost_or_doubled(url: &str, kept: &[&Kept]) {
    let hex = match database::server() {
        None => "lower(hex(id))",
        Some(_) => "replace(id::text, '-', '')",
    };
    for (table, column) in [
        ("projects", "title"),
        ("updates", "note"),
        ("transitions", "reason"),
    ] {
        let query = format!(
            "SELECT {column} || ' ' || {hex} AS t FROM {table} WHERE {column} LIKE 'key-%'"
        );
        let rows = sql::texts(url, &query);
        let ids: BTreeMap<&str, &str> = rows.iter().filter_map(|row| row.split_once(' ')).collect();
        assert_eq!(ids.len(), rows.len(), "a key made two rows in {table}");
        let own: Vec<_> = kept.iter().filter(|one| one.write.table == table).collect();
        assert!(!own.is_empty(), "{table}");
        for one in own {
            let id = one.id.replace('-', "");
            assert_eq!(
                ids.get(one.write.key.as_str()),
                Some(&id.as_str()),
                "{table}"
            );
        }
    }
    if database::server().is_none() {
        let found = sql::texts(
            url,
            "SELECT integrity_check AS t FROM pragma_integrity_check",
        );
        assert_eq!(found, ["ok"]);
    }
}

/// How many rows break a rule that holds for all.
fn broken(url: &str, table: &str, rule: &str) -> i64 {
    sql::number(
        url,
        &format!("SELECT count(*) AS n FROM {table} WHERE NOT ({rule})"),
    )
}

/// Each change has its event, and each event was told to everybody whom it concerns, once.
pub fn everyone_was_told(url: &str) {
    let created = "(SELECT count(*) FROM events e WHERE e.subject_id = p.id AND e.kind = 'project.created') = 1";
    assert_eq!(broken(url, "projects p", created), 0);
    for (table, kinds) in [
        ("updates", "'update.written'"),
        (
            "transitions",
            "'project.entered', 'project.held', 'project.resumed'",
        ),
    ] {
        let as_many = format!(
            "(SELECT count(*) FROM {table} c WHERE c.project_id = p.id)
             = (SELECT count(*) FROM events e WHERE e.project_id = p.id AND e.kind IN ({kinds}))"
        );
        assert_eq!(broken(url, "projects p", &as_many), 0, "{table}");
    }
    let told = "(SELECT count(*) FROM notifications t WHERE t.event_seq = e.seq)
                = CASE WHEN e.kind IN ('project.entered', 'project.held', 'project.resumed') THEN 2
                       WHEN e.kind = 'update.written' THEN 1
                       WHEN e.kind = 'application.submitted' THEN 2 ELSE 0 END";
    assert_eq!(broken(url, "events e", told), 0);
    let twice = "SELECT count(*) AS n FROM (SELECT 1 FROM notifications GROUP BY event_seq, account_id HAVING count(*) > 1) AS x";
    assert_eq!(sql::number(url, twice), 0);
    assert_eq!(broken(url, "mails", "state = 'sent'"), 0);
}

pub async fn until_drained(url: &str) {
    let until = Instant::now() + Duration::from_secs(scaled(30, 600) as u64);
    while sql::number(
        url,
        "SELECT count(*) AS n FROM jobs WHERE state = 'waiting'",
    ) > 0
    {
        assert!(Instant::now() < until, "work is left");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(
        sql::number(url, "SELECT count(*) AS n FROM jobs"),
        0,
        "dead work"
    );
}
