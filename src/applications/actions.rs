//! What happens when a project applies, and when the network decides.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::fields;
use super::model::{
    Application, ApplicationId, ApplicationState, Hand, Outcome, Receipt, Refusal, Returned,
    content, hand, merge,
};
use super::store;
use crate::accounts;
use crate::app::{App, Tx};
use crate::auth::secrets::sha256;
use crate::auth::{AccountId, Caller, Role};
use crate::canonical;
use crate::coaching;
use crate::db::{Conn, Json, Moment};
use crate::eligibility::{self, Candidate, Reason, WaivableRule};
use crate::error::{Error, FieldError, FieldErrors, Refused, Result};
use crate::events::{self, Fact};
use crate::forms::{self, Form};
use crate::http::Seen;
use crate::network::{self, Call, CallId, CohortId, Pillar};
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
    let form = forms::newest(tx, call.id)?;
    let mistakes = misfits(tx, form.as_ref(), answers)?;
    if !mistakes.is_empty() {
        return Err(Error::invalid(mistakes));
    }
    let form = form.map(|form| form.id);
    let answers = Json(merge(&json!({}), answers));
    let application = store::insert(tx, &project, &call, form, &answers)?;
    let data = json!({ "call_id": call.id });
    record(tx, "application.created", None, &application, data)?;
    Ok(application)
}

/// Changes answers, field by field: founders those of a draft and those that a return has opened, staff on their behalf
/// until the application is decided. What was submitted stays frozen as it was.
///
/// # Errors
/// `application-closed` where it is past changing, `invalid` with every answer that doesn't fit or isn't open.
pub fn change(
    tx: &mut Tx<'_>,
    id: ApplicationId,
    seen: &Seen,
    answers: &Map<String, Value>,
) -> Result<Application> {
    let (mut application, project) = lock(tx, id)?;
    let represents = may_represent(tx.caller, project.id);
    let manages = may_manage(tx.caller, &project);
    if !represents && !manages {
        return Err(Error::refused("not-allowed"));
    }
    seen.check(application.version)?;
    let hand = hand(application.state, represents, manages)?;
    let before = noted(tx, &application);
    let form = answered_form(tx, &mut application)?;
    let mut mistakes = misfits(tx, form.as_ref(), answers)?;
    if hand == Hand::Founders
        && let Some(open) = open_to_founders(tx.conn, &application, form.as_ref())?
    {
        mistakes.extend(fields::not_open(&open, answers));
    }
    if !mistakes.is_empty() {
        return Err(Error::invalid(mistakes));
    }
    application.answers = Json(merge(&application.answers.0, answers));
    let application = store::keep(tx, &application)?;
    let fields: Vec<&String> = answers.keys().collect();
    let data = match hand {
        Hand::Founders => json!({ "fields": fields }),
        Hand::Staff => {
            let owners = owners(tx, &project)?;
            json!({ "fields": fields, "on_behalf_of": owners })
        }
    };
    record(tx, "application.changed", Some(before), &application, data)?;
    Ok(application)
}

/// In whose name staff act for a project.
fn owners(tx: &mut Tx<'_>, project: &Project) -> Result<Vec<AccountId>> {
    let team = accounts::people_of_project(tx.conn, project.id.0, tx.now)?;
    let owners = team.into_iter().filter(|(_, role)| *role == Role::Owner);
    Ok(owners.map(|(account, _)| account).collect())
}

/// The fields that founders may change, where not all of them: what a return has opened, and once the project takes
/// part, what it has to answer from a pillar on.
fn open_to_founders(
    conn: &mut Conn,
    application: &Application,
    form: Option<&Form>,
) -> Result<Option<BTreeSet<String>>> {
    Ok(match application.state {
        ApplicationState::Returned => {
            let open = store::open_return(conn, application.id)?;
            Some(open.map(|open| open.open_fields()).unwrap_or_default())
        }
        ApplicationState::Accepted => {
            let later = fields::asked_later(form);
            if later.is_empty() {
                return Err(Refusal::ApplicationClosed.into());
            }
            Some(later)
        }
        _ => None,
    })
}

/// What is wrong with answers that are to be kept; those that are taken back can't be wrong.
fn misfits(
    tx: &Tx<'_>,
    form: Option<&Form>,
    answers: &Map<String, Value>,
) -> Result<Vec<FieldError>> {
    let Some(form) = form else {
        return Ok(Vec::new());
    };
    let mut given = answers.clone();
    given.retain(|_, value| !value.is_null());
    form.misfits(&tx.app.shapes, &given)
}

/// The form that an application answers. A draft follows the newest version of its call's; from the submission on it keeps
/// the one that it answered.
fn answered_form(tx: &mut Tx<'_>, application: &mut Application) -> Result<Option<Form>> {
    if application.state == ApplicationState::Draft {
        let form = forms::newest(tx, application.call_id)?;
        application.form_id = form.as_ref().map(|form| form.id);
        return Ok(form);
    }
    let kept = application.form_id;
    kept.map(|form| forms::find(tx.conn, form)).transpose()
}

/// Lets an application in although a rule of its call leaves it out. A coordinator answers for it.
///
/// # Errors
/// `not-allowed` for others, `application-closed` once it was submitted, `rule-not-overridable` by the call.
pub fn override_rule(
    tx: &mut Tx<'_>,
    id: ApplicationId,
    seen: &Seen,
    rule: WaivableRule,
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
    eligibility::waive(tx, id.0, application.call_id, rule, reason)?;
    if rule == WaivableRule::Sector {
        application.override_reason = Some(reason.to_owned());
    }
    let application = store::keep(tx, &application)?;
    let kind = "application.rule_overridden";
    let data = json!({ "rule": rule, "reason": events::fingerprint(tx, reason) });
    record(tx, kind, Some(before), &application, data)?;
    Ok(application)
}

/// Every reason against submitting an application now, those too that were waived. The dry run tells of these, and
/// `submit` refuses by them.
///
/// # Errors
/// The database's.
pub fn reasons_against(
    conn: &mut Conn,
    app: &App,
    application: &Application,
    project: &Project,
    now: Moment,
) -> Result<Vec<Reason>> {
    let mut reasons = judged(conn, application, project, now)?;
    let form = match application.form_id {
        Some(form) if application.state != ApplicationState::Draft => {
            Some(forms::find(conn, form)?)
        }
        _ => forms::of_call(conn, application.call_id)?,
    };
    if let Some(form) = form {
        let answers = &application.answers.0;
        let mut faults = form.faults(&app.shapes, answers, project.pillar)?;
        for (key, document) in form.files(answers) {
            if !(app.is_evidence)(conn, document, application.id)? {
                faults.push(FieldError::new(
                    format!("/answers/{key}"),
                    "unknown-reference",
                ));
            }
        }
        reasons.extend(faults.into_iter().map(eligibility::plain));
    }
    Ok(reasons)
}

/// What the call's rules say of an application, its answers left out.
///
/// # Errors
/// The database's.
pub fn judged(
    conn: &mut Conn,
    application: &Application,
    project: &Project,
    now: Moment,
) -> Result<Vec<Reason>> {
    let call = network::call(conn, application.call_id)?;
    let programme = network::programme(conn, call.programme_id)?;
    let candidate = Candidate {
        project,
        application: Some(application.id.0),
        waived: application.override_reason.as_deref(),
        submitted_at: application.submitted_at,
    };
    eligibility::judge(conn, candidate, &call, &programme, now)
}

/// Submits a draft, or what was returned: the content is frozen, and its digest goes on the receipt. What was returned
/// goes on where it was.
///
/// # Errors
/// `not-eligible` with every reason.
pub fn submit(tx: &mut Tx<'_>, id: ApplicationId, seen: &Seen) -> Result<Application> {
    let (mut application, project) = lock(tx, id)?;
    if !may_represent(tx.caller, project.id) {
        return Err(Error::refused("not-allowed"));
    }
    seen.check(application.version)?;
    let (state, open) = match application.state {
        ApplicationState::Draft => (ApplicationState::Submitted, None),
        ApplicationState::Returned => {
            let open = store::open_return(tx.conn, id)?;
            let open =
                open.ok_or_else(|| anyhow::anyhow!("nothing is open in what was returned"))?;
            (open.from_state, Some(open))
        }
        _ => return Err(Refusal::ApplicationClosed.into()),
    };
    let before = noted(tx, &application);
    let form = answered_form(tx, &mut application)?;
    let call = eligible(tx, &application, &project)?;
    let open_fields = open.as_ref().map(Returned::open_fields);
    let frozen = content(
        &application,
        &project,
        &call,
        form.as_ref(),
        open_fields.as_ref(),
    );
    let moves = open_fields.is_none_or(|open| open.contains("/project/postal_code"));
    if moves {
        application.region.clone_from(&project.region);
    }
    application.state = state;
    let receipt = freeze(tx, &mut application, frozen)?;
    let application = store::keep(tx, &application)?;
    if let Some(open) = &open {
        store::close_return(tx, open.id)?;
    }
    coaching::attach_coordinator(tx, &project)?;
    let data = json!({ "sha256": receipt.sha256, "receipt": receipt.number });
    let kind = match open {
        Some(_) => "application.resubmitted",
        None => "application.submitted",
    };
    record(tx, kind, Some(before), &application, data)?;
    Ok(application)
}

/// The call, if nothing stands against the application's submission.
fn eligible(tx: &mut Tx<'_>, application: &Application, project: &Project) -> Result<Call> {
    let judged = reasons_against(tx.conn, tx.app, application, project, tx.now)?;
    let standing = judged.into_iter().filter(Reason::stands);
    let reasons: Vec<FieldError> = standing.map(|reason| reason.told).collect();
    if reasons.is_empty() {
        return network::call(tx.conn, application.call_id);
    }
    let mut refused = Refused::new(Refusal::NotEligible.code());
    refused.fields = reasons;
    Err(refused.into())
}

/// Keeps the content for ever, as the next receipt; the application itself holds the last one.
fn freeze(tx: &mut Tx<'_>, application: &mut Application, frozen: Value) -> Result<Receipt> {
    let number = store::receipts(tx.conn, application)?.len();
    let receipt = Receipt {
        application_id: application.id,
        number: i32::try_from(number).unwrap_or(i32::MAX).saturating_add(1),
        form_id: application.form_id,
        sha256: sha256(canonical::text(&frozen).as_bytes()),
        content: Json(frozen),
        submitted_by: tx.caller.account(),
        submitted_at: tx.now,
    };
    store::insert_receipt(tx, application, &receipt)?;
    application.content_sha256 = Some(receipt.sha256.clone());
    application.frozen = Some(receipt.content.clone());
    application.submitted_at = application.submitted_at.or(Some(tx.now));
    Ok(receipt)
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
    if let Some(open) = store::open_return(tx.conn, id)? {
        store::close_return(tx, open.id)?;
    }
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

/// Puts an application under the region that its project was handed to, so that the coordinators there see it.
///
/// # Errors
/// `not-withdrawable` once its decision is out.
pub fn follow_region(tx: &mut Tx<'_>, id: ApplicationId, region: &str) -> Result<Application> {
    let (mut application, _) = lock(tx, id)?;
    if !application.state.is_withdrawable() {
        return Err(Refusal::NotWithdrawable.into());
    }
    let before = noted(tx, &application);
    let from = application.region.replace(region.to_owned());
    let application = store::keep(tx, &application)?;
    let data = json!({ "from_region": from, "to_region": region });
    record(
        tx,
        "application.handed_over",
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
    if let Some(pillar) = decision.pillar {
        let missing = missing_in(tx, &application, pillar)?;
        if !missing.is_empty() {
            return Err(Error::invalid(missing));
        }
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

/// The answers that a project has to give before it may begin in a pillar and has not given.
///
/// # Errors
/// The database's.
pub fn missing_in(
    tx: &mut Tx<'_>,
    application: &Application,
    pillar: Pillar,
) -> Result<Vec<FieldError>> {
    let Some(form) = application.form_id else {
        return Ok(Vec::new());
    };
    let form = forms::find(tx.conn, form)?;
    let answers = &application.answers.0;
    let mut faults = form.faults(&tx.app.shapes, answers, Some(pillar))?;
    faults.retain(|fault| fault.code == "answer-missing");
    Ok(faults)
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
pub(super) fn lock(tx: &mut Tx<'_>, id: ApplicationId) -> Result<(Application, Project)> {
    let application = store::lock(tx.conn, tx.caller, id)?;
    let project = projects::lock(tx.conn, &Caller::system(), application.project_id)?;
    Ok((application, project))
}

/// What the ledger notes of an application: what people wrote by fingerprint only.
pub(super) fn noted(tx: &Tx<'_>, application: &Application) -> Value {
    let print = |text: Option<&str>| events::fingerprint(tx, text);
    json!({
        "state": application.state, "cohort_id": application.cohort_id, "pillar": application.pillar,
        "answers": events::fingerprint(tx, application.answers.0.clone()),
        "feedback": print(application.feedback.as_deref()),
        "override_reason": print(application.override_reason.as_deref()),
    })
}

pub(super) fn record(
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
