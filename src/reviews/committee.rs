//! Who decides together about a call's applications, their votes, and whether enough of them have spoken.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::model::{
    Committee, CommitteeRow, Refusal, ReviewState, Vote, document, is_under_review,
};
use super::setup::{check_seen, own_call};
use super::store;
use crate::accounts;
use crate::app::Tx;
use crate::applications::{self, Application, ApplicationId};
use crate::auth::AccountId;
use crate::db::Conn;
use crate::error::{Error, FieldError, FieldErrors, OrNotFound, Refused, Result};
use crate::events::{self, Fact};
use crate::http::Seen;
use crate::network::{self, CallId};
use crate::projects;

/// Writes down who decides together. Every region that the programme serves has enough members.
///
/// # Errors
/// `not-allowed`, `version-needed`, `invalid` with every mistake.
pub fn put(
    tx: &mut Tx<'_>,
    call: CallId,
    seen: Option<&Seen>,
    committee: &Committee,
) -> Result<CommitteeRow> {
    let call = own_call(tx, call)?;
    let before = store::committee(tx.conn, call.id)?;
    check_seen(seen, before.as_ref().map(|row| row.version))?;
    let regions = network::programme(tx.conn, call.programme_id)?.regions;
    check(tx.conn, committee, &regions)?;
    let version = before.as_ref().map(|row| row.version);
    store::put_committee(tx, call.id, version, committee)?;
    let before = before.map_or(Value::Null, |row| document(&row.content).0);
    let fact = Fact::new("committee.written", "call", call.id.0);
    events::record(tx, fact.changed(before, document(committee).0))?;
    store::committee(tx.conn, call.id)?.or_not_found()
}

fn check(conn: &mut Conn, committee: &Committee, regions: &[String]) -> Result<()> {
    let mut errors = FieldErrors::default();
    let mut known = BTreeSet::new();
    let mut counts: BTreeMap<&str, i32> = BTreeMap::new();
    for (at, member) in committee.members.iter().enumerate() {
        if !known.insert(member.account_id) {
            errors.push(FieldError::new(
                format!("/members/{at}/account_id"),
                "repeated-key",
            ));
        } else if accounts::find(conn, member.account_id).is_err() {
            let at = format!("/members/{at}/account_id");
            errors.push(FieldError::new(at, "unknown-reference"));
        }
        if !regions.contains(&member.region) {
            let error = FieldError::new(format!("/members/{at}/region"), "region-not-served");
            errors.push(error.with("region", &member.region));
        }
        *counts.entry(&member.region).or_insert(0) += 1;
    }
    for region in regions {
        if counts.get(region.as_str()).copied().unwrap_or(0) < committee.needed_per_region {
            let error = FieldError::new("/members", "region-without-members");
            errors.push(error.with("region", region));
        }
    }
    errors.done()
}

/// A member votes on an application that they see; voting again replaces the vote.
///
/// # Errors
/// `not-found`, `not-allowed` for who is no member, `in-conflict`, `review-closed`.
pub fn vote(tx: &mut Tx<'_>, id: ApplicationId, vote: Vote) -> Result<Application> {
    let application = match applications::lock(tx.conn, tx.caller, id) {
        Err(error) if error.code() == Some("not-found") => {
            applications::as_reviewer(tx.conn, tx.caller, id)?.0
        }
        found => found?,
    };
    let me = tx
        .caller
        .account()
        .ok_or_else(|| Error::refused("not-allowed"))?;
    let committee = store::committee(tx.conn, application.call_id)?;
    let is_member = committee.is_some_and(|row| {
        let mut members = row.content.members.iter();
        members.any(|member| member.account_id == me)
    });
    if !is_member {
        return Err(Error::refused("not-allowed"));
    }
    if projects::in_conflict(tx.conn, me, application.project_id)? {
        return Err(Error::refused("in-conflict"));
    }
    if !is_under_review(application.state) {
        return Err(Refusal::ReviewClosed.into());
    }
    let before = own_vote(tx.conn, application.id, me)?;
    store::put_vote(tx, application.id, me, vote)?;
    let mut fact = Fact::new("committee.voted", "application", application.id.0)
        .data(json!({ "account_id": me }));
    fact.region.clone_from(&application.region);
    events::note(
        tx,
        fact.changed(json!({ "vote": before }), json!({ "vote": vote })),
    )?;
    Ok(application)
}

fn own_vote(conn: &mut Conn, id: ApplicationId, account: AccountId) -> Result<Option<Vote>> {
    let votes = store::votes(conn, id)?;
    Ok(votes
        .into_iter()
        .find(|(voter, _)| *voter == account)
        .map(|(_, vote)| vote))
}

/// Whether enough members of the call's committee have reviewed an application or voted on it. Members in conflict with
/// it don't count. A call without a committee needs nobody.
///
/// # Errors
/// `committee-incomplete` with every region that is missing.
pub fn committee_ready(conn: &mut Conn, application: &Application) -> Result<()> {
    let Some(committee) = store::committee(conn, application.call_id)? else {
        return Ok(());
    };
    let committee = committee.content;
    let mut spoken: BTreeSet<AccountId> = BTreeSet::new();
    for review in store::of_application(conn, application.id)? {
        if review.state == ReviewState::Submitted {
            spoken.insert(review.account_id);
        }
    }
    let votes = store::votes(conn, application.id)?;
    spoken.extend(votes.into_iter().map(|(account, _)| account));
    let call = network::call(conn, application.call_id)?;
    let mut missing = Vec::new();
    for region in network::programme(conn, call.programme_id)?.regions {
        let mut counted = 0;
        for member in committee.members.iter().filter(|one| one.region == region) {
            let free = !projects::in_conflict(conn, member.account_id, application.project_id)?;
            counted += i32::from(free && spoken.contains(&member.account_id));
        }
        if counted < committee.needed_per_region {
            let needed = committee.needed_per_region - counted;
            let error = FieldError::new("", "region-has-not-spoken").with("region", region);
            missing.push(error.with("missing", needed));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let mut refused = Refused::new(Refusal::CommitteeIncomplete.code());
    refused.fields = missing;
    Err(refused.into())
}
