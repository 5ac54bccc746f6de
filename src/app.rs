//! What a request can reach, what an action works with, and the list of resources.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::applications::ApplicationId;
use crate::auth::callers::Callers;
use crate::auth::guard::Credentials;
use crate::auth::passwords::Passwords;
use crate::auth::secrets::{Secrets, Signer};
use crate::auth::tokens::Tokens;
use crate::auth::{AccountId, Caller};
use crate::clock::{Chance, Clock, new_id};
use crate::config::Config;
use crate::db::{Conn, Db, Moment, Sizes};
use crate::error::Result;
use crate::files::Files;
use crate::http::Routes;
use crate::http::kept::Kept;
use crate::http::routes::RouteTable;
use crate::http::source::Proxies;
use crate::jobs::Job;
use crate::mail::{Mailer, Recipient};
use crate::schema::Shapes;

/// What one resource folder offers to the program.
pub struct Slice {
    pub name: &'static str,
    pub routes: fn(&mut Routes),
    pub jobs: &'static [Job],
    /// The problem codes that its rules can answer.
    pub codes: &'static [&'static str],
}

/// The resources of this program, lowest first. A slice may use those above it in this list.
pub const SLICES: &[Slice] = &[
    crate::accounts::SLICE,
    crate::sessions::SLICE,
    crate::api_keys::SLICE,
    crate::network::SLICE,
    crate::forms::SLICE,
    crate::projects::SLICE,
    crate::coaching::SLICE,
    crate::journey::SLICE,
    crate::eligibility::SLICE,
    crate::applications::SLICE,
    crate::documents::SLICE,
    crate::invitations::SLICE,
    crate::reviews::SLICE,
    crate::decisions::SLICE,
    crate::bulk::SLICE,
    crate::gateway::SLICE,
    crate::dashboards::SLICE,
    crate::ledger::SLICE,
    crate::notifications::SLICE,
];

/// The routes of every slice.
#[must_use]
pub fn routes() -> Routes {
    let mut routes = Routes::default();
    for slice in SLICES {
        (slice.routes)(&mut routes);
    }
    routes
}

/// The jobs that the worker knows.
pub fn jobs() -> impl Iterator<Item = &'static Job> {
    SLICES
        .iter()
        .flat_map(|slice| slice.jobs)
        .chain(crate::mail::outbox::JOBS)
}

/// Finds the caller behind credentials, with the rights they have now.
fn identify(conn: &mut Conn, credentials: &Credentials, now: Moment) -> Result<Option<Caller>> {
    match credentials {
        Credentials::Access(access) => crate::sessions::caller(conn, *access, now),
        Credentials::ApiKey(digest) => crate::api_keys::caller(conn, digest, now),
    }
}

/// One running instance.
pub struct App {
    pub config: Config,
    pub db: Db,
    pub clock: Arc<dyn Clock>,
    pub chance: Arc<dyn Chance>,
    pub secrets: Secrets,
    /// Signs the ledger's entries.
    pub ledger: Signer,
    pub tokens: Tokens,
    pub callers: Callers,
    pub passwords: Passwords,
    pub proxies: Proxies,
    pub mailer: Mailer,
    /// Where documents lie.
    pub files: Files,
    pub shapes: Shapes,
    pub kept: Kept,
    pub routes: RouteTable,
    pub openapi: Arc<str>,
    /// Rung after each write, so that the worker looks for work at once.
    pub bell: Notify,
    /// Finds the caller behind credentials; given by the slice that keeps accounts.
    pub identify: fn(&mut Conn, &Credentials, Moment) -> Result<Option<Caller>>,
    /// Finds where a person's mail goes; likewise.
    pub recipient: fn(&mut Conn, AccountId) -> Result<Option<Recipient>>,
    /// Whether a document is there as evidence of an application, itself or its project's; given by the slice that keeps them.
    pub is_evidence: fn(&mut Conn, Uuid, ApplicationId) -> Result<bool>,
    /// Whether anybody is to hear of a kind of event; given by the slice that tells.
    pub is_told: fn(&str) -> bool,
    stopping: AtomicBool,
}

/// One write transaction and the inputs that the world gives it. Actions take this and nothing else from outside.
pub struct Tx<'a> {
    pub conn: &'a mut Conn,
    pub app: &'a App,
    pub now: Moment,
    pub caller: &'a Caller,
    pub request_id: &'a str,
}

impl Tx<'_> {
    /// A fresh identifier.
    #[must_use]
    pub fn new_id<I: From<Uuid>>(&self) -> I {
        I::from(new_id(self.now, self.app.chance.as_ref()))
    }
}

impl App {
    /// Puts an instance together. The database is reached when it is first needed.
    ///
    /// # Errors
    /// When the configuration or the machine lacks something.
    pub fn new(
        config: Config,
        clock: Arc<dyn Clock>,
        chance: Arc<dyn Chance>,
    ) -> anyhow::Result<Self> {
        let place = config.place()?;
        let secret = crate::secret_file::secret(&config, chance.as_ref())?;
        let secrets = Secrets::new(&secret, config.auth.previous_secret.expose_secret());
        let ledger = crate::secret_file::ledger_signer(&config, chance.as_ref())?;
        let sizes = Sizes {
            readers: config.database.readers,
            pg_connections: config.database.pg_connections,
            queue: config.database.queue,
            wait: Duration::from_millis(config.database.wait_milliseconds),
            answer: Duration::from_secs(config.database.answer_seconds),
        };
        Ok(Self {
            db: Db::start(place, sizes),
            tokens: Tokens::new(&secrets, config.auth.access_minutes),
            callers: Callers::default(),
            secrets,
            ledger,
            passwords: Passwords::new(config.auth.hashers, config.auth.hashes_waiting)?,
            proxies: Proxies::new(&config.server).map_err(anyhow::Error::msg)?,
            mailer: Mailer::new(&config.mail)?,
            files: Files::new(&config)?,
            shapes: Shapes::default(),
            kept: Kept::default(),
            routes: RouteTable::new(&routes().declared),
            openapi: crate::http::openapi::json()?.into(),
            bell: Notify::new(),
            identify,
            recipient: crate::accounts::recipient,
            is_evidence: crate::documents::is_evidence,
            is_told: crate::notifications::is_told,
            stopping: AtomicBool::new(false),
            config,
            clock,
            chance,
        })
    }

    #[must_use]
    pub fn new_id(&self) -> Uuid {
        new_id(self.clock.now(), self.chance.as_ref())
    }

    /// Runs a command as somebody, outside a request: the worker, the demo, the command line.
    ///
    /// # Errors
    /// What the command says, or that the database is busy.
    pub async fn run<T, F>(self: &Arc<Self>, caller: Caller, mut work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let (app, now) = (self.clone(), self.clock.now());
        let request_id = self.new_id().to_string();
        let done = self
            .db
            .write(move |conn| {
                work(&mut Tx {
                    conn,
                    app: &app,
                    now,
                    caller: &caller,
                    request_id: &request_id,
                })
            })
            .await?;
        self.bell.notify_one();
        Ok(done)
    }

    /// Says that no new work should come here.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.bell.notify_waiters();
    }

    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// A link into the API, as mails carry it.
    #[must_use]
    pub fn link(&self, path: &str) -> String {
        format!("{}{path}", self.config.server.public_url)
    }
}
