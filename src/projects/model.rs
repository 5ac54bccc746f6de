//! What a project is, when it is at risk, and who may do what with it.

use chrono::{Duration, NaiveDate};
use diesel::prelude::*;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
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

crate::words! {
    /// Who applies: a company may come later.
    pub enum ApplicantKind {
        Person = "person",
        Team = "team",
        Company = "company",
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
    pub applicant_kind: ApplicantKind,
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
    pub applicant_kind: ApplicantKind,
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

/// The host of a web site without its `www.`, as text: no list of public suffixes is asked, so `shop.example.be` and
/// `example.be` are two hosts.
#[must_use]
pub fn web_domain(website: &str) -> Option<String> {
    let (_, rest) = website.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?.split(':').next()?;
    let host = host.trim_end_matches('.').to_lowercase();
    let bare = host.strip_prefix("www.").unwrap_or(&host);
    (!bare.is_empty()).then(|| bare.to_owned())
}

/// A title as it is compared: small letters without accents, digits, and one space between words.
#[must_use]
pub fn plain_title(title: &str) -> String {
    let plain: String = title
        .nfkd()
        .filter(|letter| !is_combining_mark(*letter))
        .flat_map(char::to_lowercase)
        .map(|letter| {
            if letter.is_alphanumeric() {
                letter
            } else {
                ' '
            }
        })
        .collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
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
    fn a_host_is_compared_without_what_stands_around_it() {
        for (website, host) in [
            ("https://www.Example.be/a?b#c", Some("example.be")),
            ("http://example.be:8080", Some("example.be")),
            ("https://me:x@shop.example.be.", Some("shop.example.be")),
            ("https://?q", None),
            ("example.be", None),
        ] {
            assert_eq!(web_domain(website).as_deref(), host, "{website}");
        }
    }

    #[test]
    fn titles_are_compared_without_accents_and_signs() {
        assert_eq!(plain_title("  Écho–Sân:  Ça va! 2"), "echo san ca va 2");
        assert_eq!(plain_title("…"), "");
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
