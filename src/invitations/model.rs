//! What an invitation is, and who may ask whom into a team.

use diesel::prelude::*;

use crate::auth::{AccountId, Caller, Role};
use crate::db::Moment;
use crate::db::schema::invitations;
use crate::lang::Lang;
use crate::projects::{Project, ProjectId, may_manage};

crate::ids! {
    InvitationId,
}

/// What the code in the mail is for.
pub const PURPOSE: &str = "invitation";

crate::words! {
    /// What somebody may be in a team.
    pub enum TeamRole {
        Owner = "owner",
        Editor = "editor",
        Viewer = "viewer",
    }
}

impl TeamRole {
    #[must_use]
    pub fn role(self) -> Role {
        match self {
            Self::Owner => Role::Owner,
            Self::Editor => Role::Editor,
            Self::Viewer => Role::Viewer,
        }
    }
}

crate::words! {
    /// Where an invitation stands.
    pub enum Standing {
        Open = "open",
        Accepted = "accepted",
        Withdrawn = "withdrawn",
        Expired = "expired",
    }
}

/// Somebody asked into a project's team.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = invitations)]
pub struct Invitation {
    pub id: InvitationId,
    pub project_id: ProjectId,
    pub email: String,
    pub role: TeamRole,
    pub language: Lang,
    pub state: Standing,
    pub expires_at: Moment,
    pub invited_by: AccountId,
    /// Who has accepted it.
    pub account_id: Option<AccountId>,
    pub version: i64,
    pub created_at: Moment,
    pub updated_at: Moment,
}

impl Invitation {
    /// Where it stands at a moment; nothing is written when one runs out.
    #[must_use]
    pub fn standing(&self, now: Moment) -> Standing {
        match self.state {
            Standing::Open if self.expires_at <= now => Standing::Expired,
            state => state,
        }
    }
}

/// Whom to ask, and as what.
#[derive(Debug, Clone)]
pub struct NewInvitation {
    pub email: String,
    pub role: TeamRole,
    /// The language of the mail where the address is new to us; else the project's.
    pub language: Option<Lang>,
}

crate::refusals! {
    pub enum Refusal {
        /// An invitation to this address is open already.
        AlreadyInvited = "already-invited",
        /// Whoever comes with the invitation is somebody else.
        InvitationForAnother = "invitation-for-another",
        /// The address has an account: its owner comes in with it.
        SignInToAccept = "sign-in-to-accept",
        AlreadyInTeam = "already-in-team",
        /// A team has an owner.
        LastOwner = "last-owner",
    }
}

/// Whether the caller decides who is in the team.
#[must_use]
pub fn may_choose_team(caller: &Caller, project: ProjectId) -> bool {
    caller.is_admin() || caller.team_role(project.0) == Some(Role::Owner)
}

/// Whether the caller reads who was asked, with their addresses.
#[must_use]
pub fn reads_invitations(caller: &Caller, project: &Project) -> bool {
    may_choose_team(caller, project.id) || may_manage(caller, project)
}

/// What a mail to somebody we may not know calls a project: its title, unless that is there to be clicked on.
#[must_use]
pub fn shown_title(project: &Project) -> &str {
    let title = project.title.to_lowercase();
    let leads_away = ["://", "www.", "@"].iter().any(|word| title.contains(word))
        || title.split_whitespace().any(|word| {
            word.trim_end_matches(['.', ',', '!', '?', ':', ';'])
                .rsplit_once('.')
                .is_some_and(|(before, after)| {
                    !before.is_empty() && after.chars().all(char::is_alphabetic)
                })
        });
    if leads_away {
        &project.reference
    } else {
        &project.title
    }
}
