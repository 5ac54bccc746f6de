//! What happens at each step: one transaction with everything that follows from it.

use chrono::{Duration, NaiveDate};
use serde_json::{Value, json};
use uuid::Uuid;

use super::gate::{self, Evidence, Open};
use super::model::{
    Facts, Kind, Milestone, MilestoneId, Refusal, Stay, Step, Transition, blockers, destination,
    ended, refusal, state_after,
};
use super::store;
use crate::app::Tx;
use crate::auth::Caller;
use crate::coaching;
use crate::db::Conn;
use crate::error::{Blocker, Error, FieldError, Refused, Result};
use crate::events::{self, Fact};
use crate::http::Seen;
use crate::lang::Names;
use crate::network::{self, CohortId, Pillar, PillarPlan, Programme};
use crate::projects::{
    self, AssignmentRole, Course, Project, ProjectId, State, may_manage, may_represent,
};

/// Takes a step: loads, decides, keeps, tells.
///
/// # Errors
/// The refusal with everything that stands in the way, or `invalid` with everything that is missing.
pub fn step(
    tx: &mut Tx<'_>,
    id: ProjectId,
    seen: &Seen,
    step: &Step,
) -> Result<(Transition, Project)> {
    let project = projects::lock(tx.conn, tx.caller, id)?;
    let withdrawing = step.kind == Kind::Exit && may_represent(tx.caller, id);
    if !may_manage(tx.caller, &project) && !withdrawing {
        return Err(Error::refused("not-allowed"));
    }
    seen.check(project.version)?;
    let mut mistakes = step.mistakes();
    if let Some(cohort) = step.cohort_id
        && network::cohort(tx.conn, cohort).is_err()
    {
        mistakes.push(FieldError::new("/cohort_id", "unknown-reference"));
        return Err(Error::invalid(mistakes));
    }
    let facts = facts(tx.conn, tx.caller, &project, step)?;
    mistakes.extend(step.idle_waivers(&facts.open));
    if !mistakes.is_empty() {
        return Err(Error::invalid(mistakes));
    }
    refuse_if_blocked(blockers(&project, step, &facts))?;
    take(tx, &project, step, None, None)
}

/// What lets a project in without a coordinator's own step: its accepted application.
#[derive(Debug, Clone)]
pub struct Admission {
    pub application: Uuid,
    pub cohort: CohortId,
    pub pillar: Pillar,
    pub feedback: Option<String>,
}

/// Admits a project by its accepted application.
///
/// # Errors
/// `cohort-full`, `region-quota-full`, `region-not-served` or that the project takes part already.
pub fn admit(
    tx: &mut Tx<'_>,
    project: &Project,
    admission: &Admission,
) -> Result<(Transition, Project)> {
    let mut step = Step::new(Kind::Enter);
    step.to = Some(admission.pillar);
    step.cohort_id = Some(admission.cohort);
    let room = room(tx.conn, project, admission.cohort)?;
    let facts = Facts {
        manages: true,
        room,
        ..Facts::default()
    };
    refuse_if_blocked(blockers(project, &step, &facts))?;
    take(
        tx,
        project,
        &step,
        Some(admission.application),
        admission.feedback.clone(),
    )
}

/// Says no where something stands in the way.
///
/// # Errors
/// The refusal that tells most, with everything.
pub fn refuse_if_blocked(found: Vec<Blocker>) -> Result<()> {
    if found.is_empty() {
        return Ok(());
    }
    Err(Refused::new(refusal(&found)).blocked_by(found).into())
}

/// Everything that a decision about the step rests on.
pub fn facts(conn: &mut Conn, caller: &Caller, project: &Project, step: &Step) -> Result<Facts> {
    let mut facts = Facts {
        manages: may_manage(caller, project),
        represents: may_represent(caller, project.id),
        ..Facts::default()
    };
    match step.kind {
        Kind::Enter => {
            if let Some(cohort) = step.cohort_id {
                facts.room = room(conn, project, cohort)?;
            }
        }
        Kind::Advance | Kind::Graduate => facts.open = open_requirements(conn, project, step)?,
        Kind::Return | Kind::Hold | Kind::Resume | Kind::Exit => {}
    }
    Ok(facts)
}

/// What keeps a project out of a cohort. Taken under the cohort's lock, so that no two take the last place.
fn room(conn: &mut Conn, project: &Project, cohort: CohortId) -> Result<Vec<Blocker>> {
    let cohort = network::lock_cohort(conn, cohort)?;
    let programme = network::programme(conn, cohort.programme_id)?;
    let mut found = Vec::new();
    let region = project.region.as_deref();
    if region.is_some_and(|region| !programme.regions.iter().any(|served| served == region)) {
        found.push(Blocker::new("no-region"));
    }
    let (taken, here) = store::places_taken(conn, cohort.id, region)?;
    if taken >= i64::from(cohort.capacity) {
        found.push(Blocker::new("cohort-full"));
    }
    let quota = network::places_of(conn, cohort.id)?
        .into_iter()
        .find(|(known, _)| Some(known.as_str()) == region);
    if let Some((region, places)) = quota
        && here >= i64::from(places)
    {
        found.push(Blocker::new("region-quota-full").with("region", region));
    }
    Ok(found)
}

/// The open requirements of every gate between here and there.
fn open_requirements(conn: &mut Conn, project: &Project, step: &Step) -> Result<Vec<Open>> {
    let (Some(here), Some(programme)) = (project.pillar, programme_of(conn, project.cohort_id)?)
    else {
        return Ok(Vec::new());
    };
    let passed = match (step.kind, destination(project, step.kind, step.to)) {
        (Kind::Graduate, _) => vec![here],
        (_, Some(to)) => here.up_to(to),
        (_, None) => Vec::new(),
    };
    let mut open = Vec::new();
    for pillar in passed {
        if let Some(plan) = programme.plan(pillar) {
            open.extend(gate::open(&evidence(conn, project, plan)?));
        }
    }
    Ok(open)
}

fn evidence(conn: &mut Conn, project: &Project, plan: &PillarPlan) -> Result<Evidence> {
    let stay = store::last_stay_in(conn, project.id, plan.pillar)?;
    let (open_milestones, coach_updates) = match &stay {
        Some(stay) => {
            let open = store::milestones_of_stay(conn, stay.id.0)?
                .into_iter()
                .filter(|one| one.required && one.done_at.is_none());
            let titles = open.map(|one| {
                serde_json::from_value(one.titles.0).unwrap_or_else(|_| Names::same(""))
            });
            (
                titles.collect(),
                coaching::count_coach_updates(conn, stay.id.0)?,
            )
        }
        None => (
            plan.milestones
                .iter()
                .filter(|one| one.required)
                .map(|one| one.titles.clone())
                .collect(),
            0,
        ),
    };
    Ok(Evidence {
        pillar: plan.pillar,
        gate: plan.requirements.clone(),
        open_milestones,
        coach_updates,
        entered: stay.is_some(),
    })
}

fn programme_of(conn: &mut Conn, cohort: Option<CohortId>) -> Result<Option<Programme>> {
    let Some(cohort) = cohort else {
        return Ok(None);
    };
    let cohort = network::cohort(conn, cohort)?;
    network::programme(conn, cohort.programme_id).map(Some)
}

/// Keeps a decided step with everything that follows from it, and tells the ledger.
fn take(
    tx: &mut Tx<'_>,
    project: &Project,
    step: &Step,
    application: Option<Uuid>,
    feedback: Option<String>,
) -> Result<(Transition, Project)> {
    let to = destination(project, step.kind, step.to);
    let cohort = step.cohort_id.or(project.cohort_id);
    let mut written = step.clone();
    written.reason = written.reason.or(feedback);
    let transition = store::insert_transition(tx, project, &written, to, cohort, application)?;
    let course = match step.kind {
        Kind::Enter | Kind::Advance | Kind::Return => move_to(tx, project, step, to, cohort)?,
        Kind::Hold => hold(tx, project)?,
        Kind::Resume => resume(tx, project)?,
        Kind::Exit | Kind::Graduate => {
            leave(tx, project, step.kind)?;
            ended(state_after(step.kind), cohort)
        }
    };
    let before = project;
    let project = projects::keep_course(tx, before, &course)?;
    if course.state == State::Active {
        coaching::attach_coordinator(tx, &project)?;
    }
    tell(tx, before, &project, &transition)?;
    Ok((transition, project))
}

/// Leaves the pillar, if the project is in one, and begins the next stay with its milestones.
fn move_to(
    tx: &mut Tx<'_>,
    project: &Project,
    step: &Step,
    to: Option<Pillar>,
    cohort: Option<CohortId>,
) -> Result<Course> {
    let to = to.ok_or_else(|| anyhow::anyhow!("a move leads nowhere"))?;
    if project.pillar.is_some() {
        leave(tx, project, step.kind)?;
    }
    let programme = programme_of(tx.conn, cohort)?;
    let plan = programme.as_ref().and_then(|programme| programme.plan(to));
    let stay = store::insert_stay(
        tx,
        project,
        cohort,
        to,
        plan.map_or(0, |plan| plan.target_days),
    )?;
    let mut next_due_on: Option<NaiveDate> = None;
    for template in plan
        .map(|plan| plan.milestones.as_slice())
        .unwrap_or_default()
    {
        let due_on = (tx.now.plus(Duration::days(template.due_days))).day();
        store::insert_milestone(
            tx,
            &stay,
            Some(&template.key),
            &template.titles,
            due_on,
            template.required,
        )?;
        next_due_on = Some(next_due_on.map_or(due_on, |known| known.min(due_on)));
    }
    Ok(Course {
        state: State::Active,
        pillar: Some(to),
        cohort_id: cohort,
        stay_id: Some(stay_ref(&stay)),
        quiet_since: Some(tx.now),
        last_confidence: None,
        next_due_on,
        target_at: stay.target_at(),
    })
}

/// Closes the stay that the project is in, and the assignments that end with it.
fn leave(tx: &mut Tx<'_>, project: &Project, kind: Kind) -> Result<()> {
    let mut stay = store::open_stay(tx.conn, project.id)?;
    if let Some(since) = stay.held_since.take() {
        stay.held_seconds += tx.now.since(since).num_seconds();
    }
    stay.left_at = Some(tx.now);
    stay.left_by = Some(kind);
    store::keep_stay(tx, &stay)?;
    coaching::end_bound(
        tx,
        project,
        stay.pillar,
        matches!(kind, Kind::Exit | Kind::Graduate),
    )
}

/// Stops the clock.
fn hold(tx: &mut Tx<'_>, project: &Project) -> Result<Course> {
    let mut stay = store::open_stay(tx.conn, project.id)?;
    stay.held_since = Some(tx.now);
    store::keep_stay(tx, &stay)?;
    Ok(Course {
        state: State::OnHold,
        target_at: None,
        ..project.course()
    })
}

/// Lets the clock go on, and silence count from now.
fn resume(tx: &mut Tx<'_>, project: &Project) -> Result<Course> {
    let mut stay = store::open_stay(tx.conn, project.id)?;
    if let Some(since) = stay.held_since.take() {
        stay.held_seconds += tx.now.since(since).num_seconds();
    }
    store::keep_stay(tx, &stay)?;
    Ok(Course {
        state: State::Active,
        target_at: stay.target_at(),
        quiet_since: Some(tx.now),
        ..project.course()
    })
}

fn tell(
    tx: &mut Tx<'_>,
    before: &Project,
    project: &Project,
    transition: &Transition,
) -> Result<()> {
    let print = |text: Option<&str>| events::fingerprint(tx, text);
    let data = json!({
        "reason": print(transition.reason.as_deref()), "lesson": print(transition.lesson.as_deref()),
        "transition_id": transition.id, "number": transition.number,
        "from_state": transition.from_state, "to_state": transition.to_state,
        "from_pillar": transition.from_pillar, "to_pillar": transition.to_pillar,
        "cohort_id": transition.cohort_id, "reason_code": transition.reason_code,
    });
    let fact = Fact::new(transition.kind.event(), "project", project.id.0);
    let before =
        json!({ "state": before.state, "pillar": before.pillar, "cohort_id": before.cohort_id });
    let after =
        json!({ "state": project.state, "pillar": project.pillar, "cohort_id": project.cohort_id });
    let fact = fact
        .within(project.id.0, project.region.as_deref())
        .data(data)
        .changed(before, after);
    events::record(tx, fact).map(|_| ())
}

fn stay_ref(stay: &Stay) -> projects::StayId {
    projects::StayId(stay.id.0)
}

/// Adds a milestone to the stay that the project is in: its coordinators and coaches.
///
/// # Errors
/// `not-allowed`, or `transition-not-possible` where the project is in no pillar.
pub fn add_milestone(
    tx: &mut Tx<'_>,
    id: ProjectId,
    titles: &Names,
    due_on: NaiveDate,
    required: bool,
) -> Result<Milestone> {
    let project = projects::lock(tx.conn, tx.caller, id)?;
    if !works_for(tx.conn, tx.caller, &project)? {
        return Err(Error::refused("not-allowed"));
    }
    let blocked = || {
        Refused::new(Refusal::TransitionNotPossible.code())
            .blocked_by(vec![Blocker::new("project-not-active")])
    };
    let stay = store::open_stay(tx.conn, id).map_err(|_| blocked())?;
    let milestone = store::insert_milestone(tx, &stay, None, titles, due_on, required)?;
    keep_next_due(tx, &project, &stay)?;
    record_milestone(tx, "milestone.added", &project, None, &milestone)?;
    Ok(milestone)
}

/// Marks a milestone as done: the project's coaches, coordinators, and founders.
///
/// # Errors
/// `not-allowed`, `stale-version`, or that it is done already.
pub fn finish_milestone(
    tx: &mut Tx<'_>,
    id: ProjectId,
    milestone: MilestoneId,
    seen: &Seen,
) -> Result<Milestone> {
    let project = projects::lock(tx.conn, tx.caller, id)?;
    let milestone = store::milestone(tx.conn, id, milestone)?;
    if !works_for(tx.conn, tx.caller, &project)? && !may_represent(tx.caller, id) {
        return Err(Error::refused("not-allowed"));
    }
    seen.check(milestone.version)?;
    if milestone.done_at.is_some() {
        return Err(Refusal::MilestoneAlreadyDone.into());
    }
    let before = milestone;
    let milestone = store::finish_milestone(tx, &before, tx.caller.account())?;
    if let Ok(stay) = store::open_stay(tx.conn, id)
        && stay.id == milestone.stay_id
    {
        keep_next_due(tx, &project, &stay)?;
    }
    record_milestone(tx, "milestone.done", &project, Some(&before), &milestone)?;
    Ok(milestone)
}

/// Whether the caller coordinates the project or coaches it now.
fn works_for(conn: &mut Conn, caller: &Caller, project: &Project) -> Result<bool> {
    let open = projects::open_assignments(conn, project.id)?;
    let coaches = open
        .iter()
        .any(|one| one.role == AssignmentRole::Coach && Some(one.account_id) == caller.account());
    Ok(coaches || may_manage(caller, project))
}

fn keep_next_due(tx: &mut Tx<'_>, project: &Project, stay: &Stay) -> Result<()> {
    let open = store::milestones_of_stay(tx.conn, stay.id.0)?
        .into_iter()
        .filter(|one| one.done_at.is_none());
    let next_due_on = open.map(|one| one.due_on).min();
    projects::keep_course(
        tx,
        project,
        &Course {
            next_due_on,
            ..project.course()
        },
    )
    .map(|_| ())
}

fn record_milestone(
    tx: &mut Tx<'_>,
    kind: &'static str,
    project: &Project,
    before: Option<&Milestone>,
    milestone: &Milestone,
) -> Result<()> {
    let noted = |one: &Milestone| json!({ "due_on": one.due_on, "done": one.done_at.is_some() });
    let data = json!({ "milestone_id": milestone.id, "key": milestone.key, "required": milestone.required });
    let fact =
        Fact::new(kind, "project", project.id.0).within(project.id.0, project.region.as_deref());
    let fact = fact
        .data(data)
        .changed(before.map_or(Value::Null, noted), noted(milestone));
    events::record(tx, fact).map(|_| ())
}
