//! Places over HTTP, and how those of a call are set up.

use actix_web::web::Path;
use actix_web::{HttpResponse, get, post, put};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::applications::ApplicationId;
use crate::auth::policy;
use crate::db::Moment;
use crate::decisions::model::{NewSettings, Place, PlaceId, PlaceState, Settings};
use crate::decisions::store::{self, PlaceFilter};
use crate::decisions::{actions, places};
use crate::error::{OrNotFound, Result};
use crate::http::page::{self, CursorValue, Format, Paging};
use crate::http::{Ctx, Keyset, Page, Query, Reply, Routes, Valid};
use crate::network::{self, CallId, CohortId, Pillar};
use crate::projects::ProjectId;

pub fn register(routes: &mut Routes) {
    routes.add(set_up_places, policy::STAFF);
    routes.add(show_place_settings, policy::STAFF);
    routes.add(list_places, policy::READ_PROJECTS);
    routes.add(show_place, policy::READ_PROJECTS);
    routes.add_versioned(confirm_place, policy::SIGNED_IN);
    routes.add_versioned(give_up_place, policy::SIGNED_IN);
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PlaceSettingsIn {
    /// How long a place is kept for an answer; null: whoever is accepted enters at once.
    #[schema(minimum = 1, maximum = 365)]
    confirm_within_days: Option<i32>,
    /// How many days before its end a place is reminded of.
    #[serde(default)]
    #[schema(max_items = 10)]
    reminder_days_before: Vec<i32>,
    /// Whether more places may be offered than there are; then whoever confirms first has one.
    #[serde(default)]
    offer_beyond_capacity: bool,
}

#[derive(Serialize, ToSchema)]
struct PlaceSettingsOut {
    call_id: CallId,
    confirm_within_days: Option<i32>,
    reminder_days_before: Vec<i32>,
    offer_beyond_capacity: bool,
    version: i64,
    created_at: Moment,
    updated_at: Moment,
}

fn set(row: Settings) -> Result<Reply> {
    let out = PlaceSettingsOut {
        reminder_days_before: row.reminders(),
        call_id: row.call_id,
        confirm_within_days: row.confirm_within_days,
        offer_beyond_capacity: row.offer_beyond_capacity,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    };
    Ok(Reply::ok(&out)?.version(row.version))
}

/// Set up how the places of a call are offered. Needs `If-Match` where that was done before.
#[utoipa::path(tag = "decisions", params(("id" = CallId, Path)), request_body = PlaceSettingsIn, responses((status = 200, body = PlaceSettingsOut)))]
#[put("/v1/calls/{id}/places")]
async fn set_up_places(ctx: Ctx, id: Path<CallId>, body: Valid<PlaceSettingsIn>) -> Result<Reply> {
    let (id, seen) = (id.into_inner(), ctx.seen().ok());
    let Valid(PlaceSettingsIn {
        confirm_within_days,
        reminder_days_before,
        offer_beyond_capacity,
    }) = body;
    let new = NewSettings {
        confirm_within_days,
        reminder_days_before,
        offer_beyond_capacity,
    };
    ctx.write(move |tx| set(actions::set_up(tx, id, seen.as_ref(), &new)?))
        .await
}

/// How the places of a call are offered; 404 where nothing was set up.
#[utoipa::path(tag = "decisions", params(("id" = CallId, Path)), responses((status = 200, body = PlaceSettingsOut)))]
#[get("/v1/calls/{id}/places")]
async fn show_place_settings(ctx: Ctx, id: Path<CallId>) -> Result<Reply> {
    let id = id.into_inner();
    let found = ctx.read(move |conn, _| {
        let call = network::call(conn, id)?;
        store::settings(conn, call.id)?.or_not_found()
    });
    set(found.await?)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListPlaces {
    #[param(inline)]
    state: Option<PlaceState>,
    #[param(inline)]
    call_id: Option<CallId>,
    #[param(inline)]
    cohort_id: Option<CohortId>,
    #[param(inline)]
    project_id: Option<ProjectId>,
    #[param(inline)]
    updated_since: Option<Moment>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    cursor: Option<String>,
    /// `-created_at` (default), `created_at`, `-updated_at`, `updated_at`
    sort: Option<String>,
    #[param(inline)]
    format: Option<Format>,
}

#[derive(Serialize, ToSchema)]
struct PlaceOut {
    id: PlaceId,
    application_id: ApplicationId,
    project_id: ProjectId,
    call_id: CallId,
    cohort_id: CohortId,
    pillar: Pillar,
    region: Option<String>,
    state: PlaceState,
    offered_at: Moment,
    /// Until when it can be confirmed or given up.
    expires_at: Moment,
    ended_at: Option<Moment>,
    version: i64,
    created_at: Moment,
    updated_at: Moment,
}

impl From<Place> for PlaceOut {
    fn from(row: Place) -> Self {
        let Place {
            id,
            application_id,
            project_id,
            call_id,
            cohort_id,
            pillar,
            region,
            state,
            offered_at,
            expires_at,
            ended_at,
            version,
            created_at,
            updated_at,
            ..
        } = row;
        Self {
            id,
            application_id,
            project_id,
            call_id,
            cohort_id,
            pillar,
            region,
            state,
            offered_at,
            expires_at,
            ended_at,
            version,
            created_at,
            updated_at,
        }
    }
}

fn shown(place: Place) -> Result<Reply> {
    let version = place.version;
    Ok(Reply::ok(&PlaceOut::from(place))?.version(version))
}

/// Places that were offered, in your scope.
#[utoipa::path(tag = "decisions", params(ListPlaces), responses((status = 200, body = Page<PlaceOut>)))]
#[get("/v1/places")]
async fn list_places(ctx: Ctx, query: Query<ListPlaces>) -> Result<HttpResponse> {
    let Query(ListPlaces {
        state,
        call_id: call,
        cohort_id: cohort,
        project_id: project,
        updated_since,
        limit,
        cursor,
        sort,
        format,
    }) = query;
    let paging = Paging {
        limit,
        cursor,
        sort,
        format,
    };
    let sorts = ["-created_at", "created_at", "-updated_at", "updated_at"];
    let keyset = Keyset::new(ctx.request(), &paging, &sorts)?;
    let filter = PlaceFilter {
        state,
        call,
        cohort,
        project,
        updated_since,
    };
    let wanted = keyset.clone();
    let found = ctx
        .read(move |conn, caller| store::list_places(conn, caller, &filter, &wanted))
        .await?;
    let out = found.into_iter().map(PlaceOut::from).collect();
    let key = |out: &PlaceOut, by: &str| {
        let at = if by == "updated_at" {
            out.updated_at
        } else {
            out.created_at
        };
        (at.write(), out.id.0)
    };
    page::answer(&ctx, &keyset.page(out, key), format)
}

/// One place.
#[utoipa::path(tag = "decisions", params(("id" = PlaceId, Path)), responses((status = 200, body = PlaceOut)))]
#[get("/v1/places/{id}")]
async fn show_place(ctx: Ctx, id: Path<PlaceId>) -> Result<Reply> {
    let id = id.into_inner();
    shown(
        ctx.read(move |conn, caller| store::place(conn, caller, id))
            .await?,
    )
}

/// Confirm a place: the project enters its cohort and pillar. For owners and editors of its team.
#[utoipa::path(tag = "decisions", params(("id" = PlaceId, Path)), responses((status = 200, body = PlaceOut)))]
#[post("/v1/places/{id}/confirmation")]
async fn confirm_place(ctx: Ctx, id: Path<PlaceId>) -> Result<Reply> {
    let (id, seen) = (id.into_inner(), ctx.seen()?);
    ctx.write(move |tx| shown(places::confirm(tx, id, &seen)?))
        .await
}

/// Give a place up; it goes to the next on the waiting list. For owners and editors of the project's team.
#[utoipa::path(tag = "decisions", params(("id" = PlaceId, Path)), responses((status = 200, body = PlaceOut)))]
#[post("/v1/places/{id}/renunciation")]
async fn give_up_place(ctx: Ctx, id: Path<PlaceId>) -> Result<Reply> {
    let (id, seen) = (id.into_inner(), ctx.seen()?);
    ctx.write(move |tx| shown(places::give_up(tx, id, &seen)?))
        .await
}
