//! A world: one instance of the server with a clock that stands still, and people in it.

use std::net::TcpListener;
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use colonnade::accounts::{self, NewAccount};
use colonnade::app::App;
use colonnade::auth::{Caller, Grant, Role, Scope};
use colonnade::clock::{Clock, SetClock, SystemChance};
use colonnade::config::{Config, Tls, Transport};
use colonnade::db::Moment;
use colonnade::lang::Lang;
use colonnade::network::{self, files};
use colonnade::{jobs, serve};
use serde_json::{Value, json};

use super::client::Client;
use super::database::Database;
use super::mailbox::{Letter, Sink, letters};
use super::sql;

pub const PASSWORD: &str = "correct horse battery";

/// What differs from test to test.
#[derive(Default)]
pub struct Setup {
    pub smtp: Option<Sink>,
    pub adjust: Option<fn(&mut Config)>,
}

pub struct World {
    pub app: Arc<App>,
    pub clock: SetClock,
    pub stranger: Client,
    pub smtp: Option<Sink>,
    pub database: Database,
    folder: tempfile::TempDir,
    server: ServerHandle,
    password_hash: String,
}

/// The day on which every test begins.
pub fn start_of_time() -> SetClock {
    SetClock::at(Moment::new("2026-03-02T09:00:00Z".parse().expect("a time")))
}

pub fn app(config: Config, clock: &SetClock) -> Arc<App> {
    Arc::new(App::new(config, Arc::new(clock.clone()), Arc::new(SystemChance)).expect("an app"))
}

impl World {
    pub async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    pub async fn with(setup: Setup) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let database = Database::new(folder.path());
        let mut config = config(&database.url, folder.path());
        if let Some(sink) = &setup.smtp {
            config.mail.transport = Transport::Smtp;
            config.mail.host = "127.0.0.1".into();
            config.mail.port = sink.port;
            config.mail.tls = Tls::None;
            config.mail.username = "colonnade".into();
            config.mail.password = "let me in".into();
        }
        if let Some(adjust) = setup.adjust {
            adjust(&mut config);
        }
        let clock = start_of_time();
        let app = app(config, &clock);
        let (server, base) = start(&app);
        let password_hash = app.passwords.hash(PASSWORD.into()).await.expect("a hash");
        Self {
            app,
            clock,
            stranger: Client::stranger(&base),
            smtp: setup.smtp,
            database,
            folder,
            server,
            password_hash,
        }
    }

    /// A second instance of the program over the same database.
    pub fn second_instance(&self) -> (Arc<App>, Client) {
        let app = app(self.app.config.clone(), &self.clock);
        let (_, base) = start(&app);
        (app, Client::stranger(&base))
    }

    /// Ends this instance and leaves its database, in its folder, to another program.
    pub async fn leave(mut self) -> (tempfile::TempDir, Database) {
        self.server.stop(false).await;
        let folder = tempfile::tempdir().expect("a folder");
        let folder = std::mem::replace(&mut self.folder, folder);
        let database = std::mem::replace(&mut self.database, Database::nothing());
        drop(self);
        // The app's database threads end with it.
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        (folder, database)
    }

    /// The names of the files that documents lie in, whatever they are.
    pub fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path().join("documents"));
        let entries = entries.map(|found| found.flatten().collect::<Vec<_>>());
        let names = entries.unwrap_or_default().into_iter();
        let mut names: Vec<String> = names
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    pub fn pass(&self, span: chrono::Duration) {
        self.clock.pass(span);
    }

    /// Does all the work that waits, as the worker would.
    pub async fn deliver(&self) {
        jobs::drain(&self.app).await.expect("the worker");
    }

    /// Delivers, then gives every mail so far.
    pub async fn mails(&self) -> Vec<Letter> {
        self.deliver().await;
        match &self.smtp {
            Some(sink) => sink.letters(),
            None => letters(&self.folder.path().join("mail"), "eml"),
        }
    }

    /// Somebody with a proven mailbox, signed in, with these rights.
    pub async fn person(&self, name: &str, language: Lang, grants: Vec<Grant>) -> Client {
        let email = format!("{}@example.org", name.to_lowercase());
        self.person_at(&email, name, language, grants).await
    }

    /// The same, under an address of one's own.
    pub async fn person_at(
        &self,
        email: &str,
        name: &str,
        language: Lang,
        grants: Vec<Grant>,
    ) -> Client {
        let new = NewAccount {
            email: email.to_owned(),
            name: name.into(),
            language,
            password_hash: self.password_hash.clone(),
        };
        let id = self.app.run(Caller::system(), move |tx| {
            let account = accounts::create_verified(tx, &new)?;
            for grant in &grants {
                accounts::give(tx, account.id, grant)?;
            }
            Ok(account.id.to_string())
        });
        let id = id.await.expect("an account");
        self.sign_in(email, PASSWORD, &id).await
    }

    pub async fn sign_in(&self, email: &str, password: &str, id: &str) -> Client {
        let body = json!({ "email": email, "password": password });
        let answer = self.stranger.post("/v1/sessions", body).await.expect(201);
        self.stranger
            .with_token(&answer.text_at("/access_token"), id)
    }

    pub async fn founder(&self, name: &str) -> Client {
        self.person(name, Lang::Fr, Vec::new()).await
    }

    pub async fn admin(&self) -> Client {
        self.person(
            "Admin",
            Lang::En,
            vec![Grant {
                role: Role::Admin,
                scope: Scope::Network,
            }],
        )
        .await
    }

    pub async fn coordinator(&self, name: &str, region: &str) -> Client {
        let scope = Scope::Region {
            region: region.into(),
        };
        self.person(
            name,
            Lang::Nl,
            vec![Grant {
                role: Role::Coordinator,
                scope,
            }],
        )
        .await
    }

    pub async fn coach(&self, name: &str) -> Client {
        self.person(
            name,
            Lang::De,
            vec![Grant {
                role: Role::Coach,
                scope: Scope::Network,
            }],
        )
        .await
    }

    /// Somebody who speaks for an organisation.
    pub async fn lead(&self, name: &str, slug: &'static str) -> Client {
        let found = self.app.run(Caller::system(), move |tx| {
            network::organisation_by_slug(tx.conn, slug)
        });
        let id = found.await.expect("an organisation").id.0;
        self.person(
            name,
            Lang::En,
            vec![Grant {
                role: Role::Partner,
                scope: Scope::Organisation { id },
            }],
        )
        .await
    }

    /// An open call and its cohort, as `(call, cohort)`.
    pub async fn open_call(&self, capacity: i32, quota: &[(&str, i32)]) -> (String, String) {
        let now = self.clock.now();
        let quota = quota
            .iter()
            .map(|(region, places)| ((*region).to_owned(), *places))
            .collect();
        let slug = format!("call-{}", uuid::Uuid::now_v7().simple());
        let names = colonnade::lang::Names::same("Spring call");
        let cohort = files::CohortPart {
            slug: slug.clone(),
            programme: "medtech-accelerator".into(),
            names: names.clone(),
            starts_on: now.day(),
            ends_on: now.plus(chrono::Duration::days(180)).day(),
            capacity,
            quota,
        };
        let call = files::CallPart {
            slug: slug.clone(),
            programme: "medtech-accelerator".into(),
            cohort: Some(slug.clone()),
            names,
            opens_at: now.minus(chrono::Duration::days(10)),
            closes_at: now.plus(chrono::Duration::days(30)),
        };
        let file = files::NetworkFile {
            cohorts: vec![cohort],
            calls: vec![call],
            ..files::NetworkFile::default()
        };
        let files = files::Files {
            networks: vec![file],
            postal: Vec::new(),
        };
        let made = self.app.run(Caller::system(), move |tx| {
            network::load(tx, &files)?;
            let call = network::call_by_slug(tx.conn, &slug)?;
            let cohort = network::cohort_by_slug(tx.conn, &slug)?;
            Ok((call.id.to_string(), cohort.id.to_string()))
        });
        made.await.expect("a call")
    }

    /// A project of somebody's, in Brussels; gives its id.
    pub async fn project(&self, owner: &Client, title: &str) -> String {
        owner
            .post("/v1/projects", new_project(title))
            .await
            .expect(201)
            .text_at("/id")
    }

    /// A project of somebody's, where the postal code says; gives its id.
    pub async fn project_at(&self, owner: &Client, title: &str, postal_code: &str) -> String {
        let mut body = new_project(title);
        body["postal_code"] = postal_code.into();
        owner
            .post("/v1/projects", body)
            .await
            .expect(201)
            .text_at("/id")
    }

    /// How many rows a table has.
    pub fn count(&self, table: &str) -> i64 {
        sql::number(
            &self.database.url,
            &format!("SELECT count(*) AS n FROM {table}"),
        )
    }

    /// An application that is submitted; gives its id.
    pub async fn submitted(&self, owner: &Client, project: &str, call: &str) -> String {
        let body =
            json!({ "project_id": project, "call_id": call, "answers": { "need": "falls" } });
        let id = owner
            .post("/v1/applications", body)
            .await
            .expect(201)
            .text_at("/id");
        owner
            .post_seen(&format!("/v1/applications/{id}/submit"), json!({}))
            .await
            .expect(200);
        id
    }

    /// A project that is admitted to a cohort, in its first pillar; gives its id.
    pub async fn admitted(
        &self,
        owner: &Client,
        coordinator: &Client,
        call: &str,
        cohort: &str,
        title: &str,
    ) -> String {
        let project = self.project(owner, title).await;
        let application = self.submitted(owner, &project, call).await;
        let body = json!({ "outcome": "accept", "cohort_id": cohort, "pillar": "create_learn" });
        coordinator
            .post_seen(&format!("/v1/applications/{application}/decision"), body)
            .await
            .expect(200);
        project
    }
}

impl Drop for World {
    fn drop(&mut self) {
        drop(self.server.stop(false));
        let _ = &self.database;
    }
}

pub fn new_project(title: &str) -> Value {
    json!({
        "title": title, "summary": "Something that helps nurses.", "sector": "medtech",
        "country": "BE", "postal_code": "1000", "language": "fr",
    })
}

fn config(url: &str, folder: &std::path::Path) -> Config {
    let mut config = Config::load(None, &[]).expect("defaults");
    config.database.url = url.to_owned();
    config.database.pg_connections = 6;
    config.auth.secret = "a secret for tests, a secret for tests".into();
    config.ledger.anchor_file = folder.join("anchors").display().to_string();
    config.mail.folder = folder.join("mail").display().to_string();
    config.documents.folder = folder.join("documents").display().to_string();
    config.server.workers = 1;
    // Tests speak for clients at other addresses, as a proxy on this machine would.
    config.server.trusted_proxies = "127.0.0.1".into();
    config.auth.access_minutes = 1_000_000; // tests pass months; what expiry does has a test of its own
    config.server.body_timeout_seconds = 1;
    config.server.drain_seconds = 0;
    config
}

fn start(app: &Arc<App>) -> (ServerHandle, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let server = serve::start(app.clone(), listener, None).expect("a server");
    let handle = server.handle();
    actix_web::rt::spawn(server);
    (handle, base)
}
