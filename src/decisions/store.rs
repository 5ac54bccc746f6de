//! How decisions, releases and places are kept and found.

use diesel::dsl::{self, count_star};
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::model::{
    DecisionId, NewSettings, Place, PlaceId, PlaceState, Release, ReleaseId, Settings, Staged,
    Taken, Verdict,
};
use crate::app::Tx;
use crate::applications::{Application, ApplicationId, ApplicationState, Outcome};
use crate::auth::{Caller, Role, Scope};
use crate::db::schema::{
    applications, decisions, place_settings as settings, places, projects, releases,
    staged_decisions as staged,
};
use crate::db::{Conn, Json, Moment, MultiBackend, dialect};
use crate::error::{Error, OrNotFound, Result};
use crate::http::Keyset;
use crate::native_row;
use crate::network::{CallId, CohortId};
use crate::projects::{Project, ProjectId};

/// Whose projects somebody decides about, or belongs to.
struct Reach {
    everywhere: bool,
    regions: Vec<String>,
    cohorts: Vec<CohortId>,
    own: Vec<ProjectId>,
}

impl Reach {
    /// The projects whose coordinator the caller is.
    fn of(caller: &Caller) -> Self {
        let cohorts = caller.cohorts(Role::Coordinator).into_iter();
        Self {
            everywhere: caller.everywhere(Role::Coordinator),
            regions: caller.regions(Role::Coordinator),
            cohorts: cohorts.map(CohortId).collect(),
            own: Vec::new(),
        }
    }

    /// The same, with the caller's own projects.
    fn with_own(caller: &Caller) -> Self {
        let in_team = |role: Role| matches!(role, Role::Owner | Role::Editor | Role::Viewer);
        let own = caller.grants.iter().filter(|grant| in_team(grant.role));
        let own = own.filter_map(|grant| match &grant.scope {
            Scope::Project { id } => Some(ProjectId(*id)),
            _ => None,
        });
        Self {
            own: own.collect(),
            ..Self::of(caller)
        }
    }
}

/// The projects within a reach.
#[diesel::dsl::auto_type]
fn reached(reach: Reach) -> _ {
    let of_region: dsl::EqAny<dsl::AssumeNotNull<projects::region>, Vec<String>> =
        projects::region.assume_not_null().eq_any(reach.regions);
    let of_cohort: dsl::EqAny<dsl::AssumeNotNull<projects::cohort_id>, Vec<CohortId>> =
        projects::cohort_id.assume_not_null().eq_any(reach.cohorts);
    let own: dsl::EqAny<projects::id, Vec<ProjectId>> = projects::id.eq_any(reach.own);
    let all: dsl::AsExprOf<bool, Bool> = reach.everywhere.into_sql::<Bool>();
    projects::table
        .filter(all.or(own).or(of_region).or(of_cohort))
        .select(projects::id)
}

/// # Errors
/// The database's.
pub fn settings(conn: &mut Conn, call: CallId) -> Result<Option<Settings>> {
    let one = settings::table.find(call).select(Settings::as_select());
    Ok(one.get_result(conn).optional()?)
}

pub fn put_settings(
    tx: &mut Tx<'_>,
    call: CallId,
    known: Option<&Settings>,
    new: &NewSettings,
) -> Result<Settings> {
    let values = (
        settings::confirm_within_days.eq(new.confirm_within_days),
        settings::reminder_days_before.eq(Json(serde_json::json!(new.reminder_days_before))),
        settings::offer_beyond_capacity.eq(new.offer_beyond_capacity),
        settings::version.eq(known.map_or(1, |known| known.version + 1)),
        settings::updated_at.eq(tx.now),
    );
    let done = if let Some(known) = known {
        let row = settings::table
            .find(call)
            .filter(settings::version.eq(known.version));
        diesel::update(row).set(values).execute(tx.conn)?
    } else {
        let own = (settings::call_id.eq(call), settings::created_at.eq(tx.now));
        diesel::insert_into(settings::table)
            .values((own, values))
            .execute(tx.conn)?
    };
    if done == 0 {
        return Err(Error::stale());
    }
    self::settings(tx.conn, call)?.or_not_found()
}

/// # Errors
/// The database's.
pub fn staged(conn: &mut Conn, application: ApplicationId) -> Result<Option<Staged>> {
    let one = staged::table.find(application).select(Staged::as_select());
    Ok(one.get_result(conn).optional()?)
}

pub fn put_staged(
    tx: &mut Tx<'_>,
    application: &Application,
    known: Option<&Staged>,
    verdict: &Verdict,
) -> Result<Staged> {
    let values = (
        staged::outcome.eq(verdict.outcome),
        staged::cohort_id.eq(verdict.cohort_id),
        staged::pillar.eq(verdict.pillar),
        staged::rank.eq(verdict.rank),
        staged::reasons.eq(Json(serde_json::json!(verdict.reasons))),
        staged::feedback.eq(&verdict.feedback),
        staged::staged_by.eq(tx.caller.account()),
        staged::version.eq(known.map_or(1, |known| known.version + 1)),
        staged::updated_at.eq(tx.now),
    );
    let done = if let Some(known) = known {
        let row = staged::table
            .find(application.id)
            .filter(staged::version.eq(known.version));
        diesel::update(row).set(values).execute(tx.conn)?
    } else {
        let own = (
            staged::application_id.eq(application.id),
            staged::project_id.eq(application.project_id),
            staged::call_id.eq(application.call_id),
            staged::created_at.eq(tx.now),
        );
        diesel::insert_into(staged::table)
            .values((own, values))
            .execute(tx.conn)?
    };
    if done == 0 {
        return Err(Error::stale());
    }
    self::staged(tx.conn, application.id)?.or_not_found()
}

pub fn delete_staged(tx: &mut Tx<'_>, application: ApplicationId) -> Result<()> {
    diesel::delete(staged::table.find(application)).execute(tx.conn)?;
    Ok(())
}

/// Staged decisions that the caller may release.
pub fn list_staged(
    conn: &mut Conn,
    caller: &Caller,
    (call, outcome): (Option<CallId>, Option<Outcome>),
    updated_since: Option<Moment>,
    keyset: &Keyset,
) -> Result<Vec<Staged>> {
    let mut query = staged::table
        .filter(staged::project_id.eq_any(reached(Reach::of(caller))))
        .into_boxed();
    if let Some(call) = call {
        query = query.filter(staged::call_id.eq(call));
    }
    if let Some(outcome) = outcome {
        query = query.filter(staged::outcome.eq(outcome));
    }
    if let Some(since) = updated_since {
        query = query.filter(staged::updated_at.ge(since));
    }
    let query = crate::keyset!(query, keyset, staged::application_id, ApplicationId, {
        "created_at" => staged::created_at, Moment;
        "updated_at" => staged::updated_at, Moment;
    });
    Ok(query.select(Staged::as_select()).load(conn)?)
}

/// The staged decisions of a call with their projects, without those whose application was withdrawn or sent back
/// meanwhile. Acceptances come first, then by rank.
pub fn staged_of(conn: &mut Conn, call: CallId) -> Result<Vec<(Staged, Project)>> {
    let states = ApplicationState::ALL.iter().copied();
    let decidable: Vec<ApplicationState> = states.filter(|state| state.is_decidable()).collect();
    Ok(staged::table
        .inner_join(applications::table.inner_join(projects::table))
        .filter(staged::call_id.eq(call))
        .filter(applications::state.eq_any(decidable))
        .order((staged::outcome, staged::rank, staged::application_id))
        .select((Staged::as_select(), Project::as_select()))
        .load(conn)?)
}

/// Keeps a decision that is out now; the one before it ends.
pub fn insert_decision(
    tx: &mut Tx<'_>,
    application: &Application,
    verdict: &Verdict,
) -> Result<()> {
    end_decision(tx, application.id, None)?;
    let id: DecisionId = tx.new_id();
    diesel::insert_into(decisions::table)
        .values((
            decisions::id.eq(id),
            decisions::application_id.eq(application.id),
            decisions::project_id.eq(application.project_id),
            decisions::call_id.eq(application.call_id),
            decisions::outcome.eq(verdict.outcome),
            decisions::cohort_id.eq(verdict.cohort_id),
            decisions::pillar.eq(verdict.pillar),
            decisions::rank.eq(verdict.rank),
            decisions::reasons.eq(Json(serde_json::json!(verdict.reasons))),
            decisions::decided_by.eq(tx.caller.account()),
            decisions::decided_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    Ok(())
}

/// Ends the decision that holds; with a reason, because it was reversed.
pub fn end_decision(
    tx: &mut Tx<'_>,
    application: ApplicationId,
    reversal: Option<&str>,
) -> Result<()> {
    let holding = decisions::table
        .filter(decisions::application_id.eq(application))
        .filter(decisions::ended_at.is_null());
    let by = tx.caller.account().filter(|_| reversal.is_some());
    diesel::update(holding)
        .set((
            decisions::ended_at.eq(tx.now),
            decisions::reversed_by.eq(by),
            decisions::reversal_reason.eq(reversal),
        ))
        .execute(tx.conn)?;
    Ok(())
}

/// Decisions that are out, for those who decide.
pub fn list_decided(
    conn: &mut Conn,
    caller: &Caller,
    filter: (Option<CallId>, Option<ApplicationId>, Option<Outcome>),
    keyset: &Keyset,
) -> Result<Vec<Taken>> {
    let mut query = decisions::table
        .filter(decisions::project_id.eq_any(reached(Reach::of(caller))))
        .into_boxed();
    let (call, application, outcome) = filter;
    if let Some(call) = call {
        query = query.filter(decisions::call_id.eq(call));
    }
    if let Some(application) = application {
        query = query.filter(decisions::application_id.eq(application));
    }
    if let Some(outcome) = outcome {
        query = query.filter(decisions::outcome.eq(outcome));
    }
    let query = crate::keyset!(query, keyset, decisions::id, DecisionId, {
        "decided_at" => decisions::decided_at, Moment;
    });
    Ok(query.select(Taken::as_select()).load(conn)?)
}

/// Who waits for a place in a cohort, the next one first.
pub fn waiting(conn: &mut Conn, call: CallId, cohort: CohortId) -> Result<Vec<(Taken, Project)>> {
    Ok(decisions::table
        .inner_join(applications::table.inner_join(projects::table))
        .filter(decisions::call_id.eq(call))
        .filter(decisions::cohort_id.eq(cohort))
        .filter(decisions::outcome.eq(Outcome::Waitlist))
        .filter(decisions::ended_at.is_null())
        .filter(applications::state.eq(ApplicationState::Waitlisted))
        .order((decisions::rank, decisions::decided_at, decisions::id))
        .select((Taken::as_select(), Project::as_select()))
        .load(conn)?)
}

pub fn insert_release(tx: &mut Tx<'_>, release: &Release) -> Result<Release> {
    let row = diesel::insert_into(releases::table).values((
        releases::id.eq(release.id),
        releases::call_id.eq(release.call_id),
        releases::application_ids.eq(&release.application_ids),
        releases::due_at.eq(release.due_at),
        releases::state.eq(release.state),
        releases::decided.eq(release.decided),
        releases::problems.eq(&release.problems),
        releases::created_by.eq(release.created_by),
        releases::version.eq(1_i64),
        releases::created_at.eq(tx.now),
        releases::updated_at.eq(tx.now),
    ));
    native_row!(&mut *tx.conn, row, Release)?.or_not_found()
}

/// Takes a release's lock until the transaction ends.
///
/// # Errors
/// `not-found` where there is none.
pub fn lock_release(conn: &mut Conn, id: ReleaseId) -> Result<Release> {
    dialect::lock_row(conn, "releases", id.0)?;
    releases::table
        .find(id)
        .select(Release::as_select())
        .get_result(conn)
        .or_not_found()
}

pub fn keep_release(tx: &mut Tx<'_>, release: &Release) -> Result<Release> {
    let row = releases::table
        .find(release.id)
        .filter(releases::version.eq(release.version));
    let kept = diesel::update(row).set((
        releases::application_ids.eq(&release.application_ids),
        releases::due_at.eq(release.due_at),
        releases::state.eq(release.state),
        releases::decided.eq(release.decided),
        releases::problems.eq(&release.problems),
        releases::version.eq(release.version + 1),
        releases::updated_at.eq(tx.now),
    ));
    native_row!(&mut *tx.conn, kept, Release)?.ok_or_else(Error::stale)
}

/// The releases of a call; with `own`, only those that the caller made.
pub fn list_releases(
    conn: &mut Conn,
    caller: &Caller,
    call: CallId,
    own: bool,
    keyset: &Keyset,
) -> Result<Vec<Release>> {
    let mut query = releases::table
        .filter(releases::call_id.eq(call))
        .into_boxed();
    if own {
        query = query.filter(releases::created_by.eq(caller.account()));
    }
    let query = crate::keyset!(query, keyset, releases::id, ReleaseId, {
        "created_at" => releases::created_at, Moment;
    });
    Ok(query.select(Release::as_select()).load(conn)?)
}

/// Places that exist for the caller: those of their own projects, and of the regions and cohorts that they coordinate.
fn visible_places(caller: &Caller) -> places::BoxedQuery<'static, MultiBackend> {
    let cohorts = caller.cohorts(Role::Coordinator).into_iter();
    let cohorts: Vec<CohortId> = cohorts.map(CohortId).collect();
    let of_cohorts = places::cohort_id.eq_any(cohorts);
    let of_projects = places::project_id.eq_any(reached(Reach::with_own(caller)));
    places::table
        .into_boxed()
        .filter(of_projects.or(of_cohorts))
}

/// # Errors
/// `not-found` where there is none for the caller.
pub fn place(conn: &mut Conn, caller: &Caller, id: PlaceId) -> Result<Place> {
    visible_places(caller)
        .filter(places::id.eq(id))
        .select(Place::as_select())
        .get_result(conn)
        .or_not_found()
}

/// # Errors
/// `not-found` where there is none.
pub fn find_place(conn: &mut Conn, id: PlaceId) -> Result<Place> {
    place(conn, &Caller::system(), id)
}

/// Takes a place's lock until the transaction ends, then finds it in the caller's scope.
///
/// # Errors
/// `not-found` where there is none for the caller.
pub fn lock_place(conn: &mut Conn, caller: &Caller, id: PlaceId) -> Result<Place> {
    dialect::lock_row(conn, "places", id.0)?;
    place(conn, caller, id)
}

/// The last place that an application led to.
pub fn place_of(conn: &mut Conn, application: ApplicationId) -> Result<Option<Place>> {
    let own = places::table.filter(places::application_id.eq(application));
    Ok(own
        .order((places::created_at.desc(), places::id.desc()))
        .select(Place::as_select())
        .first(conn)
        .optional()?)
}

/// Which places a list shows.
#[derive(Debug, Clone, Default)]
pub struct PlaceFilter {
    pub state: Option<PlaceState>,
    pub call: Option<CallId>,
    pub cohort: Option<CohortId>,
    pub project: Option<ProjectId>,
    pub updated_since: Option<Moment>,
}

pub fn list_places(
    conn: &mut Conn,
    caller: &Caller,
    filter: &PlaceFilter,
    keyset: &Keyset,
) -> Result<Vec<Place>> {
    let mut query = visible_places(caller);
    if let Some(state) = filter.state {
        query = query.filter(places::state.eq(state));
    }
    if let Some(call) = filter.call {
        query = query.filter(places::call_id.eq(call));
    }
    if let Some(cohort) = filter.cohort {
        query = query.filter(places::cohort_id.eq(cohort));
    }
    if let Some(project) = filter.project {
        query = query.filter(places::project_id.eq(project));
    }
    if let Some(since) = filter.updated_since {
        query = query.filter(places::updated_at.ge(since));
    }
    let query = crate::keyset!(query, keyset, places::id, PlaceId, {
        "created_at" => places::created_at, Moment;
        "updated_at" => places::updated_at, Moment;
    });
    Ok(query.select(Place::as_select()).load(conn)?)
}

/// How many places of a cohort are offered and not answered, by region.
pub fn open_places(conn: &mut Conn, cohort: CohortId) -> Result<Vec<(Option<String>, i64)>> {
    Ok(places::table
        .inner_join(projects::table)
        .filter(places::cohort_id.eq(cohort))
        .filter(places::state.eq(PlaceState::Offered))
        .group_by(projects::region)
        .select((projects::region, count_star()))
        .load(conn)?)
}

pub fn insert_place(tx: &mut Tx<'_>, place: &Place) -> Result<()> {
    diesel::insert_into(places::table)
        .values((
            places::id.eq(place.id),
            places::application_id.eq(place.application_id),
            places::project_id.eq(place.project_id),
            places::call_id.eq(place.call_id),
            places::cohort_id.eq(place.cohort_id),
            places::pillar.eq(place.pillar),
            places::region.eq(&place.region),
            places::state.eq(place.state),
            places::offered_at.eq(place.offered_at),
            places::expires_at.eq(place.expires_at),
            places::version.eq(place.version),
            places::created_at.eq(place.created_at),
            places::updated_at.eq(place.updated_at),
        ))
        .execute(tx.conn)?;
    Ok(())
}

pub fn keep_place(tx: &mut Tx<'_>, place: &Place) -> Result<Place> {
    let row = places::table
        .find(place.id)
        .filter(places::version.eq(place.version));
    let kept = diesel::update(row).set((
        places::state.eq(place.state),
        places::reminded_days_before.eq(place.reminded_days_before),
        places::ended_at.eq(place.ended_at),
        places::version.eq(place.version + 1),
        places::updated_at.eq(tx.now),
    ));
    native_row!(&mut *tx.conn, kept, Place)?.ok_or_else(Error::stale)
}

/// Takes a call's lock until the transaction ends, so that what is staged for it stands still.
///
/// # Errors
/// The database's.
pub fn lock_call(conn: &mut Conn, call: CallId) -> Result<()> {
    Ok(dialect::lock_row(conn, "calls", call.0)?)
}
