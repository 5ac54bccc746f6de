//! Who may call a route at all. Which rows exist for a caller is decided where they are found (`visible`).

use super::{Actor, Caller, Role};
use crate::error::{Error, Result};

/// The rule in front of a route. Every route names one; there is no default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The name under which the OpenAPI document shows it (`x-policy`).
    pub name: &'static str,
    who: Who,
    /// What an API key must be allowed to do to come in; none: people only.
    key_action: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Anyone,
    SignedIn,
    AnyOf(&'static [Role]),
}

/// Anyone, signed in or not.
pub const PUBLIC: Policy = Policy {
    name: "public",
    who: Who::Anyone,
    key_action: None,
};
/// Anyone whose mailbox is proven. Rows still depend on the caller's grants.
pub const SIGNED_IN: Policy = Policy {
    name: "signed-in",
    who: Who::SignedIn,
    key_action: None,
};
/// Signed in, or a key that may read projects and what belongs to them.
pub const READ_PROJECTS: Policy = Policy {
    name: "read-projects",
    who: Who::SignedIn,
    key_action: Some("read:projects"),
};
/// Those who run the network.
pub const STAFF: Policy = Policy {
    name: "staff",
    who: Who::AnyOf(&[Role::Admin, Role::Coordinator]),
    key_action: None,
};
/// Those who configure the network.
pub const ADMIN: Policy = Policy {
    name: "admin",
    who: Who::AnyOf(&[Role::Admin]),
    key_action: None,
};
/// Those who read figures.
pub const DASHBOARDS: Policy = Policy {
    name: "dashboards",
    who: Who::AnyOf(&[Role::Admin, Role::Coordinator, Role::Partner]),
    key_action: Some("read:dashboards"),
};
/// The ledger, in the caller's scope.
pub const EVENTS: Policy = Policy {
    name: "events",
    who: Who::SignedIn,
    key_action: Some("read:events"),
};

/// Every policy, for the documents and the tests.
pub const ALL: &[Policy] = &[
    PUBLIC,
    SIGNED_IN,
    READ_PROJECTS,
    STAFF,
    ADMIN,
    DASHBOARDS,
    EVENTS,
];

/// What API keys can be allowed to do.
pub const KEY_ACTIONS: &[&str] = &["read:projects", "read:dashboards", "read:events"];

impl Policy {
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.who == Who::Anyone
    }

    #[must_use]
    pub fn key_action(&self) -> Option<&'static str> {
        self.key_action
    }

    /// # Errors
    /// `sign-in-needed` for strangers, `not-allowed` for those without the right.
    pub fn check(&self, caller: &Caller) -> Result<()> {
        if self.who == Who::Anyone {
            return Ok(());
        }
        if caller.actor == Actor::Nobody {
            return Err(Error::refused("sign-in-needed"));
        }
        if let Some(actions) = &caller.actions
            && !self
                .key_action
                .is_some_and(|needed| actions.iter().any(|action| action == needed))
        {
            return Err(Error::refused("not-allowed"));
        }
        let allowed = match self.who {
            Who::Anyone | Who::SignedIn => true,
            Who::AnyOf(roles) => roles.iter().any(|role| caller.has(*role)),
        };
        if allowed {
            Ok(())
        } else {
            Err(Error::refused("not-allowed"))
        }
    }
}
