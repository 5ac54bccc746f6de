//! What happens when a call's rubric or a reviewer's profile is written.

use serde_json::{Value, json};

use super::model::{Profile, ProfileRow, Refusal, Rubric, RubricRow, document};
use super::store;
use crate::accounts;
use crate::app::Tx;
use crate::applications;
use crate::auth::secrets::sha256;
use crate::auth::{AccountId, Role};
use crate::canonical;
use crate::db::dialect;
use crate::error::{Error, FieldError, OrNotFound, Result};
use crate::events::{self, Fact};
use crate::http::Seen;
use crate::network::{self, Call, CallId};

/// A call that the caller sets up, locked.
///
/// # Errors
/// `not-allowed`, `not-found`.
pub fn own_call(tx: &mut Tx<'_>, call: CallId) -> Result<Call> {
    let call = network::call(tx.conn, call)?;
    if !network::may_run(tx.caller, &call) {
        return Err(Error::refused("not-allowed"));
    }
    dialect::lock_row(tx.conn, "calls", call.id.0)?;
    Ok(call)
}

/// Where there is something already, the caller says which version of it they have seen.
///
/// # Errors
/// `version-needed`, `stale-version`.
pub fn check_seen(seen: Option<&Seen>, version: Option<i64>) -> Result<()> {
    match version {
        None => Ok(()),
        Some(version) => seen
            .ok_or_else(|| Error::refused("version-needed"))?
            .check(version),
    }
}

/// Writes a call's rubric.
///
/// # Errors
/// `not-allowed`, `version-needed`, `rubric-frozen` where its criteria or its blindness change under scores, `invalid`.
pub fn put_rubric(
    tx: &mut Tx<'_>,
    call: CallId,
    seen: Option<&Seen>,
    rubric: &Rubric,
) -> Result<RubricRow> {
    let call = own_call(tx, call)?;
    let before = store::rubric(tx.conn, call.id)?;
    check_seen(seen, before.as_ref().map(|row| row.version))?;
    let mistakes = rubric.mistakes();
    if !mistakes.is_empty() {
        return Err(Error::invalid(mistakes));
    }
    let judged_anew = before.as_ref().is_some_and(|row| {
        row.content.criteria != rubric.criteria || row.content.blind != rubric.blind
    });
    if judged_anew && store::has_scores(tx.conn, call.id)? {
        return Err(Refusal::RubricFrozen.into());
    }
    store::put_rubric(tx, call.id, before.as_ref().map(|row| row.version), rubric)?;
    applications::set_blind(tx, call.id, rubric.blind)?;
    let fact = Fact::new("rubric.written", "call", call.id.0);
    let noted_before = before.map_or(Value::Null, |row| noted(&row.content));
    events::record(tx, fact.changed(noted_before, noted(rubric)))?;
    store::rubric(tx.conn, call.id)?.or_not_found()
}

/// What the ledger notes of a rubric.
fn noted(rubric: &Rubric) -> Value {
    json!({
        "criteria": rubric.criteria.len(), "blind": rubric.blind, "due_at": rubric.due_at,
        "reviews_per_application": rubric.reviews_per_application, "scores_shared": rubric.scores_shared,
        "avoid_own_region": rubric.avoid_own_region, "avoid_own_organisation": rubric.avoid_own_organisation,
        "sha256": sha256(canonical::text(&document(&rubric.criteria).0).as_bytes()),
    })
}

/// Writes down what a reviewer knows about: their own, or as staff.
///
/// # Errors
/// `not-found` where the account is not there for the caller, `no-such-role`, `invalid`.
pub fn put_profile(
    tx: &mut Tx<'_>,
    account: AccountId,
    seen: Option<&Seen>,
    profile: &Profile,
) -> Result<ProfileRow> {
    let grants = accounts::grants_at(tx.conn, account, tx.now)?;
    if !grants.iter().any(|grant| grant.role == Role::Reviewer) {
        return Err(Error::refused("no-such-role"));
    }
    let before = store::profile(tx.conn, account)?;
    check_seen(seen, before.as_ref().map(|row| row.version))?;
    if let Some(region) = &profile.region
        && network::region_names(tx.conn, region).is_err()
    {
        let error = FieldError::new("/region", "unknown-reference");
        return Err(Error::invalid(vec![error]));
    }
    store::put_profile(tx, account, before.as_ref().map(|row| row.version), profile)?;
    let fact = Fact::new("reviewer_profile.written", "account", account.0);
    let noted_before = before.map_or(Value::Null, |row| document(&row.content).0);
    events::record(tx, fact.changed(noted_before, document(profile).0))?;
    store::profile(tx.conn, account)?.or_not_found()
}
