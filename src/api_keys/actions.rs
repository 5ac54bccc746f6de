//! What happens when a key is made or revoked.

use serde_json::{Value, json};

use super::model::{ApiKey, NewKey, Refusal, within};
use super::store;
use crate::app::Tx;
use crate::auth::secrets::{new_token, sha256};
use crate::auth::{ApiKeyId, Grant};
use crate::error::{OrNotFound, Result};
use crate::events::{self, Fact};

/// Makes a key and gives its one and only copy.
pub fn create(tx: &mut Tx<'_>, new: &NewKey) -> Result<(ApiKey, String)> {
    let maker = tx.caller.account().or_not_found()?;
    let grant = Grant {
        role: new.role,
        scope: new.scope.clone(),
    };
    if !within(tx.caller, &grant) {
        return Err(Refusal::KeyReachesTooFar.into());
    }
    let secret = format!("col_{}", new_token(tx.app.chance.as_ref()));
    let key = store::insert(tx, maker, new, &sha256(secret.as_bytes()))?;
    let data = json!({ "role": new.role, "scope": new.scope, "actions": new.actions });
    let fact = Fact::new("api_key.created", "api_key", key.id.0);
    events::record(tx, fact.changed(Value::Null, data))?;
    Ok((key, secret))
}

/// Revokes a key; it is worth nothing from the next request on.
pub fn revoke(tx: &mut Tx<'_>, id: ApiKeyId) -> Result<()> {
    let key = store::one(tx.conn, tx.caller, id)?;
    store::revoke(tx, &key)?;
    let fact = Fact::new("api_key.revoked", "api_key", id.0);
    let (before, after) = (json!({ "revoked": false }), json!({ "revoked": true }));
    events::record(tx, fact.changed(before, after))?;
    Ok(())
}
