//! Writes facts into the ledger, each with the work of telling those who want to know.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};
use serde_json::json;
use uuid::Uuid;

use super::chain;
use super::model::{Event, EventId, Fact, Head};
use crate::app::Tx;
use crate::auth::Actor;
use crate::db::dialect::{Cached, Each};
use crate::db::schema::{events, ledger_heads as heads, superseded_events as superseded};
use crate::db::sql::Uid;
use crate::db::{Conn, Json, Moment};
use crate::error::{OrNotFound, Result};
use crate::jobs;
use crate::native;

/// The job that tells people about an event.
pub const NOTIFY: &str = "notify";

/// Writes a fact down and queues the telling, if anybody is to be told, in the caller's transaction.
///
/// # Errors
/// The database's.
pub fn record(tx: &mut Tx<'_>, fact: Fact) -> Result<i64> {
    let is_told = (tx.app.is_told)(fact.kind);
    let seq = note(tx, fact)?;
    if is_told {
        jobs::enqueue(tx, NOTIFY, json!({ "event": seq }))?;
    }
    Ok(seq)
}

/// Writes a fact down that nobody is told of.
///
/// # Errors
/// The database's.
pub fn note(tx: &mut Tx<'_>, fact: Fact) -> Result<i64> {
    let (actor_kind, actor_id) = match tx.caller.actor {
        Actor::Nobody => ("nobody", None),
        Actor::System => ("system", None),
        Actor::Account(id) => ("account", Some(EventId(id.0))),
        Actor::ApiKey(id) => ("api_key", Some(EventId(id.0))),
    };
    let chain = EventId(fact.project_id.unwrap_or(fact.subject_id));
    let head = lock_head(tx.conn, chain)?;
    let mut event = Event {
        seq: 0,
        id: tx.new_id(),
        at: tx.now,
        actor_kind: actor_kind.to_owned(),
        actor_id,
        kind: fact.kind.to_owned(),
        subject_kind: fact.subject_kind.to_owned(),
        subject_id: EventId(fact.subject_id),
        project_id: fact.project_id.map(EventId),
        region: fact.region,
        request_id: tx.request_id.to_owned(),
        data: Json(fact.data),
        chain: Some(chain),
        chain_seq: Some(head.length + 1),
        mac: None,
    };
    event.mac = Some(chain::code(&tx.app.ledger, &head.mac, &event));
    insert(tx.conn, &event)
}

/// The end of a chain, locked until the transaction ends; a chain that is not there yet begins. One statement, and
/// it gives the row as the transaction before has left it.
fn lock_head(conn: &mut Conn, chain: EventId) -> Result<Head> {
    let begin = (
        heads::chain.eq(chain),
        heads::length.eq(0_i64),
        heads::mac.eq(""),
    );
    let lock = diesel::insert_into(heads::table)
        .values(begin)
        .on_conflict(heads::chain)
        .do_update()
        .set(heads::length.eq(heads::length))
        .returning((heads::chain, heads::length, heads::mac));
    Ok(native!(conn, |c| Cached(lock).get_result(c))?)
}

/// Writes the row. A trigger moves the chain's end.
fn insert(conn: &mut Conn, event: &Event) -> Result<i64> {
    let row = (
        events::id.eq(event.id),
        events::at.eq(event.at),
        events::actor_kind.eq(&event.actor_kind),
        events::actor_id.eq(event.actor_id),
        events::kind.eq(&event.kind),
        events::subject_kind.eq(&event.subject_kind),
        events::subject_id.eq(event.subject_id),
        events::project_id.eq(event.project_id),
        events::region.eq(&event.region),
        events::request_id.eq(&event.request_id),
        events::data.eq(&event.data),
        events::chain.eq(event.chain),
        events::chain_seq.eq(event.chain_seq),
        events::mac.eq(&event.mac),
    );
    let row = diesel::insert_into(events::table)
        .values(row)
        .returning(events::seq);
    Ok(native!(conn, |c| row.get_result(c))?)
}

/// # Errors
/// `not-found` where there is none.
pub fn find(conn: &mut Conn, seq: i64) -> Result<Event> {
    let one = events::table.find(seq);
    native!(conn, |c| one.select(Event::as_select()).get_result(c)).or_not_found()
}

/// The position of the last event that is there.
///
/// # Errors
/// The database's.
pub fn last_position(conn: &mut Conn) -> Result<i64> {
    let last: Option<i64> = events::table
        .select(diesel::dsl::max(events::seq))
        .get_result(conn)?;
    Ok(last.unwrap_or(0))
}

/// The events that a request has recorded after a position.
///
/// # Errors
/// The database's.
pub fn made_by(conn: &mut Conn, request_id: &str, after: i64) -> Result<Vec<i64>> {
    Ok(events::table
        .filter(events::seq.gt(after))
        .filter(events::request_id.eq(request_id))
        .order(events::seq)
        .select(events::seq)
        .load(conn)?)
}

/// How many of a chain's last entries are of a kind and younger than a moment.
pub(super) fn count_lately(
    conn: &mut Conn,
    chain: EventId,
    kind: &str,
    since: Moment,
    last: i64,
) -> Result<i64> {
    let entries: Vec<(String, Moment)> = events::table
        .filter(events::chain.eq(chain))
        .order(events::chain_seq.desc())
        .limit(last)
        .select((events::kind, events::at))
        .load(conn)?;
    let count = entries
        .iter()
        .filter(|(entry, at)| entry == kind && *at > since)
        .count();
    Ok(i64::try_from(count).unwrap_or(last))
}

/// How many rows are read at a time by those who read all of them.
pub(super) const AT_ONCE: i64 = 2000;

/// The next ends of chains, in order of the chains.
pub(super) fn heads_after(conn: &mut Conn, last: Option<&Head>) -> QueryResult<Vec<Head>> {
    let mut query = heads::table.into_boxed();
    if let Some(last) = last {
        query = query.filter(heads::chain.gt(last.chain));
    }
    query
        .order(heads::chain)
        .limit(AT_ONCE)
        .select(Head::as_select())
        .load(conn)
}

/// The next entries, chain by chain and in each chain in order.
pub(super) fn entries_after(conn: &mut Conn, last: Option<&Event>) -> QueryResult<Vec<Event>> {
    let mut query = events::table
        .filter(events::chain.is_not_null())
        .filter(events::chain_seq.is_not_null())
        .into_boxed();
    if let Some((chain, seq)) = last.and_then(|last| last.chain.zip(last.chain_seq)) {
        // As a pair, so that both databases go on in the index where they stopped.
        let beyond = diesel::dsl::sql::<Bool>("(chain, chain_seq) > (")
            .bind::<Uid, _>(chain)
            .sql(", ")
            .bind::<BigInt, _>(seq)
            .sql(")");
        query = query.filter(beyond);
    }
    query
        .order((events::chain, events::chain_seq))
        .limit(AT_ONCE)
        .select(Event::as_select())
        .load(conn)
}

/// How many events are in no chain, and the first of them that is younger than the last one known to be.
pub(super) fn outside(conn: &mut Conn, last_known: i64) -> QueryResult<(i64, Option<Event>)> {
    let outside = || events::chain.is_null().or(events::chain_seq.is_null());
    let count = events::table.filter(outside()).count().get_result(conn)?;
    let first = events::table
        .filter(outside())
        .filter(events::seq.gt(last_known))
        .order(events::seq)
        .select(Event::as_select())
        .first(conn)
        .optional()?;
    Ok((count, first))
}

/// Takes back, by a later event, what was told of some subjects of a chain. Says which events those were.
///
/// # Errors
/// The database's.
pub fn supersede(
    tx: &mut Tx<'_>,
    chain: Uuid,
    subjects: &[Uuid],
    kinds: &[&str],
    by: i64,
) -> Result<Vec<i64>> {
    let subjects: Vec<EventId> = subjects.iter().map(|id| EventId(*id)).collect();
    let known = superseded::table.select(superseded::event_seq);
    let found: Vec<i64> = events::table
        .filter(events::chain.eq(EventId(chain)))
        .filter(events::subject_id.eq_any(subjects))
        .filter(events::kind.eq_any(kinds))
        .filter(events::seq.ne_all(known))
        .order(events::seq)
        .select(events::seq)
        .load(tx.conn)?;
    for seq in &found {
        let row = (
            superseded::event_seq.eq(seq),
            superseded::by_seq.eq(by),
            superseded::at.eq(tx.now),
        );
        let added = diesel::insert_into(superseded::table)
            .values(row)
            .on_conflict_do_nothing();
        Each(added).execute(tx.conn)?;
    }
    Ok(found)
}

/// The event that has taken this one back, if there is one.
///
/// # Errors
/// The database's.
pub fn superseding(conn: &mut Conn, seq: i64) -> QueryResult<Option<i64>> {
    superseded::table
        .find(seq)
        .select(superseded::by_seq)
        .get_result(conn)
        .optional()
}

/// Whether a later event has taken this one back.
///
/// # Errors
/// The database's.
pub fn is_superseded(conn: &mut Conn, seq: i64) -> QueryResult<bool> {
    superseding(conn, seq).map(|by| by.is_some())
}
