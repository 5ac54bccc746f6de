//! How sessions and their tokens are kept and found.

use diesel::prelude::*;
use uuid::Uuid;

use super::model::{RefreshToken, Session};
use crate::accounts::{Account, GrantRow};
use crate::app::Tx;
use crate::auth::tokens::Access;
use crate::auth::{AccountId, Actor, Caller, SessionId};
use crate::db::schema::{accounts, grants, refresh_tokens as tokens, sessions};
use crate::db::{Conn, Moment};
use crate::error::{OrNotFound, Result};
use crate::native;

/// The caller behind an access token, with the rights of this very moment; none where the session has ended. One statement,
/// because on PostgreSQL every request runs it.
///
/// # Errors
/// The database's.
pub fn caller(conn: &mut Conn, access: Access, now: Moment) -> Result<Option<Caller>> {
    let own = sessions::table
        .find(access.session)
        .filter(sessions::account_id.eq(access.account))
        .filter(sessions::ended_at.is_null());
    let valid = grants::account_id
        .eq(accounts::id)
        .and(grants::valid_from.le(now))
        .and(grants::valid_to.is_null().or(grants::valid_to.gt(now)));
    let joined = own
        .inner_join(accounts::table.on(accounts::id.eq(sessions::account_id)))
        .left_join(grants::table.on(valid))
        .order((grants::created_at, grants::id));
    let rows: Vec<(Account, Option<GrantRow>)> = native!(conn, |c| joined
        .select((Account::as_select(), Option::<GrantRow>::as_select()))
        .load(c))?;
    let Some(account) = rows.first().map(|(account, _)| account) else {
        return Ok(None);
    };
    if !account.is_active() {
        return Ok(None);
    }
    let grants = rows.iter().filter_map(|(_, row)| row.as_ref()?.grant());
    Ok(Some(Caller {
        actor: Actor::Account(account.id),
        session: Some(access.session),
        grants: grants.collect(),
        actions: None,
        language: Some(account.language),
    }))
}

pub fn insert(tx: &mut Tx<'_>, account: AccountId, device: Option<&str>) -> Result<SessionId> {
    let id: SessionId = tx.new_id();
    diesel::insert_into(sessions::table)
        .values((
            sessions::id.eq(id),
            sessions::account_id.eq(account),
            sessions::created_at.eq(tx.now),
            sessions::last_used_at.eq(tx.now),
            sessions::device.eq(device),
        ))
        .execute(tx.conn)?;
    Ok(id)
}

/// # Errors
/// `not-found` where there is none.
pub fn find(conn: &mut Conn, id: SessionId) -> Result<Session> {
    sessions::table
        .find(id)
        .select(Session::as_select())
        .get_result(conn)
        .or_not_found()
}

pub fn open_of(conn: &mut Conn, account: AccountId) -> Result<Vec<Session>> {
    let open = sessions::table
        .filter(sessions::account_id.eq(account))
        .filter(sessions::ended_at.is_null());
    Ok(open
        .order(sessions::created_at.desc())
        .select(Session::as_select())
        .load(conn)?)
}

/// Ends one session; its tokens are worth nothing from the next request on.
pub fn end(tx: &mut Tx<'_>, id: SessionId, reason: &str) -> Result<usize> {
    let open = sessions::table
        .find(id)
        .filter(sessions::ended_at.is_null());
    let ended = diesel::update(open).set((
        sessions::ended_at.eq(tx.now),
        sessions::end_reason.eq(reason),
    ));
    Ok(ended.execute(tx.conn)?)
}

/// Ends all sessions of an account but one.
pub fn end_others(
    tx: &mut Tx<'_>,
    account: AccountId,
    kept: Option<SessionId>,
    reason: &str,
) -> Result<()> {
    let kept = kept.unwrap_or(SessionId(Uuid::nil()));
    let others = sessions::table
        .filter(sessions::account_id.eq(account))
        .filter(sessions::id.ne(kept))
        .filter(sessions::ended_at.is_null());
    diesel::update(others)
        .set((
            sessions::ended_at.eq(tx.now),
            sessions::end_reason.eq(reason),
        ))
        .execute(tx.conn)?;
    Ok(())
}

pub fn insert_token(
    tx: &mut Tx<'_>,
    session: SessionId,
    digest: &str,
    expires_at: Moment,
) -> Result<()> {
    diesel::insert_into(tokens::table)
        .values((
            tokens::digest.eq(digest),
            tokens::session_id.eq(session),
            tokens::issued_at.eq(tx.now),
            tokens::expires_at.eq(expires_at),
        ))
        .execute(tx.conn)?;
    diesel::update(sessions::table.find(session))
        .set(sessions::last_used_at.eq(tx.now))
        .execute(tx.conn)?;
    Ok(())
}

pub fn token(conn: &mut Conn, digest: &str) -> Result<Option<RefreshToken>> {
    Ok(tokens::table
        .find(digest)
        .select(RefreshToken::as_select())
        .get_result(conn)
        .optional()?)
}

/// Whether a token that was issued after this one has been spent.
pub fn successor_was_used(conn: &mut Conn, token: &RefreshToken) -> Result<bool> {
    let Some(spent_at) = token.spent_at else {
        return Ok(false);
    };
    let used = tokens::table
        .filter(tokens::session_id.eq(token.session_id))
        .filter(tokens::issued_at.ge(spent_at))
        .filter(tokens::digest.ne(&token.digest))
        .filter(tokens::spent_at.is_not_null());
    Ok(diesel::select(diesel::dsl::exists(used)).get_result(conn)?)
}

/// Spends a token, and with it any other open one of the session: one live branch at a time. Where a reply seems
/// lost, the token that it carried is taken back: whoever uses it after all gives a theft away.
pub fn spend(tx: &mut Tx<'_>, session: SessionId, lost_reply: bool) -> Result<()> {
    let open = tokens::table
        .filter(tokens::session_id.eq(session))
        .filter(tokens::spent_at.is_null());
    let spent = diesel::update(open);
    if lost_reply {
        spent
            .set((tokens::spent_at.eq(tx.now), tokens::expires_at.eq(tx.now)))
            .execute(tx.conn)?;
    } else {
        spent.set(tokens::spent_at.eq(tx.now)).execute(tx.conn)?;
    }
    Ok(())
}

/// Forgets tokens that have run out.
///
/// # Errors
/// The database's.
pub fn forget_old(conn: &mut Conn, now: Moment) -> QueryResult<()> {
    let day_ago = now.minus(chrono::Duration::days(1));
    diesel::delete(tokens::table.filter(tokens::expires_at.lt(day_ago))).execute(conn)?;
    Ok(())
}
