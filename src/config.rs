//! Settings: the compiled-in defaults, then a file, then the environment; all mistakes are reported at once.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::db::Place;
use crate::http::source::Proxies;
use crate::schema::Shape;

/// Every key with its meaning and its default. The documented example is the default.
pub const DEFAULTS: &str = include_str!("../config/default.toml");

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub environment: Environment,
    pub server: Server,
    pub database: Database,
    pub auth: Auth,
    pub throttle: Throttle,
    pub mail: Mail,
    pub notifications: Notifications,
    pub network: Network,
    pub ledger: Ledger,
    pub documents: Documents,
    pub invitations: Invitations,
    pub log: Log,
}

crate::words! {
    /// What kind of place this runs in. `production` refuses what is only fit for trying things out.
    pub enum Environment {
        Development = "development",
        Production = "production",
    }
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Server {
    #[schema(min_length = 1)]
    pub listen: String,
    #[schema(pattern = "^https?://[^/]+$")]
    pub public_url: String,
    #[schema(minimum = 1, maximum = 64)]
    pub workers: usize,
    #[schema(minimum = 1, maximum = 10240)]
    pub body_limit_kib: usize,
    #[schema(minimum = 1, maximum = 60)]
    pub head_timeout_seconds: u64,
    #[schema(minimum = 1, maximum = 300)]
    pub body_timeout_seconds: u64,
    #[schema(minimum = 1, maximum = 300)]
    pub answer_timeout_seconds: u64,
    #[schema(minimum = 1, maximum = 300)]
    pub idle_seconds: u64,
    #[schema(minimum = 0, maximum = 300)]
    pub drain_seconds: u64,
    #[schema(minimum = 1, maximum = 300)]
    pub shutdown_seconds: u64,
    pub trusted_proxies: String,
    pub forwarded_by: ForwardedBy,
}

crate::words! {
    /// The header in which proxies say whom they speak for.
    pub enum ForwardedBy {
        XForwardedFor = "x-forwarded-for",
        Forwarded = "forwarded",
    }
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Database {
    #[schema(min_length = 1)]
    pub url: String,
    pub migrate_on_serve: bool,
    #[schema(minimum = 1, maximum = 64)]
    pub readers: usize,
    #[schema(minimum = 2, maximum = 256)]
    pub pg_connections: usize,
    #[schema(minimum = 16, maximum = 65536)]
    pub queue: usize,
    #[schema(minimum = 1, maximum = 5000)]
    pub wait_milliseconds: u64,
    #[schema(minimum = 1, maximum = 3600)]
    pub answer_seconds: u64,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    #[schema(value_type = String)]
    pub secret: SecretString,
    #[schema(value_type = String)]
    pub previous_secret: SecretString,
    #[schema(minimum = 1, maximum = 1440)]
    pub access_minutes: i64,
    #[schema(minimum = 1, maximum = 365)]
    pub refresh_days: i64,
    #[schema(minimum = 1, maximum = 168)]
    pub verify_hours: i64,
    #[schema(minimum = 1, maximum = 168)]
    pub reset_hours: i64,
    #[schema(minimum = 1, maximum = 64)]
    pub hashers: usize,
    #[schema(minimum = 1, maximum = 1024)]
    pub hashes_waiting: usize,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Throttle {
    #[schema(minimum = 1, maximum = 1000)]
    pub guesses_from_one_place: i64,
    #[schema(minimum = 1, maximum = 10000)]
    pub guesses_on_account: i64,
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub guesses_from_address: i64,
    #[schema(minimum = 1, maximum = 10_000_000)]
    pub guesses_overall: i64,
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub wrong_codes_from_address: i64,
    #[schema(minimum = 1, maximum = 10_000_000)]
    pub wrong_codes_overall: i64,
    #[schema(minimum = 1, maximum = 1000)]
    pub mails_to_mailbox: i64,
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub mails_from_address: i64,
    #[schema(minimum = 1, maximum = 10_000_000)]
    pub mails_overall: i64,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    pub transport: Transport,
    pub folder: String,
    #[schema(min_length = 3)]
    pub from: String,
    pub host: String,
    #[schema(minimum = 1, maximum = 65535)]
    pub port: u16,
    pub tls: Tls,
    pub ca_file: String,
    pub username: String,
    #[schema(value_type = String)]
    pub password: SecretString,
    #[schema(minimum = 1, maximum = 100)]
    pub connections: u32,
    #[schema(minimum = 1, maximum = 120)]
    pub timeout_seconds: u64,
}

crate::words! {
    /// How mail leaves.
    pub enum Transport {
        Folder = "folder",
        Smtp = "smtp",
    }
}

crate::words! {
    /// How the connection to the mail server is protected.
    pub enum Tls {
        None = "none",
        Starttls = "starttls",
        Tls = "tls",
    }
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Notifications {
    #[schema(minimum = 100, maximum = 60000)]
    pub poll_milliseconds: u64,
    #[schema(minimum = 5, maximum = 3600)]
    pub lease_seconds: i64,
    #[schema(minimum = 1, maximum = 1000)]
    pub batch: i64,
    #[schema(minimum = 1, maximum = 100)]
    pub attempts: i32,
    #[schema(minimum = 1, maximum = 3600)]
    pub first_retry_seconds: i64,
    #[schema(minimum = 1, maximum = 86400)]
    pub last_retry_seconds: i64,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Network {
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    #[schema(minimum = 1, maximum = 365)]
    pub quiet_days: i64,
    #[schema(minimum = 0, maximum = 100)]
    pub small_cell_threshold: i64,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    #[schema(value_type = String)]
    pub secret: SecretString,
    pub anchor_file: String,
    #[schema(minimum = 1, maximum = 1440)]
    pub anchor_minutes: u64,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Documents {
    pub store: FileStore,
    pub folder: String,
    pub bucket: String,
    pub region: String,
    pub endpoint: String,
    pub access_key_id: String,
    #[schema(value_type = String)]
    pub secret_access_key: SecretString,
    pub types: String,
    #[schema(minimum = 1, maximum = 2048)]
    pub largest_mib: u64,
    #[schema(minimum = 1, maximum = 1_048_576)]
    pub quota_mib: i64,
    #[schema(minimum = 1, maximum = 1024)]
    pub slowest_kib_per_second: u64,
    #[schema(minimum = 1, maximum = 1024)]
    pub at_once: usize,
    #[schema(minimum = 5, maximum = 1440)]
    pub arrival_minutes: i64,
    #[schema(minimum = 1, maximum = 365)]
    pub stray_days: i64,
}

crate::words! {
    /// Where documents are kept.
    pub enum FileStore {
        Folder = "folder",
        S3 = "s3",
    }
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Invitations {
    #[schema(minimum = 1, maximum = 90)]
    pub days: i64,
    #[schema(minimum = 1, maximum = 1000)]
    pub of_account: i64,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub format: LogFormat,
    pub filter: String,
}

crate::words! {
    /// How log lines are written.
    pub enum LogFormat {
        Text = "text",
        Json = "json",
    }
}

impl Config {
    /// Reads the settings: defaults, then `file`, then `COLONNADE__SECTION__KEY` and `DATABASE_URL`, `PORT`.
    ///
    /// # Errors
    /// Every mistake, one a line.
    pub fn load(
        file: Option<&Path>,
        environment: &[(String, String)],
    ) -> Result<Self, Vec<String>> {
        let mut merged = parse(DEFAULTS).map_err(|e| vec![format!("config/default.toml: {e}")])?;
        if let Some(path) = file {
            let text = std::fs::read_to_string(path)
                .map_err(|e| vec![format!("{}: {e}", path.display())])?;
            merge(
                &mut merged,
                parse(&text).map_err(|e| vec![format!("{}: {e}", path.display())])?,
            );
        }
        for (name, value) in environment {
            if let Some(path) = variable(name) {
                put(&mut merged, &path, value);
            }
        }
        Self::check(merged)
    }

    fn check(mut merged: Value) -> Result<Self, Vec<String>> {
        let shape = Shape::of::<Self>().map_err(|e| vec![e.to_string()])?;
        shape.coerce(&mut merged);
        let mut mistakes: Vec<String> = shape
            .check(&merged)
            .into_iter()
            .map(|mut error| {
                crate::http::catalogue::CATALOGUE.fill_field(&mut error, crate::lang::Lang::En);
                format!(
                    "{}: {}",
                    error.pointer.trim_start_matches('/').replace('/', "."),
                    error.message
                )
            })
            .collect();
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let config: Self = serde_json::from_value(merged).map_err(|e| vec![e.to_string()])?;
        config.find_contradictions(&mut mistakes);
        config.find_contradictions_of_documents(&mut mistakes);
        if mistakes.is_empty() {
            Ok(config)
        } else {
            Err(mistakes)
        }
    }

    /// What is well-formed but makes no sense together.
    fn find_contradictions(&self, mistakes: &mut Vec<String>) {
        use secrecy::ExposeSecret;
        let mut wrong = |key: &str, what: &str| mistakes.push(format!("{key}: {what}"));
        let place = Place::parse(&self.database.url);
        if let Err(what) = &place {
            wrong("database.url", what);
        }
        let secret = self.auth.secret.expose_secret();
        let previous = self.auth.previous_secret.expose_secret();
        for (key, secret) in [
            ("auth.secret", secret),
            ("auth.previous_secret", previous),
            ("ledger.secret", self.ledger.secret.expose_secret()),
        ] {
            if !secret.is_empty() && secret.len() < 32 {
                wrong(key, "must have at least 32 characters");
            }
        }
        if let Err(what) = Proxies::new(&self.server) {
            wrong("server.trusted_proxies", &what);
        }
        let shared = matches!(place, Ok(Place::Pg(_)));
        if secret.is_empty() && (shared || self.environment == Environment::Production) {
            wrong(
                "auth.secret",
                "must be set: instances that share a database, and production, share one secret",
            );
        }
        if self.environment == Environment::Production && self.mail.transport == Transport::Folder {
            wrong("mail.transport", "production sends mail: set it to smtp");
        }
        if self.mail.transport == Transport::Smtp && self.mail.host.is_empty() {
            wrong("mail.host", "smtp needs a host");
        }
        if self.mail.from.parse::<lettre::message::Mailbox>().is_err() {
            wrong(
                "mail.from",
                "is no mailbox, such as Colonnade <colonnade@example.org>",
            );
        }
        if self.notifications.last_retry_seconds < self.notifications.first_retry_seconds {
            wrong(
                "notifications.last_retry_seconds",
                "must not be less than first_retry_seconds",
            );
        }
        let exchange = i64::try_from(self.mail.timeout_seconds).unwrap_or(i64::MAX);
        if self.notifications.lease_seconds < exchange.saturating_mul(2) {
            wrong(
                "notifications.lease_seconds",
                "must be at least twice mail.timeout_seconds, so that a mail can leave within a lease",
            );
        }
        let filter = self.log.filter.parse::<tracing_subscriber::EnvFilter>();
        if filter.is_err() {
            wrong(
                "log.filter",
                "is no filter, such as info or colonnade=debug,info",
            );
        }
    }

    fn find_contradictions_of_documents(&self, mistakes: &mut Vec<String>) {
        if let Err(what) = crate::files::kinds(&self.documents.types) {
            mistakes.push(format!("documents.types: {what}"));
        }
        if self.documents.store == FileStore::S3 && self.documents.bucket.is_empty() {
            mistakes.push("documents.bucket: s3 needs a bucket".to_owned());
        }
    }

    /// Where the ledger's anchors go: the configured file, or one beside the SQLite file.
    ///
    /// # Errors
    /// When the database's URL is not one.
    pub fn anchor_file(&self) -> anyhow::Result<PathBuf> {
        if !self.ledger.anchor_file.is_empty() {
            return Ok(PathBuf::from(&self.ledger.anchor_file));
        }
        Ok(match self.place()? {
            Place::Sqlite(path) => PathBuf::from(format!("{path}.anchors")),
            Place::Pg(_) => PathBuf::from("data/ledger.anchors"),
        })
    }

    /// Where documents are kept, or wait for the bucket: the configured folder, or one beside the SQLite file.
    ///
    /// # Errors
    /// When the database's URL is not one.
    pub fn documents_folder(&self) -> anyhow::Result<PathBuf> {
        if !self.documents.folder.is_empty() {
            return Ok(PathBuf::from(&self.documents.folder));
        }
        Ok(match self.place()? {
            Place::Sqlite(path) => PathBuf::from(format!("{path}.documents")),
            Place::Pg(_) => PathBuf::from("data/documents"),
        })
    }

    /// Where the data lives.
    ///
    /// # Errors
    /// When the URL is not one; `load` has looked at it.
    pub fn place(&self) -> anyhow::Result<Place> {
        Place::parse(&self.database.url).map_err(|what| anyhow::anyhow!("database.url: {what}"))
    }
}

/// The settings that an environment variable stands for.
fn variable(name: &str) -> Option<Vec<String>> {
    if name == "DATABASE_URL" {
        return Some(vec!["database".into(), "url".into()]);
    }
    let path = name.strip_prefix("COLONNADE__")?;
    Some(path.split("__").map(str::to_lowercase).collect())
}

fn parse(text: &str) -> Result<Value, String> {
    let table: toml::Table = text.parse().map_err(|e: toml::de::Error| e.to_string())?;
    serde_json::to_value(table).map_err(|e| e.to_string())
}

fn merge(below: &mut Value, above: Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                merge(below.entry(key).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above,
    }
}

fn put(config: &mut Value, path: &[String], value: &str) {
    let nested = path.iter().rev().fold(
        Value::from(value),
        |inner, key| serde_json::json!({ key.clone(): inner }),
    );
    merge(config, nested);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn the_defaults_are_valid() {
        Config::load(None, &[]).unwrap();
    }

    #[test]
    fn the_environment_wins_and_is_understood_by_type() {
        let config = Config::load(
            None,
            &env(&[
                ("DATABASE_URL", "sqlite:x.db"),
                ("COLONNADE__SERVER__WORKERS", "3"),
                ("COLONNADE__MAIL__PASSWORD", "12345"),
                ("COLONNADE__DATABASE__MIGRATE_ON_SERVE", "true"),
            ]),
        )
        .unwrap();
        assert_eq!(config.database.url, "sqlite:x.db");
        assert_eq!(config.server.workers, 3);
        assert!(config.database.migrate_on_serve);
    }

    #[test]
    fn all_mistakes_are_reported_at_once() {
        let wrong = env(&[
            ("COLONNADE__SERVER__WORKERS", "many"),
            ("COLONNADE__SERVER__COLOUR", "red"),
            ("COLONNADE__MAIL__TLS", "maybe"),
        ]);
        let mistakes = Config::load(None, &wrong).unwrap_err();
        assert_eq!(mistakes.len(), 3, "{mistakes:?}");
        let wrong = env(&[
            ("DATABASE_URL", "mysql://x"),
            ("COLONNADE__AUTH__SECRET", "short"),
            ("COLONNADE__MAIL__FROM", "nobody"),
            ("COLONNADE__ENVIRONMENT", "production"),
            ("COLONNADE__DOCUMENTS__TYPES", "pdf, exe"),
            ("COLONNADE__DOCUMENTS__STORE", "s3"),
        ]);
        let mistakes = Config::load(None, &wrong).unwrap_err();
        assert_eq!(mistakes.len(), 6, "{mistakes:?}");
    }
}
