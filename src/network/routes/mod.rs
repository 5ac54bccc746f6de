//! The network over HTTP: read by anyone, changed by those who run it.

mod calls;
mod cohorts;

use actix_web::web::Path;
use actix_web::{HttpResponse, get};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::actions;
use super::model::{
    Mandate, MandateId, Organisation, OrganisationId, OrganisationKind, Pillar, Place,
    Responsibility, names,
};
use super::store::{self, Filter};
use crate::auth::policy;
use crate::db::Moment;
use crate::error::Result;
use crate::http::page::{self, CursorValue, Format, Paging};
use crate::http::{Ctx, Keyset, Page, Query, Reply, Routes};
use crate::lang::{Lang, Names};

pub fn register(routes: &mut Routes<'_>) {
    routes.add(list_regions, policy::PUBLIC);
    routes.add(show_postal_code, policy::PUBLIC);
    routes.add(list_organisations, policy::PUBLIC);
    routes.add(list_mandates, policy::PUBLIC);
    routes.add(list_screening_reasons, policy::PUBLIC);
    calls::register(routes);
    cohorts::register(routes);
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
    let (regions, provinces) = ctx
        .read(|conn, _| Ok((store::regions(conn)?, store::provinces(conn)?)))
        .await?;
    let lang = ctx.lang;
    let data = regions
        .into_iter()
        .map(|region| {
            let names = names(&region.names);
            let own = provinces
                .iter()
                .filter(|province| province.region == region.code);
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

#[derive(Serialize, ToSchema)]
struct ScreeningReasonOut {
    code: String,
    /// In the language that was asked for.
    name: String,
    names: Names,
}

/// Why an application's screening can end as it does.
#[utoipa::path(tag = "network", responses((status = 200, body = Page<ScreeningReasonOut>)))]
#[get("/v1/screening-reasons")]
async fn list_screening_reasons(ctx: Ctx) -> Result<Reply> {
    let found = ctx.read(|conn, _| store::screening_reasons(conn)).await?;
    let out = |(code, names): (String, Names)| ScreeningReasonOut {
        code,
        name: names.get(ctx.lang).to_owned(),
        names,
    };
    let data = found.into_iter().map(out).collect();
    Ok(Reply::ok(&Page { data, next: None })?.tagged_by_content())
}

/// Where a postal code lies today.
#[utoipa::path(tag = "network", params(("country" = String, Path), ("code" = String, Path)), responses((status = 200, body = Place)))]
#[get("/v1/postal-codes/{country}/{code}")]
async fn show_postal_code(ctx: Ctx, path: Path<(String, String)>) -> Result<Reply> {
    let ((country, code), now) = (path.into_inner(), ctx.now);
    let place = ctx
        .read(move |conn, _| actions::show_place(conn, &country, &code, now))
        .await?;
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
        let Organisation {
            id,
            slug,
            name,
            kind,
            region,
            website,
            valid_from,
            valid_to,
            succeeded_by,
            updated_at,
            ..
        } = row;
        Self {
            id,
            slug,
            name,
            kind,
            region,
            website,
            role,
            valid_from,
            valid_to,
            succeeded_by,
            updated_at,
        }
    }
}

/// The organisations of the network.
#[utoipa::path(tag = "network", params(ListBodies), responses((status = 200, body = Page<OrganisationOut>)))]
#[get("/v1/organisations")]
async fn list_organisations(ctx: Ctx, query: Query<ListBodies>) -> Result<HttpResponse> {
    let Query(ListBodies {
        region,
        on,
        updated_since,
        limit,
        cursor,
        sort,
        format,
        pillar,
    }) = query;
    let keyset = Keyset::new(
        ctx.request(),
        &Paging {
            limit,
            cursor,
            sort,
            format,
        },
        &["name", "-name", "updated_at", "-updated_at"],
    )?;
    let (filter, wanted, lang) = (
        Filter {
            region,
            pillar,
            on,
            updated_since,
        },
        keyset.clone(),
        ctx.lang,
    );
    let found = ctx
        .read(move |conn, _| store::organisations(conn, &filter, &wanted))
        .await?;
    let out = found
        .into_iter()
        .map(|row| OrganisationOut::new(row, lang))
        .collect();
    let key = |out: &OrganisationOut, by: &str| {
        (
            if by == "name" {
                out.name.clone()
            } else {
                out.updated_at.write()
            },
            out.id.0,
        )
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

impl From<(Mandate, Organisation)> for MandateOut {
    fn from((mandate, organisation): (Mandate, Organisation)) -> Self {
        Self {
            id: mandate.id,
            organisation_id: mandate.organisation_id,
            organisation: organisation.name,
            pillar: mandate.pillar,
            region: mandate.region,
            responsibility: mandate.responsibility,
            valid_from: mandate.valid_from,
            valid_to: mandate.valid_to,
            created_at: mandate.created_at,
            updated_at: mandate.updated_at,
        }
    }
}

/// Who leads and supports which pillar in which region.
#[utoipa::path(tag = "network", params(ListBodies), responses((status = 200, body = Page<MandateOut>)))]
#[get("/v1/mandates")]
async fn list_mandates(ctx: Ctx, query: Query<ListBodies>) -> Result<HttpResponse> {
    let Query(ListBodies {
        region,
        pillar,
        on,
        updated_since,
        limit,
        cursor,
        sort,
        format,
    }) = query;
    let sorts = ["created_at", "-created_at", "updated_at", "-updated_at"];
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
    let (filter, wanted) = (
        Filter {
            region,
            pillar,
            on,
            updated_since,
        },
        keyset.clone(),
    );
    let found = ctx
        .read(move |conn, _| store::mandates(conn, &filter, &wanted))
        .await?;
    let out: Vec<MandateOut> = found.into_iter().map(MandateOut::from).collect();
    let key = |out: &MandateOut, by: &str| {
        (
            if by == "updated_at" {
                out.updated_at.write()
            } else {
                out.created_at.write()
            },
            out.id.0,
        )
    };
    page::answer(&ctx, &keyset.page(out, key), format)
}
