//! What happens when people sign up, prove their mailbox, change a password or are granted something.

use chrono::Duration;
use serde_json::{Value, json};
use uuid::Uuid;

use super::model::{
    Account, CodeId, GrantId, GrantRow, NewAccount, Purpose, Refusal, an_hour_before, check_scope,
    may_give,
};
use super::store;
use crate::app::Tx;
use crate::auth::{AccountId, Grant, Role};
use crate::db::{Conn, Moment, dialect};
use crate::error::{Error, Result};
use crate::events::{self, Fact};
use crate::http::Seen;
use crate::lang::Lang;
use crate::mail::{self, Order, Recipient};

/// An account that nobody can sign in to has this for a hash.
const NO_PASSWORD: &str = "!";

/// Takes a sign-up. The caller hears the same whether or not the address has an account; the mailbox learns which.
pub fn sign_up(tx: &mut Tx<'_>, new: &NewAccount) -> Result<()> {
    dialect::lock_name(tx.conn, &new.email)?;
    let known = store::find_by_email(tx.conn, &new.email)?;
    let account = if let Some(account) = known {
        account
    } else {
        let unproven = NewAccount {
            password_hash: NO_PASSWORD.into(),
            ..new.clone()
        };
        let account = store::insert(tx, &unproven, None)?;
        record_registered(tx, &account)?;
        account
    };
    if mailbox_is_full(tx, account.id)? {
        return Ok(());
    }
    if account.verified_at.is_some() {
        let code = store::insert_code(tx, account.id, Purpose::Reminder, None, tx.now)?;
        record_code(tx, account.id, Purpose::Reminder, code)?;
        let link = tx.app.link("/account#forgotten");
        return tell(
            tx,
            account.id,
            "already_registered",
            json!({ "link": link }),
        );
    }
    // What was said at this sign-up waits with its own code, so that a stranger who signs up with somebody else's
    // address can't have their password confirmed by the owner's click.
    send_code(tx, account.id, Purpose::Verify, Some(new))
}

/// Proves a mailbox.
pub fn verify(tx: &mut Tx<'_>, code: CodeId) -> Result<Account> {
    let (id, pending) = store::use_code(tx, code, Purpose::Verify)?.ok_or(Refusal::CodeNotValid)?;
    let account = store::find(tx.conn, id)?;
    if account.verified_at.is_some() {
        return Err(Refusal::CodeNotValid.into());
    }
    prove(tx, account, pending, json!({ "code_id": code }))
}

/// Takes a mailbox as proven, with what its owner has said of themselves.
fn prove(
    tx: &mut Tx<'_>,
    mut account: Account,
    said: Option<NewAccount>,
    by: Value,
) -> Result<Account> {
    let before = noted(&account);
    if let Some(new) = said {
        account.name = new.name;
        account.language = new.language;
        account.password_hash = new.password_hash;
    }
    account.verified_at = Some(tx.now);
    let account = store::keep(tx, &account)?;
    store::void_codes(tx, account.id, Purpose::Verify)?;
    let fact = Fact::new("account.verified", "account", account.id.0).data(by);
    events::record(tx, fact.changed(before, noted(&account)))?;
    Ok(account)
}

/// The account of an address; where there is none, one that nobody can sign in to before its mailbox is proven.
///
/// # Errors
/// The database's.
pub fn begin(tx: &mut Tx<'_>, email: &str, language: Lang) -> Result<Account> {
    dialect::lock_name(tx.conn, email)?;
    if let Some(account) = store::find_by_email(tx.conn, email)? {
        return Ok(account);
    }
    let unproven = NewAccount {
        email: email.to_owned(),
        // Nobody has told us a better one; whoever proves the mailbox does.
        name: email.split('@').next().unwrap_or_default().to_owned(),
        language,
        password_hash: NO_PASSWORD.into(),
    };
    let account = store::insert(tx, &unproven, None)?;
    record_registered(tx, &account)?;
    Ok(account)
}

/// An account for whoever comes with an invitation, which proves the mailbox as a code does.
///
/// # Errors
/// `code-not-valid` where the account is in use already, or closed.
pub fn create_invited(tx: &mut Tx<'_>, new: NewAccount, invitation: Uuid) -> Result<Account> {
    let account = begin(tx, &new.email, new.language)?;
    if account.verified_at.is_some() || account.disabled_at.is_some() {
        return Err(Refusal::CodeNotValid.into());
    }
    let by = json!({ "invitation_id": invitation });
    prove(tx, account, Some(new), by)
}

/// Sends a code to choose a new password, if the address has an account.
///
/// # Errors
/// The database's.
pub fn forgot_password(tx: &mut Tx<'_>, email: &str) -> Result<()> {
    dialect::lock_name(tx.conn, email)?;
    let Some(account) = store::find_by_email(tx.conn, email)?.filter(Account::is_active) else {
        return Ok(());
    };
    if mailbox_is_full(tx, account.id)? {
        return Ok(());
    }
    send_code(tx, account.id, Purpose::Reset, None)
}

/// Whether strangers have caused as many mails to this person in the last hour as they may.
fn mailbox_is_full(tx: &mut Tx<'_>, id: AccountId) -> Result<bool> {
    let sent = store::codes_since(tx.conn, id, an_hour_before(tx.now))?;
    Ok(sent >= tx.app.config.throttle.mails_to_mailbox)
}

/// Uses up a code from a "choose a new password" mail: whose it is.
///
/// # Errors
/// `code-not-valid` for a code that is used, has run out, or whose owner may not come in.
pub fn use_reset_code(tx: &mut Tx<'_>, code: CodeId) -> Result<Account> {
    let (id, _) = store::use_code(tx, code, Purpose::Reset)?.ok_or(Refusal::CodeNotValid)?;
    let account = store::find(tx.conn, id)?;
    if !account.is_active() {
        return Err(Refusal::CodeNotValid.into());
    }
    store::void_codes(tx, id, Purpose::Reset)?;
    Ok(account)
}

/// Whose a code from a "choose a new password" mail is, if it can be used now.
///
/// # Errors
/// As `use_reset_code`, which has the last word.
pub fn owner_of_reset_code(conn: &mut Conn, code: CodeId, now: Moment) -> Result<Account> {
    let id = store::owner_of_code(conn, code, Purpose::Reset, now)?;
    let account = store::find(conn, id.ok_or(Refusal::CodeNotValid)?)?;
    if account.is_active() {
        Ok(account)
    } else {
        Err(Refusal::CodeNotValid.into())
    }
}

/// Writes a new password and tells its owner. Ending sessions is the work of the slice that keeps them.
///
/// # Errors
/// `stale-version` where the account has changed meanwhile.
pub fn set_password(tx: &mut Tx<'_>, mut account: Account, password_hash: &str) -> Result<Account> {
    password_hash.clone_into(&mut account.password_hash);
    let account = store::keep(tx, &account)?;
    events::record(
        tx,
        Fact::new("account.password_changed", "account", account.id.0)
            .data(json!({ "fields": ["password"] })),
    )?;
    let link = tx.app.link("/account#forgotten");
    tell(tx, account.id, "password_changed", json!({ "link": link }))?;
    Ok(account)
}

/// What an account's owner can change about it.
#[derive(Debug, Clone, Default)]
pub struct Change {
    pub name: Option<String>,
    pub language: Option<Lang>,
    pub time_zone: Option<String>,
}

pub fn change(tx: &mut Tx<'_>, id: AccountId, seen: &Seen, change: &Change) -> Result<Account> {
    let mut account = store::find(tx.conn, id)?;
    seen.check(account.version)?;
    let before = noted(&account);
    let fields: Vec<&str> = [
        change.name.as_ref().map(|_| "name"),
        change.language.map(|_| "language"),
        change.time_zone.as_ref().map(|_| "time_zone"),
    ]
    .into_iter()
    .flatten()
    .collect();
    if let Some(name) = &change.name {
        account.name.clone_from(name);
    }
    if let Some(language) = change.language {
        account.language = language;
    }
    if let Some(zone) = &change.time_zone {
        account.time_zone.clone_from(zone);
    }
    let account = store::keep(tx, &account)?;
    let fact = Fact::new("account.changed", "account", id.0).data(json!({ "fields": fields }));
    events::record(tx, fact.changed(before, noted(&account)))?;
    Ok(account)
}

/// What the ledger notes of an account: nothing that says who it is.
fn noted(account: &Account) -> Value {
    json!({
        "verified": account.verified_at.is_some(), "disabled": account.disabled_at.is_some(),
        "language": account.language, "time_zone": account.time_zone,
    })
}

fn record_registered(tx: &mut Tx<'_>, account: &Account) -> Result<()> {
    let fact = Fact::new("account.registered", "account", account.id.0);
    events::record(tx, fact.changed(Value::Null, noted(account))).map(|_| ())
}

/// That a mail with a code was asked for. Nobody is told but by that mail.
fn record_code(tx: &mut Tx<'_>, to: AccountId, purpose: Purpose, code: CodeId) -> Result<()> {
    let data = json!({ "purpose": purpose.word(), "code_id": code });
    events::note(
        tx,
        Fact::new("account.code_sent", "account", to.0).data(data),
    )
    .map(|_| ())
}

/// Gives somebody a role in a scope.
pub fn grant(tx: &mut Tx<'_>, id: AccountId, grant: &Grant) -> Result<GrantRow> {
    if !may_give(tx.caller, grant) {
        return Err(Error::refused("not-allowed"));
    }
    // Whoever is to become a coach is not at work yet, so not in the list of those who are.
    store::find(tx.conn, id)?;
    check_scope(grant.role, &grant.scope)?;
    give(tx, id, grant)
}

/// Writes a grant down. Slices call it for what follows from their own commands, such as owning a new project.
///
/// # Errors
/// The database's.
pub fn give(tx: &mut Tx<'_>, id: AccountId, grant: &Grant) -> Result<GrantRow> {
    let row = store::insert_grant(tx, id, grant)?;
    let data = json!({ "grant_id": row.id, "role": grant.role, "scope": grant.scope });
    let after = json!({ "role": grant.role, "scope": grant.scope });
    let fact = Fact::new("grant.given", "account", id.0).data(data);
    events::record(tx, fact.changed(Value::Null, after))?;
    Ok(row)
}

/// Takes a grant back; it stays in the history.
pub fn end_grant(tx: &mut Tx<'_>, id: AccountId, grant: GrantId) -> Result<()> {
    store::one(tx.conn, tx.caller, id)?;
    let row = store::grant_row(tx.conn, id, grant)?;
    let given = row.grant();
    if !given
        .as_ref()
        .is_some_and(|grant| may_give(tx.caller, grant))
    {
        return Err(Error::refused("not-allowed"));
    }
    if row.role == Role::Admin && store::count_admins(tx.conn)? <= 1 {
        return Err(Refusal::LastAdmin.into());
    }
    take_back(tx, &row)
}

/// Writes down that a grant has ended. Slices call it for what follows from their own commands.
///
/// # Errors
/// The database's.
pub fn take_back(tx: &mut Tx<'_>, row: &GrantRow) -> Result<()> {
    store::end_grant(tx, row.id)?;
    let data = json!({ "grant_id": row.id, "role": row.role });
    let scope = row.grant().map(|grant| grant.scope);
    let before = json!({ "role": row.role, "scope": scope });
    let fact = Fact::new("grant.ended", "account", row.account_id.0).data(data);
    events::record(tx, fact.changed(before, Value::Null))?;
    Ok(())
}

/// An account whose mailbox needs no proof: the operator vouches for it.
///
/// # Errors
/// The database's.
pub fn create_verified(tx: &mut Tx<'_>, new: &NewAccount) -> Result<Account> {
    dialect::lock_name(tx.conn, &new.email)?;
    if let Some(account) = store::find_by_email(tx.conn, &new.email)? {
        return Ok(account);
    }
    let account = store::insert(tx, new, Some(tx.now))?;
    record_registered(tx, &account)?;
    Ok(account)
}

/// Where a person's mail goes.
///
/// # Errors
/// The database's.
pub fn recipient(conn: &mut Conn, id: AccountId) -> Result<Option<Recipient>> {
    let found = store::address(conn, id)?;
    Ok(found.map(|(address, name, language)| Recipient {
        address,
        name,
        language,
    }))
}

fn send_code(
    tx: &mut Tx<'_>,
    to: AccountId,
    purpose: Purpose,
    pending: Option<&NewAccount>,
) -> Result<()> {
    let (template, hours) = match purpose {
        Purpose::Reset => ("reset_password", tx.app.config.auth.reset_hours),
        Purpose::Verify | Purpose::Reminder => ("verify_mailbox", tx.app.config.auth.verify_hours),
    };
    let expires_at = tx.now.plus(Duration::hours(hours));
    let code = store::insert_code(tx, to, purpose, pending, expires_at)?;
    record_code(tx, to, purpose, code)?;
    let context = json!({ "hours": hours, "code": { "purpose": purpose.word(), "id": code } });
    mail::queue(
        tx,
        Order {
            to,
            event: None,
            template,
            context,
            expires_at: Some(expires_at),
        },
    )
}

fn tell(
    tx: &mut Tx<'_>,
    to: AccountId,
    template: &'static str,
    context: serde_json::Value,
) -> Result<()> {
    mail::queue(
        tx,
        Order {
            to,
            event: None,
            template,
            context,
            expires_at: None,
        },
    )
}
