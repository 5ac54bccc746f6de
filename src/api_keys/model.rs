//! What a key is, and for which scope somebody may make one.

use chrono::Duration;
use diesel::prelude::*;

use crate::auth::{AccountId, ApiKeyId, Caller, Grant, Role, Scope, ScopeKind};
use crate::db::schema::api_keys;
use crate::db::{Json, Moment};

/// No key lives longer than this.
pub const LONGEST_DAYS: i64 = 730;

/// One key. Only its digest is kept.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = api_keys)]
pub struct ApiKey {
    pub id: ApiKeyId,
    pub name: String,
    pub role: Role,
    pub scope_kind: ScopeKind,
    pub region: Option<String>,
    pub scope_id: Option<ApiKeyId>,
    pub actions: Json,
    pub created_by: AccountId,
    pub created_at: Moment,
    pub expires_at: Moment,
    pub revoked_at: Option<Moment>,
    pub version: i64,
}

impl ApiKey {
    /// The right that the key carries; none for a row that makes no sense.
    #[must_use]
    pub fn grant(&self) -> Option<Grant> {
        let scope = crate::accounts::scope(
            self.scope_kind,
            self.region.clone(),
            self.scope_id.map(|id| id.0),
        )?;
        Some(Grant {
            role: self.role,
            scope,
        })
    }

    #[must_use]
    pub fn actions(&self) -> Vec<String> {
        serde_json::from_value(self.actions.0.clone()).unwrap_or_default()
    }
}

/// What a new key is to be.
#[derive(Debug, Clone)]
pub struct NewKey {
    pub name: String,
    pub role: Role,
    pub scope: Scope,
    pub actions: Vec<String>,
    pub days: i64,
}

impl NewKey {
    #[must_use]
    pub fn expires_at(&self, now: Moment) -> Moment {
        now.plus(Duration::days(self.days.clamp(1, LONGEST_DAYS)))
    }
}

crate::refusals! {
    pub enum Refusal {
        /// The key would reach further than its maker.
        KeyReachesTooFar = "key-reaches-too-far",
    }
}

/// Whether a key with this right is within its maker's own: asked when it is made and at each use, so that a key
/// never outlives the right it came from.
#[must_use]
pub fn within(maker: &Caller, grant: &Grant) -> bool {
    let role_fits = matches!(grant.role, Role::Partner | Role::Coordinator);
    let covered = maker
        .grants
        .iter()
        .any(|own| own.role == Role::Coordinator && own.scope == grant.scope);
    role_fits && (maker.is_admin() || covered)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Actor;

    #[test]
    fn a_key_never_reaches_further_than_its_maker() {
        let region = |code: &str| Scope::Region {
            region: code.into(),
        };
        let maker = |role, scope| Caller {
            actor: Actor::System,
            grants: vec![Grant { role, scope }],
            ..Caller::nobody()
        };
        let key = |role, scope| Grant { role, scope };
        let admin = maker(Role::Admin, Scope::Network);
        let coordinator = maker(Role::Coordinator, region("BE1"));
        assert!(within(&admin, &key(Role::Partner, Scope::Network)));
        assert!(
            !within(&admin, &key(Role::Admin, Scope::Network)),
            "no key is an admin"
        );
        assert!(within(&coordinator, &key(Role::Partner, region("BE1"))));
        assert!(within(&coordinator, &key(Role::Coordinator, region("BE1"))));
        assert!(!within(&coordinator, &key(Role::Partner, region("BE2"))));
        assert!(!within(&coordinator, &key(Role::Partner, Scope::Network)));
        assert!(!within(
            &maker(Role::Partner, region("BE1")),
            &key(Role::Partner, region("BE1"))
        ));
    }
}
