//! The databases that are measured: the demo with the benchmark's rows, once for Colonnade and once for the floor.

use std::path::{Path, PathBuf};

use anyhow::Context;
use colonnade::config::Config;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use crate::Settings;
use crate::gateway;
use crate::postgres::Cluster;
use crate::seed::{self, Dialect};

/// Signs the tokens of all servers.
pub const SECRET: &str = "the secret of a benchmark is none";
/// Makes filling fast. Nothing of this stays in the file.
const CARELESS: &str =
    "PRAGMA synchronous = OFF; PRAGMA cache_size = -500000; PRAGMA temp_store = MEMORY;";
/// The threads that made the demo may take a moment to close the file.
const PATIENT: &str = "PRAGMA busy_timeout = 20000;";

/// One database, and whatever a server on it needs to know.
#[derive(Debug, Clone)]
pub struct Database {
    pub url: String,
    pub mails: PathBuf,
    /// The first process of the database server, where there is one.
    pub postmaster: Option<u32>,
}

/// Colonnade's database and the floor's copy of it.
pub struct Pair {
    pub colonnade: Database,
    pub floor: Database,
}

/// A database file of a name. It need not be there yet.
pub fn file(folder: &Path, name: &str) -> Database {
    Database {
        url: format!("sqlite:{}", folder.join(name).display()),
        mails: folder.join("mail"),
        postmaster: None,
    }
}

/// The demo, from which all files of this run are copied.
///
/// # Errors
/// When it can't be made.
pub async fn demo(folder: &Path) -> anyhow::Result<()> {
    make_demo(&file(folder, "demo.db")).await
}

async fn make_demo(database: &Database) -> anyhow::Result<()> {
    let mails = database.mails.to_string_lossy();
    let settings = [
        ("DATABASE_URL", database.url.as_str()),
        ("COLONNADE__MAIL__FOLDER", &mails),
        ("COLONNADE__AUTH__SECRET", SECRET),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let config = Config::load(None, &settings)
        .map_err(|mistakes| anyhow::anyhow!("{}", mistakes.join("; ")))?;
    colonnade::demo::make(&config).await.context("the demo")
}

/// The two files of the operations.
///
/// # Errors
/// When the demo is not as it is thought to be, or the disk is full.
pub fn files(folder: &Path, settings: &Settings) -> anyhow::Result<Pair> {
    let pair = Pair {
        colonnade: file(folder, "colonnade.db"),
        floor: file(folder, "floor.db"),
    };
    let rows = [
        seed::cohort(Dialect::Sqlite),
        seed::stock(Dialect::Sqlite, settings),
    ];
    fill_copy(folder, "demo.db", "colonnade.db", &rows.concat())?;
    std::fs::copy(folder.join("colonnade.db"), folder.join("floor.db"))?;
    Ok(pair)
}

/// A file with so many projects in all, of which 200 are the measured cohort's.
///
/// # Errors
/// When the disk is full.
pub fn grown(folder: &Path, name: &str, projects: u64) -> anyhow::Result<Database> {
    fill_copy(folder, "demo.db", name, &seed::cohort(Dialect::Sqlite))?;
    let database = file(folder, name);
    let mut conn = open(folder, name)?;
    let there: i64 = colonnade::db::schema::projects::table
        .count()
        .get_result(&mut conn)?;
    drop(conn);
    let missing = projects.saturating_sub(u64::try_from(there)?);
    fill(folder, name, &seed::others(Dialect::Sqlite, missing))?;
    Ok(database)
}

/// The file of the gateway's rows.
///
/// # Errors
/// When the demo is not as it is thought to be, or the disk is full.
pub fn gateway_file(folder: &Path, settings: &Settings) -> anyhow::Result<Database> {
    eprintln!("filling a database for the gateway");
    let rows = gateway_rows(Dialect::Sqlite, settings);
    fill_copy(folder, "demo.db", "gateway.db", &rows)?;
    Ok(file(folder, "gateway.db"))
}

fn gateway_rows(to: Dialect, settings: &Settings) -> String {
    [seed::cohort(to), gateway::seed::rows(to, settings)].concat()
}

fn open(folder: &Path, name: &str) -> anyhow::Result<SqliteConnection> {
    let path = folder.join(name);
    let path = path.to_str().context("the folder's name is no text")?;
    let mut conn = SqliteConnection::establish(path)?;
    conn.batch_execute(PATIENT)?;
    Ok(conn)
}

fn fill_copy(folder: &Path, from: &str, name: &str, rows: &str) -> anyhow::Result<()> {
    // With everything written back from its log, the file alone is the whole database.
    open(folder, from)?.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)")?;
    std::fs::copy(folder.join(from), folder.join(name)).context("copying a database")?;
    fill(folder, name, rows)
}

fn fill(folder: &Path, name: &str, rows: &str) -> anyhow::Result<()> {
    let mut conn = open(folder, name)?;
    conn.batch_execute(&format!("{CARELESS} BEGIN IMMEDIATE; {rows} COMMIT;"))
        .with_context(|| format!("filling {name}"))?;
    conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)")?;
    Ok(())
}

/// The two databases of the operations on PostgreSQL.
///
/// # Errors
/// When the demo is not as it is thought to be, or the disk is full.
pub async fn databases(
    cluster: &Cluster,
    folder: &Path,
    settings: &Settings,
) -> anyhow::Result<Pair> {
    let rows = [
        seed::cohort(Dialect::Pg),
        seed::stock(Dialect::Pg, settings),
    ];
    let colonnade = filled(cluster, folder, "colonnade", &rows.concat()).await?;
    cluster.copy("colonnade", "floor").await?;
    let floor = on(cluster, folder, "floor");
    Ok(Pair { colonnade, floor })
}

/// The database of the gateway's rows on PostgreSQL.
///
/// # Errors
/// When the demo is not as it is thought to be, or the disk is full.
pub async fn gateway(
    cluster: &Cluster,
    folder: &Path,
    settings: &Settings,
) -> anyhow::Result<Database> {
    eprintln!("filling a database for the gateway");
    let rows = gateway_rows(Dialect::Pg, settings);
    filled(cluster, folder, "gateway", &rows).await
}

fn on(cluster: &Cluster, folder: &Path, name: &str) -> Database {
    Database {
        url: cluster.url(name),
        mails: folder.join("mail"),
        postmaster: Some(cluster.postmaster),
    }
}

/// A database with the demo and some rows.
async fn filled(
    cluster: &Cluster,
    folder: &Path,
    name: &str,
    rows: &str,
) -> anyhow::Result<Database> {
    cluster.execute("postgres", &format!("CREATE DATABASE {name}"))?;
    let database = on(cluster, folder, name);
    make_demo(&database).await?;
    cluster.execute(name, &format!("BEGIN; {rows} COMMIT;"))?;
    cluster.execute(name, "VACUUM ANALYZE")?;
    Ok(database)
}
