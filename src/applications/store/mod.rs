//! How applications are kept and found.

mod gate;

use diesel::expression::BoxableExpression;
use diesel::prelude::*;
use diesel::sql_types::Bool;

pub use gate::{
    close_return, find_return, finish_screening, insert_receipt, insert_return, open_return,
    put_tags, receipt, receipts, returns, screenings, start_screening, tags,
};

use super::model::{Application, ApplicationId, ApplicationState};
use super::readers::{self, Shown, shown_as, shown_at};
use crate::app::Tx;
use crate::auth::{AccountId, Caller, Role, Scope};
use crate::db::schema::{application_tags, applications, calls, projects};
use crate::db::{Conn, Json, Moment, MultiBackend, dialect};
use crate::error::{Error, OrNotFound, Result};
use crate::forms::FormId;
use crate::http::Keyset;
use crate::network::{Call, CallId, CohortId, ProgrammeId, Sector};
use crate::projects::{self as project_door, Project, ProjectId};
use crate::{native, native_row};

pub(super) type Condition =
    Box<dyn BoxableExpression<applications::table, MultiBackend, SqlType = Bool>>;

/// Applications that exist for the caller: all for admins, those of their regions, cohorts and programmes for
/// coordinators, those of their projects for founders. What somebody reads as a reviewer is not among them (`readers`).
fn visible(caller: &Caller) -> applications::BoxedQuery<'static, MultiBackend> {
    let query = applications::table.into_boxed();
    if caller.everywhere(Role::Coordinator) {
        return query;
    }
    query.filter(any(in_own_right(caller)))
}

/// The same, and what the caller reviews. A filter that says whose an application is finds nothing that is read blind.
fn readable(caller: &Caller, filter: &Filter) -> applications::BoxedQuery<'static, MultiBackend> {
    let query = applications::table.into_boxed();
    if caller.everywhere(Role::Coordinator) {
        return query;
    }
    let mut conditions = in_own_right(caller);
    conditions.extend(readers::assigned(caller, filter.tells_whose()));
    query.filter(any(conditions))
}

fn in_own_right(caller: &Caller) -> Vec<Condition> {
    let mut conditions: Vec<Condition> = Vec::new();
    let own: Vec<ProjectId> = caller
        .grants
        .iter()
        .filter_map(|grant| match (grant.role, &grant.scope) {
            (Role::Owner | Role::Editor | Role::Viewer, Scope::Project { id }) => {
                Some(ProjectId(*id))
            }
            _ => None,
        })
        .collect();
    if !own.is_empty() {
        conditions.push(Box::new(applications::project_id.eq_any(own)));
    }
    conditions.extend(within(caller, Role::Coordinator));
    conditions
}

/// The applications of the regions, and to the calls of the cohorts and programmes, in which the caller has the role.
pub(super) fn within(caller: &Caller, role: Role) -> Option<Condition> {
    let mut conditions: Vec<Condition> = Vec::new();
    let regions = caller.regions(role);
    if !regions.is_empty() {
        conditions.push(Box::new(
            applications::region.assume_not_null().eq_any(regions),
        ));
    }
    let cohorts: Vec<CohortId> = caller.cohorts(role).into_iter().map(CohortId).collect();
    if !cohorts.is_empty() {
        let of_cohorts = calls::table
            .filter(calls::cohort_id.assume_not_null().eq_any(cohorts))
            .select(calls::id);
        conditions.push(Box::new(applications::call_id.eq_any(of_cohorts)));
    }
    let programmes: Vec<ProgrammeId> = caller
        .programmes(role)
        .into_iter()
        .map(ProgrammeId)
        .collect();
    if !programmes.is_empty() {
        let of_programmes = calls::table
            .filter(calls::programme_id.eq_any(programmes))
            .select(calls::id);
        conditions.push(Box::new(applications::call_id.eq_any(of_programmes)));
    }
    conditions
        .into_iter()
        .reduce(|either, or| Box::new(either.or(or)))
}

/// One of them; nothing meets none.
fn any(conditions: Vec<Condition>) -> Condition {
    conditions
        .into_iter()
        .reduce(|either, or| Box::new(either.or(or)))
        .unwrap_or_else(|| Box::new(applications::created_at.lt(applications::created_at)))
}

/// The applications with a tag, among those that the caller coordinates: nobody else learns of tags.
fn tagged(caller: &Caller, tag: String) -> Condition {
    let tagged = application_tags::table
        .filter(application_tags::tag.eq(tag))
        .select(application_tags::application_id);
    let tagged = applications::id.eq_any(tagged);
    if caller.everywhere(Role::Coordinator) {
        return Box::new(tagged);
    }
    Box::new(tagged.and(any(within(caller, Role::Coordinator).into_iter().collect())))
}

/// # Errors
/// `not-found` where there is none for the caller.
pub fn one(conn: &mut Conn, caller: &Caller, id: ApplicationId) -> Result<Application> {
    visible(caller)
        .filter(applications::id.eq(id))
        .select(Application::as_select())
        .get_result(conn)
        .or_not_found()
}

/// # Errors
/// `not-found` where there is none.
pub fn find(conn: &mut Conn, id: ApplicationId) -> Result<Application> {
    let one = applications::table.find(id);
    native!(conn, |c| one.select(Application::as_select()).get_result(c)).or_not_found()
}

/// Takes the application's lock until the transaction ends, then finds it in the caller's scope.
///
/// # Errors
/// `not-found` where there is none for the caller.
pub fn lock(conn: &mut Conn, caller: &Caller, id: ApplicationId) -> Result<Application> {
    dialect::lock_row(conn, "applications", id.0)?;
    one(conn, caller, id)
}

/// Which applications a list shows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub state: Option<ApplicationState>,
    pub region: Option<String>,
    pub call: Option<CallId>,
    pub cohort: Option<CohortId>,
    pub project: Option<ProjectId>,
    pub sector: Option<Sector>,
    pub updated_since: Option<Moment>,
    pub words: Option<String>,
    pub tag: Option<String>,
}

impl Filter {
    /// Whether what it finds tells anything that a blind reviewer may not know.
    fn tells_whose(&self) -> bool {
        self.state.is_some()
            || self.region.is_some()
            || self.cohort.is_some()
            || self.project.is_some()
            || self.sector.is_some()
            || self.words.is_some()
            || self.tag.is_some()
    }
}

/// The applications that the caller may read, each as they may read it.
pub fn list(
    conn: &mut Conn,
    caller: &Caller,
    filter: &Filter,
    keyset: &Keyset,
) -> Result<Vec<Shown>> {
    let mut query = readable(caller, filter);
    if let Some(state) = filter.state {
        query = query.filter(applications::state.eq(state));
    }
    if let Some(region) = &filter.region {
        query = query.filter(applications::region.eq(region.clone()));
    }
    if let Some(call) = filter.call {
        query = query.filter(applications::call_id.eq(call));
    }
    if let Some(cohort) = filter.cohort {
        query = query.filter(applications::cohort_id.eq(cohort));
    }
    if let Some(project) = filter.project {
        query = query.filter(applications::project_id.eq(project));
    }
    if let Some(sector) = filter.sector {
        let of_sector = projects::table
            .filter(projects::sector.eq(sector))
            .select(projects::id);
        query = query.filter(applications::project_id.eq_any(of_sector));
    }
    if let Some(text) = &filter.words {
        let found = project_door::matching(conn, text)?;
        query = query.filter(applications::project_id.eq_any(found));
    }
    if let Some(tag) = &filter.tag {
        query = query.filter(tagged(caller, tag.clone()));
    }
    let reviewer = caller.account().filter(|_| caller.has(Role::Reviewer));
    let found = match reviewer {
        None => page(query, filter, keyset)?.load(conn)?,
        Some(account) => page_of_reviewer(query, filter, keyset, account)?.load(conn)?,
    };
    shown(conn, caller, found)
}

type Found<'a> =
    crate::db::Boxed<'a, applications::table, diesel::dsl::AsSelect<Application, MultiBackend>>;

fn page<'a>(
    mut query: applications::BoxedQuery<'a, MultiBackend>,
    filter: &Filter,
    keyset: &Keyset,
) -> Result<Found<'a>> {
    if let Some(since) = filter.updated_since {
        query = query.filter(applications::updated_at.ge(since));
    }
    let query = crate::keyset!(query, keyset, applications::id, ApplicationId, {
        "created_at" => applications::created_at, Moment;
        "updated_at" => applications::updated_at, Moment;
    });
    Ok(query.select(Application::as_select()))
}

/// The same by what a reviewer may know: what they read blind stands where their own rows say.
fn page_of_reviewer<'a>(
    mut query: applications::BoxedQuery<'a, MultiBackend>,
    filter: &Filter,
    keyset: &Keyset,
    account: AccountId,
) -> Result<Found<'a>> {
    if let Some(since) = filter.updated_since {
        query = query.filter(shown_at(account, "updated_at").ge(since));
    }
    let query = crate::keyset!(query, keyset, shown_as(account, "id"), ApplicationId, {
        "created_at" => shown_at(account, "created_at"), Moment;
        "updated_at" => shown_at(account, "updated_at"), Moment;
    });
    Ok(query.select(Application::as_select()))
}

/// Each application as the caller may read it: in their own right where they have one, else as its reviewer.
fn shown(conn: &mut Conn, caller: &Caller, found: Vec<Application>) -> Result<Vec<Shown>> {
    let ids: Vec<ApplicationId> = found.iter().map(|one| one.id).collect();
    let mut mine = match caller.account().filter(|_| caller.has(Role::Reviewer)) {
        None => Vec::new(),
        Some(account) => readers::mine(conn, account, &ids)?,
    };
    if !mine.is_empty() {
        let reviewed: Vec<ApplicationId> = mine.iter().map(|one| one.application_id).collect();
        let own: Vec<ApplicationId> = visible(caller)
            .filter(applications::id.eq_any(reviewed))
            .select(applications::id)
            .load(conn)?;
        mine.retain(|one| one.blind || !own.contains(&one.application_id));
    }
    let mut shown = Vec::new();
    for application in found {
        let reader = mine
            .iter()
            .find(|one| one.application_id == application.id)
            .cloned();
        shown.push(Shown::to(conn, application, reader)?);
    }
    Ok(shown)
}

/// One application as the caller may read it.
///
/// # Errors
/// `not-found` where there is none for the caller.
pub fn one_shown(conn: &mut Conn, caller: &Caller, id: ApplicationId) -> Result<Shown> {
    match one(conn, caller, id) {
        Ok(application) => Shown::to(conn, application, None),
        Err(error) if error.code() == Some("not-found") && caller.has(Role::Reviewer) => {
            let (application, reader) = readers::as_reviewer(conn, caller, id)?;
            Shown::to(conn, application, Some(reader))
        }
        Err(error) => Err(error),
    }
}

/// Whether the project has answered the call already.
pub fn has_applied(conn: &mut Conn, project: ProjectId, call: CallId) -> Result<bool> {
    let standing = applications::table
        .filter(applications::project_id.eq(project))
        .filter(applications::call_id.eq(call))
        .filter(applications::state.ne(ApplicationState::Withdrawn));
    let exists = diesel::select(diesel::dsl::exists(standing));
    Ok(native!(conn, |c| exists.get_result(c))?)
}

pub fn insert(
    tx: &mut Tx<'_>,
    project: &Project,
    call: &Call,
    form: Option<FormId>,
    answers: &Json,
) -> Result<Application> {
    let (id, now): (ApplicationId, Moment) = (tx.new_id(), tx.now);
    project_door::insert_with_reference(tx, 'A', |conn, reference| {
        let row = diesel::insert_into(applications::table).values((
            applications::id.eq(id),
            applications::reference.eq(reference),
            applications::project_id.eq(project.id),
            applications::call_id.eq(call.id),
            applications::state.eq(ApplicationState::Draft),
            applications::answers.eq(answers),
            applications::form_id.eq(form),
            applications::region.eq(&project.region),
            applications::version.eq(1_i64),
            applications::created_at.eq(now),
            applications::updated_at.eq(now),
        ));
        let row = row.on_conflict(applications::reference).do_nothing();
        native_row!(conn, row, Application)
    })
}

/// Writes an application back, unless it has changed meanwhile.
pub fn keep(tx: &mut Tx<'_>, application: &Application) -> Result<Application> {
    let row = applications::table
        .find(application.id)
        .filter(applications::version.eq(application.version));
    let kept = diesel::update(row).set((
        applications::state.eq(application.state),
        applications::answers.eq(&application.answers),
        applications::form_id.eq(application.form_id),
        applications::region.eq(&application.region),
        applications::cohort_id.eq(application.cohort_id),
        applications::pillar.eq(application.pillar),
        applications::feedback.eq(&application.feedback),
        applications::override_reason.eq(&application.override_reason),
        applications::frozen.eq(&application.frozen),
        applications::content_sha256.eq(&application.content_sha256),
        applications::submitted_at.eq(application.submitted_at),
        applications::decided_at.eq(application.decided_at),
        applications::decided_by.eq(application.decided_by),
        applications::version.eq(application.version + 1),
        applications::updated_at.eq(tx.now),
    ));
    native_row!(&mut *tx.conn, kept, Application)?.ok_or_else(Error::stale)
}

/// The newest application of a project.
///
/// # Errors
/// `not-found` where it has none.
pub fn of_project(conn: &mut Conn, project: ProjectId) -> Result<Application> {
    let own = applications::table.filter(applications::project_id.eq(project));
    own.order((applications::created_at.desc(), applications::id.desc()))
        .select(Application::as_select())
        .first(conn)
        .or_not_found()
}

/// The applications to a call that are in some states.
///
/// # Errors
/// The database's.
pub fn of_call(
    conn: &mut Conn,
    call: CallId,
    states: &[ApplicationState],
) -> Result<Vec<Application>> {
    let query = applications::table
        .into_boxed::<MultiBackend>()
        .filter(applications::call_id.eq(call))
        .filter(applications::state.eq_any(states.to_vec()))
        .order(applications::id);
    Ok(query.select(Application::as_select()).load(conn)?)
}

/// Those applications to a call that exist for the caller.
///
/// # Errors
/// The database's.
pub fn visible_of_call(
    conn: &mut Conn,
    caller: &Caller,
    call: CallId,
) -> Result<Vec<ApplicationId>> {
    let query = visible(caller).filter(applications::call_id.eq(call));
    Ok(query.select(applications::id).load(conn)?)
}
