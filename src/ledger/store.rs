//! Reads the ledger in order of position, never past a row that is still being written.

use diesel::expression::BoxableExpression;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use crate::auth::{Caller, Role, Scope};
use crate::db::schema::events;
use crate::db::{Conn, MultiBackend};
use crate::error::Result;
use crate::events::{Event, EventId, REFUSALS};
use crate::projects;

type Condition = Box<dyn BoxableExpression<events::table, MultiBackend, SqlType = Bool>>;

/// Events that exist for the caller: those of the regions they coordinate, of their projects, and of themselves.
/// Partners read figures, not the ledger. What was refused to somebody is for admins, and for themselves.
fn visible(caller: &Caller) -> events::BoxedQuery<'static, MultiBackend> {
    let query = events::table.into_boxed();
    if caller.is_admin() {
        return query;
    }
    let mut conditions: Vec<Condition> = vec![Box::new(events::seq.lt(0))];
    if caller.everywhere(Role::Coordinator) {
        conditions.push(Box::new(events::kind.ne_all(REFUSALS)));
    }
    let regions = caller.regions(Role::Coordinator);
    if !regions.is_empty() {
        conditions.push(Box::new(events::region.assume_not_null().eq_any(regions)));
    }
    let own: Vec<EventId> = caller
        .grants
        .iter()
        .filter_map(|grant| match (grant.role, &grant.scope) {
            (Role::Owner | Role::Editor | Role::Viewer, Scope::Project { id }) => {
                Some(EventId(*id))
            }
            _ => None,
        })
        .collect();
    if !own.is_empty() {
        conditions.push(Box::new(events::project_id.assume_not_null().eq_any(own)));
    }
    if let Some(account) = caller.account() {
        let assigned = diesel::dsl::sql::<Bool>("events.project_id IN (SELECT a.project_id FROM assignments a WHERE a.ended_at IS NULL AND a.account_id = ")
            .bind::<crate::db::sql::Uid, _>(account)
            .sql(")");
        let free = projects::free_of_conflict::<events::table>("events.project_id", account);
        conditions.push(Box::new(assigned.and(free)));
        conditions.push(Box::new(
            events::subject_kind
                .eq("account")
                .and(events::subject_id.eq(EventId(account.0))),
        ));
    }
    let any = conditions
        .into_iter()
        .reduce(|either, or| Box::new(either.or(or)));
    match any {
        Some(condition) => query.filter(condition),
        None => query,
    }
}

/// The events after a position, oldest first.
pub fn after(
    conn: &mut Conn,
    caller: &Caller,
    after: i64,
    kind: Option<String>,
    limit: i64,
) -> Result<Vec<Event>> {
    let mut query = visible(caller).filter(events::seq.gt(after));
    if let Some(kind) = kind {
        query = query.filter(events::kind.eq(kind));
    }
    if matches!(conn, Conn::Pg(_)) {
        // Only rows before which no transaction can still put one (docs/adr/0005). None lasts ten minutes, and a
        // restored database counts its transactions anew.
        query = query.filter(diesel::dsl::sql::<Bool>(
            "(settled_after <= pg_snapshot_xmin(pg_current_snapshot()) OR at < now() - interval '10 minutes')",
        ));
    }
    Ok(query
        .order(events::seq)
        .limit(limit)
        .select(Event::as_select())
        .load(conn)?)
}
