//! What happens when somebody signs in, refreshes, signs out, or chooses a new password.

use chrono::Duration;
use serde_json::{Value, json};

use super::model::{Refusal, Verdict, judge};
use super::store;
use crate::accounts::{self, CodeId};
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

/// Opens a session for somebody whose password was right.
pub fn sign_in(tx: &mut Tx<'_>, account: AccountId, email_digest: &str) -> Result<Pair> {
    store::forgive(tx, email_digest)?;
    let session = store::insert(tx, account)?;
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

/// Notes a sign-in with a wrong password, by the address's digest and, if the address has an account, on its chain.
pub fn fail_sign_in(tx: &mut Tx<'_>, email_digest: &str, account: Option<AccountId>) -> Result<()> {
    store::note_failure(tx, email_digest)?;
    match account {
        Some(account) => events::refuse_sign_in(tx, account, Refusal::WrongCredentials.code()),
        None => Ok(()),
    }
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
