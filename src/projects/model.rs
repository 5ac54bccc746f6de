//! What a project is, when it is at risk, and who may do what with it.

use chrono::{Duration, NaiveDate};
use diesel::prelude::*;
use uuid::Uuid;

use crate::auth::{AccountId, Caller, Role};
use crate::clock::Chance;
use crate::db::Moment;
use crate::db::schema::{assignments, conflicts, projects};
use crate::lang::Lang;
use crate::network::{CohortId, OrganisationId, Pillar, Sector};

crate::ids! {
    ProjectId,
    /// One person working for one project, for a time.
    AssignmentId,
    /// One uninterrupted period in one pillar.
    StayId,
    /// One conflict of interest.
    ConflictId,
}

crate::words! {
    /// Where a project stands.
    pub enum State {
        Prospect = "prospect",
        Active = "active",
        OnHold = "on_hold",
        Exited = "exited",
        Graduated = "graduated",
    }
}

crate::words! {
    /// How sure the writer of an update is.
    pub enum Confidence {
        Green = "green",
        Amber = "amber",
        Red = "red",
    }
}

/// A start-up project.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = projects)]
pub struct Project {
    pub id: ProjectId,
    pub reference: String,
    pub title: String,
    pub summary: String,
    pub sector: Sector,
    pub country: String,
    pub postal_code: Option<String>,
    pub region: Option<String>,
    pub province: Option<String>,
    pub enterprise_number: Option<String>,
    pub website: Option<String>,
    pub language: Lang,
    pub state: State,
    pub pillar: Option<Pillar>,
    pub cohort_id: Option<CohortId>,
    pub stay_id: Option<StayId>,
    pub shared_with_partners: bool,
    /// Since when nobody has reported; from the entry into the pillar where nobody has yet.
    pub quiet_since: Option<Moment>,
    pub last_confidence: Option<Confidence>,
    /// When the next milestone of the stay is due.
    pub next_due_on: Option<NaiveDate>,
    /// When the stay passes its target days, holds left out.
    pub target_at: Option<Moment>,
    pub created_by: AccountId,
    pub version: i64,
    pub created_at: Moment,
    pub updated_at: Moment,
}

/// What a founder says of a new project, after it was checked.
#[derive(Debug, Clone)]
pub struct NewProject {
    pub title: String,
    pub summary: String,
    pub sector: Sector,
    pub country: String,
    pub postal_code: Option<String>,
    pub enterprise_number: Option<String>,
    pub website: Option<String>,
    pub language: Option<Lang>,
}

/// Where a project goes: the columns that the journey moves, and only it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Course {
    pub state: State,
    pub pillar: Option<Pillar>,
    pub cohort_id: Option<CohortId>,
    pub stay_id: Option<StayId>,
    pub quiet_since: Option<Moment>,
    pub last_confidence: Option<Confidence>,
    pub next_due_on: Option<NaiveDate>,
    pub target_at: Option<Moment>,
}

impl Project {
    #[must_use]
    pub fn course(&self) -> Course {
        Course {
            state: self.state,
            pillar: self.pillar,
            cohort_id: self.cohort_id,
            stay_id: self.stay_id,
            quiet_since: self.quiet_since,
            last_confidence: self.last_confidence,
            next_due_on: self.next_due_on,
            target_at: self.target_at,
        }
    }
}

crate::words! {
    /// What somebody is to a project that they are assigned to.
    pub enum AssignmentRole {
        Coach = "coach",
        Coordinator = "coordinator",
    }
}

crate::words! {
    pub enum AssignmentKind {
        Lead = "lead",
        Expert = "expert",
    }
}

/// Somebody working for a project, from–to.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = assignments)]
pub struct Assignment {
    pub id: AssignmentId,
    pub project_id: ProjectId,
    pub account_id: AccountId,
    pub role: AssignmentRole,
    pub kind: AssignmentKind,
    /// The pillar that it is bound to; it ends when the project leaves that.
    pub pillar: Option<Pillar>,
    pub started_at: Moment,
    pub ended_at: Option<Moment>,
    pub end_reason: Option<String>,
    pub assigned_by: Option<AccountId>,
    pub version: i64,
    pub updated_at: Moment,
    /// How many hours the person may spend on the project.
    pub hours_budget: Option<i32>,
}

/// Who is to work for a project, and as what.
#[derive(Debug, Clone)]
pub struct NewAssignment {
    pub account: AccountId,
    pub role: AssignmentRole,
    pub kind: AssignmentKind,
    pub pillar: Option<Pillar>,
    pub hours_budget: Option<i32>,
}

crate::words! {
    /// Who says that there is a conflict of interest.
    pub enum ConflictSource {
        /// The person themselves.
        Declared = "declared",
        /// Somebody who runs the network.
        Registered = "registered",
    }
}

/// Somebody may not coach or review a project, or those of an organisation's people: exactly one of the two is there.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = conflicts)]
pub struct Conflict {
    pub id: ConflictId,
    pub account_id: AccountId,
    pub project_id: Option<ProjectId>,
    pub organisation_id: Option<OrganisationId>,
    /// The review that it was declared with. Who declared it may not know the project's name.
    pub review_id: Option<ConflictId>,
    pub source: ConflictSource,
    pub note: String,
    pub noted_by: Option<AccountId>,
    pub ended_at: Option<Moment>,
    pub ended_by: Option<AccountId>,
    pub end_reason: Option<String>,
    pub version: i64,
    pub created_at: Moment,
    pub updated_at: Moment,
}

/// Who is in conflict with what.
#[derive(Debug, Clone)]
pub struct NewConflict {
    pub account: AccountId,
    pub project: Option<ProjectId>,
    pub organisation: Option<OrganisationId>,
    pub review: Option<Uuid>,
    pub source: ConflictSource,
    pub note: String,
}

/// Why an active project is at risk; empty where it is not.
#[must_use]
pub fn at_risk(course: &Course, now: Moment, quiet_days: i64) -> Vec<&'static str> {
    if course.state != State::Active {
        return Vec::new();
    }
    let quiet = course
        .quiet_since
        .is_some_and(|since| since < now.minus(Duration::days(quiet_days)));
    let overdue = course.next_due_on.is_some_and(|due| due < now.day());
    let late = course.target_at.is_some_and(|at| at < now);
    let red = course.last_confidence == Some(Confidence::Red);
    [
        (quiet, "no-update"),
        (overdue, "milestone-overdue"),
        (late, "past-target"),
        (red, "confidence-red"),
    ]
    .into_iter()
    .filter_map(|(holds, reason)| holds.then_some(reason))
    .collect()
}

/// Whether the caller runs the part of the network that the project is in.
#[must_use]
pub fn may_manage(caller: &Caller, project: &Project) -> bool {
    caller.everywhere(Role::Coordinator)
        || project
            .region
            .as_ref()
            .is_some_and(|region| caller.regions(Role::Coordinator).contains(region))
        || project
            .cohort_id
            .is_some_and(|cohort| caller.cohorts(Role::Coordinator).contains(&cohort.0))
}

/// Whether the caller speaks for the project: its team's owners and editors.
#[must_use]
pub fn may_represent(caller: &Caller, project: ProjectId) -> bool {
    matches!(
        caller.team_role(project.0),
        Some(Role::Owner | Role::Editor)
    )
}

/// A short reference for people: letters and digits that can't be mistaken for one another (Crockford's base 32).
#[must_use]
pub fn reference(prefix: char, chance: &dyn Chance) -> String {
    const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let mut bytes = [0u8; 7];
    chance.fill(&mut bytes);
    let letters: String = bytes
        .iter()
        .filter_map(|byte| LETTERS.get(usize::from(byte % 32)))
        .map(|b| char::from(*b))
        .collect();
    format!("{prefix}-{letters}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(state: State) -> Course {
        Course {
            state,
            pillar: Some(Pillar::Test),
            cohort_id: None,
            stay_id: None,
            quiet_since: None,
            last_confidence: None,
            next_due_on: None,
            target_at: None,
        }
    }

    #[test]
    fn each_cause_puts_an_active_project_at_risk_and_no_other() {
        let now = Moment::new("2018-06-01T12:00:00Z".parse().unwrap());
        let days = |n: i64| now.minus(Duration::days(n));
        let active = course(State::Active);
        let quiet = |n| Course {
            quiet_since: Some(days(n)),
            ..active.clone()
        };
        assert!(at_risk(&quiet(21), now, 21).is_empty());
        assert_eq!(at_risk(&quiet(22), now, 21), ["no-update"]);
        let due = |day: &str| Course {
            next_due_on: Some(day.parse().unwrap()),
            ..active.clone()
        };
        assert!(at_risk(&due("2018-06-01"), now, 21).is_empty());
        assert_eq!(at_risk(&due("2018-05-31"), now, 21), ["milestone-overdue"]);
        assert_eq!(
            at_risk(
                &Course {
                    target_at: Some(days(1)),
                    ..active.clone()
                },
                now,
                21
            ),
            ["past-target"]
        );
        assert_eq!(
            at_risk(
                &Course {
                    last_confidence: Some(Confidence::Red),
                    ..active
                },
                now,
                21
            ),
            ["confidence-red"]
        );
        let held = Course {
            last_confidence: Some(Confidence::Red),
            ..course(State::OnHold)
        };
        assert!(at_risk(&held, now, 21).is_empty());
    }
}
