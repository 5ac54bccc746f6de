//! How keys are kept and found.

use diesel::prelude::*;

use super::model::{ApiKey, NewKey, within};
use crate::accounts;
use crate::app::Tx;
use crate::auth::{AccountId, Actor, ApiKeyId, Caller};
use crate::db::schema::api_keys as keys;
use crate::db::{Conn, Json, Moment, MultiBackend};
use crate::error::{Error, OrNotFound, Result};
use crate::http::Keyset;

/// The caller behind a key: the key's own right, as long as its maker still holds it.
///
/// # Errors
/// The database's.
pub fn caller(conn: &mut Conn, digest: &str, now: Moment) -> Result<Option<Caller>> {
    let valid = keys::table
        .filter(keys::digest.eq(digest))
        .filter(keys::revoked_at.is_null())
        .filter(keys::expires_at.gt(now));
    let Some(key) = valid
        .select(ApiKey::as_select())
        .get_result(conn)
        .optional()?
    else {
        return Ok(None);
    };
    let account = accounts::find(conn, key.created_by)?;
    let grants = accounts::grants_at(conn, account.id, now)?;
    let maker = Caller {
        actor: Actor::Account(account.id),
        grants,
        ..Caller::nobody()
    };
    let grant = key
        .grant()
        .filter(|grant| account.is_active() && within(&maker, grant));
    Ok(grant.map(|grant| Caller {
        actor: Actor::ApiKey(key.id),
        session: None,
        grants: vec![grant],
        actions: Some(key.actions()),
        language: Some(account.language),
    }))
}

/// Keys that exist for the caller: all for admins, their own for coordinators.
fn visible<'a>(caller: &Caller) -> keys::BoxedQuery<'a, MultiBackend> {
    let query = keys::table.into_boxed();
    match caller.account() {
        _ if caller.is_admin() => query,
        Some(account) => query.filter(keys::created_by.eq(account)),
        None => query.filter(keys::created_by.eq(AccountId(uuid::Uuid::nil()))),
    }
}

/// # Errors
/// `not-found` where there is none for the caller.
pub fn one(conn: &mut Conn, caller: &Caller, id: ApiKeyId) -> Result<ApiKey> {
    visible(caller)
        .filter(keys::id.eq(id))
        .select(ApiKey::as_select())
        .get_result(conn)
        .or_not_found()
}

pub fn list(
    conn: &mut Conn,
    caller: &Caller,
    updated_since: Option<Moment>,
    keyset: &Keyset,
) -> Result<Vec<ApiKey>> {
    let mut query = visible(caller);
    if let Some(since) = updated_since {
        query = query.filter(keys::created_at.ge(since).or(keys::revoked_at.ge(since)));
    }
    let query = crate::keyset!(query, keyset, keys::id, ApiKeyId, { "created_at" => keys::created_at, Moment; });
    Ok(query.select(ApiKey::as_select()).load(conn)?)
}

pub fn insert(tx: &mut Tx<'_>, maker: AccountId, new: &NewKey, digest: &str) -> Result<ApiKey> {
    let id: ApiKeyId = tx.new_id();
    let (kind, region, scope_id) = accounts::columns(&new.scope);
    diesel::insert_into(keys::table)
        .values((
            keys::id.eq(id),
            keys::name.eq(&new.name),
            keys::digest.eq(digest),
            keys::role.eq(new.role),
            keys::scope_kind.eq(kind),
            keys::region.eq(region),
            keys::scope_id.eq(scope_id.map(ApiKeyId)),
            keys::actions.eq(Json(serde_json::json!(new.actions))),
            keys::created_by.eq(maker),
            keys::created_at.eq(tx.now),
            keys::expires_at.eq(new.expires_at(tx.now)),
            keys::version.eq(1_i64),
        ))
        .execute(tx.conn)?;
    one(tx.conn, tx.caller, id)
}

pub fn revoke(tx: &mut Tx<'_>, key: &ApiKey) -> Result<()> {
    let open = keys::table
        .find(key.id)
        .filter(keys::version.eq(key.version))
        .filter(keys::revoked_at.is_null());
    let revoked = diesel::update(open).set((
        keys::revoked_at.eq(tx.now),
        keys::version.eq(key.version + 1),
    ));
    if revoked.execute(tx.conn)? == 0 {
        Err(Error::not_found())
    } else {
        Ok(())
    }
}
