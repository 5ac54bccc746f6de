//! The queue: rows that wait, are leased, and are settled.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Text};
use serde_json::Value;

use super::{JobId, Task};
use crate::app::Tx;
use crate::db::dialect::Each;
use crate::db::schema::{held_work, jobs};
use crate::db::sql::{Doc, Instant, Uid};
use crate::db::{Conn, Json, Moment};
use crate::error::Result;
use crate::native;

/// Queues work in the caller's transaction.
///
/// # Errors
/// The database's.
pub fn enqueue(tx: &mut Tx<'_>, kind: &'static str, payload: Value) -> Result<()> {
    enqueue_at(tx, kind, payload, tx.now)
}

/// Queues work that is due at a moment. It may be called earlier, as when a clock was set back, so it asks for itself
/// whether it is time.
///
/// # Errors
/// The database's.
pub fn enqueue_at(
    tx: &mut Tx<'_>,
    kind: &'static str,
    payload: Value,
    due_at: Moment,
) -> Result<()> {
    let id: JobId = tx.new_id();
    let row = diesel::insert_into(jobs::table).values((
        jobs::id.eq(id),
        jobs::kind.eq(kind),
        jobs::payload.eq(Json(payload)),
        jobs::state.eq("waiting"),
        jobs::run_at.eq(due_at),
        jobs::attempts.eq(0),
        jobs::created_at.eq(tx.now),
    ));
    native!(&mut *tx.conn, |c| row.execute(c))?;
    Ok(())
}

/// One leased row.
#[derive(QueryableByName)]
struct Leased {
    #[diesel(sql_type = Uid)]
    id: JobId,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Doc)]
    payload: Json,
    #[diesel(sql_type = Integer)]
    attempts: i32,
}

/// Takes work that is due and not on hold, oldest first. Instances don't get in each other's way: on PostgreSQL rows that another
/// one is taking are skipped, and SQLite has one writer.
pub(super) fn lease(
    conn: &mut Conn,
    worker: &str,
    now: Moment,
    until: Moment,
    most: i64,
) -> QueryResult<Vec<(String, Task)>> {
    let skip = match conn {
        Conn::Sqlite(_) => "",
        Conn::Pg(_) => "FOR UPDATE SKIP LOCKED",
    };
    let rows: Vec<Leased> = diesel::sql_query(format!(
        "UPDATE jobs SET lease_until = $1, leased_by = $2 WHERE id IN (
            SELECT id FROM jobs
            WHERE state = 'waiting' AND run_at <= $3 AND (lease_until IS NULL OR lease_until <= $4)
            AND kind NOT IN (SELECT kind FROM held_work)
            ORDER BY run_at, id LIMIT $5 {skip}
        ) RETURNING id, kind, payload, attempts"
    ))
    .bind::<Instant, _>(until)
    .bind::<Text, _>(worker)
    .bind::<Instant, _>(now)
    .bind::<Instant, _>(now)
    .bind::<BigInt, _>(most)
    .load(conn)?;
    let task = |row: Leased| {
        let task = Task {
            id: row.id,
            payload: row.payload.0,
            attempts: row.attempts,
            lease_until: until,
        };
        (row.kind, task)
    };
    Ok(rows.into_iter().map(task).collect())
}

/// After the clock was set back: new work that seems to come from the future is due now, and so is what waits
/// longer than any wait; a lease that ends later than any can is void.
pub(super) fn bring_forward(
    conn: &mut Conn,
    now: Moment,
    last_try: Moment,
    last_lease: Moment,
) -> QueryResult<usize> {
    let from_the_future = jobs::attempts.eq(0).and(jobs::created_at.gt(now));
    let due = diesel::update(jobs::table)
        .filter(jobs::state.eq("waiting"))
        .filter(jobs::run_at.gt(last_try).or(from_the_future))
        .filter(jobs::run_at.gt(now))
        .set(jobs::run_at.eq(now))
        .execute(conn)?;
    let free = diesel::update(jobs::table)
        .filter(jobs::lease_until.gt(last_lease))
        .set((
            jobs::lease_until.eq(None::<Moment>),
            jobs::leased_by.eq(None::<String>),
        ))
        .execute(conn)?;
    Ok(due + free)
}

/// Work done is work gone. Work that changes the database calls this in the same transaction.
///
/// # Errors
/// The database's.
pub fn finish(conn: &mut Conn, id: JobId) -> QueryResult<()> {
    let done = diesel::delete(jobs::table.find(id));
    native!(conn, |c| done.execute(c)).map(|_| ())
}

/// Tries again later, or puts the work aside as dead.
pub(super) fn postpone(
    conn: &mut Conn,
    task: &Task,
    error: &str,
    next: Option<Moment>,
    now: Moment,
) -> QueryResult<()> {
    diesel::update(jobs::table.find(task.id))
        .set((
            jobs::state.eq(if next.is_some() { "waiting" } else { "dead" }),
            jobs::run_at.eq(next.unwrap_or(now)),
            jobs::attempts.eq(task.attempts + 1),
            jobs::last_error.eq(error),
            jobs::lease_until.eq(None::<Moment>),
            jobs::leased_by.eq(None::<String>),
        ))
        .execute(conn)
        .map(|_| ())
}

/// Gives back what was taken and not begun.
pub(super) fn release(conn: &mut Conn, id: JobId) -> QueryResult<()> {
    diesel::update(jobs::table.find(id))
        .set((
            jobs::lease_until.eq(None::<Moment>),
            jobs::leased_by.eq(None::<String>),
        ))
        .execute(conn)
        .map(|_| ())
}

/// A kind of work that waits until an operator lets it go on.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = held_work)]
pub struct Hold {
    pub kind: String,
    pub reason: String,
    pub held_at: Moment,
}

/// Puts a kind of work on hold, for every instance; a hold that there is already stays as it is.
///
/// # Errors
/// The database's.
pub fn hold(tx: &mut Tx<'_>, kind: &'static str, reason: &str) -> Result<()> {
    let row = (
        held_work::kind.eq(kind),
        held_work::reason.eq(reason),
        held_work::held_at.eq(tx.now),
    );
    Each(
        diesel::insert_into(held_work::table)
            .values(row)
            .on_conflict_do_nothing(),
    )
    .execute(tx.conn)?;
    Ok(())
}

/// Ends a hold and says whether there was one.
///
/// # Errors
/// The database's.
pub fn end_hold(tx: &mut Tx<'_>, kind: &'static str) -> Result<bool> {
    let ended = diesel::delete(held_work::table.find(kind)).execute(tx.conn)?;
    Ok(ended > 0)
}

/// The kinds of work that are on hold.
///
/// # Errors
/// The database's.
pub fn holds(conn: &mut Conn) -> QueryResult<Vec<Hold>> {
    held_work::table
        .order(held_work::kind)
        .select(Hold::as_select())
        .load(conn)
}

/// How much work waits.
///
/// # Errors
/// The database's.
pub fn waiting(conn: &mut Conn) -> QueryResult<i64> {
    jobs::table
        .filter(jobs::state.eq("waiting"))
        .count()
        .get_result(conn)
}

/// How much work was put aside.
///
/// # Errors
/// The database's.
pub fn dead(conn: &mut Conn) -> QueryResult<i64> {
    jobs::table
        .filter(jobs::state.eq("dead"))
        .count()
        .get_result(conn)
}
