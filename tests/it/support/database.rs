//! A database for each test: a copy of one that is migrated and has the Belgian network loaded.
//!
//! Without `TEST_DATABASE_URL` it is a SQLite file; with it, a database of that PostgreSQL server.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use colonnade::auth::Caller;
use colonnade::config::Config;
use colonnade::db::connection::Purpose;
use colonnade::db::{Place, migrate};
use colonnade::network::{self, files::Files};
use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};

/// Where the PostgreSQL server is, if the suite runs on one. It ends in a slash.
pub fn server() -> Option<String> {
    let url = std::env::var("TEST_DATABASE_URL").ok()?;
    Some(if url.ends_with('/') {
        url
    } else {
        format!("{url}/")
    })
}

/// One test's database; it goes when the test ends.
pub struct Database {
    pub url: String,
    name: Option<String>,
}

impl Database {
    /// A fresh copy of the template.
    pub fn new(folder: &std::path::Path) -> Self {
        let template = template();
        match server() {
            None => {
                let path = folder.join("test.db");
                std::fs::copy(template, &path).expect("copying the template");
                Self {
                    url: format!("sqlite:{}", path.display()),
                    name: None,
                }
            }
            Some(server) => {
                let name = format!("t_{}", uuid::Uuid::now_v7().simple());
                let mut admin =
                    PgConnection::establish(&format!("{server}postgres")).expect("the test server");
                admin
                    .batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template}"))
                    .expect("a copy of the template");
                Self {
                    url: format!("{server}{name}"),
                    name: Some(name),
                }
            }
        }
    }
}

impl Database {
    /// Stands where a database was.
    pub fn nothing() -> Self {
        Self {
            url: String::new(),
            name: None,
        }
    }
}

impl Database {
    /// How large a SQLite file is, in KiB.
    pub fn size(&self) -> u64 {
        let path = self.url.trim_start_matches("sqlite:");
        std::fs::metadata(path).expect("the file").len() / 1024
    }

    /// A copy of a SQLite file, which no program has open, on another disk.
    pub fn copy_onto(&self, disk: &Path) -> Self {
        let path = disk.join("test.db");
        std::fs::copy(self.url.trim_start_matches("sqlite:"), &path).expect("a copy");
        let synced = std::fs::File::open(&path).and_then(|file| file.sync_all());
        synced.expect("the copy on the disk itself");
        Self {
            url: format!("sqlite:{}", path.display()),
            name: None,
        }
    }

    /// The texts that a query gives as `t`.
    pub fn texts(&self, query: &str) -> Vec<String> {
        super::sql::texts(&self.url, query)
    }

    /// Does behind the server's back what no route does.
    pub fn execute(&self, statement: &str) {
        let place = Place::parse(&self.url).expect("a URL");
        let mut conn = place.connect(Purpose::Write).expect("a connection");
        conn.batch_execute(statement).expect("a change");
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let (Some(server), Some(name)) = (server(), &self.name)
            && let Ok(mut admin) = PgConnection::establish(&format!("{server}postgres"))
        {
            let _ = admin.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

/// The template: a file's path, or a database's name. Made once for a run.
fn template() -> &'static str {
    static TEMPLATE: OnceLock<String> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let (url, template) = match server() {
            None => {
                let path = std::env::temp_dir()
                    .join(format!("colonnade-template-{}.db", std::process::id()));
                let _ = std::fs::remove_file(&path);
                (
                    format!("sqlite:{}", path.display()),
                    path.display().to_string(),
                )
            }
            Some(server) => {
                let name = format!("template_{}", std::process::id());
                let mut admin =
                    PgConnection::establish(&format!("{server}postgres")).expect("the test server");
                admin
                    .batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
                    .expect("no old template");
                admin
                    .batch_execute(&format!("CREATE DATABASE {name}"))
                    .expect("a template");
                (format!("{server}{name}"), name)
            }
        };
        migrate::run(&Place::parse(&url).expect("a URL")).expect("migrations");
        // Loaded on a thread of its own, because a test's runtime can't wait for another one.
        std::thread::spawn(move || load(&url))
            .join()
            .expect("the network");
        template
    })
}

fn load(url: &str) {
    let mut config = Config::load(None, &[]).expect("defaults");
    config.database.url = url.to_owned();
    config.auth.secret = "a secret for tests, a secret for tests".into();
    config.database.answer_seconds = 600;
    config.mail.folder = std::env::temp_dir()
        .join("colonnade-template-mail")
        .display()
        .to_string();
    actix_web::rt::System::new().block_on(async {
        let app = super::world::app(config, &super::world::start_of_time());
        app.run(Caller::system(), |tx| network::load(tx, &Files::belgium()?))
            .await
            .expect("the Belgian network");
        checkpoint(url);
    });
    // The app's database threads end with it; only then may the file be copied.
    std::thread::sleep(std::time::Duration::from_millis(200));
}

fn checkpoint(url: &str) {
    if let Some(path) = url.strip_prefix("sqlite:") {
        let mut conn = diesel::SqliteConnection::establish(path).expect("the template");
        conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)")
            .expect("a checkpoint");
    }
}

/// An empty database that nothing has migrated.
pub fn empty(folder: &std::path::Path) -> Database {
    match server() {
        None => {
            let path: PathBuf = folder.join("empty.db");
            Database {
                url: format!("sqlite:{}", path.display()),
                name: None,
            }
        }
        Some(server) => {
            let name = format!("t_{}", uuid::Uuid::now_v7().simple());
            let mut admin =
                PgConnection::establish(&format!("{server}postgres")).expect("the test server");
            admin
                .batch_execute(&format!("CREATE DATABASE {name}"))
                .expect("a database");
            Database {
                url: format!("{server}{name}"),
                name: Some(name),
            }
        }
    }
}
