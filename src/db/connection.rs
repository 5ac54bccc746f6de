//! One connection type over both databases; the scheme of the URL decides which.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;

/// A connection to either database. Store functions take it and do not ask which it is.
#[derive(diesel::MultiConnection)]
pub enum AnyConnection {
    Sqlite(SqliteConnection),
    Pg(PgConnection),
}

/// Where the data lives, read from a `database.url`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Sqlite(String),
    Pg(String),
}

/// What a connection is for; SQLite tunes and restricts it accordingly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Read,
    Write,
}

impl Place {
    /// Understands `sqlite:PATH`, `sqlite://PATH` and `postgres://…`; anything else is refused, so that a
    /// mistyped URL can't quietly create a database file of that name.
    ///
    /// # Errors
    /// Says what a URL may look like.
    pub fn parse(url: &str) -> Result<Self, String> {
        if let Some(rest) = url.strip_prefix("sqlite:") {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            return match path {
                "" => Err("sqlite: needs the path of a file".into()),
                ":memory:" => Err("sqlite::memory: can't be shared by several connections".into()),
                path => Ok(Self::Sqlite(path.to_owned())),
            };
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Pg(with_liveness(url)));
        }
        Err("must start with sqlite: or postgres://".into())
    }

    /// Opens a connection and sets it up for its purpose.
    ///
    /// # Errors
    /// The database's own words.
    pub fn connect(&self, purpose: Purpose) -> ConnectionResult<AnyConnection> {
        match self {
            Self::Sqlite(path) => {
                let mut conn = SqliteConnection::establish(path)?;
                conn.batch_execute(sqlite_pragmas(purpose))
                    .map_err(ConnectionError::CouldntSetupConfiguration)?;
                Ok(AnyConnection::Sqlite(conn))
            }
            Self::Pg(url) => {
                let mut conn = PgConnection::establish(url)?;
                conn.batch_execute(
                    "SET TIME ZONE 'UTC'; SET statement_timeout = '10s'; SET lock_timeout = '5s'; \
                     SET idle_in_transaction_session_timeout = '60s'",
                )
                .map_err(ConnectionError::CouldntSetupConfiguration)?;
                Ok(AnyConnection::Pg(conn))
            }
        }
    }

    #[must_use]
    pub fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }
}

/// `synchronous=FULL` because an acknowledged write survives a power cut; the group commit pays for it.
fn sqlite_pragmas(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Write => {
            "PRAGMA busy_timeout=5000; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; \
             PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-32768;"
        }
        Purpose::Read => {
            "PRAGMA busy_timeout=5000; PRAGMA query_only=ON; PRAGMA temp_store=MEMORY; \
             PRAGMA cache_size=-8192; PRAGMA mmap_size=268435456;"
        }
    }
}

/// Adds time limits to a PostgreSQL URL that names none: a dead or half-open server is noticed in seconds.
fn with_liveness(url: &str) -> String {
    let mut url = url.to_owned();
    for (key, value) in [
        ("connect_timeout", "3"),
        ("keepalives_idle", "5"),
        ("keepalives_interval", "2"),
        ("keepalives_count", "3"),
        ("tcp_user_timeout", "10000"),
        ("application_name", "colonnade"),
    ] {
        if !url.contains(&format!("{key}=")) {
            let glue = if url.contains('?') { '&' } else { '?' };
            url.push_str(&format!("{glue}{key}={value}"));
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_decides() {
        assert_eq!(
            Place::parse("sqlite:data/a.db"),
            Ok(Place::Sqlite("data/a.db".into()))
        );
        assert_eq!(
            Place::parse("sqlite:///var/a.db"),
            Ok(Place::Sqlite("/var/a.db".into()))
        );
        assert!(
            matches!(Place::parse("postgres://u@h/d"), Ok(Place::Pg(url)) if url.contains("tcp_user_timeout=10000"))
        );
        for wrong in [
            "",
            "sqlite:",
            "sqlite::memory:",
            "mysql://x",
            "host=127.0.0.1 dbname=x",
            "colonnade.db",
        ] {
            assert!(Place::parse(wrong).is_err(), "{wrong}");
        }
    }
}
