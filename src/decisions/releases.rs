//! Staged decisions go out: all of a call or some of them, in one transaction, now or at a set time.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use serde_json::json;

use super::model::{Refusal, Release, ReleaseId, ReleaseState, Room, Settings, Staged};
use super::{actions, places, store};
use crate::accounts;
use crate::app::{App, Tx};
use crate::applications::{self, Application, ApplicationId, Outcome};
use crate::auth::{Actor, Caller};
use crate::db::{Conn, Json, Moment, dialect};
use crate::error::{Error, FieldError, Refused, Result};
use crate::events::{self, Fact};
use crate::http::Seen;
use crate::jobs::{self, Task};
use crate::network::{self, CallId, CohortId};
use crate::projects::{Project, State, may_manage};
use crate::reviews;

/// The job that releases at a set time.
pub const RELEASE: &str = "release_decisions";

/// Which decisions go out, and when.
#[derive(Debug, Clone)]
pub struct NewRelease {
    pub applications: Option<Vec<ApplicationId>>,
    pub due_at: Option<Moment>,
}

/// A staged decision and its project.
type Ready = (Staged, Project);

/// What of a call the caller decides about.
fn releasable(
    tx: &mut Tx<'_>,
    call: CallId,
    wanted: Option<&[ApplicationId]>,
) -> Result<Vec<Ready>> {
    let mut ready = store::staged_of(tx.conn, call)?;
    ready.retain(|(staged, project)| {
        let is_wanted = wanted.is_none_or(|ids| ids.contains(&staged.application_id));
        is_wanted && may_manage(tx.caller, project)
    });
    Ok(ready)
}

/// Whether a call offers places, and its staged decisions with what stands in the way of each.
pub type Outlook = (bool, Vec<(Staged, Vec<FieldError>)>);

/// The decisions of a call that the caller could release now, each with the reasons why it cannot go out with the others.
///
/// # Errors
/// The database's.
pub fn outlook(tx: &mut Tx<'_>, call: CallId, wanted: Option<&[ApplicationId]>) -> Result<Outlook> {
    let ready = releasable(tx, call, wanted)?;
    let settings = store::settings(tx.conn, call)?;
    let problems = problems_of(tx, settings.as_ref(), &ready)?;
    let mut problems: BTreeMap<_, _> = problems.into_iter().collect();
    let offers = settings.is_some_and(|one| one.confirm_within_days.is_some());
    let with_problems = ready.into_iter().map(|(staged, _)| {
        let found = problems.remove(&staged.application_id);
        (staged, found.unwrap_or_default())
    });
    Ok((offers, with_problems.collect()))
}

/// Why each of some decisions cannot go out together with those before it.
fn problems_of(
    tx: &mut Tx<'_>,
    settings: Option<&Settings>,
    ready: &[Ready],
) -> Result<Vec<(ApplicationId, Vec<FieldError>)>> {
    let mut rooms: BTreeMap<CohortId, Room> = BTreeMap::new();
    let mut found = Vec::new();
    for (staged, project) in ready {
        let pointer = format!("/applications/{}", staged.application_id);
        let mut problems = unspoken(tx.conn, staged, &pointer)?;
        let accepts = staged.outcome == Outcome::Accept;
        if let Some(cohort) = staged.cohort_id.filter(|_| accepts) {
            if matches!(project.state, State::Active | State::OnHold) {
                problems.push(FieldError::new(&*pointer, "project-not-prospect"));
            }
            let room = match rooms.entry(cohort) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(places::room(tx.conn, cohort, settings)?),
            };
            let lacks = room.take(project.region.as_deref());
            problems.extend(lacks.iter().map(|lack| lack.field(&pointer)));
        }
        if !problems.is_empty() {
            found.push((staged.application_id, problems));
        }
    }
    Ok(found)
}

/// The regions whose members of the committee have yet to speak on an application.
fn unspoken(conn: &mut Conn, staged: &Staged, pointer: &str) -> Result<Vec<FieldError>> {
    let application = applications::find(conn, staged.application_id)?;
    match reviews::committee_ready(conn, &application) {
        Ok(()) => Ok(Vec::new()),
        Err(Error::Refused(mut refused)) => {
            for error in &mut refused.fields {
                pointer.clone_into(&mut error.pointer);
            }
            Ok(refused.fields)
        }
        Err(error) => Err(error),
    }
}

/// Releases decisions now, or sets the time for it.
///
/// # Errors
/// `nothing-staged`, `release-refused` with every reason, `invalid`.
pub fn begin(tx: &mut Tx<'_>, call: CallId, new: &NewRelease) -> Result<Release> {
    let call = network::call(tx.conn, call)?.id;
    store::lock_call(tx.conn, call)?;
    check_time(new.due_at, tx.now)?;
    let ready = ready(tx, call, new.applications.as_deref())?;
    let mut release = Release {
        id: tx.new_id(),
        call_id: call,
        application_ids: new.applications.as_ref().map(|ids| Json(json!(ids))),
        due_at: new.due_at.unwrap_or(tx.now),
        state: ReleaseState::Scheduled,
        decided: None,
        problems: Json(json!([])),
        created_by: tx.caller.account(),
        version: 1,
        created_at: tx.now,
        updated_at: tx.now,
    };
    if new.due_at.is_none() {
        release.decided = Some(let_go(tx, call, &ready)?);
        release.state = ReleaseState::Released;
    }
    let release = store::insert_release(tx, &release)?;
    if release.state == ReleaseState::Scheduled {
        enqueue(tx, &release)?;
    }
    note(tx, None, &release)?;
    Ok(release)
}

fn check_time(due_at: Option<Moment>, now: Moment) -> Result<()> {
    match due_at {
        Some(at) if at <= now => Err(Error::invalid(vec![FieldError::new("/at", "in-the-past")])),
        _ => Ok(()),
    }
}

fn enqueue(tx: &mut Tx<'_>, release: &Release) -> Result<()> {
    let payload = json!({ "release": release.id });
    jobs::enqueue_at(tx, RELEASE, payload, release.due_at)
}

/// What would go out, in the caller's scope.
fn ready(tx: &mut Tx<'_>, call: CallId, wanted: Option<&[ApplicationId]>) -> Result<Vec<Ready>> {
    let ready = releasable(tx, call, wanted)?;
    let missing = wanted
        .unwrap_or_default()
        .iter()
        .enumerate()
        .filter(|(_, id)| {
            !ready
                .iter()
                .any(|(staged, _)| staged.application_id == **id)
        });
    let mistakes: Vec<FieldError> = missing
        .map(|(at, _)| FieldError::new(format!("/application_ids/{at}"), "unknown-reference"))
        .collect();
    if !mistakes.is_empty() {
        return Err(Error::invalid(mistakes));
    }
    if ready.is_empty() {
        return Err(Refusal::NothingStaged.into());
    }
    Ok(ready)
}

/// Lets them go, all or none.
fn let_go(tx: &mut Tx<'_>, call: CallId, ready: &[Ready]) -> Result<i32> {
    let settings = store::settings(tx.conn, call)?;
    let problems = problems_of(tx, settings.as_ref(), ready)?;
    if !problems.is_empty() {
        let mut refused = Refused::new(Refusal::ReleaseRefused.code());
        refused.fields = problems.into_iter().flat_map(|(_, found)| found).collect();
        return Err(refused.into());
    }
    for (staged, _) in ready {
        go_out(tx, staged)?;
    }
    i32::try_from(ready.len()).map_err(|error| anyhow::Error::from(error).into())
}

/// Lets one decision out. Whoever calls this has seen to it that there is room.
///
/// # Errors
/// What `applications::decide` says.
pub fn go_out(tx: &mut Tx<'_>, staged: &Staged) -> Result<()> {
    let (id, verdict) = (staged.application_id, staged.verdict());
    let (application, project) = applications::decide(tx, id, &Seen::Any, &verdict.decision())?;
    actions::follow_up(tx, &application, &project, &verdict, true)
}

/// Releases one staged decision.
///
/// # Errors
/// As for a release of many.
pub fn release_one(tx: &mut Tx<'_>, id: ApplicationId, seen: &Seen) -> Result<Application> {
    let call = actions::show_staged(tx.conn, tx.caller, id)?.call_id;
    store::lock_call(tx.conn, call)?;
    seen.check(actions::show_staged(tx.conn, tx.caller, id)?.version)?;
    let ready = ready(tx, call, Some(&[id]))?;
    let_go(tx, call, &ready)?;
    applications::find(tx.conn, id)
}

/// Finds a release for whoever made it, or runs its call.
fn lock(tx: &mut Tx<'_>, id: ReleaseId) -> Result<Release> {
    let release = store::lock_release(tx.conn, id)?;
    let call = network::call(tx.conn, release.call_id)?;
    let is_own = release.created_by.is_some() && release.created_by == tx.caller.account();
    if !is_own && !network::may_run(tx.caller, &call) {
        return Err(Error::not_found());
    }
    Ok(release)
}

/// Sets another time for a release that is to come, or other applications.
///
/// # Errors
/// `stale-version`, `release-not-scheduled`, `invalid`.
pub fn change(tx: &mut Tx<'_>, id: ReleaseId, seen: &Seen, new: &NewRelease) -> Result<Release> {
    let before = scheduled(tx, id, seen)?;
    check_time(new.due_at, tx.now)?;
    if let Some(wanted) = &new.applications {
        ready(tx, before.call_id, Some(wanted))?;
    }
    let ids = new.applications.as_ref().map(|ids| Json(json!(ids)));
    let changed = Release {
        due_at: new.due_at.unwrap_or(before.due_at),
        application_ids: ids.or_else(|| before.application_ids.clone()),
        ..before.clone()
    };
    let release = store::keep_release(tx, &changed)?;
    enqueue(tx, &release)?;
    note(tx, Some(&before), &release)?;
    Ok(release)
}

/// Cancels a release that is to come.
///
/// # Errors
/// `stale-version`, `release-not-scheduled`.
pub fn cancel(tx: &mut Tx<'_>, id: ReleaseId, seen: &Seen) -> Result<Release> {
    let before = scheduled(tx, id, seen)?;
    finish(tx, &before, ReleaseState::Cancelled)
}

fn scheduled(tx: &mut Tx<'_>, id: ReleaseId, seen: &Seen) -> Result<Release> {
    let release = lock(tx, id)?;
    seen.check(release.version)?;
    if release.state != ReleaseState::Scheduled {
        return Err(Refusal::ReleaseNotScheduled.into());
    }
    Ok(release)
}

fn finish(tx: &mut Tx<'_>, before: &Release, state: ReleaseState) -> Result<Release> {
    let done = Release {
        state,
        ..before.clone()
    };
    let done = store::keep_release(tx, &done)?;
    note(tx, Some(before), &done)?;
    Ok(done)
}

/// The release whose time has come. One that is done or cancelled stays as it is.
pub async fn release_by_job(app: Arc<App>, task: Task) -> jobs::Outcome {
    let Some(id) = task.noted_id("release").map(ReleaseId) else {
        return jobs::Outcome::Fail("the work names no release".into());
    };
    match app.run(Caller::system(), move |tx| fall_due(tx, id)).await {
        Ok(()) => jobs::Outcome::Done,
        Err(error) if error.code() == Some("not-found") => {
            jobs::Outcome::Fail("the release is gone".into())
        }
        Err(error) => jobs::Outcome::Retry(error.to_string()),
    }
}

fn fall_due(tx: &mut Tx<'_>, id: ReleaseId) -> Result<()> {
    let release = store::lock_release(tx.conn, id)?;
    if release.state != ReleaseState::Scheduled {
        return Ok(());
    }
    if tx.now < release.due_at {
        return enqueue(tx, &release);
    }
    store::lock_call(tx.conn, release.call_id)?;
    // As whoever set the time, with the rights that they have now.
    let caller = maker(tx, &release)?;
    let (app, now, request_id) = (tx.app, tx.now, tx.request_id);
    let outcome = dialect::savepoint(tx.conn, |conn| {
        let caller = &caller;
        let tx = &mut Tx {
            conn,
            app,
            now,
            caller,
            request_id,
        };
        let ready = ready(tx, release.call_id, release.applications().as_deref())?;
        let_go(tx, release.call_id, &ready)
    });
    match outcome {
        Ok(decided) => {
            let done = Release {
                decided: Some(decided),
                ..release
            };
            finish(tx, &done, ReleaseState::Released).map(|_| ())
        }
        Err(Error::Refused(refused))
            if !matches!(refused.code, "busy" | "database-unavailable") =>
        {
            let done = Release {
                problems: Json(json!(problems(&refused))),
                ..release
            };
            finish(tx, &done, ReleaseState::Refused).map(|_| ())
        }
        Err(error) => Err(error),
    }
}

/// Whoever made the release; nobody, if they may do nothing any more.
fn maker(tx: &mut Tx<'_>, release: &Release) -> Result<Caller> {
    let Some(account) = release.created_by else {
        return Ok(Caller::system());
    };
    let grants = if accounts::find(tx.conn, account)?.is_active() {
        accounts::grants_at(tx.conn, account, tx.now)?
    } else {
        Vec::new()
    };
    Ok(Caller {
        actor: Actor::Account(account),
        grants,
        ..Caller::nobody()
    })
}

/// The reasons of a refusal, as its row keeps them: by code, so that each reader has them in their language.
fn problems(refused: &Refused) -> Vec<serde_json::Value> {
    let whole = json!({ "pointer": "", "code": refused.code });
    let fields = refused.fields.iter();
    let fields = fields.map(|one| json!({ "pointer": one.pointer, "code": one.code }));
    std::iter::once(whole).chain(fields).collect()
}

fn note(tx: &mut Tx<'_>, before: Option<&Release>, release: &Release) -> Result<()> {
    let kind = match release.state {
        ReleaseState::Scheduled if before.is_some() => "release.changed",
        ReleaseState::Scheduled => "release.scheduled",
        ReleaseState::Released => "release.done",
        ReleaseState::Cancelled => "release.cancelled",
        ReleaseState::Refused => "release.refused",
    };
    let noted =
        |one: &Release| json!({ "state": one.state, "due_at": one.due_at, "decided": one.decided });
    let data = json!({ "call_id": release.call_id, "account_id": release.created_by });
    let fact = Fact::new(kind, "release", release.id.0).data(data);
    let before = before.map_or(serde_json::Value::Null, noted);
    let fact = fact.changed(before, noted(release));
    events::record(tx, fact).map(|_| ())
}
