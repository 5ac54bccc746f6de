//! How conflicts of interest are kept and found, and the one condition by which they take rights away.

use diesel::expression::BoxableExpression;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use crate::app::Tx;
use crate::auth::{AccountId, Caller, Role};
use crate::db::schema::{conflicts, projects};
use crate::db::sql::Uid;
use crate::db::{Conn, MultiBackend};
use crate::error::{Error, OrNotFound, Result};
use crate::http::Keyset;
use crate::network::CohortId;
use crate::projects::model::{Conflict, ConflictId, NewConflict, ProjectId};

type Condition = Box<dyn BoxableExpression<conflicts::table, MultiBackend, SqlType = Bool>>;

/// Declared or registered for the project itself.
const OF_PROJECTS: &str = "SELECT c.account_id, c.project_id FROM conflicts c WHERE c.ended_at IS NULL AND c.project_id IS NOT NULL";
/// For an organisation that somebody of the project's team belongs to.
const OF_ORGANISATIONS: &str = "SELECT c.account_id, t.scope_id AS project_id FROM conflicts c \
    JOIN grants o ON o.scope_id = c.organisation_id AND o.scope_kind = 'organisation' AND o.valid_to IS NULL \
    JOIN grants t ON t.account_id = o.account_id AND t.scope_kind = 'project' AND t.valid_to IS NULL \
    WHERE c.ended_at IS NULL AND c.organisation_id IS NOT NULL";

/// That an account has no conflict with the project in a column. Whatever lets coaches and reviewers in says this too.
#[must_use]
pub fn free_of_conflict<T: 'static>(
    column: &str,
    account: AccountId,
) -> Box<dyn BoxableExpression<T, MultiBackend, SqlType = Bool>> {
    let start = format!(
        "{column} NOT IN (SELECT x.project_id FROM ({OF_PROJECTS}) x WHERE x.account_id = "
    );
    let between =
        format!(" UNION SELECT x.project_id FROM ({OF_ORGANISATIONS}) x WHERE x.account_id = ");
    Box::new(
        diesel::dsl::sql::<Bool>(&start)
            .bind::<Uid, _>(account)
            .sql(&between)
            .bind::<Uid, _>(account)
            .sql(")"),
    )
}

/// Whether somebody has a conflict of interest with a project.
///
/// # Errors
/// The database's.
pub fn in_conflict(conn: &mut Conn, account: AccountId, project: ProjectId) -> Result<bool> {
    let free = projects::table
        .into_boxed::<MultiBackend>()
        .filter(projects::id.eq(project))
        .filter(free_of_conflict("projects.id", account))
        .select(projects::id);
    let free: Option<ProjectId> = free.get_result(conn).optional()?;
    Ok(free.is_none())
}

#[derive(QueryableByName)]
struct Pair {
    #[diesel(sql_type = Uid)]
    account_id: AccountId,
    #[diesel(sql_type = Uid)]
    project_id: ProjectId,
}

/// Everybody's conflicts, each with the projects that it reaches.
///
/// # Errors
/// The database's.
pub fn all_conflicts(conn: &mut Conn) -> Result<Vec<(AccountId, ProjectId)>> {
    let pairs: Vec<Pair> =
        diesel::sql_query(format!("{OF_PROJECTS} UNION {OF_ORGANISATIONS}")).load(conn)?;
    Ok(pairs
        .into_iter()
        .map(|pair| (pair.account_id, pair.project_id))
        .collect())
}

/// Conflicts that exist for the caller: their own, and for coordinators those with the projects they run.
fn visible(caller: &Caller) -> conflicts::BoxedQuery<'static, MultiBackend> {
    let query = conflicts::table.into_boxed();
    if caller.everywhere(Role::Coordinator) {
        return query;
    }
    let mut condition: Condition = Box::new(conflicts::created_at.lt(conflicts::created_at));
    if let Some(account) = caller.account() {
        condition = Box::new(condition.or(conflicts::account_id.eq(account)));
    }
    let regions = caller.regions(Role::Coordinator);
    let cohorts: Vec<CohortId> = caller
        .cohorts(Role::Coordinator)
        .into_iter()
        .map(CohortId)
        .collect();
    if !regions.is_empty() || !cohorts.is_empty() {
        let region = projects::region.assume_not_null();
        let cohort = projects::cohort_id.assume_not_null();
        let run = projects::table
            .filter(region.eq_any(regions).or(cohort.eq_any(cohorts)))
            .select(projects::id);
        condition = Box::new(condition.or(conflicts::project_id.assume_not_null().eq_any(run)));
    }
    query.filter(condition)
}

/// # Errors
/// `not-found` where there is none for the caller.
pub fn conflict(conn: &mut Conn, caller: &Caller, id: ConflictId) -> Result<Conflict> {
    visible(caller)
        .filter(conflicts::id.eq(id))
        .select(Conflict::as_select())
        .get_result(conn)
        .or_not_found()
}

/// # Errors
/// The database's.
pub fn conflicts(
    conn: &mut Conn,
    caller: &Caller,
    account: Option<AccountId>,
    open: Option<bool>,
    keyset: &Keyset,
) -> Result<Vec<Conflict>> {
    let mut query = visible(caller);
    if let Some(account) = account {
        query = query.filter(conflicts::account_id.eq(account));
    }
    query = match open {
        None => query,
        Some(true) => query.filter(conflicts::ended_at.is_null()),
        Some(false) => query.filter(conflicts::ended_at.is_not_null()),
    };
    let query = crate::keyset!(query, keyset, conflicts::id, ConflictId, {
        "created_at" => conflicts::created_at, crate::db::Moment;
    });
    Ok(query.select(Conflict::as_select()).load(conn)?)
}

/// Writes a conflict down; none where it is known already.
///
/// # Errors
/// The database's.
pub fn add_conflict(tx: &mut Tx<'_>, new: &NewConflict) -> Result<Option<Conflict>> {
    let mut same = conflicts::table
        .filter(conflicts::account_id.eq(new.account))
        .filter(conflicts::ended_at.is_null())
        .into_boxed::<MultiBackend>();
    if let Some(project) = new.project {
        same = same.filter(conflicts::project_id.eq(project));
    }
    if let Some(organisation) = new.organisation {
        same = same.filter(conflicts::organisation_id.eq(organisation));
    }
    let known: i64 = same.count().get_result(tx.conn)?;
    if known > 0 {
        return Ok(None);
    }
    let id: ConflictId = tx.new_id();
    diesel::insert_into(conflicts::table)
        .values((
            conflicts::id.eq(id),
            conflicts::account_id.eq(new.account),
            conflicts::project_id.eq(new.project),
            conflicts::organisation_id.eq(new.organisation),
            conflicts::review_id.eq(new.review.map(ConflictId)),
            conflicts::source.eq(new.source),
            conflicts::note.eq(&new.note),
            conflicts::noted_by.eq(tx.caller.account()),
            conflicts::version.eq(1_i64),
            conflicts::created_at.eq(tx.now),
            conflicts::updated_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    let added = conflicts::table.find(id).select(Conflict::as_select());
    Ok(Some(added.get_result(tx.conn)?))
}

/// Ends a conflict; it stays in the history.
///
/// # Errors
/// `stale-version` where it has changed meanwhile.
pub fn end_conflict(tx: &mut Tx<'_>, seen: &Conflict, reason: &str) -> Result<Conflict> {
    let unchanged = conflicts::table
        .find(seen.id)
        .filter(conflicts::version.eq(seen.version))
        .filter(conflicts::ended_at.is_null());
    let ended = diesel::update(unchanged)
        .set((
            conflicts::ended_at.eq(tx.now),
            conflicts::ended_by.eq(tx.caller.account()),
            conflicts::end_reason.eq(reason),
            conflicts::version.eq(conflicts::version + 1),
            conflicts::updated_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    if ended == 0 {
        return Err(Error::stale());
    }
    let ended = conflicts::table.find(seen.id).select(Conflict::as_select());
    Ok(ended.get_result(tx.conn)?)
}
