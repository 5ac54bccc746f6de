//! The network over HTTP: read by anyone, changed by those who run it.

use actix_web::web::Path;
use actix_web::{HttpResponse, get, patch, post};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::actions;
use super::files::{CallPart, CohortPart};
use super::model::{
    Call, CallId, Cohort, CohortId, Mandate, MandateId, Organisation, OrganisationId, OrganisationKind, Pillar, PillarPlan, Place,
    Programme, ProgrammeId, Responsibility, Sector, names,
};
use super::store::{self, Filter};
use crate::auth::{Caller, Role, policy};
use crate::db::{Conn, Moment};
use crate::error::{Error, FieldError, Result};
use crate::http::page::{self, CursorValue, Format, Paging};
use crate::http::{Ctx, Keyset, Page, Query, Reply, Routes, Valid};
use crate::lang::{Lang, Names};

pub fn register(routes: &mut Routes<'_>) {
    routes.add(list_regions, policy::PUBLIC);
    routes.add(show_postal_code, policy::PUBLIC);
    routes.add(list_organisations, policy::PUBLIC);
    routes.add(list_mandates, policy::PUBLIC);
    routes.add(list_programmes, policy::PUBLIC);
    routes.add(list_calls, policy::PUBLIC);
    routes.add(show_call, policy::PUBLIC);
    routes.add(create_call, policy::ADMIN);
    routes.add_versioned(change_call, policy::ADMIN);
    routes.add(list_cohorts, policy::DASHBOARDS);
    routes.add(show_cohort, policy::DASHBOARDS);
    routes.add(create_cohort, policy::ADMIN);
    routes.add_versioned(change_cohort, policy::ADMIN);
}

#[derive(Serialize, ToSchema)]
struct ProvinceOut {
    iso: String,
    nuts2: String,
    name: String,
}

#[derive(Serialize, ToSchema)]
struct RegionOut {
    /// NUTS 1
    code: String,
    /// ISO 3166-2
    iso: String,
    /// In the language that was asked for.
    name: String,
    names: Names,
    languages: Vec<Lang>,
    provinces: Vec<ProvinceOut>,
}

/// The regions with their provinces.
#[utoipa::path(tag = "network", responses((status = 200, body = Page<RegionOut>)))]
#[get("/v1/regions")]
async fn list_regions(ctx: Ctx) -> Result<Reply> {
    let (regions, provinces) = ctx.read(|conn, _| Ok((store::regions(conn)?, store::provinces(conn)?))).await?;
    let lang = ctx.lang;
    let data = regions
        .into_iter()
        .map(|region| {
            let names = names(&region.names);
            let own = provinces.iter().filter(|province| province.region == region.code);
            let out = |province: &super::model::Province| ProvinceOut {
                iso: province.iso.clone(),
                nuts2: province.nuts2.clone(),
                name: super::model::names(&province.names).get(lang).to_owned(),
            };
            RegionOut {
                name: names.get(lang).to_owned(),
                names,
                languages: serde_json::from_value(region.languages.0).unwrap_or_default(),
                provinces: own.map(out).collect(),
                code: region.code,
                iso: region.iso,
            }
        })
        .collect();
    Ok(Reply::ok(&Page { data, next: None })?.tagged_by_content())
}

/// Where a postal code lies today.
#[utoipa::path(tag = "network", params(("country" = String, Path), ("code" = String, Path)), responses((status = 200, body = Place)))]
#[get("/v1/postal-codes/{country}/{code}")]
async fn show_postal_code(ctx: Ctx, path: Path<(String, String)>) -> Result<Reply> {
    let ((country, code), now) = (path.into_inner(), ctx.now);
    let place = ctx.read(move |conn, _| actions::show_place(conn, &country, &code, now)).await?;
    Ok(Reply::ok(&place)?.tagged_by_content())
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListBodies {
    #[param(max_length = 10)]
    region: Option<String>,
    /// Only for mandates.
    #[param(inline)]
    pillar: Option<Pillar>,
    /// Only what holds on this day.
    on: Option<NaiveDate>,
    #[param(inline)]
    updated_since: Option<Moment>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    cursor: Option<String>,
    /// `name` (organisations), `created_at` (mandates), `updated_at`, each with - for descending
    sort: Option<String>,
    #[param(inline)]
    format: Option<Format>,
}

#[derive(Serialize, ToSchema)]
struct OrganisationOut {
    id: OrganisationId,
    slug: String,
    name: String,
    kind: OrganisationKind,
    region: Option<String>,
    website: Option<String>,
    /// What it does in the network, in the language that was asked for.
    role: String,
    valid_from: NaiveDate,
    /// The first day on which it no longer holds.
    valid_to: Option<NaiveDate>,
    succeeded_by: Option<OrganisationId>,
    updated_at: Moment,
}

impl OrganisationOut {
    fn new(row: Organisation, lang: Lang) -> Self {
        let role = names(&row.roles).get(lang).to_owned();
        let Organisation { id, slug, name, kind, region, website, valid_from, valid_to, succeeded_by, updated_at, .. } = row;
        Self { id, slug, name, kind, region, website, role, valid_from, valid_to, succeeded_by, updated_at }
    }
}

/// The organisations of the network.
#[utoipa::path(tag = "network", params(ListBodies), responses((status = 200, body = Page<OrganisationOut>)))]
#[get("/v1/organisations")]
async fn list_organisations(ctx: Ctx, query: Query<ListBodies>) -> Result<HttpResponse> {
    let Query(ListBodies { region, on, updated_since, limit, cursor, sort, format, pillar }) = query;
    let keyset = Keyset::new(ctx.request(), &Paging { limit, cursor, sort, format }, &["name", "-name", "updated_at", "-updated_at"])?;
    let (filter, wanted, lang) = (Filter { region, pillar, on, updated_since }, keyset.clone(), ctx.lang);
    let found = ctx.read(move |conn, _| store::organisations(conn, &filter, &wanted)).await?;
    let out = found.into_iter().map(|row| OrganisationOut::new(row, lang)).collect();
    let key = |out: &OrganisationOut, by: &str| {
        (if by == "name" { out.name.clone() } else { out.updated_at.write() }, out.id.0)
    };
    page::answer(&ctx, &keyset.page(out, key), format)
}

#[derive(Serialize, ToSchema)]
struct MandateOut {
    id: MandateId,
    organisation_id: OrganisationId,
    organisation: String,
    pillar: Pillar,
    region: String,
    responsibility: Responsibility,
    valid_from: NaiveDate,
    /// The first day on which it no longer holds.
    valid_to: Option<NaiveDate>,
    created_at: Moment,
    updated_at: Moment,
}

/// Who leads and supports which pillar in which region.
#[utoipa::path(tag = "network", params(ListBodies), responses((status = 200, body = Page<MandateOut>)))]
#[get("/v1/mandates")]
async fn list_mandates(ctx: Ctx, query: Query<ListBodies>) -> Result<HttpResponse> {
    let Query(ListBodies { region, pillar, on, updated_since, limit, cursor, sort, format }) = query;
    let sorts = ["created_at", "-created_at", "updated_at", "-updated_at"];
    let keyset = Keyset::new(ctx.request(), &Paging { limit, cursor, sort, format }, &sorts)?;
    let (filter, wanted) = (Filter { region, pillar, on, updated_since }, keyset.clone());
    let found = ctx.read(move |conn, _| store::mandates(conn, &filter, &wanted)).await?;
    let out = |(mandate, organisation): (Mandate, Organisation)| {
        let Mandate { id, organisation_id, pillar, region, responsibility, valid_from, valid_to, created_at, updated_at } = mandate;
        MandateOut { id, organisation_id, organisation: organisation.name, pillar, region, responsibility, valid_from, valid_to, created_at, updated_at }
    };
    let key = |out: &MandateOut, by: &str| {
        (if by == "updated_at" { out.updated_at.write() } else { out.created_at.write() }, out.id.0)
    };
    page::answer(&ctx, &keyset.page(found.into_iter().map(out).collect(), key), format)
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
        let Programme { id, slug, organisation_id, regions, languages, sectors, excluded_sectors, pillars, updated_at, .. } = programme;
        let (name, summary) = (programme.names.get(lang).to_owned(), programme.summary.get(lang).to_owned());
        Self { id, slug, name, summary, organisation_id, regions, languages, sectors, excluded_sectors, pillars, updated_at }
    }
}

/// The programmes of the network.
#[utoipa::path(tag = "network", params(ListProgrammes), responses((status = 200, body = Page<ProgrammeOut>)))]
#[get("/v1/programmes")]
async fn list_programmes(ctx: Ctx, query: Query<ListProgrammes>) -> Result<HttpResponse> {
    let Query(ListProgrammes { updated_since, limit, cursor, sort, format }) = query;
    let keyset = Keyset::new(ctx.request(), &Paging { limit, cursor, sort, format }, &["slug", "-slug", "updated_at", "-updated_at"])?;
    let (wanted, lang) = (keyset.clone(), ctx.lang);
    let found = ctx.read(move |conn, _| store::programmes(conn, updated_since, &wanted)).await?;
    let out = found.into_iter().map(|programme| ProgrammeOut::new(programme, lang)).collect();
    let key = |out: &ProgrammeOut, by: &str| {
        (if by == "slug" { out.slug.clone() } else { out.updated_at.write() }, out.id.0)
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
        let Call { id, slug, programme_id, cohort_id, opens_at, closes_at, updated_at, .. } = call;
        let open = opens_at <= now && now < closes_at;
        Self { id, slug, name: names.get(lang).to_owned(), names, programme_id, cohort_id, opens_at, closes_at, open, updated_at }
    }
}

/// The calls of the network.
#[utoipa::path(tag = "network", params(ListCalls), responses((status = 200, body = Page<CallOut>)))]
#[get("/v1/calls")]
async fn list_calls(ctx: Ctx, query: Query<ListCalls>) -> Result<HttpResponse> {
    let Query(ListCalls { open, programme_id, updated_since, limit, cursor, sort, format }) = query;
    let sorts = ["-closes_at", "closes_at", "updated_at", "-updated_at"];
    let keyset = Keyset::new(ctx.request(), &Paging { limit, cursor, sort, format }, &sorts)?;
    let (wanted, lang, now) = (keyset.clone(), ctx.lang, ctx.now);
    let open_at = open.unwrap_or(false).then_some(now);
    let found = ctx.read(move |conn, _| store::calls(conn, open_at, programme_id, updated_since, &wanted)).await?;
    let out = found.into_iter().map(|call| CallOut::new(call, lang, now)).collect();
    let key = |out: &CallOut, by: &str| {
        (if by == "updated_at" { out.updated_at.write() } else { out.closes_at.write() }, out.id.0)
    };
    page::answer(&ctx, &keyset.page(out, key), format)
}

/// One call.
#[utoipa::path(tag = "network", params(("id" = CallId, Path)), responses((status = 200, body = CallOut)))]
#[get("/v1/calls/{id}")]
async fn show_call(ctx: Ctx, id: Path<CallId>) -> Result<Reply> {
    let call = ctx.read(move |conn, _| store::call(conn, id.into_inner())).await?;
    let version = call.version;
    Ok(Reply::ok(&CallOut::new(call, ctx.lang, ctx.now))?.version(version))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CallIn {
    #[schema(format = "line", min_length = 1, max_length = 80, pattern = "^[a-z0-9-]+$")]
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
        let Self { slug, programme, cohort, names, opens_at, closes_at } = self;
        if closes_at <= opens_at {
            return Err(Error::invalid(vec![FieldError::new("/closes_at", "ends-before-start")]));
        }
        Ok(CallPart { slug, programme, cohort, names, opens_at, closes_at })
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
        let Cohort { id, slug, programme_id, starts_on, ends_on, capacity, created_at, updated_at, .. } = cohort;
        let quota = places.into_iter().map(|(region, places)| QuotaOut { region, places }).collect();
        Ok(Self { id, slug, name: names.get(lang).to_owned(), names, programme_id, starts_on, ends_on, capacity, quota, created_at, updated_at })
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
    let mut ids: Vec<CohortId> = roles.into_iter().flat_map(|role| caller.cohorts(role)).map(CohortId).collect();
    let programmes: Vec<_> = roles.into_iter().flat_map(|role| caller.programmes(role)).collect();
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
    let Query(ListCohorts { programme_id, updated_since, limit, cursor, sort, format }) = query;
    let sorts = ["-starts_on", "starts_on", "-created_at", "created_at", "-updated_at", "updated_at"];
    let keyset = Keyset::new(ctx.request(), &Paging { limit, cursor, sort, format }, &sorts)?;
    let (wanted, lang) = (keyset.clone(), ctx.lang);
    let filter = Filter { updated_since, ..Filter::default() };
    let found = ctx.read(move |conn, caller| {
        let only = cohorts_in_scope(conn, caller)?;
        let rows = store::cohorts(conn, only.as_deref(), &filter, programme_id, &wanted)?;
        rows.into_iter().map(|cohort| CohortOut::load(conn, cohort, lang)).collect::<Result<Vec<_>>>()
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
    #[schema(format = "line", min_length = 1, max_length = 80, pattern = "^[a-z0-9-]+$")]
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
        let Self { slug, programme, names, starts_on, ends_on, capacity, quota } = self;
        if ends_on <= starts_on {
            return Err(Error::invalid(vec![FieldError::new("/ends_on", "ends-before-start")]));
        }
        Ok(CohortPart { slug, programme, names, starts_on, ends_on, capacity, quota })
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
            errors.push(FieldError::new(format!("/quota/{region}"), "unknown-reference"));
        }
        if *places < 0 {
            errors.push(FieldError::new(format!("/quota/{region}"), "too-small").with("min", 0));
        }
    }
    errors.done()
}
