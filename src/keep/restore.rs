//! `colonnade restore`: a backup into an empty database, all of it in one transaction, compared before it is kept.

use std::fs::File;
use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};

use super::backup::print;
use super::format::{Backup, Mark};
use super::rows::{self, Sum, Summing};
use super::tables::{self, Table};
use crate::app::{App, Tx};
use crate::auth::Caller;
use crate::clock::{SystemChance, SystemClock};
use crate::config::Config;
use crate::db::{Conn, Place, dialect, migrate};
use crate::mail::outbox;

/// How many characters of rows go to the database at a time.
const BATCH: usize = 1 << 20;

/// Restores and puts the outbox on hold, so that nothing is sent twice unless somebody wants it.
///
/// # Errors
/// When the file is damaged, the database is not empty, or what was written is not what the file says. Nothing is kept.
pub fn run(config: Config, from: &Path) -> anyhow::Result<()> {
    let file = File::open(from).with_context(|| format!("opening {}", from.display()))?;
    let backup = Backup::open(file).with_context(|| format!("{} is refused", from.display()))?;
    is_known(&backup)?;
    let mut conn = migrate::connect(&config.place()?)?;
    dialect::lift_limits(&mut conn)?;
    dialect::begin_write(&mut conn)?;
    migrate::lock(&mut conn)?;
    if let Some(table) = tables::all(&mut conn)?.first() {
        bail!(
            "the database is not empty, it has the table {}; give a new one, restore runs the migrations itself",
            table.name
        );
    }
    let app = App::new(config, Arc::new(SystemClock), Arc::new(SystemChance))?;
    if !backup.is_made_under(&app.secrets)? {
        eprintln!(
            "colonnade: warning: the backup was made under another secret; until that is back in place, people must \
             sign in again, and codes in mails that are on their way do not work"
        );
    }
    let kept = fill(&mut conn, &backup)?;
    migrate::apply(&mut conn, &migrate::known()?)?;
    hold(&mut conn, &app, &backup)?;
    dialect::commit(&mut conn)?;
    print(&kept);
    println!("the outbox is on hold; `colonnade outbox release` lets mail leave again");
    Ok(())
}

/// Restores into a scratch database beside the file and says what is there then.
///
/// # Errors
/// When that does not work.
pub fn rehearse(backup: &Backup, folder: &Path) -> anyhow::Result<Vec<(String, Sum)>> {
    is_known(backup)?;
    let scratch = scratch(folder)?;
    let file = scratch.path().join("scratch.db");
    let mut conn = migrate::connect(&Place::Sqlite(file.display().to_string()))?;
    dialect::begin_write(&mut conn)?;
    fill(&mut conn, backup)
}

/// A folder that only its owner may enter, because it holds what the database holds.
fn scratch(folder: &Path) -> anyhow::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".colonnade-scratch-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder
        .tempdir_in(folder)
        .with_context(|| format!("creating a folder in {}", folder.display()))
}

/// A release can restore what it or an earlier one made.
fn is_known(backup: &Backup) -> anyhow::Result<()> {
    let known = migrate::known()?;
    let newer = |version: &&String| !known.contains(version);
    if let Some(version) = backup.header.migrations.iter().find(newer) {
        bail!(
            "the backup has the migration {version}, which this release does not know; it was made by {}, install \
             that or a later one",
            backup.header.program
        );
    }
    Ok(())
}

/// Makes the tables as they were then, fills them, reads them back, and compares.
fn fill(conn: &mut Conn, backup: &Backup) -> anyhow::Result<Vec<(String, Sum)>> {
    migrate::apply(conn, &backup.header.migrations)?;
    let tables = tables::all(conn)?;
    for table in tables.iter().rev() {
        rows::clear(conn, table)?;
    }
    let mut reader = Reader {
        lines: backup.lines()?,
    };
    let mut kept = Vec::new();
    loop {
        match reader.mark()? {
            Mark::Table { name, columns } => {
                let table = tables.iter().find(|table| table.name == name);
                let table = table
                    .cloned()
                    .with_context(|| format!("no migration makes the table {name}"))?
                    .arranged(&columns)?;
                let sum = reader.rows(conn, &table)?;
                rows::count_on(conn, &table)?;
                if read_back(conn, &table)? != sum {
                    bail!("the table {name} did not come back as it was kept");
                }
                kept.push((name, sum));
            }
            Mark::Last { tables: count } if count == kept.len() && count == tables.len() => {
                return Ok(kept);
            }
            other => bail!("{other:?} is out of place after {} tables", kept.len()),
        }
    }
}

fn read_back(conn: &mut Conn, table: &Table) -> anyhow::Result<Sum> {
    let mut summing = Summing::new();
    rows::each(conn, table, |row| summing.add(&row))?;
    Ok(summing.sum())
}

struct Reader<R> {
    lines: R,
}

impl<R: BufRead> Reader<R> {
    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        if self.lines.read_line(&mut line)? == 0 {
            bail!("the backup ends too early");
        }
        Ok(line)
    }

    fn mark(&mut self) -> anyhow::Result<Mark> {
        Ok(serde_json::from_str(&self.line()?)?)
    }

    /// Writes the rows up to the end of the table and gives what the file says of them.
    fn rows(&mut self, conn: &mut Conn, table: &Table) -> anyhow::Result<Sum> {
        let (mut batch, mut size) = (Vec::new(), 0);
        loop {
            let line = self.line()?;
            let is_row = line.starts_with('[');
            if size > BATCH || (!is_row && size > 0) {
                rows::insert(conn, table, &batch)?;
                batch.clear();
                size = 0;
            }
            if !is_row {
                return match serde_json::from_str(&line)? {
                    Mark::End(sum) => Ok(sum),
                    other => bail!("{other:?} is out of place in {}", table.name),
                };
            }
            size += line.len();
            batch.push(line);
        }
    }
}

fn hold(conn: &mut Conn, app: &App, backup: &Backup) -> anyhow::Result<()> {
    let mut tx = Tx {
        conn,
        app,
        now: app.clock.now(),
        caller: &Caller::system(),
        request_id: &app.new_id().to_string(),
    };
    let reason = format!("restored from a backup of {}", backup.header.made_at);
    outbox::hold(&mut tx, &reason)?;
    Ok(())
}
