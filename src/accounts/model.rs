//! What an account is, what a grant is, and who may give which.

use chrono::Duration;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use crate::auth::{AccountId, Caller, Grant, Role, Scope, ScopeKind};
use crate::db::Moment;
use crate::db::schema::{accounts, grants};
use crate::lang::Lang;

crate::ids! {
    /// One grant of one account.
    GrantId,
    /// The row behind a code that a mail carries.
    CodeId,
}

/// A person who can sign in.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = accounts)]
pub struct Account {
    pub id: AccountId,
    pub email: String,
    pub name: String,
    pub language: Lang,
    pub time_zone: String,
    pub password_hash: String,
    pub verified_at: Option<Moment>,
    pub disabled_at: Option<Moment>,
    pub version: i64,
    pub created_at: Moment,
    pub updated_at: Moment,
}

impl Account {
    /// Whether this person may come in.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.verified_at.is_some() && self.disabled_at.is_none()
    }
}

/// One grant as it is kept.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = grants)]
pub struct GrantRow {
    pub id: GrantId,
    pub account_id: AccountId,
    pub role: Role,
    pub scope_kind: ScopeKind,
    pub region: Option<String>,
    pub scope_id: Option<GrantId>,
    pub valid_from: Moment,
    pub valid_to: Option<Moment>,
    pub given_by: Option<AccountId>,
    pub created_at: Moment,
}

impl GrantRow {
    /// The grant as rules look at it; none for a row that makes no sense, which then grants nothing.
    #[must_use]
    pub fn grant(&self) -> Option<Grant> {
        let scope = scope(
            self.scope_kind,
            self.region.clone(),
            self.scope_id.map(|id| id.0),
        )?;
        Some(Grant {
            role: self.role,
            scope,
        })
    }
}

/// A scope from the columns that keep it.
#[must_use]
pub fn scope(kind: ScopeKind, region: Option<String>, id: Option<uuid::Uuid>) -> Option<Scope> {
    Some(match kind {
        ScopeKind::Network => Scope::Network,
        ScopeKind::Region => Scope::Region { region: region? },
        ScopeKind::Organisation => Scope::Organisation { id: id? },
        ScopeKind::Programme => Scope::Programme { id: id? },
        ScopeKind::Cohort => Scope::Cohort { id: id? },
        ScopeKind::Project => Scope::Project { id: id? },
    })
}

/// The columns that keep a scope.
#[must_use]
pub fn columns(scope: &Scope) -> (ScopeKind, Option<String>, Option<uuid::Uuid>) {
    match scope {
        Scope::Network => (ScopeKind::Network, None, None),
        Scope::Region { region } => (ScopeKind::Region, Some(region.clone()), None),
        Scope::Organisation { id } => (ScopeKind::Organisation, None, Some(*id)),
        Scope::Programme { id } => (ScopeKind::Programme, None, Some(*id)),
        Scope::Cohort { id } => (ScopeKind::Cohort, None, Some(*id)),
        Scope::Project { id } => (ScopeKind::Project, None, Some(*id)),
    }
}

/// What somebody says of themselves when they sign up. It becomes an account once the mailbox is proven.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewAccount {
    pub email: String,
    pub name: String,
    pub language: Lang,
    pub password_hash: String,
}

/// What a code in a mail is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Verify,
    Reset,
    /// Not a code: notes that an "already registered" mail went out, so that those are limited too.
    Reminder,
}

impl Purpose {
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Reset => "reset",
            Self::Reminder => "reminder",
        }
    }
}

#[must_use]
pub fn an_hour_before(now: Moment) -> Moment {
    now.minus(Duration::hours(1))
}

/// An address as it is compared and kept: case does not tell two mailboxes apart.
#[must_use]
pub fn normalise(email: &str) -> String {
    email.trim().to_lowercase()
}

crate::refusals! {
    pub enum Refusal {
        /// The code is wrong, used, or has run out.
        CodeNotValid = "code-not-valid",
        /// The current password given is not the current one.
        WrongPassword = "wrong-password",
        /// The role does not go with the kind of scope.
        ScopeDoesNotFit = "scope-does-not-fit",
        /// Nobody else could undo it.
        LastAdmin = "last-admin",
    }
}

/// Whether the caller may give or end this grant: admins any; coordinators coaches and reviewers, where they
/// coordinate themselves.
#[must_use]
pub fn may_give(caller: &Caller, grant: &Grant) -> bool {
    let here = Grant {
        role: Role::Coordinator,
        scope: grant.scope.clone(),
    };
    let names = matches!(grant.role, Role::Coach | Role::Reviewer);
    caller.is_admin() || (names && caller.grants.contains(&here))
}

/// # Errors
/// `scope-does-not-fit` where the role makes no sense in that scope.
pub fn check_scope(role: Role, scope: &Scope) -> Result<(), Refusal> {
    let fits = match role {
        Role::Admin => matches!(scope, Scope::Network),
        Role::Coordinator => !matches!(scope, Scope::Project { .. } | Scope::Organisation { .. }),
        Role::Partner | Role::Reviewer | Role::Coach => !matches!(scope, Scope::Project { .. }),
        Role::SiteManager => matches!(scope, Scope::Organisation { .. }),
        Role::Owner | Role::Editor | Role::Viewer => matches!(scope, Scope::Project { .. }),
    };
    if fits {
        Ok(())
    } else {
        Err(Refusal::ScopeDoesNotFit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Actor;

    fn region(code: &str) -> Scope {
        Scope::Region {
            region: code.into(),
        }
    }

    fn caller(role: Role, scope: Scope) -> Caller {
        Caller {
            actor: Actor::System,
            grants: vec![Grant { role, scope }],
            ..Caller::nobody()
        }
    }

    #[test]
    fn coordinators_name_coaches_of_their_region_and_admins_name_anyone() {
        let gives = |caller: &Caller, role, scope| may_give(caller, &Grant { role, scope });
        assert!(gives(
            &caller(Role::Admin, Scope::Network),
            Role::Admin,
            Scope::Network
        ));
        let coordinator = caller(Role::Coordinator, region("BE1"));
        assert!(gives(&coordinator, Role::Coach, region("BE1")));
        assert!(!gives(&coordinator, Role::Coach, region("BE3")));
        assert!(!gives(&coordinator, Role::Coach, Scope::Network));
        for role in [Role::Admin, Role::Coordinator, Role::Partner, Role::Owner] {
            assert!(!gives(&coordinator, role, region("BE1")), "{role}");
            assert!(
                !gives(&caller(Role::Coach, region("BE1")), role, region("BE1")),
                "{role}"
            );
        }
    }

    #[test]
    fn roles_have_their_scopes() {
        let project = Scope::Project {
            id: uuid::Uuid::nil(),
        };
        let region = Scope::Region {
            region: "BE1".into(),
        };
        assert_eq!(check_scope(Role::Admin, &Scope::Network), Ok(()));
        assert_eq!(
            check_scope(Role::Admin, &region),
            Err(Refusal::ScopeDoesNotFit)
        );
        assert_eq!(check_scope(Role::Owner, &project), Ok(()));
        assert_eq!(
            check_scope(Role::Owner, &region),
            Err(Refusal::ScopeDoesNotFit)
        );
        assert_eq!(check_scope(Role::Coordinator, &region), Ok(()));
        assert_eq!(
            check_scope(Role::Coordinator, &project),
            Err(Refusal::ScopeDoesNotFit)
        );
    }

    #[test]
    fn a_scope_survives_its_columns() {
        for one in [
            Scope::Network,
            Scope::Region {
                region: "BE1".into(),
            },
            Scope::Cohort {
                id: uuid::Uuid::from_u128(5),
            },
        ] {
            let (kind, region, id) = columns(&one);
            assert_eq!(scope(kind, region, id), Some(one));
        }
        assert_eq!(scope(ScopeKind::Region, None, None), None);
    }
}
