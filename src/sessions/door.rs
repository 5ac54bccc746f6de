//! The door: every guess at a password is counted before it is looked at, and a right one is given back. Whoever was let in
//! before has an allowance of their own, which no stranger can use up.

use super::model::Refusal;
use super::store;
use crate::accounts::{self, Account};
use crate::app::Tx;
use crate::auth::SessionId;
use crate::auth::secrets::sha256;
use crate::error::Result;
use crate::events;
use crate::throttle::{self, Bucket, Origin};

/// Somebody who says they have an account.
#[derive(Debug, Clone)]
pub struct Visitor {
    pub email: String,
    /// The network they come from.
    pub source: String,
    /// A refresh token that this device had, which need not hold any more.
    pub refresh_token: Option<String>,
}

impl Visitor {
    fn place(&self) -> String {
        format!("{} {}", self.email, self.source)
    }
}

/// Whose password it would have to be, and what the guess was counted in.
#[derive(Debug, Clone)]
pub struct Knock {
    pub account: Option<Account>,
    pub counted: Vec<Bucket>,
}

/// Counts a guess. What it does is the same whether or not there is such an account.
pub fn knock(tx: &mut Tx<'_>, visitor: &Visitor) -> Result<Knock> {
    let account = accounts::find_by_email(tx.conn, &visitor.email)?.filter(Account::is_active);
    let from = match device(tx, visitor, account.as_ref())? {
        Some(session) => Origin::Known(format!("device {session}")),
        None if throttle::is_known(tx, &visitor.place())? => Origin::Known(visitor.source.clone()),
        None => Origin::Unknown(visitor.source.clone()),
    };
    let counted = throttle::guesses(tx.app, &visitor.email, &from);
    throttle::take(tx, &counted, Refusal::TooManyFailures.code())?;
    Ok(Knock { account, counted })
}

/// The session of the account that the visitor's device had.
fn device(
    tx: &mut Tx<'_>,
    visitor: &Visitor,
    account: Option<&Account>,
) -> Result<Option<SessionId>> {
    let Some(shown) = &visitor.refresh_token else {
        return Ok(None);
    };
    let Some(token) = store::token(tx.conn, &sha256(shown.as_bytes()))? else {
        return Ok(None);
    };
    let session = store::find(tx.conn, token.session_id)?;
    let is_own = account.is_some_and(|account| account.id == session.account_id);
    Ok(is_own.then_some(session.id))
}

/// Lets a visitor in whose guess was right: it was none, and the place is known from now on.
pub fn let_in(tx: &mut Tx<'_>, visitor: &Visitor, counted: &[Bucket]) -> Result<()> {
    throttle::give_back(tx, counted)?;
    throttle::know(tx, &visitor.place())
}

/// Writes a wrong guess down: on the account's chain, or on that of an address that has none, so that the work is the same.
pub fn turn_away(tx: &mut Tx<'_>, visitor: &Visitor, account: Option<&Account>) -> Result<()> {
    let code = Refusal::WrongCredentials.code();
    if let Some(account) = account {
        events::refuse_sign_in(tx, "account", account.id.0, code)
    } else {
        let address = events::nameless(tx, &visitor.email);
        events::refuse_sign_in(tx, "address", address, code)
    }
}

/// Counts a guess at the password of somebody who is signed in, by whoever holds that session.
pub fn knock_within(
    tx: &mut Tx<'_>,
    email: &str,
    session: Option<SessionId>,
) -> Result<Vec<Bucket>> {
    let place = session.map_or_else(String::new, |session| format!("device {session}"));
    let counted = throttle::guesses(tx.app, email, &Origin::Known(place));
    throttle::take(tx, &counted, Refusal::TooManyFailures.code())?;
    Ok(counted)
}
