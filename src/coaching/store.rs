//! How progress reports and coaching sessions are kept and found.

use diesel::prelude::*;
use uuid::Uuid;

use super::model::{
    AuthorRole, Booking, CoachingSession, CoachingSessionId, NewUpdate, SessionState, StayRef,
    Update, UpdateId,
};
use crate::app::Tx;
use crate::auth::AccountId;
use crate::db::schema::{coaching_sessions, updates};
use crate::db::{Conn, Json, Moment};
use crate::error::{Error, OrNotFound, Result};
use crate::http::Keyset;
use crate::projects::{Project, ProjectId};

pub fn insert(
    tx: &mut Tx<'_>,
    project: &Project,
    author: AccountId,
    role: AuthorRole,
    new: &NewUpdate,
) -> Result<Update> {
    let id: UpdateId = tx.new_id();
    diesel::insert_into(updates::table)
        .values((
            updates::id.eq(id),
            updates::project_id.eq(project.id),
            updates::stay_id.eq(project.stay_id.map(|id| StayRef(id.0))),
            updates::pillar.eq(project.pillar),
            updates::author_id.eq(author),
            updates::author_role.eq(role),
            updates::note.eq(&new.note),
            updates::confidence.eq(new.confidence),
            updates::blockers.eq(&new.blockers),
            updates::next_step.eq(&new.next_step),
            updates::created_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    updates::table
        .find(id)
        .select(Update::as_select())
        .get_result(tx.conn)
        .or_not_found()
}

pub fn list(
    conn: &mut Conn,
    project: ProjectId,
    updated_since: Option<Moment>,
    keyset: &Keyset,
) -> Result<Vec<Update>> {
    let mut query = updates::table
        .filter(updates::project_id.eq(project))
        .into_boxed();
    if let Some(since) = updated_since {
        query = query.filter(updates::created_at.ge(since));
    }
    let query = crate::keyset!(query, keyset, updates::id, UpdateId, { "created_at" => updates::created_at, Moment; });
    Ok(query.select(Update::as_select()).load(conn)?)
}

/// How many updates coaches wrote in a stay.
///
/// # Errors
/// The database's.
pub fn count_coach_updates(conn: &mut Conn, stay: Uuid) -> Result<i64> {
    let by_coaches = updates::table
        .filter(updates::stay_id.eq(StayRef(stay)))
        .filter(updates::author_role.eq(AuthorRole::Coach));
    Ok(by_coaches.count().get_result(conn)?)
}

pub fn insert_session(
    tx: &mut Tx<'_>,
    project: ProjectId,
    coach: AccountId,
    booked_by: AccountId,
    new: &Booking,
) -> Result<CoachingSession> {
    let id: CoachingSessionId = tx.new_id();
    diesel::insert_into(coaching_sessions::table)
        .values((
            coaching_sessions::id.eq(id),
            coaching_sessions::project_id.eq(project),
            coaching_sessions::coach_id.eq(coach),
            coaching_sessions::booked_by.eq(booked_by),
            coaching_sessions::state.eq(SessionState::Booked),
            coaching_sessions::starts_at.eq(new.starts_at),
            coaching_sessions::planned_minutes.eq(new.planned_minutes),
            coaching_sessions::place.eq(&new.place),
            coaching_sessions::link.eq(&new.link),
            coaching_sessions::agenda.eq(&new.agenda),
            coaching_sessions::actions.eq(Json(serde_json::json!([]))),
            coaching_sessions::private_notes.eq(&new.private_notes),
            coaching_sessions::version.eq(1_i64),
            coaching_sessions::created_at.eq(tx.now),
            coaching_sessions::updated_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    session(tx.conn, project, id)
}

/// # Errors
/// `not-found` where the project has no such session.
pub fn session(
    conn: &mut Conn,
    project: ProjectId,
    id: CoachingSessionId,
) -> Result<CoachingSession> {
    let found = coaching_sessions::table
        .find(id)
        .filter(coaching_sessions::project_id.eq(project));
    found
        .select(CoachingSession::as_select())
        .get_result(conn)
        .or_not_found()
}

pub fn sessions(
    conn: &mut Conn,
    project: ProjectId,
    state: Option<SessionState>,
    updated_since: Option<Moment>,
    keyset: &Keyset,
) -> Result<Vec<CoachingSession>> {
    let mut query = coaching_sessions::table
        .filter(coaching_sessions::project_id.eq(project))
        .into_boxed();
    if let Some(state) = state {
        query = query.filter(coaching_sessions::state.eq(state));
    }
    if let Some(since) = updated_since {
        query = query.filter(coaching_sessions::updated_at.ge(since));
    }
    let query = crate::keyset!(query, keyset, coaching_sessions::id, CoachingSessionId, {
        "starts_at" => coaching_sessions::starts_at, Moment;
        "updated_at" => coaching_sessions::updated_at, Moment;
    });
    Ok(query.select(CoachingSession::as_select()).load(conn)?)
}

/// The sessions of a project that are still to be held, the next one first.
///
/// # Errors
/// The database's.
pub fn booked_sessions(conn: &mut Conn, project: ProjectId) -> Result<Vec<CoachingSession>> {
    let booked = coaching_sessions::table
        .filter(coaching_sessions::project_id.eq(project))
        .filter(coaching_sessions::state.eq(SessionState::Booked));
    Ok(booked
        .order((coaching_sessions::starts_at, coaching_sessions::id))
        .select(CoachingSession::as_select())
        .load(conn)?)
}

/// Keeps a session as it is after a change; its version is the one before.
///
/// # Errors
/// `stale-version` where it has changed meanwhile.
pub fn keep_session(tx: &mut Tx<'_>, after: &CoachingSession) -> Result<CoachingSession> {
    let unchanged = coaching_sessions::table
        .find(after.id)
        .filter(coaching_sessions::version.eq(after.version));
    let kept = diesel::update(unchanged)
        .set((
            coaching_sessions::state.eq(after.state),
            coaching_sessions::starts_at.eq(after.starts_at),
            coaching_sessions::planned_minutes.eq(after.planned_minutes),
            coaching_sessions::place.eq(&after.place),
            coaching_sessions::link.eq(&after.link),
            coaching_sessions::agenda.eq(&after.agenda),
            coaching_sessions::held_minutes.eq(after.held_minutes),
            coaching_sessions::notes.eq(&after.notes),
            coaching_sessions::actions.eq(&after.actions),
            coaching_sessions::private_notes.eq(&after.private_notes),
            coaching_sessions::cancel_reason.eq(&after.cancel_reason),
            coaching_sessions::version.eq(after.version + 1),
            coaching_sessions::updated_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    if kept == 0 {
        return Err(Error::stale());
    }
    session(tx.conn, after.project_id, after.id)
}
