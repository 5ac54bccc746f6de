//! `colonnade backup`: one moment of the database in one file, which is there only if it can be restored.

use std::path::Path;

use anyhow::{Context, bail};
use diesel::prelude::*;
use diesel::sql_types::Text;
use serde_json::Value;

use super::format::{Backup, Header, Mark, Writer, fingerprint};
use super::rows::{self, Sum, Summing};
use super::{restore, tables};
use crate::auth::secrets::Secrets;
use crate::clock::{Clock, SystemChance, SystemClock};
use crate::config::Config;
use crate::db::connection::Purpose;
use crate::db::{Conn, Place, dialect};
use crate::secret_file;

/// Writes beside, restores that into a scratch database, and only then gives the file its name; a file of that name
/// stays until then.
///
/// # Errors
/// When the database can't be read, the file can't be written, or what was written can't be restored. No file is left.
pub fn run(config: &Config, to: &Path) -> anyhow::Result<()> {
    let place = config.place()?;
    let mut conn = open(&place)?;
    let secrets = Secrets::new(&secret_file::secret(config, &SystemChance)?, "");
    let folder = match to.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // Only its owner may read it, and it goes when it is dropped.
    let beside = tempfile::Builder::new()
        .prefix(".colonnade-backup-")
        .tempfile_in(folder)
        .with_context(|| format!("creating a file in {}", folder.display()))?;
    let header = Header {
        program: env!("CARGO_PKG_VERSION").into(),
        made_at: SystemClock.now(),
        database: if place.is_sqlite() {
            "sqlite"
        } else {
            "postgres"
        }
        .into(),
        migrations: migrations(&mut conn)?,
        secret: fingerprint(&secrets),
    };
    let mut writer = Writer::new(beside.as_file(), &header)?;
    let written = write(&mut conn, &mut writer)?;
    writer.seal(&secrets).context("writing the backup")?;
    drop(conn);
    let backup = Backup::open(beside.reopen()?)?;
    backup.is_made_under(&secrets)?;
    let restored = restore::rehearse(&backup, folder).context("the backup can't be restored")?;
    if restored != written {
        bail!("what was restored from the backup is not what was written");
    }
    beside
        .persist(to)
        .with_context(|| format!("naming it {}", to.display()))?;
    std::fs::File::open(folder).and_then(|folder| folder.sync_all())?;
    print(&written);
    println!("sha256 {}", backup.sha256);
    println!("restored into a scratch database and compared: fine");
    Ok(())
}

/// Opens what is there to be read; reading must not make a database where there is none.
fn open(place: &Place) -> anyhow::Result<Conn> {
    if let Place::Sqlite(path) = place
        && !Path::new(path).exists()
    {
        bail!("there is no database at {path}");
    }
    let mut conn = place
        .connect(Purpose::Read)
        .context("opening the database")?;
    dialect::lift_limits(&mut conn)?;
    dialect::begin_snapshot(&mut conn)?;
    Ok(conn)
}

/// The versions of the migrations that the database has.
fn migrations(conn: &mut Conn) -> anyhow::Result<Vec<String>> {
    #[derive(QueryableByName)]
    struct Applied {
        #[diesel(sql_type = Text)]
        version: String,
    }
    let query = "SELECT version FROM __diesel_schema_migrations ORDER BY version";
    let applied: Vec<Applied> = diesel::sql_query(query)
        .load(conn)
        .context("this is no database of Colonnade: it has no migrations")?;
    Ok(applied.into_iter().map(|one| one.version).collect())
}

/// Writes every table and says what there was.
fn write(conn: &mut Conn, writer: &mut Writer<'_>) -> anyhow::Result<Vec<(String, Sum)>> {
    let mut written = Vec::new();
    for table in tables::all(conn)? {
        writer.line(&Mark::Table {
            name: table.name.clone(),
            columns: table.names(),
        })?;
        let mut summing = Summing::new();
        rows::each(conn, &table, |row: Vec<Value>| {
            summing.add(&row)?;
            writer.line(&row)
        })?;
        let sum = summing.sum();
        writer.line(&Mark::End(sum.clone()))?;
        written.push((table.name, sum));
    }
    let tables = written.len();
    writer.line(&Mark::Last { tables })?;
    Ok(written)
}

/// Prints how many rows each table has.
pub fn print(tables: &[(String, Sum)]) {
    for (table, sum) in tables {
        println!("{table:<24} {:>12}", sum.rows);
    }
    let rows: u64 = tables.iter().map(|(_, sum)| sum.rows).sum();
    println!("{:<24} {rows:>12}", "all rows");
}
