//! Cohorts over HTTP, and who sees which.

use actix_web::web::Path;
use actix_web::{HttpResponse, get, patch, post};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::{Caller, Role, policy};
use crate::db::{Conn, Moment};
use crate::error::{Error, FieldError, Result};
use crate::http::page::{self, CursorValue, Format, Paging};
use crate::http::{Ctx, Keyset, Page, Query, Reply, Routes, Valid};
use crate::lang::{Lang, Names};
use crate::network::actions;
use crate::network::files::CohortPart;
use crate::network::model::{Cohort, CohortId, ProgrammeId, names};
use crate::network::store::{self, Filter};

pub fn register(routes: &mut Routes) {
    routes.add(list_cohorts, policy::DASHBOARDS);
    routes.add(show_cohort, policy::DASHBOARDS);
    routes.add(create_cohort, policy::ADMIN);
    routes.add_versioned(change_cohort, policy::ADMIN);
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListCohorts {
    #[param(inline)]
    programme_id: Option<ProgrammeId>,
    #[param(inline)]
    updated_since: Option<Moment>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    cursor: Option<String>,
    /// `-starts_on` (default), `starts_on`, `created_at`, `updated_at`, with - for descending
    sort: Option<String>,
    #[param(inline)]
    format: Option<Format>,
}

#[derive(Serialize, ToSchema)]
struct QuotaOut {
    region: String,
    places: i32,
}

#[derive(Serialize, ToSchema)]
struct CohortOut {
    id: CohortId,
    slug: String,
    name: String,
    names: Names,
    programme_id: ProgrammeId,
    starts_on: NaiveDate,
    ends_on: NaiveDate,
    capacity: i32,
    quota: Vec<QuotaOut>,
    created_at: Moment,
    updated_at: Moment,
}

impl CohortOut {
    fn load(conn: &mut Conn, cohort: Cohort, lang: Lang) -> Result<Self> {
        let places = store::places_of(conn, cohort.id)?;
        let names = names(&cohort.names);
        let Cohort {
            id,
            slug,
            programme_id,
            starts_on,
            ends_on,
            capacity,
            created_at,
            updated_at,
            ..
        } = cohort;
        let quota = places
            .into_iter()
            .map(|(region, places)| QuotaOut { region, places })
            .collect();
        Ok(Self {
            id,
            slug,
            name: names.get(lang).to_owned(),
            names,
            programme_id,
            starts_on,
            ends_on,
            capacity,
            quota,
            created_at,
            updated_at,
        })
    }
}

/// The cohorts in the caller's scope: none is left out for those who work in a region, because cohorts span regions;
/// others see the cohorts and programmes that they are granted.
fn cohorts_in_scope(conn: &mut Conn, caller: &Caller) -> Result<Option<Vec<CohortId>>> {
    let roles = [Role::Coordinator, Role::Partner];
    let wide = |role| caller.everywhere(role) || !caller.regions(role).is_empty();
    if roles.into_iter().any(wide) {
        return Ok(None);
    }
    let mut ids: Vec<CohortId> = roles
        .into_iter()
        .flat_map(|role| caller.cohorts(role))
        .map(CohortId)
        .collect();
    let programmes: Vec<_> = roles
        .into_iter()
        .flat_map(|role| caller.programmes(role))
        .collect();
    for (cohort, programme) in store::cohort_programmes(conn)? {
        if programmes.contains(&programme.0) {
            ids.push(cohort);
        }
    }
    Ok(Some(ids))
}

/// The cohorts in your scope.
#[utoipa::path(tag = "network", params(ListCohorts), responses((status = 200, body = Page<CohortOut>)))]
#[get("/v1/cohorts")]
async fn list_cohorts(ctx: Ctx, query: Query<ListCohorts>) -> Result<HttpResponse> {
    let Query(ListCohorts {
        programme_id,
        updated_since,
        limit,
        cursor,
        sort,
        format,
    }) = query;
    let sorts = [
        "-starts_on",
        "starts_on",
        "-created_at",
        "created_at",
        "-updated_at",
        "updated_at",
    ];
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
    let (wanted, lang) = (keyset.clone(), ctx.lang);
    let filter = Filter {
        updated_since,
        ..Filter::default()
    };
    let found = ctx.read(move |conn, caller| {
        let only = cohorts_in_scope(conn, caller)?;
        let rows = store::cohorts(conn, only.as_deref(), &filter, programme_id, &wanted)?;
        rows.into_iter()
            .map(|cohort| CohortOut::load(conn, cohort, lang))
            .collect::<Result<Vec<_>>>()
    });
    let key = |out: &CohortOut, by: &str| {
        let value = match by {
            "starts_on" => out.starts_on.write(),
            "updated_at" => out.updated_at.write(),
            _ => out.created_at.write(),
        };
        (value, out.id.0)
    };
    page::answer(&ctx, &keyset.page(found.await?, key), format)
}

/// One cohort.
#[utoipa::path(tag = "network", params(("id" = CohortId, Path)), responses((status = 200, body = CohortOut)))]
#[get("/v1/cohorts/{id}")]
async fn show_cohort(ctx: Ctx, id: Path<CohortId>) -> Result<Reply> {
    let (id, lang) = (id.into_inner(), ctx.lang);
    let (out, version) = ctx
        .read(move |conn, caller| {
            if cohorts_in_scope(conn, caller)?.is_some_and(|only| !only.contains(&id)) {
                return Err(Error::not_found());
            }
            let cohort = store::cohort(conn, id)?;
            let version = cohort.version;
            Ok((CohortOut::load(conn, cohort, lang)?, version))
        })
        .await?;
    Ok(Reply::ok(&out)?.version(version))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CohortIn {
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
    names: Names,
    starts_on: NaiveDate,
    ends_on: NaiveDate,
    #[schema(minimum = 1, maximum = 100_000)]
    capacity: i32,
    /// Places for each region; a region that is left out has no limit of its own.
    #[serde(default)]
    quota: std::collections::BTreeMap<String, i32>,
}

impl CohortIn {
    fn part(self) -> Result<CohortPart> {
        let Self {
            slug,
            programme,
            names,
            starts_on,
            ends_on,
            capacity,
            quota,
        } = self;
        if ends_on <= starts_on {
            return Err(Error::invalid(vec![FieldError::new(
                "/ends_on",
                "ends-before-start",
            )]));
        }
        Ok(CohortPart {
            slug,
            programme,
            names,
            starts_on,
            ends_on,
            capacity,
            quota,
        })
    }
}

/// Open a cohort.
#[utoipa::path(tag = "network", request_body = CohortIn, responses((status = 201, body = CohortOut)))]
#[post("/v1/cohorts")]
async fn create_cohort(ctx: Ctx, body: Valid<CohortIn>) -> Result<Reply> {
    let (part, lang) = (body.0.part()?, ctx.lang);
    ctx.write(move |tx| {
        known_regions(tx.conn, &part)?;
        let cohort = actions::create_cohort(tx, &part)?;
        let (version, location) = (cohort.version, format!("/v1/cohorts/{}", cohort.id));
        Ok(Reply::created(&CohortOut::load(tx.conn, cohort, lang)?, location)?.version(version))
    })
    .await
}

/// Change a cohort.
#[utoipa::path(tag = "network", params(("id" = CohortId, Path)), request_body = CohortIn, responses((status = 200, body = CohortOut)))]
#[patch("/v1/cohorts/{id}")]
async fn change_cohort(ctx: Ctx, id: Path<CohortId>, body: Valid<CohortIn>) -> Result<Reply> {
    let (id, seen, part, lang) = (id.into_inner(), ctx.seen()?, body.0.part()?, ctx.lang);
    ctx.write(move |tx| {
        known_regions(tx.conn, &part)?;
        let cohort = actions::change_cohort(tx, id, &seen, &part)?;
        let version = cohort.version;
        Ok(Reply::ok(&CohortOut::load(tx.conn, cohort, lang)?)?.version(version))
    })
    .await
}

fn known_regions(conn: &mut Conn, part: &CohortPart) -> Result<()> {
    let mut errors = crate::error::FieldErrors::default();
    for (region, places) in &part.quota {
        if store::region_names(conn, region).is_err() {
            errors.push(FieldError::new(
                format!("/quota/{region}"),
                "unknown-reference",
            ));
        }
        if *places < 0 {
            errors.push(FieldError::new(format!("/quota/{region}"), "too-small").with("min", 0));
        }
    }
    errors.done()
}
