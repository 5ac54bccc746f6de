//! How projects are kept and found.

mod alike;
mod assignments;
mod conflicts;
mod search;

use std::sync::OnceLock;

use chrono::Duration;
use diesel::expression::BoxableExpression;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Date, Text};

pub use alike::{SHARED_HOSTS, may_be_one};
pub use assignments::{
    add_assignment, assignment, assignments, close_assignment, count_open_of, keep_budget,
    open_assignments, working_at,
};
pub use conflicts::{
    add_conflict, all_conflicts, conflict, conflicts, end_conflict, free_of_conflict, in_conflict,
};
pub use search::search;

use super::model::{Course, NewProject, Project, ProjectId, State, reference, web_domain};
use crate::app::Tx;
use crate::auth::{AccountId, Caller, Role};
use crate::db::schema::{assignments as jobs_of, cohorts, projects};
use crate::db::sql::Instant;
use crate::db::{Conn, Moment, MultiBackend, Written};
use crate::error::{Error, OrNotFound, Result};
use crate::http::Keyset;
use crate::lang::Lang;
use crate::network::{CohortId, Pillar, Place, ProgrammeId, Sector};
use crate::{native, native_row};

pub type Boxed = projects::BoxedQuery<'static, MultiBackend>;
type Condition = Box<dyn BoxableExpression<projects::table, MultiBackend, SqlType = Bool>>;

/// Projects that exist for the caller. Lists and single reads both start here, so scope can't be forgotten.
#[must_use]
pub fn visible(caller: &Caller) -> Boxed {
    let query = projects::table.into_boxed();
    if caller.everywhere(Role::Coordinator) {
        return query;
    }
    let mut conditions = taking_part(caller);
    // Partners see a project by name only where it consented.
    let partner = if caller.everywhere(Role::Partner) {
        Some(always())
    } else {
        within(caller, Role::Partner)
    };
    if let Some(condition) = partner {
        conditions.push(Box::new(
            projects::shared_with_partners.eq(true).and(condition),
        ));
    }
    query.filter(any(conditions))
}

/// Projects that the caller sees from inside. Partners know those that consented by their name, and no more.
fn inside(caller: &Caller) -> Boxed {
    let query = projects::table.into_boxed();
    if caller.everywhere(Role::Coordinator) {
        return query;
    }
    query.filter(any(taking_part(caller)))
}

/// What makes somebody part of a project: its team, an assignment, or running where it lies.
fn taking_part(caller: &Caller) -> Vec<Condition> {
    let mut conditions: Vec<Condition> = Vec::new();
    let own: Vec<ProjectId> = own_projects(caller);
    if !own.is_empty() {
        conditions.push(Box::new(projects::id.eq_any(own)));
    }
    if let Some(account) = caller.account() {
        let assigned = jobs_of::table
            .filter(jobs_of::account_id.eq(account))
            .filter(jobs_of::ended_at.is_null())
            .select(jobs_of::project_id);
        let free = free_of_conflict::<projects::table>("projects.id", account);
        conditions.push(Box::new(projects::id.eq_any(assigned).and(free)));
    }
    conditions.extend(within(caller, Role::Coordinator));
    conditions
}

/// One of them; nothing meets none.
fn any(conditions: Vec<Condition>) -> Condition {
    conditions
        .into_iter()
        .reduce(|either, or| Box::new(either.or(or)))
        .unwrap_or_else(never)
}

fn own_projects(caller: &Caller) -> Vec<ProjectId> {
    use crate::auth::Scope;
    let mut own = Vec::new();
    for grant in &caller.grants {
        if let (Role::Owner | Role::Editor | Role::Viewer, Scope::Project { id }) =
            (grant.role, &grant.scope)
        {
            own.push(ProjectId(*id));
        }
    }
    own
}

/// The projects of the regions, cohorts and programmes in which the caller has the role.
fn within(caller: &Caller, role: Role) -> Option<Condition> {
    let mut conditions: Vec<Condition> = Vec::new();
    let regions = caller.regions(role);
    if let [region] = regions.as_slice() {
        conditions.push(Box::new(
            projects::region.assume_not_null().eq(region.clone()),
        ));
    } else if !regions.is_empty() {
        conditions.push(Box::new(projects::region.assume_not_null().eq_any(regions)));
    }
    let ids: Vec<CohortId> = caller.cohorts(role).into_iter().map(CohortId).collect();
    if !ids.is_empty() {
        conditions.push(Box::new(projects::cohort_id.assume_not_null().eq_any(ids)));
    }
    let programmes: Vec<ProgrammeId> = caller
        .programmes(role)
        .into_iter()
        .map(ProgrammeId)
        .collect();
    if !programmes.is_empty() {
        let of_programmes = cohorts::table
            .filter(cohorts::programme_id.eq_any(programmes))
            .select(cohorts::id);
        conditions.push(Box::new(
            projects::cohort_id.assume_not_null().eq_any(of_programmes),
        ));
    }
    conditions
        .into_iter()
        .reduce(|either, or| Box::new(either.or(or)))
}

fn never() -> Condition {
    Box::new(projects::created_at.lt(projects::created_at))
}

fn always() -> Condition {
    Box::new(projects::created_at.eq(projects::created_at))
}

/// # Errors
/// `not-found` where there is none for the caller.
pub fn one(conn: &mut Conn, caller: &Caller, id: ProjectId) -> Result<Project> {
    let project = find(conn, id)?;
    seen(conn, caller, project)
}

/// A project, if it is there for the caller.
fn seen(conn: &mut Conn, caller: &Caller, project: Project) -> Result<Project> {
    if !is_plainly_visible(caller, &project) {
        let seen = visible(caller).filter(projects::id.eq(project.id));
        seen.select(projects::id)
            .get_result::<ProjectId>(conn)
            .or_not_found()?;
    }
    Ok(project)
}

/// Whether `visible` shows the project for a reason that can be told from the project alone, without asking the
/// database. Never true where `visible` doesn't show it.
fn is_plainly_visible(caller: &Caller, project: &Project) -> bool {
    let in_region = |region: &String| caller.regions(Role::Coordinator).contains(region);
    caller.everywhere(Role::Coordinator)
        || caller.team_role(project.id.0).is_some()
        || project.region.as_ref().is_some_and(in_region)
}

/// One of those that the caller sees from inside.
///
/// # Errors
/// `not-found` where there is none for the caller, `not-allowed` where they know it by its name only.
pub fn one_inside(conn: &mut Conn, caller: &Caller, id: ProjectId) -> Result<Project> {
    let found = inside(caller)
        .filter(projects::id.eq(id))
        .select(Project::as_select())
        .get_result(conn)
        .optional()?;
    match found {
        Some(project) => Ok(project),
        None => {
            Err(one(conn, caller, id).map_or_else(|error| error, |_| Error::refused("not-allowed")))
        }
    }
}

/// # Errors
/// `not-found` where there is none.
pub fn find(conn: &mut Conn, id: ProjectId) -> Result<Project> {
    let one = projects::table.find(id);
    native!(conn, |c| one.select(Project::as_select()).get_result(c)).or_not_found()
}

/// Takes the project's lock until the transaction ends, then finds it in the caller's scope.
///
/// # Errors
/// `not-found` where there is none for the caller.
pub fn lock(conn: &mut Conn, caller: &Caller, id: ProjectId) -> Result<Project> {
    let project = match conn {
        Conn::Sqlite(_) => find(conn, id)?,
        Conn::Pg(pg) => {
            let locked = projects::table.find(id).select(Project::as_select());
            locked.for_no_key_update().get_result(pg).or_not_found()?
        }
    };
    seen(conn, caller, project)
}

/// Which projects a list shows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub state: Option<State>,
    pub region: Option<String>,
    pub cohort: Option<CohortId>,
    pub pillar: Option<Pillar>,
    pub sector: Option<Sector>,
    pub coach: Option<AccountId>,
    pub at_risk: Option<bool>,
    pub enterprise_number: Option<String>,
    pub updated_since: Option<Moment>,
    pub words: Option<String>,
}

impl Filter {
    /// Whether an index leads to the few projects that there are to look through.
    #[must_use]
    pub fn is_narrow(&self) -> bool {
        self.cohort.is_some() && self.coach.is_none() && self.words.is_none()
    }
}

/// Active projects at risk, as SQL over four values in this order: the latest quiet moment that is too long ago, today,
/// now. The same rule as `model::at_risk`; a test holds the two together.
pub const RISK: [&str; 4] = [
    "(projects.state = 'active' AND ((projects.quiet_since IS NOT NULL AND projects.quiet_since < ",
    ") OR (projects.next_due_on IS NOT NULL AND projects.next_due_on < ",
    ") OR (projects.target_at IS NOT NULL AND projects.target_at < ",
    ") OR (projects.last_confidence IS NOT NULL AND projects.last_confidence = 'red')))",
];

fn risk(wanted: bool, now: Moment, quiet_days: i64) -> Condition {
    let quiet = now.minus(Duration::days(quiet_days));
    let start = if wanted {
        RISK[0].to_owned()
    } else {
        format!("NOT {}", RISK[0])
    };
    Box::new(
        diesel::dsl::sql::<Bool>(&start)
            .bind::<Instant, _>(quiet)
            .sql(RISK[1])
            .bind::<Date, _>(now.day())
            .sql(RISK[2])
            .bind::<Instant, _>(now)
            .sql(RISK[3]),
    )
}

pub fn list(
    conn: &mut Conn,
    caller: &Caller,
    filter: &Filter,
    now: Moment,
    quiet_days: i64,
    keyset: &Keyset,
) -> Result<Vec<Project>> {
    let mut query = visible(caller);
    if let Some(state) = filter.state {
        query = query.filter(projects::state.eq(state));
    }
    if let Some(region) = &filter.region {
        query = match (&*conn, filter.cohort) {
            // SQLite would rather go through the region, which has a thousand times the projects of a cohort.
            (Conn::Sqlite(_), Some(_)) => {
                let of_region = diesel::dsl::sql::<Bool>("+projects.region = ");
                query.filter(of_region.bind::<Text, _>(region.clone()))
            }
            _ => query.filter(projects::region.eq(region.clone())),
        };
    }
    if let Some(cohort) = filter.cohort {
        query = query.filter(projects::cohort_id.eq(cohort));
    }
    if let Some(pillar) = filter.pillar {
        query = query.filter(projects::pillar.eq(pillar));
    }
    if let Some(sector) = filter.sector {
        query = query.filter(projects::sector.eq(sector));
    }
    if let Some(coach) = filter.coach {
        let coached = jobs_of::table
            .filter(jobs_of::account_id.eq(coach))
            .filter(jobs_of::role.eq(super::model::AssignmentRole::Coach))
            .filter(jobs_of::ended_at.is_null())
            .select(jobs_of::project_id);
        query = query.filter(projects::id.eq_any(coached));
    }
    if let Some(wanted) = filter.at_risk {
        query = query.filter(risk(wanted, now, quiet_days));
    }
    if let Some(number) = &filter.enterprise_number {
        query = query.filter(projects::enterprise_number.eq(number.clone()));
    }
    if let Some(since) = filter.updated_since {
        query = query.filter(projects::updated_at.ge(since));
    }
    if let Some(text) = &filter.words {
        query = query.filter(search(conn, text)?);
    }
    let query = crate::keyset!(query, keyset, projects::id, ProjectId, {
        "created_at" => projects::created_at, Moment;
        "updated_at" => projects::updated_at, Moment;
        "title" => projects::title, String;
    });
    Ok(query.select(columns()).load(conn)?)
}

fn columns() -> Written<<Project as Selectable<Pg>>::SelectExpression> {
    static TEXT: OnceLock<String> = OnceLock::new();
    Written::new(<Project as Selectable<Pg>>::construct_selection(), &TEXT)
}

/// Runs an insert that gives way to a row of the same reference, under fresh references until one is free.
///
/// # Errors
/// The database's.
pub fn insert_with_reference<T>(
    tx: &mut Tx<'_>,
    prefix: char,
    mut insert: impl FnMut(&mut Conn, &str) -> QueryResult<Option<T>>,
) -> Result<T> {
    for _ in 0..5 {
        let reference = reference(prefix, tx.app.chance.as_ref());
        if let Some(row) = insert(tx.conn, &reference)? {
            return Ok(row);
        }
    }
    Err(anyhow::anyhow!("no free reference after five tries").into())
}

pub fn insert(
    tx: &mut Tx<'_>,
    owner: AccountId,
    new: &NewProject,
    language: Lang,
    place: Option<&Place>,
) -> Result<Project> {
    let (id, now): (ProjectId, Moment) = (tx.new_id(), tx.now);
    insert_with_reference(tx, 'P', |conn, reference| {
        let row = diesel::insert_into(projects::table).values((
            projects::id.eq(id),
            projects::reference.eq(reference),
            projects::title.eq(&new.title),
            projects::summary.eq(&new.summary),
            projects::sector.eq(new.sector),
            projects::country.eq(&new.country),
            projects::postal_code.eq(&new.postal_code),
            projects::region.eq(place.map(|place| &place.region)),
            projects::province.eq(place.map(|place| &place.province)),
            projects::enterprise_number.eq(&new.enterprise_number),
            projects::website.eq(&new.website),
            projects::web_domain.eq(new.website.as_deref().and_then(web_domain)),
            projects::language.eq(language),
            projects::state.eq(State::Prospect),
            projects::shared_with_partners.eq(false),
            projects::created_by.eq(owner),
            projects::version.eq(1_i64),
            projects::created_at.eq(now),
            projects::updated_at.eq(now),
            projects::applicant_kind.eq(new.applicant_kind),
        ));
        let row = row.on_conflict(projects::reference).do_nothing();
        native_row!(conn, row, Project)
    })
}

/// Writes what its people may change, unless the project has changed meanwhile.
pub fn keep(tx: &mut Tx<'_>, project: &Project) -> Result<Project> {
    let row = projects::table
        .find(project.id)
        .filter(projects::version.eq(project.version));
    let kept = diesel::update(row).set((
        projects::title.eq(&project.title),
        projects::summary.eq(&project.summary),
        projects::sector.eq(project.sector),
        projects::country.eq(&project.country),
        projects::postal_code.eq(&project.postal_code),
        projects::region.eq(&project.region),
        projects::province.eq(&project.province),
        projects::enterprise_number.eq(&project.enterprise_number),
        projects::website.eq(&project.website),
        projects::web_domain.eq(project.website.as_deref().and_then(web_domain)),
        projects::language.eq(project.language),
        projects::shared_with_partners.eq(project.shared_with_partners),
        projects::applicant_kind.eq(project.applicant_kind),
        projects::version.eq(project.version + 1),
        projects::updated_at.eq(tx.now),
    ));
    native_row!(&mut *tx.conn, kept, Project)?.ok_or_else(Error::stale)
}

/// Writes a project's course, unless the project has changed meanwhile.
pub fn keep_course(tx: &mut Tx<'_>, project: &Project, course: &Course) -> Result<Project> {
    let row = projects::table
        .find(project.id)
        .filter(projects::version.eq(project.version));
    let kept = diesel::update(row).set((
        projects::state.eq(course.state),
        projects::pillar.eq(course.pillar),
        projects::cohort_id.eq(course.cohort_id),
        projects::stay_id.eq(course.stay_id),
        projects::quiet_since.eq(course.quiet_since),
        projects::last_confidence.eq(course.last_confidence),
        projects::next_due_on.eq(course.next_due_on),
        projects::target_at.eq(course.target_at),
        projects::version.eq(project.version + 1),
        projects::updated_at.eq(tx.now),
    ));
    native_row!(&mut *tx.conn, kept, Project)?.ok_or_else(Error::stale)
}

/// Puts a project into the care of another region, unless it has changed meanwhile. Its address stays what it is.
///
/// # Errors
/// `stale-version` where the project has changed meanwhile.
pub fn keep_region(tx: &mut Tx<'_>, project: &Project, region: &str) -> Result<Project> {
    let row = projects::table
        .find(project.id)
        .filter(projects::version.eq(project.version));
    let kept = diesel::update(row).set((
        projects::region.eq(region),
        projects::version.eq(project.version + 1),
        projects::updated_at.eq(tx.now),
    ));
    native_row!(&mut *tx.conn, kept, Project)?.ok_or_else(Error::stale)
}

/// The projects that a text finds, at most a thousand, for other slices' lists.
///
/// # Errors
/// The database's.
pub fn matching(conn: &mut Conn, text: &str) -> Result<Vec<ProjectId>> {
    let condition = search(conn, text)?;
    Ok(projects::table
        .into_boxed::<MultiBackend>()
        .filter(condition)
        .select(projects::id)
        .limit(1000)
        .load(conn)?)
}
