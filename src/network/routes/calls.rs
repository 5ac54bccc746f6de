//! Programmes and calls over HTTP.

use actix_web::web::Path;
use actix_web::{HttpResponse, get, patch, post};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::policy;
use crate::db::Moment;
use crate::error::{Error, FieldError, Result};
use crate::http::page::{self, CursorValue, Format, Paging};
use crate::http::{Ctx, Keyset, Page, Query, Reply, Routes, Valid};
use crate::lang::{Lang, Names};
use crate::network::actions;
use crate::network::files::CallPart;
use crate::network::model::{
    Call, CallId, CohortId, OrganisationId, PillarPlan, Programme, ProgrammeId, Sector, names,
};
use crate::network::store;

pub fn register(routes: &mut Routes) {
    routes.add(list_programmes, policy::PUBLIC);
    routes.add(list_calls, policy::PUBLIC);
    routes.add(show_call, policy::PUBLIC);
    routes.add(create_call, policy::ADMIN);
    routes.add_versioned(change_call, policy::ADMIN);
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListProgrammes {
    #[param(inline)]
    updated_since: Option<Moment>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    cursor: Option<String>,
    /// `slug` (default) or `updated_at`, with - for descending
    sort: Option<String>,
    #[param(inline)]
    format: Option<Format>,
}

#[derive(Serialize, ToSchema)]
struct ProgrammeOut {
    id: ProgrammeId,
    slug: String,
    name: String,
    summary: String,
    organisation_id: Option<OrganisationId>,
    regions: Vec<String>,
    languages: Vec<Lang>,
    sectors: Vec<Sector>,
    excluded_sectors: Vec<Sector>,
    /// Target days, gates and milestones of each pillar.
    pillars: Vec<PillarPlan>,
    updated_at: Moment,
}

impl ProgrammeOut {
    fn new(programme: Programme, lang: Lang) -> Self {
        let Programme {
            id,
            slug,
            organisation_id,
            regions,
            languages,
            sectors,
            excluded_sectors,
            pillars,
            updated_at,
            ..
        } = programme;
        let (name, summary) = (
            programme.names.get(lang).to_owned(),
            programme.summary.get(lang).to_owned(),
        );
        Self {
            id,
            slug,
            name,
            summary,
            organisation_id,
            regions,
            languages,
            sectors,
            excluded_sectors,
            pillars,
            updated_at,
        }
    }
}

/// The programmes of the network.
#[utoipa::path(tag = "network", params(ListProgrammes), responses((status = 200, body = Page<ProgrammeOut>)))]
#[get("/v1/programmes")]
async fn list_programmes(ctx: Ctx, query: Query<ListProgrammes>) -> Result<HttpResponse> {
    let Query(ListProgrammes {
        updated_since,
        limit,
        cursor,
        sort,
        format,
    }) = query;
    let keyset = Keyset::new(
        ctx.request(),
        &Paging {
            limit,
            cursor,
            sort,
            format,
        },
        &["slug", "-slug", "updated_at", "-updated_at"],
    )?;
    let (wanted, lang) = (keyset.clone(), ctx.lang);
    let found = ctx
        .read(move |conn, _| store::programmes(conn, updated_since, &wanted))
        .await?;
    let out = found
        .into_iter()
        .map(|programme| ProgrammeOut::new(programme, lang))
        .collect();
    let key = |out: &ProgrammeOut, by: &str| {
        (
            if by == "slug" {
                out.slug.clone()
            } else {
                out.updated_at.write()
            },
            out.id.0,
        )
    };
    page::answer(&ctx, &keyset.page(out, key), format)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListCalls {
    /// Only those that take applications now (true) or all (false, the default).
    open: Option<bool>,
    #[param(inline)]
    programme_id: Option<ProgrammeId>,
    #[param(inline)]
    updated_since: Option<Moment>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    cursor: Option<String>,
    /// `-closes_at` (default), `closes_at`, `updated_at`, `-updated_at`
    sort: Option<String>,
    #[param(inline)]
    format: Option<Format>,
}

#[derive(Serialize, ToSchema)]
struct CallOut {
    id: CallId,
    slug: String,
    name: String,
    names: Names,
    programme_id: ProgrammeId,
    cohort_id: Option<CohortId>,
    opens_at: Moment,
    closes_at: Moment,
    /// Whether it takes applications now.
    open: bool,
    updated_at: Moment,
}

impl CallOut {
    fn new(call: Call, lang: Lang, now: Moment) -> Self {
        let names = names(&call.names);
        let Call {
            id,
            slug,
            programme_id,
            cohort_id,
            opens_at,
            closes_at,
            updated_at,
            ..
        } = call;
        let open = opens_at <= now && now < closes_at;
        Self {
            id,
            slug,
            name: names.get(lang).to_owned(),
            names,
            programme_id,
            cohort_id,
            opens_at,
            closes_at,
            open,
            updated_at,
        }
    }
}

/// The calls of the network.
#[utoipa::path(tag = "network", params(ListCalls), responses((status = 200, body = Page<CallOut>)))]
#[get("/v1/calls")]
async fn list_calls(ctx: Ctx, query: Query<ListCalls>) -> Result<HttpResponse> {
    let Query(ListCalls {
        open,
        programme_id,
        updated_since,
        limit,
        cursor,
        sort,
        format,
    }) = query;
    let sorts = ["-closes_at", "closes_at", "updated_at", "-updated_at"];
    let keyset = Keyset::new(
        ctx.request(),
        &Paging {
            limit,
            cursor,
            sort,
            format,
        },
        &sorts,
    )?;
    let (wanted, lang, now) = (keyset.clone(), ctx.lang, ctx.now);
    let open_at = open.unwrap_or(false).then_some(now);
    let found = ctx
        .read(move |conn, _| store::calls(conn, open_at, programme_id, updated_since, &wanted))
        .await?;
    let out = found
        .into_iter()
        .map(|call| CallOut::new(call, lang, now))
        .collect();
    let key = |out: &CallOut, by: &str| {
        (
            if by == "updated_at" {
                out.updated_at.write()
            } else {
                out.closes_at.write()
            },
            out.id.0,
        )
    };
    page::answer(&ctx, &keyset.page(out, key), format)
}

/// One call.
#[utoipa::path(tag = "network", params(("id" = CallId, Path)), responses((status = 200, body = CallOut)))]
#[get("/v1/calls/{id}")]
async fn show_call(ctx: Ctx, id: Path<CallId>) -> Result<Reply> {
    let call = ctx
        .read(move |conn, _| store::call(conn, id.into_inner()))
        .await?;
    let version = call.version;
    Ok(Reply::ok(&CallOut::new(call, ctx.lang, ctx.now))?.version(version))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CallIn {
    #[schema(
        format = "line",
        min_length = 1,
        max_length = 80,
        pattern = "^[a-z0-9-]+$"
    )]
    slug: String,
    /// The programme's slug.
    #[schema(max_length = 80)]
    programme: String,
    /// The slug of the cohort that it fills.
    #[schema(max_length = 80)]
    cohort: Option<String>,
    names: Names,
    opens_at: Moment,
    closes_at: Moment,
}

impl CallIn {
    fn part(self) -> Result<CallPart> {
        let Self {
            slug,
            programme,
            cohort,
            names,
            opens_at,
            closes_at,
        } = self;
        if closes_at <= opens_at {
            return Err(Error::invalid(vec![FieldError::new(
                "/closes_at",
                "ends-before-start",
            )]));
        }
        Ok(CallPart {
            slug,
            programme,
            cohort,
            names,
            opens_at,
            closes_at,
        })
    }
}

/// Open a call.
#[utoipa::path(tag = "network", request_body = CallIn, responses((status = 201, body = CallOut)))]
#[post("/v1/calls")]
async fn create_call(ctx: Ctx, body: Valid<CallIn>) -> Result<Reply> {
    let (part, lang) = (body.0.part()?, ctx.lang);
    ctx.write(move |tx| {
        let call = actions::create_call(tx, &part)?;
        let (version, location) = (call.version, format!("/v1/calls/{}", call.id));
        Ok(Reply::created(&CallOut::new(call, lang, tx.now), location)?.version(version))
    })
    .await
}

/// Change a call.
#[utoipa::path(tag = "network", params(("id" = CallId, Path)), request_body = CallIn, responses((status = 200, body = CallOut)))]
#[patch("/v1/calls/{id}")]
async fn change_call(ctx: Ctx, id: Path<CallId>, body: Valid<CallIn>) -> Result<Reply> {
    let (id, seen, part, lang) = (id.into_inner(), ctx.seen()?, body.0.part()?, ctx.lang);
    ctx.write(move |tx| {
        let row = store::call(tx.conn, id)?;
        let call = actions::change_call(tx, &row, &seen, &part)?;
        let version = call.version;
        Ok(Reply::ok(&CallOut::new(call, lang, tx.now))?.version(version))
    })
    .await
}
