//! From one event to one row for each person: fan-out, then mail.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::model::{Notification, NotificationId};
use super::rules::{self, Audience, Rule};
use super::store;
use crate::accounts;
use crate::app::{App, Tx};
use crate::applications::{self, ApplicationId, ReturnId, Returned};
use crate::auth::{AccountId, Caller, Role};
use crate::coaching::{self, CoachingSessionId};
use crate::decisions::{self, PlaceId};
use crate::error::Result;
use crate::events::{self, Event, Fact};
use crate::forms::{self, FormId};
use crate::gateway::{self, RoutingId};
use crate::http::Seen;
use crate::jobs::{self, Outcome, Task};
use crate::journey::{self, Transition, TransitionId};
use crate::lang::{Lang, Names};
use crate::mail::render::WORDS;
use crate::mail::{self, Order};
use crate::network::{self, CallId, Pillar};
use crate::projects::{self, AssignmentRole, ProjectId};
use crate::reviews::{self, ReviewId};

/// The job behind every event: works out who hears of it and writes a row for each. Running it twice changes nothing.
pub async fn notify(app: Arc<App>, task: Task) -> Outcome {
    let Some(seq) = task.payload.get("event").and_then(Value::as_i64) else {
        return Outcome::Fail("the work names no event".into());
    };
    let work = move |tx: &mut Tx<'_>| {
        fan_out(tx, seq)?;
        Ok(jobs::finish(tx.conn, task.id)?)
    };
    match app.run(Caller::system(), work).await {
        Ok(()) => Outcome::Settled,
        Err(error) if error.code() == Some("not-found") => {
            Outcome::Fail("the event is about something that is gone".into())
        }
        Err(error) => Outcome::Retry(error.to_string()),
    }
}

/// Writes a message for everyone who hears of an event, and queues the mails.
pub(super) fn fan_out(tx: &mut Tx<'_>, seq: i64) -> Result<()> {
    let event = events::find(tx.conn, seq)?;
    if events::is_superseded(tx.conn, seq)? {
        return Ok(());
    }
    for rule in rules::of(&event.kind) {
        let people = audience(tx, &event, rule)?;
        if people.is_empty() {
            continue;
        }
        let context = context(tx, &event)?;
        for person in people {
            let added = store::insert(tx, &event, rule, person, &context)?;
            if added && rule.by_mail {
                let order = Order {
                    to: person,
                    event: Some(seq),
                    template: rule.template,
                    context: context.clone(),
                    expires_at: None,
                };
                mail::queue(tx, order)?;
            }
        }
    }
    Ok(())
}

/// Everyone whom a rule names, each once.
fn audience(tx: &mut Tx<'_>, event: &Event, rule: &Rule) -> Result<BTreeSet<AccountId>> {
    let mut people = BTreeSet::new();
    for group in rule.audience {
        people.extend(members(tx, event, *group)?);
    }
    if let (false, Some(actor)) = (rule.tell_actor, event.actor_id) {
        people.remove(&AccountId(actor.0));
    }
    Ok(people)
}

fn members(tx: &mut Tx<'_>, event: &Event, group: Audience) -> Result<Vec<AccountId>> {
    let project = match event.project_id {
        // What founders are not to hear of lies in no project; those who run it hear of it.
        None if group == Audience::Coordinators && event.subject_kind == "application" => {
            let application = ApplicationId(event.subject_id.0);
            Some(applications::find(tx.conn, application)?.project_id)
        }
        project => project.map(|id| ProjectId(id.0)),
    };
    let Some(project) = project else {
        return Ok(event
            .noted_id("account_id")
            .map(AccountId)
            .into_iter()
            .collect());
    };
    let assigned = |tx: &mut Tx<'_>, role| -> Result<Vec<AccountId>> {
        let mut people = Vec::new();
        for one in projects::working_at(tx.conn, project, event.at)? {
            let coach = one.role == AssignmentRole::Coach;
            let told = one.role == role
                && !(coach && projects::in_conflict(tx.conn, one.account_id, project)?);
            people.extend(told.then_some(one.account_id));
        }
        Ok(people)
    };
    match group {
        Audience::Told => store::told(tx.conn, event.seq),
        Audience::Founders => team(tx, event, project, |_| true),
        Audience::Owners => team(tx, event, project, |role| role == Role::Owner),
        Audience::Coaches => assigned(tx, AssignmentRole::Coach),
        Audience::Coordinators => assigned(tx, AssignmentRole::Coordinator),
        Audience::Subject => Ok(event
            .noted_id("account_id")
            .map(AccountId)
            .into_iter()
            .collect()),
        Audience::LeadPartner => lead_partner(tx, event),
        Audience::Receivers => match event.noted_id("routing_id") {
            Some(id) => {
                let routing = gateway::find(tx.conn, RoutingId(id))?;
                Ok(gateway::destination(tx.conn, &routing, tx.now)?.1)
            }
            None => Ok(Vec::new()),
        },
    }
}

/// Those of the project's team whose role is wanted.
fn team(
    tx: &mut Tx<'_>,
    event: &Event,
    project: ProjectId,
    wanted: fn(Role) -> bool,
) -> Result<Vec<AccountId>> {
    // A clock that was set back after the event must not hide the team from it.
    let now = tx.now.max(event.at);
    let team = accounts::people_of_project(tx.conn, project.0, now)?.into_iter();
    let wanted = team.filter(|(_, role)| wanted(*role));
    Ok(wanted.map(|(account, _)| account).collect())
}

/// The people of the organisation that leads the pillar the project goes to, or leaves for good.
fn lead_partner(tx: &mut Tx<'_>, event: &Event) -> Result<Vec<AccountId>> {
    let pillar = event
        .text("to_pillar")
        .parse::<Pillar>()
        .or_else(|_| event.text("from_pillar").parse());
    let (Ok(pillar), Some(region)) = (pillar, event.region.as_deref()) else {
        return Ok(Vec::new());
    };
    let mut people = Vec::new();
    for organisation in network::leads(tx.conn, pillar, region, event.at.day())? {
        people.extend(accounts::people_of_organisation(
            tx.conn,
            organisation.0,
            tx.now,
        )?);
    }
    Ok(people)
}

/// What the texts of an event may use. Names stay in four languages until a reader's is known.
fn context(tx: &mut Tx<'_>, event: &Event) -> Result<Value> {
    let mut values = json!({ "actor": actor(tx, event), "confidence": event.text("confidence") });
    if let Some(id) = event.project_id {
        let project = projects::find(tx.conn, ProjectId(id.0))?;
        let link = tx.app.link(&format!("/v1/projects/{}", project.id));
        add(
            &mut values,
            json!({ "link": link, "project": project.title, "reference": project.reference }),
        );
    }
    if let Some(id) = event.noted_id("transition_id") {
        let transition = journey::transition(tx.conn, TransitionId(id))?;
        let told = of_transition(tx, &transition)?;
        add(&mut values, told);
    }
    if event.subject_kind == "review" {
        let told = of_review(tx, ReviewId(event.subject_id.0))?;
        add(&mut values, told);
    }
    if event.subject_kind == "application" {
        let told = of_application(tx, event)?;
        add(&mut values, told);
    }
    if let Some(id) = event.noted_id("routing_id") {
        let told = of_routing(tx, RoutingId(id))?;
        add(&mut values, told);
    }
    if event.subject_kind == "place" {
        let told = of_place(tx, PlaceId(event.subject_id.0))?;
        add(&mut values, told);
    }
    if event.subject_kind == "release"
        && let Some(call) = event.noted_id("call_id")
    {
        let call = network::call(tx.conn, CallId(call))?;
        let link = tx.app.link(&format!("/v1/calls/{}/releases", call.id));
        add(&mut values, json!({ "call": call.names.0, "link": link }));
    }
    if let Some(role) = event.data.0.get("role").and_then(Value::as_str) {
        let word = format!("{role}-{}", event.text("assignment_kind"));
        add(
            &mut values,
            json!({ "role_text": WORDS.assignment.get(&word) }),
        );
    }
    if event.subject_kind == "invitation" {
        let told = of_invitation(tx, event)?;
        add(&mut values, told);
    }
    if let Some(id) = event
        .noted_id("milestone_id")
        .filter(|_| event.kind == "milestone.done")
    {
        let titles = journey::milestone_titles(tx.conn, ProjectId(event.subject_id.0), id)?;
        add(&mut values, json!({ "milestone": titles }));
    }
    if let Some(id) = event.noted_id("session_id") {
        let told = of_session(tx, event, CoachingSessionId(id))?;
        add(&mut values, told);
    }
    Ok(values)
}

fn add(values: &mut Value, more: Value) {
    if let (Value::Object(values), Value::Object(more)) = (values, more) {
        values.extend(more);
    }
}

/// The name of who did it; empty where it was no person.
fn actor(tx: &mut Tx<'_>, event: &Event) -> String {
    let account = event.actor_id.filter(|_| event.actor_kind == "account");
    let found = account.and_then(|id| accounts::find(tx.conn, AccountId(id.0)).ok());
    found.map_or_else(String::new, |account| account.name)
}

fn of_transition(tx: &mut Tx<'_>, transition: &Transition) -> Result<Value> {
    let reason = transition.reason.as_deref().unwrap_or_default();
    let feedback = if transition.application_id.is_some() {
        reason
    } else {
        ""
    };
    let reason_text = transition
        .reason_code
        .and_then(|code| WORDS.reason_code.get(code.as_str()));
    let cohort = match transition.cohort_id {
        Some(cohort) => network::cohort(tx.conn, cohort)?.names.0,
        None => json!(""),
    };
    Ok(json!({
        "pillar": pillar_name(transition.to_pillar.or(transition.from_pillar)),
        "from_pillar": pillar_name(transition.from_pillar),
        "reason": reason,
        "feedback": feedback,
        "lesson": transition.lesson.as_deref().unwrap_or_default(),
        "reason_text": reason_text,
        "cohort": cohort,
    }))
}

fn of_application(tx: &mut Tx<'_>, event: &Event) -> Result<Value> {
    let application = applications::find(tx.conn, ApplicationId(event.subject_id.0))?;
    let call = network::call(tx.conn, application.call_id)?;
    let region = match &event.region {
        Some(code) => json!(network::region_names(tx.conn, code)?),
        None => json!(""),
    };
    let came_again = event.kind == "application.resubmitted";
    let submitted_at = if came_again {
        Some(event.at)
    } else {
        application.submitted_at
    };
    let submitted_at = submitted_at.map(|at| at.utc().format("%Y-%m-%d %H:%M UTC").to_string());
    let mut values = json!({
        "application_link": tx.app.link(&format!("/v1/applications/{}", application.id)),
        "application": application.reference,
        "call": call.names.0,
        "submitted_at": submitted_at,
        "sha256": application.content_sha256,
        "feedback": application.feedback.unwrap_or_default(),
        "region": region,
    });
    if let Some(id) = event.noted_id("return_id") {
        let returned = applications::find_return(tx.conn, ReturnId(id))?;
        let told = of_return(tx, application.form_id, &returned)?;
        add(&mut values, told);
    }
    Ok(values)
}

/// What founders are told of a return: the fields that it opens and its reasons by their names.
fn of_return(tx: &mut Tx<'_>, form: Option<FormId>, returned: &Returned) -> Result<Value> {
    let form = form.map(|form| forms::find(tx.conn, form)).transpose()?;
    let fields = returned.open_fields();
    let fields = fields.iter().map(|pointer| {
        let key = applications::answer_at(pointer).unwrap_or(pointer);
        let question = form
            .as_ref()
            .and_then(|form| form.definition.question(key))
            .map(|question| question.label.clone());
        let of_project = applications::project_field_at(pointer)
            .and_then(|field| WORDS.project_field.get(field).cloned());
        question.or(of_project).unwrap_or_else(|| Names::same(key))
    });
    let fields = joined(&fields.collect::<Vec<_>>());
    let known = network::screening_reasons(tx.conn)?;
    let codes = returned.reason_codes();
    let reasons = known.into_iter().filter(|(code, _)| codes.contains(code));
    let reasons: Vec<Names> = reasons.map(|(_, names)| names).collect();
    let due_on = returned.due_on.map(|day| day.to_string());
    Ok(json!({
        "message": returned.message, "fields": fields, "reasons": joined(&reasons),
        "due_on": due_on.unwrap_or_default(),
    }))
}

fn of_invitation(tx: &mut Tx<'_>, event: &Event) -> Result<Value> {
    let member = match event.noted_id("account_id") {
        Some(id) => accounts::find(tx.conn, AccountId(id))?.name,
        None => String::new(),
    };
    let role_text = WORDS.team_role.get(event.text("team_role"));
    Ok(json!({ "member": member, "role_text": role_text }))
}

/// What a reviewer is told: nothing that says whose application it is.
fn of_review(tx: &mut Tx<'_>, id: ReviewId) -> Result<Value> {
    let (call, label, due) = reviews::told(tx.conn, id)?;
    let due_at = due.map(|at| at.utc().format("%Y-%m-%d %H:%M UTC").to_string());
    Ok(json!({
        "call": network::call(tx.conn, call)?.names.0,
        "label": label,
        "due_at": due_at.unwrap_or_default(),
        "link": tx.app.link(&format!("/v1/reviews/{id}")),
    }))
}

/// Several names as one, in each language.
fn joined(names: &[Names]) -> Names {
    let one = |lang: Lang| {
        let texts: Vec<&str> = names.iter().map(|names| names.get(lang)).collect();
        texts.join("; ")
    };
    Names {
        en: one(Lang::En),
        nl: one(Lang::Nl),
        fr: one(Lang::Fr),
        de: one(Lang::De),
    }
}

fn of_routing(tx: &mut Tx<'_>, id: RoutingId) -> Result<Value> {
    let routing = gateway::find(tx.conn, id)?;
    let (destination, _) = gateway::destination(tx.conn, &routing, tx.now)?;
    let path = match routing.new_application_id {
        Some(new) => format!("/v1/applications/{new}"),
        None => format!("/v1/applications/{}/routings", routing.application_id),
    };
    Ok(json!({
        "link": tx.app.link(&path),
        "destination": destination,
        "reason": routing.reason,
    }))
}

fn of_place(tx: &mut Tx<'_>, id: PlaceId) -> Result<Value> {
    let place = decisions::find_place(tx.conn, id)?;
    let application = applications::find(tx.conn, place.application_id)?;
    let expires_at = place.expires_at.utc().format("%Y-%m-%d %H:%M UTC");
    Ok(json!({
        "link": tx.app.link(&format!("/v1/places/{id}")),
        "application": application.reference,
        "feedback": application.feedback.unwrap_or_default(),
        "call": network::call(tx.conn, place.call_id)?.names.0,
        "cohort": network::cohort(tx.conn, place.cohort_id)?.names.0,
        "pillar": pillar_name(Some(place.pillar)),
        "expires_at": expires_at.to_string(),
    }))
}

fn of_session(tx: &mut Tx<'_>, event: &Event, id: CoachingSessionId) -> Result<Value> {
    let session = coaching::session(tx.conn, ProjectId(event.subject_id.0), id)?;
    let starts_at = session.starts_at.utc().format("%Y-%m-%d %H:%M UTC");
    Ok(json!({
        "coach": accounts::find(tx.conn, session.coach_id)?.name,
        "starts_at": starts_at.to_string(),
        "minutes": session.planned_minutes,
        "place": session.place.unwrap_or_default(),
        "meeting_link": session.link.unwrap_or_default(),
        "agenda": session.agenda,
        "reason": session.cancel_reason.unwrap_or_default(),
    }))
}

fn pillar_name(pillar: Option<Pillar>) -> Value {
    pillar
        .and_then(|pillar| WORDS.pillar.get(pillar.as_str()))
        .map_or_else(|| json!(""), |names| json!(names))
}

/// Marks a message as read, or as unread again.
pub fn mark(
    tx: &mut Tx<'_>,
    account: AccountId,
    id: NotificationId,
    seen: &Seen,
    is_read: bool,
) -> Result<Notification> {
    let notification = store::one(tx.conn, account, id)?;
    seen.check(notification.version)?;
    let marked = store::mark(tx, &notification, is_read)?;
    let read = |is_read: bool| json!({ "read": is_read });
    let fact = Fact::new("notification.marked", "account", account.0)
        .data(json!({ "notification_id": id }))
        .changed(read(notification.is_read), read(is_read));
    events::note(tx, fact)?;
    Ok(marked)
}

/// The one line of a message, in a language.
#[must_use]
pub fn line(app: &App, notification: &Notification, lang: Lang) -> String {
    let mut context = notification.context.0.clone();
    let reader = crate::mail::Recipient {
        address: String::new(),
        name: String::new(),
        language: lang,
    };
    mail::outbox::complete(app, &mut context, &reader);
    mail::render::subject(&notification.template, lang, &context)
        .unwrap_or_else(|_| notification.kind.clone())
}
