//! How buckets and known places are kept: one statement for each.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::model::{Bucket, FARTHEST, HOUR};
use crate::app::Tx;
use crate::db::dialect::Each;
use crate::db::schema::{known_places as known, throttle_buckets as buckets};
use crate::db::{Conn, Moment};
use crate::error::{Refused, Result};

/// A place where nobody has signed in for so long is a stranger's again.
const KNOWN_DAYS: i64 = 400;

/// Counts one try in every bucket, all or none: a full one refuses, and the transaction goes back with it. Whoever
/// takes several names them from narrow to wide, so that no two transactions wait for each other.
///
/// # Errors
/// `code`, with the time to wait; or the database's.
pub fn take(tx: &mut Tx<'_>, wanted: &[Bucket], code: &'static str) -> Result<()> {
    let now = micros(tx.now);
    for bucket in wanted {
        if pour(tx.conn, bucket, now)? {
            continue;
        }
        let empty_at: Option<i64> = buckets::table
            .find((bucket.kind, &bucket.key))
            .select(buckets::empty_at)
            .get_result(tx.conn)
            .optional()?;
        metrics::counter!("throttled_total", "bucket" => bucket.kind).increment(1);
        return Err(Refused::new(code)
            .retry_after(bucket.wait(empty_at.unwrap_or(now), now))
            .into());
    }
    Ok(())
}

/// Whether the bucket had room for one more. The row is locked from here to the end of the transaction. A bucket that a
/// clock filled that was ahead takes this one as its last, and is full from now on: a refusal would keep nothing.
fn pour(conn: &mut Conn, bucket: &Bucket, now: i64) -> QueryResult<bool> {
    const FILLED: &str = "CASE WHEN throttle_buckets.empty_at > $4 THEN $5
         WHEN throttle_buckets.empty_at > $6 THEN throttle_buckets.empty_at + $7 ELSE $6 + $7 END";
    let poured = diesel::sql_query(format!(
        "INSERT INTO throttle_buckets (kind, key, empty_at) VALUES ($1, $2, $3)
         ON CONFLICT (kind, key) DO UPDATE SET empty_at = {FILLED} WHERE {FILLED} <= $5"
    ))
    .bind::<Text, _>(bucket.kind)
    .bind::<Text, _>(&bucket.key)
    .bind::<BigInt, _>(now + bucket.drop_size())
    .bind::<BigInt, _>(now + FARTHEST)
    .bind::<BigInt, _>(now + HOUR)
    .bind::<BigInt, _>(now)
    .bind::<BigInt, _>(bucket.drop_size())
    .execute(conn)?;
    Ok(poured == 1)
}

/// Takes back a try that turned out to be none, such as a password that was right.
///
/// # Errors
/// The database's.
pub fn give_back(tx: &mut Tx<'_>, taken: &[Bucket]) -> Result<()> {
    for bucket in taken {
        diesel::update(buckets::table.find((bucket.kind, &bucket.key)))
            .set(buckets::empty_at.eq(buckets::empty_at - bucket.drop_size()))
            .execute(tx.conn)?;
    }
    Ok(())
}

/// Whether somebody was let in from there before.
///
/// # Errors
/// The database's.
pub fn is_known(tx: &mut Tx<'_>, place: &str) -> Result<bool> {
    let oldest = tx.now.minus(chrono::Duration::days(KNOWN_DAYS));
    let found = known::table
        .find(tx.app.secrets.mark("known-place", place))
        .filter(known::last_used_at.gt(oldest));
    Ok(diesel::select(diesel::dsl::exists(found)).get_result(tx.conn)?)
}

/// Remembers that somebody was let in from there.
///
/// # Errors
/// The database's.
pub fn know(tx: &mut Tx<'_>, place: &str) -> Result<()> {
    let row = (
        known::key.eq(tx.app.secrets.mark("known-place", place)),
        known::last_used_at.eq(tx.now),
    );
    Each(
        diesel::insert_into(known::table)
            .values(row)
            .on_conflict(known::key)
            .do_update()
            .set(known::last_used_at.eq(tx.now)),
    )
    .execute(tx.conn)?;
    Ok(())
}

/// Forgets buckets that have run empty, and places that nobody uses any more.
///
/// # Errors
/// The database's.
pub fn forget_old(conn: &mut Conn, now: Moment) -> QueryResult<()> {
    diesel::delete(buckets::table.filter(buckets::empty_at.le(micros(now)))).execute(conn)?;
    let oldest = now.minus(chrono::Duration::days(KNOWN_DAYS));
    diesel::delete(known::table.filter(known::last_used_at.le(oldest))).execute(conn)?;
    Ok(())
}

fn micros(at: Moment) -> i64 {
    at.utc().timestamp_micros()
}
