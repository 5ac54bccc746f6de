//! What happens when a decision is staged, taken or reversed.

use serde_json::{Value, json};

use super::model::{Lack, NewSettings, Place, PlaceState, Refusal, Settings, Staged, Verdict};
use super::{places, store};
use crate::app::Tx;
use crate::applications::{self, Application, ApplicationId, ApplicationState, Decision, Outcome};
use crate::auth::Caller;
use crate::db::Conn;
use crate::error::{Error, FieldError, OrNotFound, Result};
use crate::events::{self, Fact};
use crate::http::Seen;
use crate::journey::{self, Admission};
use crate::mail::outbox;
use crate::network::{self, CallId};
use crate::projects::{self, Project, may_manage};
use crate::reviews;

/// The events that tell of a decision, which its reversal takes back.
const TELLING: &[&str] = &[
    "application.accepted",
    "application.waitlisted",
    "application.declined",
    "place.offered",
    "place.reminded",
    "place.expired",
    "place.given_up",
];

/// Sets how the places of a call are offered.
///
/// # Errors
/// `not-allowed`, `stale-version`, `invalid`.
pub fn set_up(
    tx: &mut Tx<'_>,
    call: CallId,
    seen: Option<&Seen>,
    new: &NewSettings,
) -> Result<Settings> {
    let call = network::call(tx.conn, call)?;
    if !network::may_run(tx.caller, &call) {
        return Err(Error::refused("not-allowed"));
    }
    store::lock_call(tx.conn, call.id)?;
    let known = store::settings(tx.conn, call.id)?;
    check_seen(known.as_ref().map(|known| known.version), seen)?;
    let mistakes = new.mistakes();
    if !mistakes.is_empty() {
        return Err(Error::invalid(mistakes));
    }
    let settings = store::put_settings(tx, call.id, known.as_ref(), new)?;
    let before = known.as_ref().map_or(Value::Null, noted_settings);
    let fact = Fact::new("call.places_set", "call", call.id.0);
    events::note(tx, fact.changed(before, noted_settings(&settings)))?;
    Ok(settings)
}

fn noted_settings(settings: &Settings) -> Value {
    json!({
        "confirm_within_days": settings.confirm_within_days, "reminder_days_before": settings.reminders(),
        "offer_beyond_capacity": settings.offer_beyond_capacity,
    })
}

/// A row that is there must have been seen; one that is not there cannot have been.
fn check_seen(known: Option<i64>, seen: Option<&Seen>) -> Result<()> {
    match (known, seen) {
        (Some(version), Some(seen)) => seen.check(version),
        (Some(_), None) => Err(Error::refused("version-needed")),
        (None, Some(Seen::These(_))) => Err(Error::stale()),
        (None, _) => Ok(()),
    }
}

/// Finds an application for somebody who decides about it. The call's lock keeps releases away, then the application's.
fn deciding(tx: &mut Tx<'_>, id: ApplicationId) -> Result<(Application, Project)> {
    let call = applications::find(tx.conn, id)?.call_id;
    store::lock_call(tx.conn, call)?;
    let application = applications::lock(tx.conn, tx.caller, id)?;
    let project = projects::find(tx.conn, application.project_id)?;
    if !may_manage(tx.caller, &project) {
        return Err(Error::refused("not-allowed"));
    }
    Ok((application, project))
}

/// Notes a decision that is not out yet. The application stays as it is.
///
/// # Errors
/// `not-allowed`, `stale-version`, `invalid`, `not-submitted`.
pub fn stage(
    tx: &mut Tx<'_>,
    id: ApplicationId,
    seen: Option<&Seen>,
    verdict: &Verdict,
) -> Result<Staged> {
    let (application, _) = deciding(tx, id)?;
    let known = store::staged(tx.conn, id)?;
    check_seen(known.as_ref().map(|known| known.version), seen)?;
    let mut mistakes = verdict.mistakes();
    if let Some(cohort) = verdict.cohort_id
        && network::cohort(tx.conn, cohort).is_err()
    {
        mistakes.push(FieldError::new("/cohort_id", "unknown-reference"));
    }
    if let Some(pillar) = verdict.pillar {
        mistakes.extend(applications::missing_in(tx, &application, pillar)?);
    }
    if !mistakes.is_empty() {
        return Err(Error::invalid(mistakes));
    }
    if !application.state.is_decidable() {
        return Err(Error::refused("not-submitted"));
    }
    let staged = store::put_staged(tx, &application, known.as_ref(), verdict)?;
    note(
        tx,
        "decision.staged",
        &application,
        known.as_ref(),
        Some(&staged),
    )?;
    Ok(staged)
}

/// Takes a staged decision away.
///
/// # Errors
/// `not-found`, `not-allowed`, `stale-version`.
pub fn unstage(tx: &mut Tx<'_>, id: ApplicationId, seen: &Seen) -> Result<()> {
    let (application, _) = deciding(tx, id)?;
    let known = store::staged(tx.conn, id)?;
    let known = known.or_not_found()?;
    seen.check(known.version)?;
    store::delete_staged(tx, id)?;
    note(tx, "decision.unstaged", &application, Some(&known), None)
}

/// The staged decision of an application, for those who decide about it.
///
/// # Errors
/// `not-found`, `not-allowed`.
pub fn show_staged(conn: &mut Conn, caller: &Caller, id: ApplicationId) -> Result<Staged> {
    let application = applications::one(conn, caller, id)?;
    let project = projects::find(conn, application.project_id)?;
    if !may_manage(caller, &project) {
        return Err(Error::refused("not-allowed"));
    }
    store::staged(conn, id)?.or_not_found()
}

/// Notes it among those who decide: on the application's own chain, which the project's people do not see.
fn note(
    tx: &mut Tx<'_>,
    kind: &'static str,
    application: &Application,
    before: Option<&Staged>,
    after: Option<&Staged>,
) -> Result<()> {
    let noted = |staged: &Staged| {
        json!({
            "outcome": staged.outcome, "cohort_id": staged.cohort_id, "pillar": staged.pillar, "rank": staged.rank,
            "reasons": events::fingerprint(tx, staged.reasons.0.to_string().as_str()),
            "feedback": events::fingerprint(tx, staged.feedback.as_deref()),
        })
    };
    let before = before.map_or(Value::Null, noted);
    let after = after.map_or(Value::Null, noted);
    let fact = Fact::new(kind, "application", application.id.0)
        .among_staff(application.region.as_deref())
        .data(json!({ "call_id": application.call_id }))
        .changed(before, after);
    events::note(tx, fact).map(|_| ())
}

/// Decides an application, and the decision is out. Accepting it offers a place, or, where the call has none to confirm,
/// puts the project into its cohort and pillar.
///
/// # Errors
/// What `applications::decide` says, or what keeps the project out.
pub fn decide(
    tx: &mut Tx<'_>,
    id: ApplicationId,
    seen: &Seen,
    decision: &Decision,
) -> Result<Application> {
    let (application, project) = applications::decide(tx, id, seen, decision)?;
    reviews::committee_ready(tx.conn, &application)?;
    follow_up(tx, &application, &project, &Verdict::from(decision), false)?;
    Ok(application)
}

/// Does everything that follows from a decision. Whoever has seen to it that there is room for many says so.
pub(super) fn follow_up(
    tx: &mut Tx<'_>,
    application: &Application,
    project: &Project,
    verdict: &Verdict,
    has_room: bool,
) -> Result<()> {
    store::insert_decision(tx, application, verdict)?;
    store::delete_staged(tx, application.id)?;
    let (Outcome::Accept, Some(cohort), Some(pillar)) =
        (verdict.outcome, verdict.cohort_id, verdict.pillar)
    else {
        return Ok(());
    };
    let settings = store::settings(tx.conn, application.call_id)?;
    if !has_room {
        let room = places::room(tx.conn, cohort, settings.as_ref())?;
        let lacks = room.against(project.region.as_deref());
        journey::refuse_if_blocked(lacks.iter().map(Lack::blocker).collect())?;
    }
    if let Some(settings) = settings.filter(|one| one.confirm_within_days.is_some()) {
        return places::offer(tx, application, &settings, cohort, pillar);
    }
    let admission = Admission {
        application: application.id.0,
        cohort,
        pillar,
        feedback: verdict.feedback.clone(),
    };
    journey::admit(tx, project, &admission).map(|_| ())
}

/// Takes a decision back after its release. Its open place is withdrawn, and mail that has not left never will.
///
/// # Errors
/// `not-allowed`, `not-decided`, and `place-confirmed` once the project has entered.
pub fn reverse(
    tx: &mut Tx<'_>,
    id: ApplicationId,
    seen: &Seen,
    reason: &str,
    next: Option<&Verdict>,
) -> Result<Application> {
    let (before, _) = deciding(tx, id)?;
    let is_of_it = |place: &Place| before.decided_at.is_some_and(|at| at <= place.created_at);
    let place = store::place_of(tx.conn, id)?.filter(is_of_it);
    let (application, by) = applications::reopen(tx, id, seen, reason)?;
    let has_entered = match &place {
        None => before.state == ApplicationState::Accepted,
        Some(place) => place.state == PlaceState::Confirmed,
    };
    if has_entered {
        return Err(Refusal::PlaceConfirmed.into());
    }
    store::end_decision(tx, id, Some(reason))?;
    let mut subjects = vec![id.0];
    subjects.extend(place.as_ref().map(|place| place.id.0));
    let told = events::supersede(tx, application.project_id.0, &subjects, TELLING, by)?;
    outbox::supersede(tx, &told)?;
    if let Some(verdict) = next {
        stage(tx, id, None, verdict)?;
    }
    if let Some(place) = place.filter(|place| place.state == PlaceState::Offered) {
        places::withdraw(tx, &place)?;
    }
    Ok(application)
}
