//! What happens when a call's rules are set or waived, when a code is made or used, and when a candidate is judged.

use chrono::Duration;
use serde_json::{Value, json};
use uuid::Uuid;

use super::model::{
    Candidate, EligibilityRules, Facts, LateEntry, Overridden, Reason, Refusal, Room, Settings,
    WaivableRule,
};
use super::store::{self, NewCode};
use crate::accounts;
use crate::app::Tx;
use crate::auth::secrets::{new_token, sha256};
use crate::db::{Conn, Moment};
use crate::error::{Error, FieldError, FieldErrors, OrNotFound, Result};
use crate::events::{self, Fact};
use crate::http::Seen;
use crate::journey;
use crate::network::{self, Call, CallId, Programme, may_run};
use crate::projects::{self, Project, ProjectId, may_manage};

/// Every reason why a candidate can't answer a call now. The dry run, the submission and the matches all ask here.
///
/// # Errors
/// The database's.
pub fn judge(
    conn: &mut Conn,
    candidate: Candidate<'_>,
    call: &Call,
    programme: &Programme,
    now: Moment,
) -> Result<Vec<Reason>> {
    let project = candidate.project;
    let settings = store::settings(conn, call.id)?;
    let team = accounts::people_of_project(conn, project.id.0, now)?.len();
    let room = room(conn, project, call)?;
    let late = match candidate.application {
        Some(application) => store::late_entry(conn, application)?,
        None => None,
    };
    let facts = Facts {
        project,
        call,
        programme,
        rules: &settings.rules,
        team,
        room,
        overridden: overridden(conn, candidate)?,
        late,
        now: candidate.submitted_at.unwrap_or(now),
    };
    Ok(facts.reasons())
}

fn overridden(
    conn: &mut Conn,
    candidate: Candidate<'_>,
) -> Result<Vec<(WaivableRule, Overridden)>> {
    let rows = match candidate.application {
        Some(application) => store::overrides(conn, application)?,
        None => Vec::new(),
    };
    let with_rows = rows.into_iter().map(|row| {
        let overridden = Overridden {
            by: Some(row.made_by),
            reason: row.reason,
        };
        (row.rule, overridden)
    });
    let without = candidate.waived.map(|reason| {
        let overridden = Overridden {
            by: None,
            reason: reason.to_owned(),
        };
        (WaivableRule::Sector, overridden)
    });
    Ok(with_rows.chain(without).collect())
}

/// Whether the call's cohort has a place left for a project of its region. No lock: places are given elsewhere.
fn room(conn: &mut Conn, project: &Project, call: &Call) -> Result<Room> {
    let Some(cohort) = call.cohort_id else {
        return Ok(Room::default());
    };
    let region = project.region.as_deref();
    let capacity = i64::from(network::cohort(conn, cohort)?.capacity);
    let (taken, here) = journey::places_taken(conn, cohort, region)?;
    let quota = network::places_of(conn, cohort)?
        .into_iter()
        .find(|(known, _)| Some(known.as_str()) == region)
        .map(|(_, places)| i64::from(places));
    let full = if taken >= capacity {
        Some(capacity)
    } else {
        quota.filter(|places| here >= *places)
    };
    Ok(Room { full })
}

/// Sets what a call asks of those who answer it.
///
/// # Errors
/// `not-allowed`, `stale-version`, `invalid` where a region is not there.
pub fn set_rules(
    tx: &mut Tx<'_>,
    id: CallId,
    seen: &Seen,
    rules: &EligibilityRules,
) -> Result<Settings> {
    let call = network::call(tx.conn, id)?;
    if !may_run(tx.caller, &call) {
        return Err(Error::refused("not-allowed"));
    }
    let before = store::settings(tx.conn, id)?;
    seen.check(before.version)?;
    let mut errors = FieldErrors::default();
    for (at, region) in rules.regions.iter().flatten().enumerate() {
        if network::region_names(tx.conn, region).is_err() {
            errors.push(FieldError::new(
                format!("/regions/{at}"),
                "unknown-reference",
            ));
        }
    }
    errors.done()?;
    store::keep_settings(tx, id, before.version, rules)?;
    let fact = Fact::new("call.rules_set", "call", id.0);
    events::record(tx, fact.changed(json!(before.rules), json!(rules)))?;
    store::settings(tx.conn, id)
}

/// Writes down that a rule does not count for an application; whoever calls this has asked whether the caller may.
///
/// # Errors
/// `rule-not-overridable` where the call does not allow it.
pub fn waive(
    tx: &mut Tx<'_>,
    application: Uuid,
    call: CallId,
    rule: WaivableRule,
    reason: &str,
) -> Result<()> {
    let by = tx.caller.account().or_not_found()?;
    let settings = store::settings(tx.conn, call)?;
    if !settings.rules.overridable.contains(&rule) {
        return Err(Refusal::NotOverridable.into());
    }
    store::put_override(tx, application, rule, reason, by)
}

/// Who is to be let in after the close, and until when.
#[derive(Debug, Clone)]
pub struct NewLateEntry {
    pub project: Option<ProjectId>,
    pub reason: String,
    pub days: i64,
}

/// Makes a code that lets one application in after the close. Gives it this once. Who runs the call makes it for anybody, a
/// region's coordinators for a project of theirs.
///
/// # Errors
/// `not-allowed`, `no-late-entry`, `invalid` where the project is not there for the caller.
pub fn make_late_entry(
    tx: &mut Tx<'_>,
    id: CallId,
    new: &NewLateEntry,
) -> Result<(LateEntry, String)> {
    let made_by = tx.caller.account().or_not_found()?;
    let call = network::call(tx.conn, id)?;
    let project = match new.project {
        None => None,
        Some(project) => Some(projects::one(tx.conn, tx.caller, project).map_err(|_| {
            Error::invalid(vec![FieldError::new("/project_id", "unknown-reference")])
        })?),
    };
    let is_theirs = project
        .as_ref()
        .is_some_and(|one| may_manage(tx.caller, one));
    if !may_run(tx.caller, &call) && !is_theirs {
        return Err(Error::refused("not-allowed"));
    }
    if !store::settings(tx.conn, id)?.rules.late_entry {
        return Err(Refusal::NoLateEntry.into());
    }
    let code = new_token(tx.app.chance.as_ref());
    let row = NewCode {
        call: id,
        project: new.project,
        digest: &sha256(code.as_bytes()),
        reason: &new.reason,
        made_by,
        expires_at: tx.now.plus(Duration::days(new.days)),
    };
    let made = store::insert_code(tx, &row)?;
    let noted = json!({
        "expires_at": made.expires_at, "for_project": made.project_id,
        "reason": events::fingerprint(tx, made.reason.as_str()),
    });
    let fact = Fact::new("late_entry.made", "call", id.0).data(json!({ "code_id": made.id }));
    events::record(tx, fact.changed(Value::Null, noted))?;
    Ok((made, code))
}

/// Uses a code up for an application; whoever calls this has asked whether the caller speaks for it.
///
/// # Errors
/// `late-entry-code-not-valid`, which says no more than that.
pub fn redeem(
    tx: &mut Tx<'_>,
    application: Uuid,
    call: CallId,
    project: ProjectId,
    code: &str,
) -> Result<LateEntry> {
    let found = store::code(tx.conn, &sha256(code.as_bytes()))?
        .filter(|found| found.is_good_for(call, project, tx.now));
    let entry = found.ok_or(Refusal::CodeNotValid)?;
    if !store::use_code(tx, entry.id, application)? {
        return Err(Refusal::CodeNotValid.into());
    }
    Ok(entry)
}
