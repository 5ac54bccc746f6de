//! Where and with what this was measured.

use std::process::Command;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::Text;

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = Text)]
    version: String,
}

/// The day and the minute.
pub fn now() -> String {
    DateTime::<Utc>::from(SystemTime::now())
        .format("%Y-%m-%d %H:%M UTC")
        .to_string()
}

pub fn processor() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let name = value_of("/proc/cpuinfo", "model name");
    format!("{cores} cores, {}", name.unwrap_or("unknown".into()))
}

pub fn memory() -> String {
    let total = value_of("/proc/meminfo", "MemTotal").unwrap_or_default();
    let kibibytes: u64 = total.trim_end_matches(" kB").parse().unwrap_or_default();
    format!("{} GiB of memory", kibibytes.div_ceil(1024 * 1024))
}

pub fn kernel() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{} {}", std::env::consts::OS, release.trim())
}

/// How many processes wanted to run in the last minute, on average.
pub fn load() -> f64 {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let first = load.split(' ').next().and_then(|word| word.parse().ok());
    first.unwrap_or_default()
}

pub fn compiler() -> String {
    let told = Command::new("rustc").arg("-V").output();
    let told = told.map(|output| output.stdout).unwrap_or_default();
    let version = String::from_utf8_lossy(&told).trim().to_owned();
    if version.is_empty() {
        "rustc unknown".into()
    } else {
        version
    }
}

/// The version of the SQLite that is compiled in.
///
/// # Errors
/// The database's.
pub fn sqlite() -> anyhow::Result<String> {
    let mut conn = SqliteConnection::establish(":memory:")?;
    let row: Version =
        diesel::sql_query("SELECT sqlite_version() AS version").get_result(&mut conn)?;
    Ok(row.version)
}

/// The value behind a name in a file of `name: value` lines.
fn value_of(file: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
