//! How stays, steps and milestones are kept and found.

use diesel::prelude::*;

use super::model::{
    Milestone, MilestoneId, Stay, StayId, Step, Transition, TransitionId, state_after,
};
use crate::app::Tx;
use crate::auth::AccountId;
use crate::db::schema::{milestones, projects, stays, transitions};
use crate::db::{Conn, Json, Moment};
use crate::error::{Error, OrNotFound, Result};
use crate::http::Keyset;
use crate::lang::Names;
use crate::network::{CohortId, Pillar};
use crate::projects::{Project, ProjectId};
use crate::{native, native_change};

/// The stay that a project is in.
///
/// # Errors
/// `not-found` where it is in none.
pub fn open_stay(conn: &mut Conn, project: ProjectId) -> Result<Stay> {
    let open = stays::table
        .filter(stays::project_id.eq(project))
        .filter(stays::left_at.is_null());
    native!(conn, |c| open.select(Stay::as_select()).get_result(c)).or_not_found()
}

/// The last stay of a project in a pillar.
pub fn last_stay_in(conn: &mut Conn, project: ProjectId, pillar: Pillar) -> Result<Option<Stay>> {
    let there = stays::table
        .filter(stays::project_id.eq(project))
        .filter(stays::pillar.eq(pillar));
    Ok(there
        .order((stays::entered_at.desc(), stays::id.desc()))
        .select(Stay::as_select())
        .first(conn)
        .optional()?)
}

pub fn stays(conn: &mut Conn, project: ProjectId, keyset: &Keyset) -> Result<Vec<Stay>> {
    let query = stays::table
        .filter(stays::project_id.eq(project))
        .into_boxed();
    let query = crate::keyset!(query, keyset, stays::id, StayId, { "entered_at" => stays::entered_at, Moment; });
    Ok(query.select(Stay::as_select()).load(conn)?)
}

pub fn insert_stay(
    tx: &mut Tx<'_>,
    project: &Project,
    cohort: Option<CohortId>,
    pillar: Pillar,
    target_days: i32,
) -> Result<Stay> {
    let id: StayId = tx.new_id();
    let row = diesel::insert_into(stays::table).values((
        stays::id.eq(id),
        stays::project_id.eq(project.id),
        stays::cohort_id.eq(cohort),
        stays::region.eq(&project.region),
        stays::pillar.eq(pillar),
        stays::entered_at.eq(tx.now),
        stays::held_seconds.eq(0_i64),
        stays::target_days.eq(target_days),
    ));
    Ok(native!(&mut *tx.conn, |c| row
        .returning(Stay::as_returning())
        .get_result(c))?)
}

/// Writes back what a step has changed about a stay.
pub fn keep_stay(tx: &mut Tx<'_>, stay: &Stay) -> Result<()> {
    let kept = diesel::update(stays::table.find(stay.id)).set((
        stays::left_at.eq(stay.left_at),
        stays::left_by.eq(stay.left_by),
        stays::held_seconds.eq(stay.held_seconds),
        stays::held_since.eq(stay.held_since),
    ));
    native_change!(tx.conn, kept, stays::held_seconds)?;
    Ok(())
}

pub fn insert_transition(
    tx: &mut Tx<'_>,
    project: &Project,
    step: &Step,
    to: Option<Pillar>,
    cohort: Option<CohortId>,
    application: Option<uuid::Uuid>,
) -> Result<Transition> {
    let id: TransitionId = tx.new_id();
    let earlier = transitions::table.filter(transitions::project_id.eq(project.id));
    let before: i64 = native!(&mut *tx.conn, |c| earlier.count().get_result(c))?;
    let number = i32::try_from(before + 1).map_err(anyhow::Error::from)?;
    let row = diesel::insert_into(transitions::table).values((
        transitions::id.eq(id),
        transitions::project_id.eq(project.id),
        transitions::number.eq(number),
        transitions::kind.eq(step.kind),
        transitions::from_state.eq(project.state),
        transitions::to_state.eq(state_after(step.kind)),
        transitions::from_pillar.eq(project.pillar),
        transitions::to_pillar.eq(to),
        transitions::cohort_id.eq(cohort),
        transitions::application_id.eq(application.map(TransitionId)),
        transitions::reason_code.eq(step.reason_code),
        transitions::reason.eq(&step.reason),
        transitions::lesson.eq(&step.lesson),
        transitions::waivers.eq(Json(serde_json::json!(step.waivers))),
        transitions::actor_id.eq(tx.caller.account()),
        transitions::at.eq(tx.now),
    ));
    Ok(native!(&mut *tx.conn, |c| row
        .returning(Transition::as_returning())
        .get_result(c))?)
}

/// # Errors
/// `not-found` where there is none.
pub fn transition(conn: &mut Conn, id: TransitionId) -> Result<Transition> {
    let one = transitions::table.find(id);
    native!(conn, |c| one.select(Transition::as_select()).get_result(c)).or_not_found()
}

pub fn transitions(
    conn: &mut Conn,
    project: ProjectId,
    updated_since: Option<Moment>,
    keyset: &Keyset,
) -> Result<Vec<Transition>> {
    let mut query = transitions::table
        .filter(transitions::project_id.eq(project))
        .into_boxed();
    if let Some(since) = updated_since {
        query = query.filter(transitions::at.ge(since));
    }
    let query = crate::keyset!(query, keyset, transitions::id, TransitionId, { "at" => transitions::at, Moment; });
    Ok(query.select(Transition::as_select()).load(conn)?)
}

pub fn insert_milestone(
    tx: &mut Tx<'_>,
    stay: &Stay,
    key: Option<&str>,
    titles: &Names,
    due_on: chrono::NaiveDate,
    required: bool,
) -> Result<Milestone> {
    let id: MilestoneId = tx.new_id();
    let row = diesel::insert_into(milestones::table).values((
        milestones::id.eq(id),
        milestones::project_id.eq(stay.project_id),
        milestones::stay_id.eq(stay.id),
        milestones::key.eq(key),
        milestones::titles.eq(Json::from(titles)),
        milestones::due_on.eq(due_on),
        milestones::required.eq(required),
        milestones::version.eq(1_i64),
        milestones::created_at.eq(tx.now),
        milestones::updated_at.eq(tx.now),
    ));
    Ok(native!(&mut *tx.conn, |c| row
        .returning(Milestone::as_returning())
        .get_result(c))?)
}

/// # Errors
/// `not-found` where the project has no such milestone.
pub fn milestone(conn: &mut Conn, project: ProjectId, id: MilestoneId) -> Result<Milestone> {
    let found = milestones::table
        .find(id)
        .filter(milestones::project_id.eq(project));
    found
        .select(Milestone::as_select())
        .get_result(conn)
        .or_not_found()
}

pub fn milestones(
    conn: &mut Conn,
    project: ProjectId,
    updated_since: Option<Moment>,
    keyset: &Keyset,
) -> Result<Vec<Milestone>> {
    let mut query = milestones::table
        .filter(milestones::project_id.eq(project))
        .into_boxed();
    if let Some(since) = updated_since {
        query = query.filter(milestones::updated_at.ge(since));
    }
    let query = crate::keyset!(query, keyset, milestones::id, MilestoneId, { "due_on" => milestones::due_on, chrono::NaiveDate; });
    Ok(query.select(Milestone::as_select()).load(conn)?)
}

/// The milestones of one stay, in order of their dates.
///
/// # Errors
/// The database's.
pub fn milestones_of_stay(conn: &mut Conn, stay: uuid::Uuid) -> Result<Vec<Milestone>> {
    let own = milestones::table.filter(milestones::stay_id.eq(StayId(stay)));
    Ok(own
        .order((milestones::due_on, milestones::id))
        .select(Milestone::as_select())
        .load(conn)?)
}

pub fn finish_milestone(
    tx: &mut Tx<'_>,
    milestone: &Milestone,
    by: Option<AccountId>,
) -> Result<Milestone> {
    let row = milestones::table
        .find(milestone.id)
        .filter(milestones::version.eq(milestone.version));
    let changed = diesel::update(row)
        .set((
            milestones::done_at.eq(tx.now),
            milestones::done_by.eq(by),
            milestones::version.eq(milestone.version + 1),
            milestones::updated_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    if changed == 0 {
        Err(Error::stale())
    } else {
        self::milestone(tx.conn, milestone.project_id, milestone.id)
    }
}

/// How many projects have a place in a cohort, in all and from one region.
pub fn places_taken(conn: &mut Conn, cohort: CohortId, region: Option<&str>) -> Result<(i64, i64)> {
    let admitted = || projects::table.filter(projects::cohort_id.eq(cohort));
    let all = admitted().count().get_result(conn)?;
    let here = match region {
        Some(region) => admitted()
            .filter(projects::region.eq(region))
            .count()
            .get_result(conn)?,
        None => 0,
    };
    Ok((all, here))
}

/// The titles of a milestone, for those who tell of it.
///
/// # Errors
/// `not-found` where there is none.
pub fn milestone_titles(conn: &mut Conn, project: ProjectId, id: uuid::Uuid) -> Result<Names> {
    let found = milestone(conn, project, MilestoneId(id))?;
    Ok(serde_json::from_value(found.titles.0).map_err(anyhow::Error::from)?)
}
