//! What happens when somebody is assigned to a project, reports on it, or meets its team.

use serde_json::{Value, json};

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
/// `not-allowed`, `no-such-role`, `in-conflict`, `already-assigned`.
pub fn assign(tx: &mut Tx<'_>, project: ProjectId, new: &NewAssignment) -> Result<Assignment> {
    let project = projects::lock(tx.conn, tx.caller, project)?;
    if !may_manage(tx.caller, &project) {
        return Err(Error::refused("not-allowed"));
    }
    if !may_be_assigned(tx, new.account, new.role, &project)? {
        return Err(Refusal::NoSuchRole.into());
    }
    if projects::in_conflict(tx.conn, new.account, project.id)? {
        return Err(Refusal::InConflict.into());
    }
    let assigned = projects::add_assignment(tx, project.id, new)?;
    let assignment = assigned.ok_or(Refusal::AlreadyAssigned)?;
    record(tx, "assignment.started", &project, &assignment, None)?;
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
    let before = projects::assignment(tx.conn, project.id, id)?;
    seen.check(before.version)?;
    let after = projects::keep_budget(tx, &before, hours)?;
    let fact = about("assignment.changed", &project, &after).changed(
        json!({ "hours_budget": before.hours_budget }),
        json!({ "hours_budget": after.hours_budget }),
    );
    events::record(tx, fact)?;
    Ok(after)
}

/// Ends an assignment.
pub fn unassign(tx: &mut Tx<'_>, project: ProjectId, id: AssignmentId) -> Result<()> {
    let project = projects::lock(tx.conn, tx.caller, project)?;
    if !may_manage(tx.caller, &project) {
        return Err(Error::refused("not-allowed"));
    }
    let assignment = projects::assignment(tx.conn, project.id, id)?;
    projects::close_assignment(tx, id, "unassigned")?;
    record(
        tx,
        "assignment.ended",
        &project,
        &assignment,
        Some("unassigned"),
    )
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
            record(tx, "assignment.attached", project, &assignment, None)?;
        }
    }
    Ok(())
}

/// Gives a project that was handed to another region coordinators of that one instead of those it had.
///
/// # Errors
/// The database's.
pub fn hand_over(tx: &mut Tx<'_>, project: &Project) -> Result<()> {
    for one in projects::open_assignments(tx.conn, project.id)? {
        if one.role == AssignmentRole::Coordinator {
            projects::close_assignment(tx, one.id, "region-left")?;
            record(tx, "assignment.closed", project, &one, Some("region-left"))?;
        }
    }
    attach_coordinator(tx, project)
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
            let reason = if bound {
                "pillar-left"
            } else {
                "journey-ended"
            };
            projects::close_assignment(tx, one.id, reason)?;
            record(tx, "assignment.closed", project, &one, Some(reason))?;
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
    let before = json!({ "last_confidence": project.last_confidence });
    let after = json!({
        "last_confidence": update.confidence, "note": events::fingerprint(tx, update.note.as_str()),
    });
    let fact = Fact::new("update.written", "project", id.0)
        .within(id.0, project.region.as_deref())
        .data(data)
        .changed(before, after);
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
    record_session(tx, "coaching_session.booked", &project, None, &session)?;
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
    record_session(tx, kind, &project, Some(&session), &kept)?;
    Ok(kept)
}

fn record_session(
    tx: &mut Tx<'_>,
    kind: &'static str,
    project: &Project,
    before: Option<&CoachingSession>,
    session: &CoachingSession,
) -> Result<()> {
    let data = json!({
        "session_id": session.id, "account_id": session.coach_id, "starts_at": session.starts_at,
        "planned_minutes": session.planned_minutes, "held_minutes": session.held_minutes,
    });
    let before = before.map_or(Value::Null, |before| facts_of(tx, before));
    let after = facts_of(tx, session);
    let fact = Fact::new(kind, "project", project.id.0)
        .within(project.id.0, project.region.as_deref())
        .data(data)
        .changed(before, after);
    events::record(tx, fact).map(|_| ())
}

/// A session as the ledger may keep it: texts as fingerprints.
fn facts_of(tx: &Tx<'_>, session: &CoachingSession) -> Value {
    json!({
        "state": session.state, "starts_at": session.starts_at, "planned_minutes": session.planned_minutes,
        "held_minutes": session.held_minutes, "place": events::fingerprint(tx, session.place.as_deref()),
        "link": events::fingerprint(tx, session.link.as_deref()), "agenda": events::fingerprint(tx, session.agenda.as_str()),
        "notes": events::fingerprint(tx, session.notes.as_deref()), "actions": events::fingerprint(tx, session.actions.0.to_string().as_str()),
        "private_notes": events::fingerprint(tx, session.private_notes.as_deref()),
        "cancel_reason": events::fingerprint(tx, session.cancel_reason.as_deref()),
    })
}

fn about(kind: &'static str, project: &Project, assignment: &Assignment) -> Fact {
    let data = json!({
        "assignment_id": assignment.id, "account_id": assignment.account_id,
        "role": assignment.role, "assignment_kind": assignment.kind,
    });
    Fact::new(kind, "project", project.id.0)
        .within(project.id.0, project.region.as_deref())
        .data(data)
}

/// Tells of an assignment that began, or why it ended.
fn record(
    tx: &mut Tx<'_>,
    kind: &'static str,
    project: &Project,
    assignment: &Assignment,
    ended: Option<&str>,
) -> Result<()> {
    let open = json!({
        "open": true, "pillar": assignment.pillar, "hours_budget": assignment.hours_budget,
    });
    let fact = about(kind, project, assignment);
    let fact = match ended {
        None => fact.changed(Value::Null, open),
        Some(reason) => fact.changed(open, json!({ "open": false, "end_reason": reason })),
    };
    events::record(tx, fact).map(|_| ())
}
