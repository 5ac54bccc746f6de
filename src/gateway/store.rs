//! How routings are kept and found.

use diesel::prelude::*;

use super::model::{Routing, RoutingId, RoutingState};
use crate::app::Tx;
use crate::applications::ApplicationId;
use crate::auth::AccountId;
use crate::db::dialect;
use crate::db::schema::routings;
use crate::db::{Conn, Moment};
use crate::error::{Error, OrNotFound, Result};
use crate::http::Keyset;
use crate::network::CallId;

/// # Errors
/// `not-found` where there is none.
pub fn find(conn: &mut Conn, id: RoutingId) -> Result<Routing> {
    let one = routings::table.find(id);
    one.select(Routing::as_select())
        .get_result(conn)
        .or_not_found()
}

/// Takes the routing's lock until the transaction ends.
///
/// # Errors
/// `not-found` where there is none.
pub fn lock(conn: &mut Conn, id: RoutingId) -> Result<Routing> {
    dialect::lock_row(conn, "routings", id.0)?;
    find(conn, id)
}

/// # Errors
/// The database's.
pub fn list(conn: &mut Conn, application: ApplicationId, keyset: &Keyset) -> Result<Vec<Routing>> {
    let query = routings::table
        .filter(routings::application_id.eq(application))
        .into_boxed();
    let query = crate::keyset!(query, keyset, routings::id, RoutingId, {
        "created_at" => routings::created_at, Moment;
        "updated_at" => routings::updated_at, Moment;
    });
    Ok(query.select(Routing::as_select()).load(conn)?)
}

/// Whether a proposal waits for its answer.
///
/// # Errors
/// The database's.
pub fn has_open(conn: &mut Conn, application: ApplicationId) -> Result<bool> {
    let open = routings::table
        .filter(routings::application_id.eq(application))
        .filter(routings::state.eq(RoutingState::Proposed));
    Ok(diesel::select(diesel::dsl::exists(open)).get_result(conn)?)
}

/// # Errors
/// The database's.
pub fn insert(
    tx: &mut Tx<'_>,
    application: ApplicationId,
    by: AccountId,
    to: (Option<CallId>, Option<&str>),
    reason: &str,
) -> Result<Routing> {
    let id: RoutingId = tx.new_id();
    diesel::insert_into(routings::table)
        .values((
            routings::id.eq(id),
            routings::application_id.eq(application),
            routings::call_id.eq(to.0),
            routings::region.eq(to.1),
            routings::reason.eq(reason),
            routings::state.eq(RoutingState::Proposed),
            routings::proposed_by.eq(by),
            routings::version.eq(1_i64),
            routings::created_at.eq(tx.now),
            routings::updated_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    find(tx.conn, id)
}

/// Writes the team's answer, unless the routing has changed meanwhile.
///
/// # Errors
/// `stale-version`.
pub fn keep(tx: &mut Tx<'_>, routing: &Routing) -> Result<Routing> {
    let row = routings::table
        .find(routing.id)
        .filter(routings::version.eq(routing.version));
    let kept = diesel::update(row)
        .set((
            routings::state.eq(routing.state),
            routings::answered_by.eq(routing.answered_by),
            routings::new_application_id.eq(routing.new_application_id),
            routings::version.eq(routing.version + 1),
            routings::updated_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    if kept == 0 {
        return Err(Error::stale());
    }
    find(tx.conn, routing.id)
}
