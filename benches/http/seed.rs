//! The rows that the demo lacks for a benchmark: a large cohort, prospects, and calls; then a copy for the floor.

use std::path::Path;

use anyhow::Context;
use diesel::Connection;
use diesel::connection::SimpleConnection;
use diesel::sqlite::SqliteConnection;

use crate::Settings;
use crate::operations::{ACTIVE, PROSPECTS, Row};

/// The demo's database, and the floor's copy of it.
pub const COLONNADE: &str = "colonnade.db";
pub const FLOOR: &str = "floor.db";

/// More applications a second than either server creates.
const MOST_PER_SECOND: u64 = 12_000;

/// How many calls there are: enough for each project to answer another one until the last round is over.
pub fn calls(settings: &Settings) -> u64 {
    (settings.round.as_secs() * u64::from(settings.rounds) * MOST_PER_SECOND).div_ceil(PROSPECTS)
}

/// Adds the rows to the demo's database and copies it.
///
/// # Errors
/// When the demo is not as it is thought to be, or the disk is full.
pub fn fill(folder: &Path, settings: &Settings) -> anyhow::Result<()> {
    let file = folder.join(COLONNADE);
    let mut conn =
        SqliteConnection::establish(file.to_str().context("the folder's name is no text")?)?;
    let rows = [
        cohort(),
        calls_of(calls(settings)),
        active(),
        stays(),
        prospects(),
    ]
    .concat();
    conn.batch_execute(&format!("BEGIN IMMEDIATE; {rows} COMMIT;"))
        .context("adding rows to the demo")?;
    // With its last connection gone, the log is part of the file, and the file alone is the whole database.
    conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)")?;
    drop(conn);
    std::fs::copy(&file, folder.join(FLOOR)).context("copying the database")?;
    Ok(())
}

/// Counts `n.i` from 0.
fn numbers(count: u64) -> String {
    format!("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {count})")
}

fn id(row: Row) -> String {
    format!("unhex(printf('{}%012x', n.i))", row.prefix())
}

fn literal(row: Row, number: u64) -> String {
    format!("X'{}'", row.id(number).simple())
}

const NOW: &str = "unixepoch() * 1000000";

fn cohort() -> String {
    format!(
        "INSERT INTO cohorts (id, slug, programme_id, names, starts_on, ends_on, capacity, version, created_at, updated_at)
         SELECT {}, 'bench', programme_id, names, date('now', '-90 days'), date('now', '+90 days'), 100000, 1, {NOW}, {NOW}
         FROM cohorts WHERE slug = 'medtech-accelerator-2018';",
        literal(Row::Cohort, 1)
    )
}

fn calls_of(count: u64) -> String {
    format!(
        "{} INSERT INTO calls (id, slug, programme_id, cohort_id, names, opens_at, closes_at, version, created_at, updated_at)
         SELECT {}, printf('bench-%d', n.i), programme_id, calls.cohort_id, names, {NOW}, {NOW} + 2592000000000, 1, {NOW}, {NOW}
         FROM n, calls WHERE slug = 'medtech-accelerator-2018';",
        numbers(count),
        id(Row::Call)
    )
}

fn active() -> String {
    format!(
        "{} INSERT INTO projects (id, reference, title, summary, sector, country, postal_code, region, language, state, pillar,
            cohort_id, stay_id, shared_with_partners, quiet_since, last_confidence, next_due_on, target_at,
            created_by, version, created_at, updated_at)
         SELECT {}, printf('P-B%06d', n.i), printf('Bench project %d', n.i * 7919 % 1000),
            'A wearable that tells the ward when a patient is about to fall, tried in two hospitals.',
            'medtech', 'BE', '1000', 'BE1', 'fr', 'active', {PILLAR}, {}, {}, 0, {NOW}, 'green', date('now', '+30 days'),
            {NOW} + 5184000000000, {PERSON}, 1, {NOW} + n.i, {NOW} + n.i FROM n;",
        numbers(ACTIVE),
        id(Row::Active),
        literal(Row::Cohort, 1),
        id(Row::Stay)
    )
}

fn stays() -> String {
    format!(
        "{} INSERT INTO stays (id, project_id, cohort_id, region, pillar, entered_at, held_seconds, target_days)
         SELECT {}, {}, {}, 'BE1', {PILLAR}, {NOW} - 864000000000, 0, 90 FROM n;",
        numbers(ACTIVE),
        id(Row::Stay),
        id(Row::Active),
        literal(Row::Cohort, 1)
    )
}

fn prospects() -> String {
    format!(
        "{} INSERT INTO projects (id, reference, title, summary, sector, country, postal_code, region, language, state,
            shared_with_partners, created_by, version, created_at, updated_at)
         SELECT {}, printf('P-C%06d', n.i), printf('Bench prospect %d', n.i), 'A team that is about to apply.',
            'medtech', 'BE', '1000', 'BE1', 'fr', 'prospect', 0, {PERSON}, 1, {NOW} + n.i, {NOW} + n.i FROM n;",
        numbers(PROSPECTS),
        id(Row::Prospect)
    )
}

const PILLAR: &str = "CASE n.i % 4 WHEN 0 THEN 'create_learn' WHEN 1 THEN 'test' WHEN 2 THEN 'grow' ELSE 'scale' END";
const PERSON: &str = "(SELECT id FROM accounts WHERE email = 'admin@example.org')";
