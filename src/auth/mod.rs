//! Who is asking and what they may do: callers, grants, policies, tokens, passwords. Knows no slice.

pub mod callers;
pub mod guard;
pub mod passwords;
pub mod policy;
pub mod secrets;
pub mod tokens;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

pub use policy::Policy;

use crate::lang::Lang;

crate::ids! {
    /// A person who can sign in.
    AccountId,
    /// A signed-in device: a family of refresh tokens.
    SessionId,
    /// A system's key.
    ApiKeyId,
}

crate::words! {
    /// What a grant lets somebody be. A coach works only for the projects it is assigned to; the grant says that
    /// it may be assigned.
    pub enum Role {
        Admin = "admin",
        Coordinator = "coordinator",
        Partner = "partner",
        Coach = "coach",
        Reviewer = "reviewer",
        SiteManager = "site_manager",
        Owner = "owner",
        Editor = "editor",
        Viewer = "viewer",
    }
}

crate::words! {
    /// What kind of thing a grant is about.
    pub enum ScopeKind {
        Network = "network",
        Region = "region",
        Organisation = "organisation",
        Programme = "programme",
        Cohort = "cohort",
        Project = "project",
    }
}

/// Where a grant holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Scope {
    Network,
    Region { region: String },
    Organisation { id: Uuid },
    Programme { id: Uuid },
    Cohort { id: Uuid },
    Project { id: Uuid },
}

/// One right of one caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub role: Role,
    pub scope: Scope,
}

/// Who stands behind a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    Nobody,
    Account(AccountId),
    ApiKey(ApiKeyId),
    /// The program itself: the worker, the loader of the network's files.
    System,
}

/// Who is asking, with the rights they have now.
#[derive(Debug, Clone)]
pub struct Caller {
    pub actor: Actor,
    pub session: Option<SessionId>,
    pub grants: Vec<Grant>,
    /// For API keys: the actions the key is limited to.
    pub actions: Option<Vec<String>>,
    pub language: Option<Lang>,
}

impl Caller {
    #[must_use]
    pub fn nobody() -> Self {
        Self {
            actor: Actor::Nobody,
            session: None,
            grants: Vec::new(),
            actions: None,
            language: None,
        }
    }

    /// The program itself, which sees everything.
    #[must_use]
    pub fn system() -> Self {
        let grants = vec![Grant {
            role: Role::Admin,
            scope: Scope::Network,
        }];
        Self {
            actor: Actor::System,
            session: None,
            grants,
            actions: None,
            language: None,
        }
    }

    #[must_use]
    pub fn account(&self) -> Option<AccountId> {
        match self.actor {
            Actor::Account(id) => Some(id),
            Actor::Nobody | Actor::ApiKey(_) | Actor::System => None,
        }
    }

    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.grants.iter().any(|grant| grant.role == Role::Admin)
    }

    #[must_use]
    pub fn has(&self, role: Role) -> bool {
        self.grants.iter().any(|grant| grant.role == role)
    }

    /// The regions in which the caller has the role. An admin needs no regions.
    #[must_use]
    pub fn regions(&self, role: Role) -> Vec<String> {
        self.scopes(role)
            .filter_map(|scope| match scope {
                Scope::Region { region } => Some(region.clone()),
                _ => None,
            })
            .collect()
    }

    #[must_use]
    pub fn cohorts(&self, role: Role) -> Vec<Uuid> {
        self.scopes(role)
            .filter_map(|scope| {
                if let Scope::Cohort { id } = scope {
                    Some(*id)
                } else {
                    None
                }
            })
            .collect()
    }

    #[must_use]
    pub fn programmes(&self, role: Role) -> Vec<Uuid> {
        self.scopes(role)
            .filter_map(|scope| {
                if let Scope::Programme { id } = scope {
                    Some(*id)
                } else {
                    None
                }
            })
            .collect()
    }

    /// Whether the caller has the role for the whole network.
    #[must_use]
    pub fn everywhere(&self, role: Role) -> bool {
        self.is_admin()
            || self
                .scopes(role)
                .any(|scope| matches!(scope, Scope::Network))
    }

    /// The caller's place in a project's team.
    #[must_use]
    pub fn team_role(&self, project: Uuid) -> Option<Role> {
        self.grants
            .iter()
            .filter(|grant| matches!(grant.role, Role::Owner | Role::Editor | Role::Viewer))
            .find(|grant| matches!(&grant.scope, Scope::Project { id } if *id == project))
            .map(|grant| grant.role)
    }

    fn scopes(&self, role: Role) -> impl Iterator<Item = &Scope> {
        self.grants
            .iter()
            .filter(move |grant| grant.role == role)
            .map(|grant| &grant.scope)
    }
}
