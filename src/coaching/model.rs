//! What an update is, and in which role somebody writes one.

use diesel::prelude::*;

use crate::auth::{AccountId, Caller};
use crate::db::Moment;
use crate::db::schema::updates;
use crate::network::Pillar;
use crate::projects::{
    Assignment, AssignmentRole, Confidence, Project, ProjectId, may_manage, may_represent,
};

crate::ids! {
    /// One progress report.
    UpdateId,
    /// The stay that a report falls into.
    StayRef,
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
