//! Migrations are inside the binary, one folder per database with equal names, and run by one instance at a time.

use anyhow::{Context, anyhow};
use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource};
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::connection::{AnyConnection as Conn, Place, Purpose};

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Any number will do; it names the advisory lock under which migrations run on PostgreSQL.
const LOCK: i64 = 0x00c0_1044_ade0;

/// Applies what is pending and says how many that were.
///
/// # Errors
/// When the database can't be reached or a migration fails; what had been applied before stays.
pub fn run(place: &Place) -> anyhow::Result<usize> {
    let mut conn = connect(place)?;
    match &mut conn {
        Conn::Sqlite(sqlite) => {
            let done = sqlite
                .run_pending_migrations(SQLITE)
                .map_err(|e| anyhow!("{e}"))?;
            Ok(done.len())
        }
        Conn::Pg(pg) => {
            pg.batch_execute(&format!(
                "SET lock_timeout = 0; SET statement_timeout = 0; SELECT pg_advisory_lock({LOCK})"
            ))?;
            let done = pg
                .run_pending_migrations(POSTGRES)
                .map(|done| done.len())
                .map_err(|e| anyhow!("{e}"));
            pg.batch_execute(&format!("SELECT pg_advisory_unlock({LOCK})"))?;
            done
        }
    }
}

/// The names of the migrations that wait to be applied.
///
/// # Errors
/// When the database can't be reached.
pub fn pending(place: &Place) -> anyhow::Result<Vec<String>> {
    let mut conn = connect(place)?;
    let waiting = match &mut conn {
        Conn::Sqlite(sqlite) => sqlite.pending_migrations(SQLITE).map(|all| names(&all)),
        Conn::Pg(pg) => pg.pending_migrations(POSTGRES).map(|all| names(&all)),
    };
    waiting.map_err(|e| anyhow!("{e}"))
}

/// The versions of all migrations that this program has, the oldest first.
///
/// # Errors
/// When one has no proper name.
pub fn known() -> anyhow::Result<Vec<String>> {
    let all: Vec<Box<dyn Migration<Sqlite>>> = SQLITE.migrations().map_err(|e| anyhow!("{e}"))?;
    let mut versions: Vec<String> = all
        .iter()
        .map(|one| one.name().version().to_string())
        .collect();
    versions.sort();
    Ok(versions)
}

/// Keeps other instances from migrating until the caller's transaction ends.
///
/// # Errors
/// The database's.
pub fn lock(conn: &mut Conn) -> diesel::QueryResult<()> {
    match conn {
        Conn::Sqlite(_) => Ok(()),
        Conn::Pg(pg) => pg.batch_execute(&format!("SELECT pg_advisory_xact_lock({LOCK})")),
    }
}

/// Applies those of the given versions that are pending, within the caller's transaction.
///
/// # Errors
/// When a migration fails.
pub fn apply(conn: &mut Conn, versions: &[String]) -> anyhow::Result<()> {
    match conn {
        Conn::Sqlite(sqlite) => apply_to(sqlite, SQLITE, versions),
        Conn::Pg(pg) => apply_to(pg, POSTGRES, versions),
    }
}

fn apply_to<DB: diesel::backend::Backend>(
    harness: &mut impl MigrationHarness<DB>,
    source: impl MigrationSource<DB>,
    versions: &[String],
) -> anyhow::Result<()> {
    let pending = harness
        .pending_migrations(source)
        .map_err(|e| anyhow!("{e}"))?;
    for migration in pending {
        if versions.contains(&migration.name().version().to_string()) {
            harness
                .run_migration(&migration)
                .map_err(|e| anyhow!("{}: {e}", migration.name()))?;
        }
    }
    Ok(())
}

/// Takes every migration back, newest first; for tests of the `down.sql` files.
///
/// # Errors
/// When one can't be taken back.
pub fn revert_all(place: &Place) -> anyhow::Result<()> {
    let mut conn = connect(place)?;
    match &mut conn {
        Conn::Sqlite(sqlite) => sqlite.revert_all_migrations(SQLITE).map(|_| ()),
        Conn::Pg(pg) => pg.revert_all_migrations(POSTGRES).map(|_| ()),
    }
    .map_err(|e| anyhow!("{e}"))
}

/// Opens a connection that may write; a SQLite file and its folder are made where there are none.
///
/// # Errors
/// When the database can't be reached.
pub fn connect(place: &Place) -> anyhow::Result<Conn> {
    if let Place::Sqlite(path) = place
        && let Some(folder) = std::path::Path::new(path).parent()
    {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("creating {}", folder.display()))?;
    }
    place
        .connect(Purpose::Write)
        .context("opening the database")
}

fn names<DB: diesel::backend::Backend>(all: &[Box<dyn Migration<DB>>]) -> Vec<String> {
    all.iter().map(|one| one.name().to_string()).collect()
}
