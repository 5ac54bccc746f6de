//! How the assignments of people to projects are kept and found.

use diesel::prelude::*;

use crate::app::Tx;
use crate::auth::AccountId;
use crate::db::schema::assignments;
use crate::db::{Conn, Moment};
use crate::error::{Error, OrNotFound, Result};
use crate::http::Keyset;
use crate::native;
use crate::projects::model::{Assignment, AssignmentId, NewAssignment, ProjectId};

/// Somebody starts to work for a project. False where they do already.
///
/// # Errors
/// The database's.
pub fn add_assignment(
    tx: &mut Tx<'_>,
    project: ProjectId,
    new: &NewAssignment,
) -> Result<Option<Assignment>> {
    let open = assignments::table
        .filter(assignments::project_id.eq(project))
        .filter(assignments::account_id.eq(new.account))
        .filter(assignments::role.eq(new.role))
        .filter(assignments::ended_at.is_null());
    let known: i64 = open.count().get_result(tx.conn)?;
    if known > 0 {
        return Ok(None);
    }
    let id: AssignmentId = tx.new_id();
    diesel::insert_into(assignments::table)
        .values((
            assignments::id.eq(id),
            assignments::project_id.eq(project),
            assignments::account_id.eq(new.account),
            assignments::role.eq(new.role),
            assignments::kind.eq(new.kind),
            assignments::pillar.eq(new.pillar),
            assignments::hours_budget.eq(new.hours_budget),
            assignments::started_at.eq(tx.now),
            assignments::assigned_by.eq(tx.caller.account()),
            assignments::version.eq(1_i64),
            assignments::updated_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    assignment(tx.conn, project, id).map(Some)
}

/// # Errors
/// `not-found` where the project has no such assignment.
pub fn assignment(conn: &mut Conn, project: ProjectId, id: AssignmentId) -> Result<Assignment> {
    let found = assignments::table
        .find(id)
        .filter(assignments::project_id.eq(project));
    found
        .select(Assignment::as_select())
        .get_result(conn)
        .or_not_found()
}

/// The assignments of a project, ended ones too.
///
/// # Errors
/// The database's.
pub fn assignments(
    conn: &mut Conn,
    project: ProjectId,
    updated_since: Option<Moment>,
    keyset: &Keyset,
) -> Result<Vec<Assignment>> {
    let mut query = assignments::table
        .filter(assignments::project_id.eq(project))
        .into_boxed();
    if let Some(since) = updated_since {
        query = query.filter(assignments::updated_at.ge(since));
    }
    let query = crate::keyset!(query, keyset, assignments::id, AssignmentId, {
        "started_at" => assignments::started_at, Moment;
        "updated_at" => assignments::updated_at, Moment;
    });
    Ok(query.select(Assignment::as_select()).load(conn)?)
}

/// Who works for a project now.
///
/// # Errors
/// The database's.
pub fn open_assignments(conn: &mut Conn, project: ProjectId) -> Result<Vec<Assignment>> {
    let open = assignments::table
        .filter(assignments::project_id.eq(project))
        .filter(assignments::ended_at.is_null());
    let ordered = open.order((assignments::started_at, assignments::id));
    Ok(native!(conn, |c| ordered
        .select(Assignment::as_select())
        .load(c))?)
}

/// Ends an assignment; it stays in the history.
///
/// # Errors
/// `not-found` where it has ended already.
pub fn close_assignment(tx: &mut Tx<'_>, id: AssignmentId, reason: &str) -> Result<()> {
    let open = assignments::table
        .find(id)
        .filter(assignments::ended_at.is_null());
    let closed = diesel::update(open)
        .set((
            assignments::ended_at.eq(tx.now),
            assignments::end_reason.eq(reason),
            assignments::version.eq(assignments::version + 1),
            assignments::updated_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    if closed == 0 {
        Err(Error::not_found())
    } else {
        Ok(())
    }
}

/// Sets how many hours somebody may spend on a project.
///
/// # Errors
/// `stale-version` where the assignment has changed meanwhile.
pub fn keep_budget(tx: &mut Tx<'_>, seen: &Assignment, hours: Option<i32>) -> Result<Assignment> {
    let unchanged = assignments::table
        .find(seen.id)
        .filter(assignments::version.eq(seen.version));
    let kept = diesel::update(unchanged)
        .set((
            assignments::hours_budget.eq(hours),
            assignments::version.eq(assignments::version + 1),
            assignments::updated_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    if kept == 0 {
        return Err(Error::stale());
    }
    assignment(tx.conn, seen.project_id, seen.id)
}

/// How many projects somebody works for now.
///
/// # Errors
/// The database's.
pub fn count_open_of(conn: &mut Conn, account: AccountId) -> Result<i64> {
    let open = assignments::table
        .filter(assignments::account_id.eq(account))
        .filter(assignments::ended_at.is_null());
    Ok(native!(conn, |c| open.count().get_result(c))?)
}

/// Who worked for a project at a moment, those whose work ended just then included.
///
/// # Errors
/// The database's.
pub fn working_at(conn: &mut Conn, project: ProjectId, at: Moment) -> Result<Vec<Assignment>> {
    let then = assignments::table
        .filter(assignments::project_id.eq(project))
        .filter(assignments::started_at.le(at))
        .filter(
            assignments::ended_at
                .is_null()
                .or(assignments::ended_at.ge(at)),
        );
    Ok(native!(conn, |c| then
        .select(Assignment::as_select())
        .load(c))?)
}
