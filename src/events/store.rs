//! Writes facts into the ledger, each with the work of telling those who want to know.

use diesel::prelude::*;
use serde_json::json;

use super::model::{Event, EventId, Fact};
use crate::app::Tx;
use crate::auth::Actor;
use crate::db::schema::events;
use crate::db::{Conn, Json};
use crate::error::{OrNotFound, Result};
use crate::jobs;

/// The job that tells people about an event.
pub const NOTIFY: &str = "notify";

/// Writes a fact down and queues the telling, in the caller's transaction.
///
/// # Errors
/// The database's.
pub fn record(tx: &mut Tx<'_>, fact: Fact) -> Result<i64> {
    let (actor_kind, actor_id) = match tx.caller.actor {
        Actor::Nobody => ("nobody", None),
        Actor::System => ("system", None),
        Actor::Account(id) => ("account", Some(EventId(id.0))),
        Actor::ApiKey(id) => ("api_key", Some(EventId(id.0))),
    };
    let id: EventId = tx.new_id();
    let seq: i64 = diesel::insert_into(events::table)
        .values((
            events::id.eq(id),
            events::at.eq(tx.now),
            events::actor_kind.eq(actor_kind),
            events::actor_id.eq(actor_id),
            events::kind.eq(fact.kind),
            events::subject_kind.eq(fact.subject_kind),
            events::subject_id.eq(EventId(fact.subject_id)),
            events::project_id.eq(fact.project_id.map(EventId)),
            events::region.eq(fact.region),
            events::request_id.eq(tx.request_id),
            events::data.eq(Json(fact.data)),
        ))
        .returning(events::seq)
        .get_result(tx.conn)?;
    jobs::enqueue(tx, NOTIFY, json!({ "event": seq }))?;
    Ok(seq)
}

/// # Errors
/// `not-found` where there is none.
pub fn find(conn: &mut Conn, seq: i64) -> Result<Event> {
    events::table
        .find(seq)
        .select(Event::as_select())
        .get_result(conn)
        .or_not_found()
}
