//! What an update and a coaching session are, and who may do what with them.

use chrono::NaiveDate;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::{AccountId, Caller};
use crate::db::schema::{coaching_sessions, updates};
use crate::db::{Json, Moment};
use crate::error::{Error, FieldError, FieldErrors, Result};
use crate::network::Pillar;
use crate::projects::{
    Assignment, AssignmentRole, Confidence, Project, ProjectId, may_manage, may_represent,
};

crate::ids! {
    /// One progress report.
    UpdateId,
    /// The stay that a report falls into.
    StayRef,
    /// One coaching session.
    CoachingSessionId,
}

crate::words! {
    /// In which role a report was written.
    pub enum AuthorRole {
        Coach = "coach",
        Founder = "founder",
        Coordinator = "coordinator",
    }
}

/// A progress report.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = updates)]
pub struct Update {
    pub id: UpdateId,
    pub project_id: ProjectId,
    pub stay_id: Option<StayRef>,
    pub pillar: Option<Pillar>,
    pub author_id: AccountId,
    pub author_role: AuthorRole,
    pub note: String,
    pub confidence: Confidence,
    pub blockers: Option<String>,
    pub next_step: Option<String>,
    pub created_at: Moment,
}

/// What somebody reports.
#[derive(Debug, Clone)]
pub struct NewUpdate {
    pub note: String,
    pub confidence: Confidence,
    pub blockers: Option<String>,
    pub next_step: Option<String>,
}

crate::refusals! {
    pub enum Refusal {
        /// The person may not be assigned as what was asked.
        NoSuchRole = "no-such-role",
        /// The person works for the project already.
        AlreadyAssigned = "already-assigned",
        /// The person has a conflict of interest with the project.
        InConflict = "in-conflict",
        /// The person who is to hold a session does not coach the project.
        NotACoachHere = "not-a-coach-here",
        /// The session was held or cancelled.
        CoachingSessionOver = "coaching-session-over",
        /// The session can't have been held yet.
        CoachingSessionNotBegun = "coaching-session-not-begun",
    }
}

/// In which role the caller reports; none where they may not.
#[must_use]
pub fn author_role(caller: &Caller, project: &Project, open: &[Assignment]) -> Option<AuthorRole> {
    let me = caller.account()?;
    let mine = |role| {
        open.iter()
            .any(|one| one.account_id == me && one.role == role)
    };
    if mine(AssignmentRole::Coach) {
        Some(AuthorRole::Coach)
    } else if may_represent(caller, project.id) {
        Some(AuthorRole::Founder)
    } else if mine(AssignmentRole::Coordinator) || may_manage(caller, project) {
        Some(AuthorRole::Coordinator)
    } else {
        None
    }
}

crate::words! {
    /// Where a coaching session stands.
    pub enum SessionState {
        Booked = "booked",
        Held = "held",
        Cancelled = "cancelled",
    }
}

/// Something that was agreed on in a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Action {
    #[schema(min_length = 1, max_length = 1000)]
    pub what: String,
    pub due_on: Option<NaiveDate>,
}

/// A meeting of a coach with a project's team.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = coaching_sessions)]
pub struct CoachingSession {
    pub id: CoachingSessionId,
    pub project_id: ProjectId,
    pub coach_id: AccountId,
    pub booked_by: AccountId,
    pub state: SessionState,
    pub starts_at: Moment,
    pub planned_minutes: i32,
    pub place: Option<String>,
    pub link: Option<String>,
    pub agenda: String,
    pub held_minutes: Option<i32>,
    pub notes: Option<String>,
    pub actions: Json,
    /// For its coach and the coordinators only.
    pub private_notes: Option<String>,
    pub cancel_reason: Option<String>,
    pub version: i64,
    pub created_at: Moment,
    pub updated_at: Moment,
}

/// What is booked.
#[derive(Debug, Clone)]
pub struct Booking {
    /// Who holds it; the caller where nobody is named.
    pub coach: Option<AccountId>,
    pub starts_at: Moment,
    pub planned_minutes: i32,
    pub place: Option<String>,
    pub link: Option<String>,
    pub agenda: String,
    pub private_notes: Option<String>,
}

/// What becomes of a session. Outer `None`: stays as it is.
#[derive(Debug, Clone, Default)]
pub struct SessionChange {
    pub state: Option<SessionState>,
    pub starts_at: Option<Moment>,
    pub planned_minutes: Option<i32>,
    pub place: Option<Option<String>>,
    pub link: Option<Option<String>>,
    pub agenda: Option<String>,
    pub held_minutes: Option<i32>,
    pub notes: Option<Option<String>>,
    pub actions: Option<Vec<Action>>,
    pub private_notes: Option<Option<String>>,
    pub cancel_reason: Option<String>,
}

/// How somebody stands to the coaching of a project at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    me: Option<AccountId>,
    coaches: bool,
    coordinates: bool,
}

impl Standing {
    #[must_use]
    pub fn of(caller: &Caller, project: &Project, open: &[Assignment]) -> Self {
        let me = caller.account();
        let mine = |role| {
            open.iter()
                .any(|one| Some(one.account_id) == me && one.role == role)
        };
        Self {
            me,
            coaches: mine(AssignmentRole::Coach),
            coordinates: mine(AssignmentRole::Coordinator) || may_manage(caller, project),
        }
    }

    /// Who holds a session that they book.
    ///
    /// # Errors
    /// `not-allowed`, `not-a-coach-here`, and `invalid` where a coordinator names nobody.
    pub fn coach(self, named: Option<AccountId>, open: &[Assignment]) -> Result<AccountId> {
        let own = self.me.filter(|_| self.coaches);
        if !self.coordinates && (own.is_none() || named.is_some_and(|one| Some(one) != own)) {
            return Err(Error::refused("not-allowed"));
        }
        let Some(coach) = named.or(own) else {
            return Err(Error::invalid(vec![FieldError::new(
                "/coach_id",
                "required",
            )]));
        };
        let is_coach =
            |one: &Assignment| one.account_id == coach && one.role == AssignmentRole::Coach;
        if open.iter().any(is_coach) {
            Ok(coach)
        } else {
            Err(Refusal::NotACoachHere.into())
        }
    }

    /// Whether a session is theirs to change and its private notes are theirs to read: the coach who holds it, as long
    /// as they coach the project, and the people who coordinate it.
    #[must_use]
    pub fn owns(self, session: &CoachingSession) -> bool {
        let own = self.coaches && self.me == Some(session.coach_id);
        self.me.is_some() && (own || self.coordinates)
    }
}

impl SessionChange {
    /// The session as it is after the change.
    ///
    /// # Errors
    /// `coaching-session-over`, `coaching-session-not-begun`, and `invalid` with every field that does not fit.
    pub fn applied(&self, session: &CoachingSession, now: Moment) -> Result<CoachingSession> {
        let mut after = session.clone();
        after.state = self.state.unwrap_or(session.state);
        let moves = after.state != session.state;
        if moves && session.state != SessionState::Booked {
            return Err(Refusal::CoachingSessionOver.into());
        }
        self.mistakes(session.state, after.state)?;
        self.put_into(&mut after);
        if moves && after.state == SessionState::Held && after.starts_at > now {
            return Err(Refusal::CoachingSessionNotBegun.into());
        }
        Ok(after)
    }

    /// The plan is open while a session is booked; what was said belongs to one that is held.
    fn mistakes(&self, before: SessionState, after: SessionState) -> Result<()> {
        let (planned, held, cancelled) = (
            before == SessionState::Booked,
            after == SessionState::Held,
            after == SessionState::Cancelled,
        );
        let mut errors = FieldErrors::default();
        for (field, given, fits) in [
            ("/starts_at", self.starts_at.is_some(), planned),
            ("/planned_minutes", self.planned_minutes.is_some(), planned),
            ("/place", self.place.is_some(), planned),
            ("/link", self.link.is_some(), planned),
            ("/agenda", self.agenda.is_some(), planned),
            ("/held_minutes", self.held_minutes.is_some(), held),
            ("/notes", self.notes.is_some(), held),
            ("/actions", self.actions.is_some(), held),
            ("/cancel_reason", self.cancel_reason.is_some(), cancelled),
        ] {
            if given && !fits {
                errors.push(FieldError::new(field, "not-for-this-step"));
            }
        }
        if before != after && held && self.held_minutes.is_none() {
            errors.push(FieldError::new("/held_minutes", "required"));
        }
        if before != after && cancelled && self.cancel_reason.is_none() {
            errors.push(FieldError::new("/cancel_reason", "reason-needed"));
        }
        errors.done()
    }

    fn put_into(&self, session: &mut CoachingSession) {
        macro_rules! put {
            ($($field:ident),*) => {$(
                if let Some(value) = &self.$field {
                    session.$field = value.clone();
                }
            )*};
        }
        put!(
            starts_at,
            planned_minutes,
            place,
            link,
            agenda,
            notes,
            private_notes
        );
        session.held_minutes = self.held_minutes.or(session.held_minutes);
        session.cancel_reason = self.cancel_reason.clone().or(session.cancel_reason.take());
        if let Some(actions) = &self.actions {
            session.actions = Json(serde_json::to_value(actions).unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(state: SessionState) -> CoachingSession {
        let at = Moment::new("2026-03-02T09:00:00Z".parse().unwrap());
        CoachingSession {
            id: CoachingSessionId(uuid::Uuid::nil()),
            project_id: ProjectId(uuid::Uuid::nil()),
            coach_id: AccountId(uuid::Uuid::nil()),
            booked_by: AccountId(uuid::Uuid::nil()),
            state,
            starts_at: at,
            planned_minutes: 60,
            place: None,
            link: None,
            agenda: "Need".into(),
            held_minutes: None,
            notes: None,
            actions: Json(serde_json::json!([])),
            private_notes: None,
            cancel_reason: None,
            version: 1,
            created_at: at,
            updated_at: at,
        }
    }

    fn code(state: SessionState, change: &SessionChange, hours: i64) -> Option<&'static str> {
        let session = session(state);
        let now = session.starts_at.plus(chrono::Duration::hours(hours));
        change.applied(&session, now).err()?.code()
    }

    #[test]
    fn a_session_is_held_or_cancelled_once_and_not_before_it_began() {
        use SessionState::{Booked, Cancelled, Held};
        let to = |state| SessionChange {
            state: Some(state),
            held_minutes: (state == Held).then_some(45),
            cancel_reason: (state == Cancelled).then(|| "ill".into()),
            ..SessionChange::default()
        };
        for (from, into, hours, expected) in [
            (Booked, Held, 1, None),
            (Booked, Held, 0, None),
            (Booked, Held, -1, Some("coaching-session-not-begun")),
            (Booked, Cancelled, -1, None),
            (Booked, Booked, -1, None),
            (Held, Cancelled, 1, Some("coaching-session-over")),
            (Held, Booked, 1, Some("coaching-session-over")),
            (Cancelled, Held, 1, Some("coaching-session-over")),
            (Held, Held, 1, None),
        ] {
            assert_eq!(code(from, &to(into), hours), expected, "{from} to {into}");
        }
    }

    #[test]
    fn every_field_has_its_time() {
        use SessionState::{Booked, Cancelled, Held};
        let agenda = SessionChange {
            agenda: Some("Plan".into()),
            ..SessionChange::default()
        };
        let notes = SessionChange {
            notes: Some(Some("Said".into())),
            ..SessionChange::default()
        };
        let private = SessionChange {
            private_notes: Some(Some("Doubts".into())),
            ..SessionChange::default()
        };
        for (change, allowed) in [
            (agenda, [true, false, false]),
            (notes, [false, true, false]),
            (private, [true, true, true]),
        ] {
            for (state, allowed) in [Booked, Held, Cancelled].into_iter().zip(allowed) {
                let expected = (!allowed).then_some("invalid");
                assert_eq!(code(state, &change, 1), expected, "{state}: {change:?}");
            }
        }
        let held = SessionChange {
            state: Some(Held),
            ..SessionChange::default()
        };
        assert_eq!(code(Booked, &held, 1), Some("invalid"), "no hours");
    }
}
