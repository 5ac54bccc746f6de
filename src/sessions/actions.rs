//! What happens when somebody signs in, refreshes, signs out, or chooses a new password.

use chrono::Duration;
use serde_json::{Value, json};

use super::model::{Refusal, Verdict, judge};
use super::store;
use crate::accounts::{self, Account, CodeId};
use crate::app::Tx;
use crate::auth::secrets::{new_token, sha256};
use crate::auth::tokens::Access;
use crate::auth::{AccountId, SessionId};
use crate::db::dialect;
use crate::error::{Error, Result};
use crate::events::{self, Fact};
use crate::mail::{self, Order};

/// What a signed-in device holds.
#[derive(Debug, Clone)]
pub struct Pair {
    pub access: String,
    pub refresh: String,
}

/// Somebody whose password was right.
#[derive(Debug, Clone)]
pub struct Entry {
    pub account: Account,
    /// The same password under a newer hash.
    pub new_hash: Option<String>,
    /// What their device calls itself.
    pub device: Option<String>,
}

/// Opens a session for somebody whose password was right.
pub fn sign_in(tx: &mut Tx<'_>, entry: &Entry) -> Result<Pair> {
    let account = entry.account.id;
    // The password was compared outside this transaction; a session must not outlive one that was changed meanwhile.
    dialect::lock_row(tx.conn, "accounts", account.0)?;
    let now = accounts::find(tx.conn, account)?;
    if !now.is_active() || now.password_hash != entry.account.password_hash {
        return Err(Refusal::WrongCredentials.into());
    }
    if let Some(hash) = &entry.new_hash {
        accounts::renew_hash(tx, account, &entry.account.password_hash, hash)?;
    }
    let session = store::insert(tx, account, entry.device.as_deref())?;
    events::record(
        tx,
        Fact::new("session.opened", "account", account.0).data(json!({ "session_id": session })),
    )?;
    issue(tx, account, session)
}

/// How a refresh ended: with new tokens, or with the end of the session, which must be kept.
pub enum Refreshed {
    Pair(Pair),
    Stolen,
}

/// Exchanges a refresh token for a new pair. A token that comes twice ends its whole session.
pub fn refresh(tx: &mut Tx<'_>, refresh_token: &str) -> Result<Refreshed> {
    let refused = || Error::from(Refusal::RefreshNotAccepted);
    let token = store::token(tx.conn, &sha256(refresh_token.as_bytes()))?.ok_or_else(refused)?;
    dialect::lock_row(tx.conn, "sessions", token.session_id.0)?;
    let token = store::token(tx.conn, &token.digest)?.ok_or_else(refused)?;
    let session = store::find(tx.conn, token.session_id)?;
    let account = accounts::find(tx.conn, session.account_id)?;
    if session.ended_at.is_some() || !account.is_active() {
        return Err(refused());
    }
    let successor_used = store::successor_was_used(tx.conn, &token)?;
    match judge(&token, successor_used, tx.now) {
        Verdict::Expired => Err(refused()),
        Verdict::Rotate => {
            let lost_reply = token.spent_at.is_some();
            store::spend(tx, session.id, lost_reply)?;
            let fact = Fact::new("session.refreshed", "account", account.id.0);
            events::note(tx, fact.data(json!({ "session_id": session.id })))?;
            issue(tx, account.id, session.id).map(Refreshed::Pair)
        }
        Verdict::Reuse => {
            store::end(tx, session.id, "token-reused")?;
            let fact = Fact::new("session.token_reused", "account", account.id.0);
            let fact = fact.data(json!({ "session_id": session.id }));
            events::record(tx, fact.changed(open(true), open(false)))?;
            let context = json!({ "link": tx.app.link("/account#forgotten") });
            let order = Order {
                to: account.id,
                event: None,
                template: "session_reuse",
                context,
                expires_at: None,
            };
            mail::queue(tx, order)?;
            Ok(Refreshed::Stolen)
        }
    }
}

/// Ends one of the account's own sessions.
pub fn sign_out(tx: &mut Tx<'_>, account: AccountId, session: SessionId) -> Result<()> {
    let found = store::find(tx.conn, session)?;
    if found.account_id != account || found.ended_at.is_some() {
        return Err(Error::not_found());
    }
    store::end(tx, session, "signed-out")?;
    let fact =
        Fact::new("session.ended", "account", account.0).data(json!({ "session_id": session }));
    events::record(tx, fact.changed(open(true), open(false)))?;
    Ok(())
}

fn open(is_open: bool) -> Value {
    json!({ "open": is_open })
}

/// Ends all sessions of the account but the one that says so.
pub fn sign_out_others(tx: &mut Tx<'_>, account: AccountId, kept: SessionId) -> Result<()> {
    for session in store::open_of(tx.conn, account)? {
        if session.id != kept {
            sign_out(tx, account, session.id)?;
        }
    }
    Ok(())
}

/// Sets a new password by a code from a mail. All sessions end.
pub fn reset_password(tx: &mut Tx<'_>, code: CodeId, hash: &str) -> Result<()> {
    let account = accounts::use_reset_code(tx, code)?;
    let account = accounts::set_password(tx, account, hash)?;
    store::end_others(tx, account.id, None, "password-changed")
}

/// Sets a new password for somebody who knew the old one. All other sessions end.
pub fn change_password(
    tx: &mut Tx<'_>,
    seen: &accounts::Account,
    session: Option<SessionId>,
    hash: &str,
) -> Result<()> {
    accounts::set_password(tx, seen.clone(), hash)?;
    store::end_others(tx, seen.id, session, "password-changed")
}

fn issue(tx: &mut Tx<'_>, account: AccountId, session: SessionId) -> Result<Pair> {
    let refresh = new_token(tx.app.chance.as_ref());
    let expires_at = tx.now.plus(Duration::days(tx.app.config.auth.refresh_days));
    store::insert_token(tx, session, &sha256(refresh.as_bytes()), expires_at)?;
    let access = tx
        .app
        .tokens
        .issue(Access { account, session }, tx.new_id(), tx.now)?;
    Ok(Pair { access, refresh })
}
