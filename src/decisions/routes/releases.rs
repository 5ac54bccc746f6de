//! Releases of staged decisions over HTTP.

use actix_web::web::Path;
use actix_web::{HttpResponse, delete, get, patch, post};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::applications::ApplicationId;
use crate::auth::{AccountId, policy};
use crate::db::Moment;
use crate::decisions::model::{Release, ReleaseId, ReleaseState};
use crate::decisions::releases::{self, NewRelease};
use crate::decisions::store;
use crate::error::Result;
use crate::http::page::{self, CursorValue, Format, Paging};
use crate::http::{Ctx, Keyset, Page, Query, Reply, Routes, Valid};
use crate::network::{self, CallId};

pub fn register(routes: &mut Routes) {
    routes.add(release_decisions, policy::STAFF);
    routes.add(list_releases, policy::STAFF);
    routes.add_versioned(change_release, policy::STAFF);
    routes.add_versioned(cancel_release, policy::STAFF);
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReleaseIn {
    /// Which applications; if left out, all that are staged in your scope when the release happens.
    #[schema(min_items = 1, max_items = 1000)]
    application_ids: Option<Vec<ApplicationId>>,
    /// When; if left out, now.
    at: Option<Moment>,
}

impl From<ReleaseIn> for NewRelease {
    fn from(
        ReleaseIn {
            application_ids,
            at,
        }: ReleaseIn,
    ) -> Self {
        Self {
            applications: application_ids,
            due_at: at,
        }
    }
}

/// Why a release was refused at its time: the codes of `errors` in a problem document.
#[derive(Serialize, Deserialize, ToSchema)]
struct ReleaseProblem {
    pointer: String,
    code: String,
}

#[derive(Serialize, ToSchema)]
struct ReleaseOut {
    id: ReleaseId,
    call_id: CallId,
    application_ids: Option<Vec<ApplicationId>>,
    at: Moment,
    state: ReleaseState,
    /// How many decisions went out.
    decided: Option<i32>,
    problems: Vec<ReleaseProblem>,
    created_by: Option<AccountId>,
    version: i64,
    created_at: Moment,
    updated_at: Moment,
}

impl From<Release> for ReleaseOut {
    fn from(row: Release) -> Self {
        Self {
            application_ids: row.applications(),
            problems: problems(row.problems.0),
            id: row.id,
            call_id: row.call_id,
            at: row.due_at,
            state: row.state,
            decided: row.decided,
            created_by: row.created_by,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

fn problems(kept: Value) -> Vec<ReleaseProblem> {
    serde_json::from_value(kept).unwrap_or_default()
}

/// Release staged decisions: all in one transaction, or none and every reason; now, or at a set time.
#[utoipa::path(tag = "decisions", params(("id" = CallId, Path)), request_body = ReleaseIn, responses((status = 201, body = ReleaseOut)))]
#[post("/v1/calls/{id}/releases")]
async fn release_decisions(ctx: Ctx, id: Path<CallId>, body: Valid<ReleaseIn>) -> Result<Reply> {
    let (id, new) = (id.into_inner(), NewRelease::from(body.0));
    ctx.write(move |tx| {
        let release = releases::begin(tx, id, &new)?;
        let (version, location) = (release.version, format!("/v1/releases/{}", release.id));
        Ok(Reply::created(&ReleaseOut::from(release), location)?.version(version))
    })
    .await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListReleases {
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    cursor: Option<String>,
    /// `-created_at` (default) or `created_at`
    sort: Option<String>,
    #[param(inline)]
    format: Option<Format>,
}

/// The releases of a call: all for those who run it, else your own.
#[utoipa::path(tag = "decisions", params(("id" = CallId, Path), ListReleases), responses((status = 200, body = Page<ReleaseOut>)))]
#[get("/v1/calls/{id}/releases")]
async fn list_releases(
    ctx: Ctx,
    id: Path<CallId>,
    query: Query<ListReleases>,
) -> Result<HttpResponse> {
    let Query(ListReleases {
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
    let keyset = Keyset::new(ctx.request(), &paging, &["-created_at", "created_at"])?;
    let (id, wanted) = (id.into_inner(), keyset.clone());
    let found = ctx.read(move |conn, caller| {
        let call = network::call(conn, id)?;
        let own = !network::may_run(caller, &call);
        store::list_releases(conn, caller, id, own, &wanted)
    });
    let out = found.await?.into_iter().map(ReleaseOut::from).collect();
    let key = |out: &ReleaseOut, _: &str| (out.created_at.write(), out.id.0);
    page::answer(&ctx, &keyset.page(out, key), format)
}

/// Change a release that is to come: its time, or which applications.
#[utoipa::path(tag = "decisions", params(("id" = ReleaseId, Path)), request_body = ReleaseIn, responses((status = 200, body = ReleaseOut)))]
#[patch("/v1/releases/{id}")]
async fn change_release(ctx: Ctx, id: Path<ReleaseId>, body: Valid<ReleaseIn>) -> Result<Reply> {
    let (id, seen, new) = (id.into_inner(), ctx.seen()?, NewRelease::from(body.0));
    ctx.write(move |tx| shown(releases::change(tx, id, &seen, &new)?))
        .await
}

/// Cancel a release that is to come.
#[utoipa::path(tag = "decisions", params(("id" = ReleaseId, Path)), responses((status = 200, body = ReleaseOut)))]
#[delete("/v1/releases/{id}")]
async fn cancel_release(ctx: Ctx, id: Path<ReleaseId>) -> Result<Reply> {
    let (id, seen) = (id.into_inner(), ctx.seen()?);
    ctx.write(move |tx| shown(releases::cancel(tx, id, &seen)?))
        .await
}

fn shown(release: Release) -> Result<Reply> {
    let version = release.version;
    Ok(Reply::ok(&ReleaseOut::from(release))?.version(version))
}
