//! What happens when a conflict of interest is declared, registered or ended.

use serde_json::{Value, json};
use uuid::Uuid;

use super::model::{Refusal, ReviewId};
use super::store;
use crate::accounts;
use crate::app::Tx;
use crate::applications;
use crate::auth::{AccountId, Role};
use crate::error::{Error, FieldError, FieldErrors, Result};
use crate::events::{self, Fact};
use crate::http::Seen;
use crate::network::{self, OrganisationId};
use crate::projects::{
    self, Conflict, ConflictId, ConflictSource, NewConflict, ProjectId, may_manage,
};

/// What somebody says about a conflict of interest.
#[derive(Debug, Clone)]
pub struct Notice {
    /// Whose; the caller's where nobody is named.
    pub account: Option<AccountId>,
    pub project: Option<ProjectId>,
    pub organisation: Option<OrganisationId>,
    /// The project behind a review of one's own, whose name one may not know.
    pub review: Option<ReviewId>,
    pub note: String,
}

/// Notes a conflict of interest: one's own, or somebody else's as staff.
///
/// # Errors
/// `not-allowed`, `conflict-known`, `invalid` where not exactly one thing is named or it is not there for the caller.
pub fn note(tx: &mut Tx<'_>, notice: &Notice) -> Result<Conflict> {
    let me = tx.caller.account();
    let other = notice.account.filter(|account| Some(*account) != me);
    let account = other.or(me).ok_or_else(|| Error::refused("not-allowed"))?;
    let project = about(tx, notice, account)?;
    if other.is_some() && !may_register(tx, project)? {
        return Err(Error::refused("not-allowed"));
    }
    let new = NewConflict {
        account,
        project,
        organisation: notice.organisation,
        review: notice.review.map(|review| review.0),
        source: if other.is_some() {
            ConflictSource::Registered
        } else {
            ConflictSource::Declared
        },
        note: notice.note.clone(),
    };
    let added = projects::add_conflict(tx, &new)?;
    let conflict = added.ok_or(Refusal::ConflictKnown)?;
    record(
        tx,
        "conflict.noted",
        &conflict,
        Value::Null,
        json!({ "open": true }),
    )?;
    Ok(conflict)
}

/// The project that it is about; everything that is wrong with what was said.
fn about(tx: &mut Tx<'_>, notice: &Notice, account: AccountId) -> Result<Option<ProjectId>> {
    let mut errors = FieldErrors::default();
    let named = [
        notice.project.is_some(),
        notice.organisation.is_some(),
        notice.review.is_some(),
    ];
    if named.iter().filter(|one| **one).count() != 1 {
        errors.push(FieldError::new("", "one-of-these"));
    }
    if accounts::find(tx.conn, account).is_err() {
        errors.push(FieldError::new("/account_id", "unknown-reference"));
    }
    let mut project = notice.project;
    if let Some(id) = notice.project
        && projects::one(tx.conn, tx.caller, id).is_err()
    {
        errors.push(FieldError::new("/project_id", "unknown-reference"));
    }
    if let Some(id) = notice.organisation
        && !network::has_organisation(tx.conn, id)?
    {
        errors.push(FieldError::new("/organisation_id", "unknown-reference"));
    }
    if let Some(id) = notice.review {
        match store::one(tx.conn, tx.caller, id) {
            Ok(review) if review.account_id == account => {
                project = Some(applications::find(tx.conn, review.application_id)?.project_id);
            }
            _ => errors.push(FieldError::new("/review_id", "unknown-reference")),
        }
    }
    errors.done()?;
    Ok(project)
}

/// Staff register conflicts with the projects they run; those with organisations reach everywhere.
fn may_register(tx: &mut Tx<'_>, project: Option<ProjectId>) -> Result<bool> {
    match project {
        None => Ok(tx.caller.everywhere(Role::Coordinator)),
        Some(project) => {
            let project = projects::find(tx.conn, project)?;
            Ok(may_manage(tx.caller, &project))
        }
    }
}

/// Ends a conflict of interest. Nobody ends their own.
///
/// # Errors
/// `not-allowed`, `conflict-over`, `stale-version`.
pub fn end(tx: &mut Tx<'_>, id: ConflictId, seen: &Seen, reason: &str) -> Result<Conflict> {
    let conflict = projects::conflict(tx.conn, tx.caller, id)?;
    let own = Some(conflict.account_id) == tx.caller.account();
    if own || !may_register(tx, conflict.project_id)? {
        return Err(Error::refused("not-allowed"));
    }
    seen.check(conflict.version)?;
    if conflict.ended_at.is_some() {
        return Err(Refusal::ConflictOver.into());
    }
    let ended = projects::end_conflict(tx, &conflict, reason)?;
    let after = json!({ "open": false, "end_reason": events::fingerprint(tx, reason) });
    record(tx, "conflict.ended", &ended, json!({ "open": true }), after)?;
    Ok(ended)
}

fn record(
    tx: &mut Tx<'_>,
    kind: &'static str,
    conflict: &Conflict,
    before: Value,
    after: Value,
) -> Result<()> {
    let id: Uuid = conflict.id.0;
    let data = json!({
        "account_id": conflict.account_id, "about_project": conflict.project_id,
        "organisation_id": conflict.organisation_id, "source": conflict.source,
        "note": events::fingerprint(tx, conflict.note.as_str()),
    });
    let fact = Fact::new(kind, "conflict", id).data(data);
    events::record(tx, fact.changed(before, after)).map(|_| ())
}
