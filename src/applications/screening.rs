//! What staff do with an application before its review: screen it, send it back, tag it.

use chrono::NaiveDate;
use serde_json::json;

use super::actions::{lock, noted, record};
use super::fields;
use super::model::{
    Application, ApplicationId, ApplicationState, Refusal, Returned, ScreeningResult,
};
use super::store;
use crate::app::Tx;
use crate::db::{Conn, Json};
use crate::error::{Error, FieldError, FieldErrors, Result};
use crate::events::{self, Fact};
use crate::forms;
use crate::http::Seen;
use crate::network;
use crate::projects::{Project, may_manage};

/// What an application is sent back with.
#[derive(Debug, Clone)]
pub struct Return {
    /// JSON Pointers: `/answers/<key>`, `/project/<field>`.
    pub fields: Vec<String>,
    pub message: String,
    /// Codes of the network's screening reasons.
    pub reasons: Vec<String>,
    pub due_on: Option<NaiveDate>,
}

/// One step of a screening.
#[derive(Debug, Clone)]
pub enum Screen {
    Start,
    Pass {
        reasons: Vec<String>,
        note: Option<String>,
    },
    Return {
        back: Return,
        note: Option<String>,
    },
}

/// Begins an application's screening, or ends it: with a pass into review, or by sending it back.
///
/// # Errors
/// `not-allowed`, `not-to-be-screened`, `invalid` with every mistake.
pub fn screen(
    tx: &mut Tx<'_>,
    id: ApplicationId,
    seen: &Seen,
    step: &Screen,
) -> Result<Application> {
    let (application, _) = managed(tx, id, seen)?;
    let from = match step {
        Screen::Start => ApplicationState::Submitted,
        Screen::Pass { .. } | Screen::Return { .. } => ApplicationState::Screening,
    };
    if application.state != from {
        return Err(Refusal::NotToBeScreened.into());
    }
    match step {
        Screen::Start => start(tx, application),
        Screen::Pass { reasons, note } => {
            let mut errors = FieldErrors::default();
            unknown_reasons(tx.conn, reasons, &mut errors)?;
            errors.done()?;
            let (result, note) = (ScreeningResult::Pass, note.as_deref());
            store::finish_screening(tx, id, result, reasons, note)?;
            pass(tx, application)
        }
        Screen::Return { back, note } => {
            let returned = hand_back(tx, application, back)?;
            let (result, note) = (ScreeningResult::Return, note.as_deref());
            store::finish_screening(tx, id, result, &back.reasons, note)?;
            Ok(returned)
        }
    }
}

/// Sends an application back to its founders, from wherever it lies with the network.
///
/// # Errors
/// `not-allowed`, `not-returnable`, `invalid` with every mistake.
pub fn send_back(
    tx: &mut Tx<'_>,
    id: ApplicationId,
    seen: &Seen,
    back: &Return,
) -> Result<Application> {
    let (application, _) = managed(tx, id, seen)?;
    if !application.state.is_returnable() {
        return Err(Refusal::NotReturnable.into());
    }
    let was_screened = application.state == ApplicationState::Screening;
    let returned = hand_back(tx, application, back)?;
    if was_screened {
        store::finish_screening(tx, id, ScreeningResult::Return, &back.reasons, None)?;
    }
    Ok(returned)
}

/// Puts tags on an application, in place of those that it has. Its founders learn nothing of it: neither the application
/// nor its project's chain changes.
///
/// # Errors
/// `not-allowed`, `stale-version`.
pub fn tag(
    tx: &mut Tx<'_>,
    id: ApplicationId,
    seen: &Seen,
    tags: &[String],
) -> Result<Vec<String>> {
    let (application, _) = managed(tx, id, seen)?;
    let before = store::tags(tx.conn, id)?;
    store::put_tags(tx, id, tags)?;
    let after = store::tags(tx.conn, id)?;
    let mut fact = Fact::new("application.tagged", "application", id.0);
    fact.region.clone_from(&application.region);
    let print = |tags: &Vec<String>| json!({ "tags": events::fingerprint(tx, tags.clone()) });
    let fact = fact.changed(print(&before), print(&after));
    events::note(tx, fact)?;
    Ok(after)
}

/// The application, locked, if the caller manages it and has seen what it is now.
fn managed(tx: &mut Tx<'_>, id: ApplicationId, seen: &Seen) -> Result<(Application, Project)> {
    let (application, project) = lock(tx, id)?;
    if !may_manage(tx.caller, &project) {
        return Err(Error::refused("not-allowed"));
    }
    seen.check(application.version)?;
    Ok((application, project))
}

fn start(tx: &mut Tx<'_>, mut application: Application) -> Result<Application> {
    let before = noted(tx, &application);
    application.state = ApplicationState::Screening;
    let application = store::keep(tx, &application)?;
    store::start_screening(tx, application.id)?;
    let kind = "application.screening_started";
    record(tx, kind, Some(before), &application, json!({}))?;
    Ok(application)
}

fn pass(tx: &mut Tx<'_>, mut application: Application) -> Result<Application> {
    let before = noted(tx, &application);
    application.state = ApplicationState::InReview;
    let application = store::keep(tx, &application)?;
    let kind = "application.screened";
    record(tx, kind, Some(before), &application, json!({}))?;
    Ok(application)
}

fn hand_back(tx: &mut Tx<'_>, mut application: Application, back: &Return) -> Result<Application> {
    let form = application.form_id;
    let form = form.map(|form| forms::find(tx.conn, form)).transpose()?;
    let mut errors = FieldErrors::default();
    for error in fields::unknown(&back.fields, form.as_ref()) {
        errors.push(error);
    }
    unknown_reasons(tx.conn, &back.reasons, &mut errors)?;
    let today = tx.now.day();
    if back.due_on.is_some_and(|due| due < today) {
        errors.push(FieldError::new("/due_on", "too-early").with("min", today));
    }
    errors.done()?;
    let returned = Returned {
        id: tx.new_id(),
        application_id: application.id,
        from_state: application.state,
        fields: Json(json!(fields::opened(&back.fields, form.as_ref()))),
        message: back.message.clone(),
        reasons: Json(json!(back.reasons)),
        due_on: back.due_on,
        returned_by: tx.caller.account(),
        returned_at: tx.now,
        closed_at: None,
    };
    let before = noted(tx, &application);
    application.state = ApplicationState::Returned;
    let application = store::keep(tx, &application)?;
    store::insert_return(tx, &returned)?;
    let data = json!({
        "return_id": returned.id, "fields": returned.fields, "reasons": returned.reasons, "due_on": back.due_on,
        "message": events::fingerprint(tx, back.message.as_str()),
    });
    record(tx, "application.returned", Some(before), &application, data)?;
    Ok(application)
}

fn unknown_reasons(conn: &mut Conn, codes: &[String], errors: &mut FieldErrors) -> Result<()> {
    let known = network::screening_reasons(conn)?;
    for (number, code) in codes.iter().enumerate() {
        if !known.iter().any(|(one, _)| one == code) {
            let at = format!("/reasons/{number}");
            errors.push(FieldError::new(at, "unknown-reference"));
        }
    }
    Ok(())
}
