//! What happens when a project applies, and when the network decides.

use serde_json::{Map, Value, json};

use super::model::{
    Application, ApplicationId, ApplicationState, Outcome, Refusal, content, merge, reasons_against,
};
use super::store;
use crate::app::Tx;
use crate::auth::Caller;
use crate::auth::secrets::sha256;
use crate::canonical;
use crate::coaching;
use crate::db::{Conn, Json};
use crate::error::{Error, FieldError, FieldErrors, Refused, Result};
use crate::events::{self, Fact};
use crate::http::Seen;
use crate::network::{self, Call, CallId, CohortId, Pillar, Programme};
use crate::projects::{self, Project, ProjectId, may_manage, may_represent};

/// Starts a draft.
///
/// # Errors
/// `already-applied`, or `invalid` where the project or the call is not there for the caller.
pub fn create(
    tx: &mut Tx<'_>,
    project: ProjectId,
    call: CallId,
    answers: &Map<String, Value>,
) -> Result<Application> {
    let mut errors = FieldErrors::default();
    let found_project = projects::lock(tx.conn, tx.caller, project).ok();
    let found_call = network::call(tx.conn, call).ok();
    if found_project.is_none() {
        errors.push(FieldError::new("/project_id", "unknown-reference"));
    }
    if found_call.is_none() {
        errors.push(FieldError::new("/call_id", "unknown-reference"));
    }
    errors.done()?;
    let (Some(project), Some(call)) = (found_project, found_call) else {
        return Err(Error::not_found());
    };
    if !may_represent(tx.caller, project.id) && !may_manage(tx.caller, &project) {
        return Err(Error::refused("not-allowed"));
    }
    if store::has_applied(tx.conn, project.id, call.id)? {
        return Err(Refusal::AlreadyApplied.into());
    }
    let application = store::insert(tx, &project, &call, &Json(merge(&json!({}), answers)))?;
    let data = json!({ "call_id": call.id });
    record(tx, "application.created", None, &application, data)?;
    Ok(application)
}

/// Changes the answers of a draft, field by field.
///
/// # Errors
/// `application-closed` once it was submitted.
pub fn change(
    tx: &mut Tx<'_>,
    id: ApplicationId,
    seen: &Seen,
    answers: &Map<String, Value>,
) -> Result<Application> {
    let (mut application, project) = lock(tx, id)?;
    if !may_represent(tx.caller, project.id) && !may_manage(tx.caller, &project) {
        return Err(Error::refused("not-allowed"));
    }
    seen.check(application.version)?;
    if application.state != ApplicationState::Draft {
        return Err(Refusal::ApplicationClosed.into());
    }
    let before = noted(tx, &application);
    application.answers = Json(merge(&application.answers.0, answers));
    let application = store::keep(tx, &application)?;
    let fields: Vec<&String> = answers.keys().collect();
    let data = json!({ "fields": fields });
    record(tx, "application.changed", Some(before), &application, data)?;
    Ok(application)
}

/// Lets an application in although the programme's scope leaves its sector out. A coordinator answers for it.
///
/// # Errors
/// `not-allowed` for others, `application-closed` once it was submitted.
pub fn override_rule(
    tx: &mut Tx<'_>,
    id: ApplicationId,
    seen: &Seen,
    reason: &str,
) -> Result<Application> {
    let (mut application, project) = lock(tx, id)?;
    if !may_manage(tx.caller, &project) {
        return Err(Error::refused("not-allowed"));
    }
    seen.check(application.version)?;
    if application.state != ApplicationState::Draft {
        return Err(Refusal::ApplicationClosed.into());
    }
    let before = noted(tx, &application);
    application.override_reason = Some(reason.to_owned());
    let application = store::keep(tx, &application)?;
    let (kind, data) = (
        "application.rule_overridden",
        json!({ "rule": "sector-out-of-scope" }),
    );
    record(tx, kind, Some(before), &application, data)?;
    Ok(application)
}

/// Submits a draft: the content is frozen, and its digest goes on the receipt.
///
/// # Errors
/// `not-eligible` with every reason.
pub fn submit(tx: &mut Tx<'_>, id: ApplicationId, seen: &Seen) -> Result<Application> {
    let (mut application, project) = lock(tx, id)?;
    if !may_represent(tx.caller, project.id) {
        return Err(Error::refused("not-allowed"));
    }
    seen.check(application.version)?;
    if application.state != ApplicationState::Draft {
        return Err(Refusal::ApplicationClosed.into());
    }
    let (call, programme) = call_and_programme(tx.conn, application.call_id)?;
    let reasons = reasons_against(&application, &project, &call, &programme, tx.now);
    if !reasons.is_empty() {
        let mut refused = Refused::new(Refusal::NotEligible.code());
        refused.fields = reasons;
        return Err(refused.into());
    }
    let before = noted(tx, &application);
    let frozen = content(&application, &project, &call);
    application.content_sha256 = Some(sha256(canonical::text(&frozen).as_bytes()));
    application.frozen = Some(Json(frozen));
    application.state = ApplicationState::Submitted;
    application.submitted_at = Some(tx.now);
    application.region.clone_from(&project.region);
    let application = store::keep(tx, &application)?;
    coaching::attach_coordinator(tx, &project)?;
    let data = json!({ "sha256": application.content_sha256 });
    record(
        tx,
        "application.submitted",
        Some(before),
        &application,
        data,
    )?;
    Ok(application)
}

/// Takes an application back, at any time before its decision is out.
///
/// # Errors
/// `not-withdrawable` afterwards.
pub fn withdraw(tx: &mut Tx<'_>, id: ApplicationId, seen: &Seen) -> Result<Application> {
    let (mut application, project) = lock(tx, id)?;
    if !may_represent(tx.caller, project.id) {
        return Err(Error::refused("not-allowed"));
    }
    seen.check(application.version)?;
    if !application.state.is_withdrawable() {
        return Err(Refusal::NotWithdrawable.into());
    }
    let was_submitted = application.submitted_at.is_some();
    let before = noted(tx, &application);
    application.state = ApplicationState::Withdrawn;
    let application = store::keep(tx, &application)?;
    let data = json!({ "was_submitted": was_submitted });
    record(
        tx,
        "application.withdrawn",
        Some(before),
        &application,
        data,
    )?;
    Ok(application)
}

/// What a coordinator decides.
#[derive(Debug, Clone)]
pub struct Decision {
    pub outcome: Outcome,
    pub cohort_id: Option<CohortId>,
    pub pillar: Option<Pillar>,
    pub feedback: Option<String>,
}

/// Decides an application. What follows for the project is up to whoever calls this: it enters, or is offered a place.
///
/// # Errors
/// `not-allowed`, `not-submitted`, `invalid` without cohort and pillar.
pub fn decide(
    tx: &mut Tx<'_>,
    id: ApplicationId,
    seen: &Seen,
    decision: &Decision,
) -> Result<(Application, Project)> {
    let (mut application, project) = lock(tx, id)?;
    if !may_manage(tx.caller, &project) {
        return Err(Error::refused("not-allowed"));
    }
    seen.check(application.version)?;
    check_fields(tx.conn, decision)?;
    if !application.state.is_decidable() {
        return Err(Refusal::NotSubmitted.into());
    }
    let before = noted(tx, &application);
    application.state = decision.outcome.state();
    application.feedback.clone_from(&decision.feedback);
    application.cohort_id = decision.cohort_id;
    application.pillar = decision.pillar;
    application.decided_at = Some(tx.now);
    application.decided_by = tx.caller.account();
    let application = store::keep(tx, &application)?;
    let data = json!({ "outcome": decision.outcome, "cohort_id": decision.cohort_id });
    let kind = decision.outcome.event();
    record(tx, kind, Some(before), &application, data)?;
    Ok((application, project))
}

/// Takes a decision back: the application is in review again. Gives the event that says so.
///
/// # Errors
/// `not-allowed`, `not-decided`.
pub fn reopen(
    tx: &mut Tx<'_>,
    id: ApplicationId,
    seen: &Seen,
    reason: &str,
) -> Result<(Application, i64)> {
    let (mut application, project) = lock(tx, id)?;
    if !may_manage(tx.caller, &project) {
        return Err(Error::refused("not-allowed"));
    }
    seen.check(application.version)?;
    if !application.state.is_decided() {
        return Err(Refusal::NotDecided.into());
    }
    let before = noted(tx, &application);
    application.state = ApplicationState::InReview;
    application.feedback = None;
    application.cohort_id = None;
    application.pillar = None;
    application.decided_at = None;
    application.decided_by = None;
    let application = store::keep(tx, &application)?;
    let after = noted(tx, &application);
    let fact = Fact::new("application.reversed", "application", application.id.0)
        .within(application.project_id.0, application.region.as_deref())
        .data(json!({ "reason": events::fingerprint(tx, reason) }))
        .changed(before, after);
    let seq = events::record(tx, fact)?;
    Ok((application, seq))
}

fn check_fields(conn: &mut Conn, decision: &Decision) -> Result<()> {
    let mut errors = FieldErrors::default();
    let accepting = decision.outcome == Outcome::Accept;
    match decision.cohort_id {
        None if accepting => errors.push(FieldError::new("/cohort_id", "cohort-needed")),
        Some(_) if !accepting => errors.push(FieldError::new("/cohort_id", "not-for-this-step")),
        Some(cohort) if network::cohort(conn, cohort).is_err() => {
            errors.push(FieldError::new("/cohort_id", "unknown-reference"));
        }
        _ => {}
    }
    match decision.pillar {
        None if accepting => errors.push(FieldError::new("/pillar", "pillar-needed")),
        Some(_) if !accepting => errors.push(FieldError::new("/pillar", "not-for-this-step")),
        _ => {}
    }
    errors.done()
}

/// Locks the application, then its project. Who sees an application may not see its project yet: what they may not
/// do is then refused, and not hidden.
fn lock(tx: &mut Tx<'_>, id: ApplicationId) -> Result<(Application, Project)> {
    let application = store::lock(tx.conn, tx.caller, id)?;
    let project = projects::lock(tx.conn, &Caller::system(), application.project_id)?;
    Ok((application, project))
}

fn call_and_programme(conn: &mut Conn, call: CallId) -> Result<(Call, Programme)> {
    let call = network::call(conn, call)?;
    let programme = network::programme(conn, call.programme_id)?;
    Ok((call, programme))
}

/// What the ledger notes of an application: what people wrote by fingerprint only.
fn noted(tx: &Tx<'_>, application: &Application) -> Value {
    let print = |text: Option<&str>| events::fingerprint(tx, text);
    json!({
        "state": application.state, "cohort_id": application.cohort_id, "pillar": application.pillar,
        "answers": events::fingerprint(tx, application.answers.0.clone()),
        "feedback": print(application.feedback.as_deref()),
        "override_reason": print(application.override_reason.as_deref()),
    })
}

fn record(
    tx: &mut Tx<'_>,
    kind: &'static str,
    before: Option<Value>,
    application: &Application,
    data: Value,
) -> Result<()> {
    let after = noted(tx, application);
    let fact = Fact::new(kind, "application", application.id.0)
        .within(application.project_id.0, application.region.as_deref())
        .data(data)
        .changed(before.unwrap_or(Value::Null), after);
    events::record(tx, fact).map(|_| ())
}
