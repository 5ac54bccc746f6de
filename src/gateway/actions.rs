//! What happens when an application is entered late, compared, matched, or sent on to another call or region.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::likeness::{Alike, alike};
use super::matches::{Initiative, Needs, Standing, of_call, of_mandate, of_programme, rank};
use super::model::{Answer, Refusal, Routing, RoutingId, RoutingState, is_theirs};
use super::store;
use crate::accounts;
use crate::app::{App, Tx};
use crate::applications::{self, Application, ApplicationId, ApplicationState};
use crate::auth::{AccountId, Caller, Role};
use crate::coaching;
use crate::db::{Conn, Moment};
use crate::eligibility::{self, Candidate, Reason};
use crate::error::{Error, FieldError, OrNotFound, Result};
use crate::events::{self, Fact};
use crate::forms;
use crate::http::Seen;
use crate::lang::Names;
use crate::network::{self, Call, CallId, Pillar, Programme, ProgrammeId};
use crate::projects::{self, Project, ProjectId, may_manage, may_represent};

/// An application and what stands against it now; nothing is kept.
#[derive(Debug, Clone)]
pub struct DryRun {
    pub reasons: Vec<Reason>,
    /// For those who run the project's part of the network only.
    pub alike: Vec<Alike>,
}

/// An application that is the caller's business.
///
/// # Errors
/// `not-found` where there is no such application for the caller.
pub fn one(conn: &mut Conn, caller: &Caller, id: ApplicationId) -> Result<Application> {
    let application = applications::one(conn, caller, id)?;
    let call = network::call(conn, application.call_id)?;
    if is_theirs(caller, &application, &call) {
        Ok(application)
    } else {
        Err(Error::not_found())
    }
}

/// What submitting would say now.
///
/// # Errors
/// `not-found` where there is no such application for the caller.
pub fn dry_run(
    conn: &mut Conn,
    app: &App,
    caller: &Caller,
    id: ApplicationId,
    now: Moment,
) -> Result<DryRun> {
    let application = one(conn, caller, id)?;
    let project = projects::find(conn, application.project_id)?;
    let reasons = applications::reasons_against(conn, app, &application, &project, now)?;
    let alike = if may_manage(caller, &project) {
        others_like(conn, caller, &project, now)?
    } else {
        Vec::new()
    };
    Ok(DryRun { reasons, alike })
}

/// Projects that may be the same one as an application's, as far as the caller sees both from inside.
///
/// # Errors
/// `not-found` where there is no such application for the caller.
pub fn duplicates(
    conn: &mut Conn,
    caller: &Caller,
    id: ApplicationId,
    now: Moment,
) -> Result<Vec<Alike>> {
    let application = one(conn, caller, id)?;
    match projects::one_inside(conn, caller, application.project_id) {
        Ok(project) => others_like(conn, caller, &project, now),
        Err(error) if matches!(error.code(), Some("not-found" | "not-allowed")) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn others_like(
    conn: &mut Conn,
    caller: &Caller,
    project: &Project,
    now: Moment,
) -> Result<Vec<Alike>> {
    let team = accounts::people_of_project(conn, project.id.0, now)?;
    let founders: Vec<AccountId> = team
        .into_iter()
        .filter(|(_, role)| matches!(role, Role::Owner | Role::Editor))
        .map(|(account, _)| account)
        .collect();
    let theirs = accounts::projects_of(conn, &founders, now)?;
    let theirs: BTreeSet<ProjectId> = theirs.into_iter().map(ProjectId).collect();
    let known = theirs.iter().copied().collect();
    let candidates = projects::may_be_one(conn, caller, project, known)?;
    Ok(alike(project, candidates, &theirs))
}

/// Every initiative of the network, ranked; what is excluded comes last, with the rule that excluded it. Also the pillar that
/// the ranking goes by.
///
/// # Errors
/// `not-found` where there is no such application for the caller.
pub fn matches(
    conn: &mut Conn,
    caller: &Caller,
    id: ApplicationId,
    now: Moment,
) -> Result<(Pillar, Vec<Initiative>)> {
    let application = one(conn, caller, id)?;
    let project = projects::find(conn, application.project_id)?;
    let pillar = project.pillar.or(application.pillar);
    let pillar = pillar.unwrap_or(Pillar::CreateLearn);
    let mandates = network::mandates_on(conn, now.day())?;
    let mut regions = BTreeMap::new();
    let served = mandates.iter().map(|(mandate, _)| &mandate.region);
    for code in served.chain(project.region.as_ref()) {
        if !regions.contains_key(code) {
            regions.insert(code.clone(), network::region_names(conn, code)?);
        }
    }
    let needs = Needs {
        project: &project,
        pillar,
        regions: &regions,
    };
    let mut found = calls(conn, needs, &application, now)?;
    let with_call: BTreeSet<_> = found.iter().filter_map(|one| one.programme_id).collect();
    for programme in network::all_programmes(conn)? {
        if !with_call.contains(&programme.id) {
            found.push(of_programme(&programme));
        }
    }
    found.extend(
        mandates
            .iter()
            .map(|(mandate, of)| of_mandate(needs, mandate, of)),
    );
    rank(&mut found);
    Ok((pillar, found))
}

/// The open calls, and the one that the application answers.
fn calls(
    conn: &mut Conn,
    needs: Needs<'_>,
    application: &Application,
    now: Moment,
) -> Result<Vec<Initiative>> {
    let mut open = network::open_calls(conn, now)?;
    if !open.iter().any(|call| call.id == application.call_id) {
        open.push(network::call(conn, application.call_id)?);
    }
    let mut programmes: BTreeMap<ProgrammeId, Programme> = BTreeMap::new();
    let mut found = Vec::new();
    for call in open {
        let programme = match programmes.get(&call.programme_id) {
            Some(known) => known.clone(),
            None => network::programme(conn, call.programme_id)?,
        };
        let standing = standing(conn, needs.project, application, (&call, &programme), now)?;
        found.push(of_call(needs, &call, &programme, &standing));
        programmes.insert(programme.id, programme);
    }
    Ok(found)
}

fn standing(
    conn: &mut Conn,
    project: &Project,
    application: &Application,
    (call, programme): (&Call, &Programme),
    now: Moment,
) -> Result<Standing> {
    let is_own = call.id == application.call_id;
    let judged = if is_own {
        applications::judged(conn, application, project, now)?
    } else {
        let candidate = Candidate {
            project,
            application: None,
            waived: None,
            submitted_at: None,
        };
        eligibility::judge(conn, candidate, call, programme, now)?
    };
    Ok(Standing {
        is_own,
        has_applied: !is_own && applications::has_applied(conn, project.id, call.id)?,
        judged,
    })
}

/// Locks an application and its project, for those whose business it is.
fn lock(tx: &mut Tx<'_>, id: ApplicationId) -> Result<(Application, Project)> {
    applications::lock(tx.conn, tx.caller, id)?;
    let application = one(tx.conn, tx.caller, id)?;
    let project = projects::lock(tx.conn, &Caller::system(), application.project_id)?;
    Ok((application, project))
}

/// Uses a late-entry code for a draft; gives until when it may be submitted.
///
/// # Errors
/// `not-allowed`, `application-closed` once it was submitted, `late-entry-code-not-valid`.
pub fn enter_late(tx: &mut Tx<'_>, id: ApplicationId, code: &str) -> Result<Moment> {
    let (application, project) = lock(tx, id)?;
    if !may_represent(tx.caller, project.id) {
        return Err(Error::refused("not-allowed"));
    }
    if application.state != ApplicationState::Draft {
        return Err(Error::refused("application-closed"));
    }
    let entry = eligibility::redeem(tx, id.0, application.call_id, project.id, code)?;
    let data = json!({ "code_id": entry.id, "until": entry.expires_at });
    let fact = Fact::new("application.entered_late", "application", id.0)
        .within(project.id.0, application.region.as_deref());
    events::record(tx, fact.data(data))?;
    Ok(entry.expires_at)
}

/// Where an application is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Call(CallId),
    Region(String),
}

/// A coordinator's proposal.
#[derive(Debug, Clone)]
pub struct NewRouting {
    pub to: Target,
    pub reason: String,
}

/// Proposes to the team to send its application to another call or region. Nothing moves before the team consents.
///
/// # Errors
/// `not-allowed`, `not-withdrawable` once the decision is out, `already-applied`, `routing-open`, `nothing-to-route`.
pub fn propose(tx: &mut Tx<'_>, id: ApplicationId, new: &NewRouting) -> Result<Routing> {
    let (application, project) = lock(tx, id)?;
    if !may_manage(tx.caller, &project) {
        return Err(Error::refused("not-allowed"));
    }
    let by = tx.caller.account().or_not_found()?;
    if !application.state.is_withdrawable() {
        return Err(Error::refused("not-withdrawable"));
    }
    check_target(tx.conn, &application, &project, &new.to)?;
    if store::has_open(tx.conn, id)? {
        return Err(Refusal::RoutingOpen.into());
    }
    let to = match &new.to {
        Target::Call(call) => (Some(*call), None),
        Target::Region(region) => (None, Some(region.as_str())),
    };
    let routing = store::insert(tx, id, by, to, &new.reason)?;
    record(tx, "routing.proposed", &application, &routing, None)?;
    Ok(routing)
}

fn check_target(
    conn: &mut Conn,
    application: &Application,
    project: &Project,
    to: &Target,
) -> Result<()> {
    let unknown = |pointer| Error::invalid(vec![FieldError::new(pointer, "unknown-reference")]);
    match to {
        Target::Call(call) => {
            network::call(conn, *call).map_err(|_| unknown("/call_id"))?;
            if *call == application.call_id {
                return Err(Refusal::NothingToRoute.into());
            }
            if applications::has_applied(conn, project.id, *call)? {
                return Err(Error::refused("already-applied"));
            }
        }
        Target::Region(region) => {
            network::region_names(conn, region).map_err(|_| unknown("/region"))?;
            let is_there = project.region.as_ref() == Some(region);
            if is_there && application.region.as_ref() == Some(region) {
                return Err(Refusal::NothingToRoute.into());
            }
        }
    }
    Ok(())
}

/// Takes the team's answer. With its consent the application goes where it was proposed, in the same transaction.
///
/// # Errors
/// `not-allowed` for others than the team, `routing-answered`, `not-withdrawable` once the decision is out.
pub fn answer(tx: &mut Tx<'_>, id: RoutingId, seen: &Seen, said: Answer) -> Result<Routing> {
    // The application first, as everywhere; only then the routing, so that no two wait for each other.
    let application = store::find(tx.conn, id)?.application_id;
    let (application, project) = lock(tx, application)?;
    let mut routing = store::lock(tx.conn, id)?;
    if !may_represent(tx.caller, project.id) {
        return Err(Error::refused("not-allowed"));
    }
    seen.check(routing.version)?;
    if routing.state != RoutingState::Proposed {
        return Err(Refusal::RoutingAnswered.into());
    }
    routing.state = said.state();
    routing.answered_by = tx.caller.account();
    if said == Answer::Consent {
        routing.new_application_id = go(tx, &application, &project, &routing)?;
    }
    let routing = store::keep(tx, &routing)?;
    let before = Some(RoutingState::Proposed);
    record(tx, said.event(), &application, &routing, before)?;
    Ok(routing)
}

/// Does what was proposed; gives the new application, if there is one.
fn go(
    tx: &mut Tx<'_>,
    application: &Application,
    project: &Project,
    routing: &Routing,
) -> Result<Option<ApplicationId>> {
    if !application.state.is_withdrawable() {
        return Err(Error::refused("not-withdrawable"));
    }
    if let Some(call) = routing.call_id {
        return to_call(tx, application, call).map(Some);
    }
    if let Some(region) = &routing.region {
        applications::follow_region(tx, application.id, region)?;
        let project = projects::hand_to_region(tx, project, region)?;
        coaching::hand_over(tx, &project)?;
    }
    Ok(None)
}

/// Answers the other call with what was written already, submitted if it was and the other call's rules allow it now; else
/// it is a draft, whose dry run says what is missing. The old one is withdrawn.
fn to_call(tx: &mut Tx<'_>, application: &Application, call: CallId) -> Result<ApplicationId> {
    let answers = carried(tx, call, &application.answers.0)?;
    let new = applications::create(tx, application.project_id, call, &answers)?;
    if application.submitted_at.is_some() {
        match applications::submit(tx, new.id, &Seen::Any) {
            Ok(_) => {}
            Err(error) if error.code() == Some("not-eligible") => {}
            Err(error) => return Err(error),
        }
    }
    applications::withdraw(tx, application.id, &Seen::Any)?;
    Ok(new.id)
}

/// The answers that go along: those that the other call's form asks for, too, and would take as they are.
fn carried(tx: &mut Tx<'_>, call: CallId, answers: &Value) -> Result<Map<String, Value>> {
    let mut answers = answers.as_object().cloned().unwrap_or_default();
    if let Some(form) = forms::of_call(tx.conn, call)? {
        answers.retain(|key, _| form.definition.question(key).is_some());
        let misfits = form.misfits(&tx.app.shapes, &answers)?;
        answers.retain(|key, _| {
            let here = format!("/answers/{key}");
            !misfits.iter().any(|error| error.pointer.starts_with(&here))
        });
    }
    Ok(answers)
}

fn record(
    tx: &mut Tx<'_>,
    kind: &'static str,
    application: &Application,
    routing: &Routing,
    before: Option<RoutingState>,
) -> Result<()> {
    let data = json!({
        "routing_id": routing.id, "to_call": routing.call_id, "to_region": routing.region,
        "new_application_id": routing.new_application_id,
        "reason": events::fingerprint(tx, routing.reason.as_str()),
    });
    let state = |state: RoutingState| json!({ "state": state });
    let fact = Fact::new(kind, "application", application.id.0)
        .within(application.project_id.0, application.region.as_deref())
        .data(data)
        .changed(before.map_or(Value::Null, state), state(routing.state));
    events::record(tx, fact).map(|_| ())
}

/// What a routing leads to, in the words of the network, and who takes it up there.
///
/// # Errors
/// The database's.
pub fn destination(
    conn: &mut Conn,
    routing: &Routing,
    now: Moment,
) -> Result<(Names, Vec<AccountId>)> {
    use crate::auth::Scope;
    let mut scopes = Vec::new();
    let names = match (routing.call_id, &routing.region) {
        (Some(call), _) => {
            let call = network::call(conn, call)?;
            scopes.push(Scope::Programme {
                id: call.programme_id.0,
            });
            scopes.extend(call.cohort_id.map(|cohort| Scope::Cohort { id: cohort.0 }));
            let application = applications::find(conn, routing.application_id)?;
            scopes.extend(application.region.map(|region| Scope::Region { region }));
            network::names(&call.names)
        }
        (None, Some(region)) => {
            scopes.push(Scope::Region {
                region: region.clone(),
            });
            network::region_names(conn, region)?
        }
        (None, None) => Names::same(""),
    };
    let mut people = BTreeSet::new();
    for scope in scopes {
        people.extend(accounts::people_with_role(
            conn,
            Role::Coordinator,
            &scope,
            now,
        )?);
    }
    Ok((names, people.into_iter().collect()))
}
