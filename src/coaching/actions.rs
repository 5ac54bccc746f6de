//! What happens when somebody is assigned to a project, reports on it, or meets its team.

use serde_json::json;

use super::model::{
    Booking, CoachingSession, CoachingSessionId, NewUpdate, Refusal, SessionChange, SessionState,
    Standing, Update, author_role,
};
use super::store;
use crate::accounts;
use crate::app::Tx;
use crate::auth::{AccountId, Caller, Role, Scope};
use crate::error::{Error, Result};
use crate::events::{self, Fact};
use crate::http::Seen;
use crate::network::Pillar;
use crate::projects::{
    self, Assignment, AssignmentId, AssignmentKind, AssignmentRole, Course, NewAssignment, Project,
    ProjectId, may_manage,
};

/// Assigns a person whom a coordinator chose.
///
/// # Errors
/// `not-allowed`, `no-such-role`, `already-assigned`.
pub fn assign(tx: &mut Tx<'_>, project: ProjectId, new: &NewAssignment) -> Result<Assignment> {
    let project = projects::lock(tx.conn, tx.caller, project)?;
    if !may_manage(tx.caller, &project) {
        return Err(Error::refused("not-allowed"));
    }
    if !may_be_assigned(tx, new.account, new.role, &project)? {
        return Err(Refusal::NoSuchRole.into());
    }
    let assigned = projects::add_assignment(tx, project.id, new)?;
    let assignment = assigned.ok_or(Refusal::AlreadyAssigned)?;
    record(tx, "assignment.started", &project, &assignment)?;
    Ok(assignment)
}

/// Somebody is assigned as what they are granted: coaches anywhere in their scope, coordinators in their regions.
fn may_be_assigned(
    tx: &mut Tx<'_>,
    account: AccountId,
    role: AssignmentRole,
    project: &Project,
) -> Result<bool> {
    let person = accounts::find(tx.conn, account).map_err(|_| Refusal::NoSuchRole)?;
    let grants = accounts::grants_at(tx.conn, account, tx.now)?;
    let them = Caller {
        grants,
        ..Caller::nobody()
    };
    let needed = match role {
        AssignmentRole::Coach => Role::Coach,
        AssignmentRole::Coordinator => Role::Coordinator,
    };
    let here = project
        .region
        .as_ref()
        .is_some_and(|region| them.regions(needed).contains(region));
    let in_cohort = project
        .cohort_id
        .is_some_and(|cohort| them.cohorts(needed).contains(&cohort.0));
    let anywhere = them
        .grants
        .iter()
        .any(|grant| grant.role == needed && grant.scope == Scope::Network);
    Ok(person.is_active() && (here || in_cohort || anywhere))
}

/// Sets how many hours somebody may spend on a project.
///
/// # Errors
/// `not-allowed`, `stale-version`.
pub fn set_budget(
    tx: &mut Tx<'_>,
    project: ProjectId,
    id: AssignmentId,
    seen: &Seen,
    hours: Option<i32>,
) -> Result<Assignment> {
    let project = projects::lock(tx.conn, tx.caller, project)?;
    if !may_manage(tx.caller, &project) {
        return Err(Error::refused("not-allowed"));
    }
    let assignment = projects::assignment(tx.conn, project.id, id)?;
    seen.check(assignment.version)?;
    let assignment = projects::keep_budget(tx, &assignment, hours)?;
    record(tx, "assignment.changed", &project, &assignment)?;
    Ok(assignment)
}

/// Ends an assignment.
pub fn unassign(tx: &mut Tx<'_>, project: ProjectId, id: AssignmentId) -> Result<()> {
    let project = projects::lock(tx.conn, tx.caller, project)?;
    if !may_manage(tx.caller, &project) {
        return Err(Error::refused("not-allowed"));
    }
    let assignment = projects::assignment(tx.conn, project.id, id)?;
    projects::close_assignment(tx, id, "unassigned")?;
    record(tx, "assignment.ended", &project, &assignment)
}

/// Gives a project its regional coordinator if it has none: the one of its region with the fewest open projects.
///
/// # Errors
/// The database's.
pub fn attach_coordinator(tx: &mut Tx<'_>, project: &Project) -> Result<()> {
    let Some(region) = project.region.clone() else {
        return Ok(());
    };
    let open = projects::open_assignments(tx.conn, project.id)?;
    if open
        .iter()
        .any(|one| one.role == AssignmentRole::Coordinator)
    {
        return Ok(());
    }
    let scope = Scope::Region { region };
    let candidates = accounts::people_with_role(tx.conn, Role::Coordinator, &scope, tx.now)?;
    let mut least: Option<(i64, AccountId)> = None;
    for candidate in candidates {
        let load = projects::count_open_of(tx.conn, candidate)?;
        if least.is_none_or(|(known, _)| load < known) {
            least = Some((load, candidate));
        }
    }
    if let Some((_, coordinator)) = least {
        let new = NewAssignment {
            account: coordinator,
            role: AssignmentRole::Coordinator,
            kind: AssignmentKind::Lead,
            pillar: None,
            hours_budget: None,
        };
        if let Some(assignment) = projects::add_assignment(tx, project.id, &new)? {
            record(tx, "assignment.attached", project, &assignment)?;
        }
    }
    Ok(())
}

/// Ends what does not go on: assignments bound to a pillar that the project leaves, or all coaches when it ends.
///
/// # Errors
/// The database's.
pub fn end_bound(
    tx: &mut Tx<'_>,
    project: &Project,
    left: Pillar,
    all_coaches: bool,
) -> Result<()> {
    for one in projects::open_assignments(tx.conn, project.id)? {
        let bound = one.pillar == Some(left);
        if bound || (all_coaches && one.role == AssignmentRole::Coach) {
            projects::close_assignment(
                tx,
                one.id,
                if bound {
                    "pillar-left"
                } else {
                    "journey-ended"
                },
            )?;
            record(tx, "assignment.closed", project, &one)?;
        }
    }
    Ok(())
}

/// Writes a report. It ends the project's silence and sets its confidence.
///
/// # Errors
/// `not-allowed` for those who may read only.
pub fn write_update(tx: &mut Tx<'_>, id: ProjectId, new: &NewUpdate) -> Result<Update> {
    let project = projects::lock(tx.conn, tx.caller, id)?;
    let open = projects::open_assignments(tx.conn, id)?;
    let role =
        author_role(tx.caller, &project, &open).ok_or_else(|| Error::refused("not-allowed"))?;
    let author = tx
        .caller
        .account()
        .ok_or_else(|| Error::refused("not-allowed"))?;
    let update = store::insert(tx, &project, author, role, new)?;
    let course = Course {
        quiet_since: Some(tx.now),
        last_confidence: Some(new.confidence),
        ..project.course()
    };
    projects::keep_course(tx, &project, &course)?;
    let data =
        json!({ "update_id": update.id, "confidence": update.confidence, "author_role": role });
    let fact = Fact::new("update.written", "project", id.0)
        .within(id.0, project.region.as_deref())
        .data(data);
    events::record(tx, fact)?;
    Ok(update)
}

/// Books a meeting of a coach with the project's team.
///
/// # Errors
/// `not-allowed`, `not-a-coach-here`, `invalid` where a coordinator names no coach.
pub fn book_session(tx: &mut Tx<'_>, id: ProjectId, booking: &Booking) -> Result<CoachingSession> {
    let project = projects::lock(tx.conn, tx.caller, id)?;
    let open = projects::open_assignments(tx.conn, id)?;
    let coach = Standing::of(tx.caller, &project, &open).coach(booking.coach, &open)?;
    let booked_by = tx
        .caller
        .account()
        .ok_or_else(|| Error::refused("not-allowed"))?;
    let session = store::insert_session(tx, id, coach, booked_by, booking)?;
    record_session(tx, "coaching_session.booked", &project, &session)?;
    Ok(session)
}

/// Plans a session anew, or notes that it was held or cancelled.
///
/// # Errors
/// `not-allowed`, `stale-version`, and what [`SessionChange::applied`] says.
pub fn change_session(
    tx: &mut Tx<'_>,
    id: ProjectId,
    session: CoachingSessionId,
    seen: &Seen,
    change: &SessionChange,
) -> Result<CoachingSession> {
    let project = projects::lock(tx.conn, tx.caller, id)?;
    let session = store::session(tx.conn, id, session)?;
    let open = projects::open_assignments(tx.conn, id)?;
    if !Standing::of(tx.caller, &project, &open).owns(&session) {
        return Err(Error::refused("not-allowed"));
    }
    seen.check(session.version)?;
    let kept = store::keep_session(tx, &change.applied(&session, tx.now)?)?;
    let kind = match kept.state {
        SessionState::Held if session.state != kept.state => "coaching_session.held",
        SessionState::Cancelled if session.state != kept.state => "coaching_session.cancelled",
        _ => "coaching_session.changed",
    };
    record_session(tx, kind, &project, &kept)?;
    Ok(kept)
}

fn record_session(
    tx: &mut Tx<'_>,
    kind: &'static str,
    project: &Project,
    session: &CoachingSession,
) -> Result<()> {
    let data = json!({
        "session_id": session.id, "account_id": session.coach_id, "starts_at": session.starts_at,
        "planned_minutes": session.planned_minutes, "held_minutes": session.held_minutes,
    });
    let fact =
        Fact::new(kind, "project", project.id.0).within(project.id.0, project.region.as_deref());
    events::record(tx, fact.data(data)).map(|_| ())
}

fn record(
    tx: &mut Tx<'_>,
    kind: &'static str,
    project: &Project,
    assignment: &Assignment,
) -> Result<()> {
    let data = json!({
        "assignment_id": assignment.id, "account_id": assignment.account_id,
        "role": assignment.role, "assignment_kind": assignment.kind, "hours_budget": assignment.hours_budget,
    });
    let fact =
        Fact::new(kind, "project", project.id.0).within(project.id.0, project.region.as_deref());
    events::record(tx, fact.data(data)).map(|_| ())
}
