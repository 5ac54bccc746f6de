//! Routings over HTTP.

use actix_web::web::Path;
use actix_web::{HttpResponse, get, post};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::actions::{self, NewRouting, Target};
use super::super::model::{Answer, Routing, RoutingId, RoutingState};
use super::super::store;
use crate::applications::ApplicationId;
use crate::auth::{AccountId, policy};
use crate::db::Moment;
use crate::error::{Error, FieldError, Result};
use crate::http::page::{self, CursorValue, Format, Paging};
use crate::http::{Ctx, Keyset, Page, Query, Reply, Routes, Valid};
use crate::network::CallId;

pub fn register(routes: &mut Routes) {
    routes.add(propose_routing, policy::STAFF);
    routes.add(list_routings, policy::READ_PROJECTS);
    routes.add_versioned(consent_to_routing, policy::SIGNED_IN);
    routes.add_versioned(refuse_routing, policy::SIGNED_IN);
}

#[derive(Serialize, ToSchema)]
struct RoutingOut {
    id: RoutingId,
    application_id: ApplicationId,
    call_id: Option<CallId>,
    region: Option<String>,
    reason: String,
    state: RoutingState,
    proposed_by: AccountId,
    answered_by: Option<AccountId>,
    /// The application to the other call, once the team has consented.
    new_application_id: Option<ApplicationId>,
    version: i64,
    created_at: Moment,
    updated_at: Moment,
}

impl From<Routing> for RoutingOut {
    fn from(row: Routing) -> Self {
        let Routing {
            id,
            application_id,
            call_id,
            region,
            reason,
            state,
            proposed_by,
            answered_by,
            new_application_id,
            version,
            created_at,
            updated_at,
        } = row;
        Self {
            id,
            application_id,
            call_id,
            region,
            reason,
            state,
            proposed_by,
            answered_by,
            new_application_id,
            version,
            created_at,
            updated_at,
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProposeRouting {
    /// The other call; either this or a region.
    call_id: Option<CallId>,
    /// The other region, by its code.
    #[schema(format = "line", min_length = 1, max_length = 20)]
    region: Option<String>,
    /// Why; the team reads it.
    #[schema(min_length = 1, max_length = 2000)]
    reason: String,
}

impl ProposeRouting {
    fn understood(self) -> Result<NewRouting> {
        let to = match (self.call_id, self.region) {
            (Some(call), None) => Target::Call(call),
            (None, Some(region)) => Target::Region(region),
            _ => {
                let mistake = FieldError::new("/call_id", "call-or-region");
                return Err(Error::invalid(vec![mistake]));
            }
        };
        let reason = self.reason;
        Ok(NewRouting { to, reason })
    }
}

/// Propose to the team to send its application to another call, or its project to another region.
#[utoipa::path(tag = "gateway", params(("id" = ApplicationId, Path)), request_body = ProposeRouting, responses((status = 201, body = RoutingOut)))]
#[post("/v1/applications/{id}/routings")]
async fn propose_routing(
    ctx: Ctx,
    id: Path<ApplicationId>,
    body: Valid<ProposeRouting>,
) -> Result<Reply> {
    let (id, new) = (id.into_inner(), body.0.understood()?);
    ctx.write(move |tx| {
        let routing = actions::propose(tx, id, &new)?;
        let location = format!("/v1/applications/{id}/routings");
        let version = routing.version;
        Ok(Reply::created(&RoutingOut::from(routing), location)?.version(version))
    })
    .await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListRoutings {
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    cursor: Option<String>,
    /// `-created_at` (default), `created_at`, `-updated_at`, `updated_at`
    sort: Option<String>,
    #[param(inline)]
    format: Option<Format>,
}

/// Where an application was proposed to go, and what its team said.
#[utoipa::path(tag = "gateway", params(("id" = ApplicationId, Path), ListRoutings), responses((status = 200, body = Page<RoutingOut>)))]
#[get("/v1/applications/{id}/routings")]
async fn list_routings(
    ctx: Ctx,
    id: Path<ApplicationId>,
    query: Query<ListRoutings>,
) -> Result<HttpResponse> {
    let Query(ListRoutings {
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
    let (id, wanted) = (id.into_inner(), keyset.clone());
    let found = ctx.read(move |conn, caller| {
        actions::one(conn, caller, id)?;
        store::list(conn, id, &wanted)
    });
    let out = found.await?.into_iter().map(RoutingOut::from).collect();
    let key = |out: &RoutingOut, by: &str| {
        let at = if by == "updated_at" {
            out.updated_at
        } else {
            out.created_at
        };
        (at.write(), out.id.0)
    };
    page::answer(&ctx, &keyset.page(out, key), format)
}

async fn answer(ctx: &Ctx, id: RoutingId, said: Answer) -> Result<Reply> {
    let seen = ctx.seen()?;
    ctx.write(move |tx| {
        let routing = actions::answer(tx, id, &seen, said)?;
        let version = routing.version;
        Ok(Reply::ok(&RoutingOut::from(routing))?.version(version))
    })
    .await
}

/// Consent to a proposal: the application goes there at once, with what was written already.
#[utoipa::path(tag = "gateway", params(("id" = RoutingId, Path)), responses((status = 200, body = RoutingOut)))]
#[post("/v1/routings/{id}/consent")]
async fn consent_to_routing(ctx: Ctx, id: Path<RoutingId>) -> Result<Reply> {
    answer(&ctx, id.into_inner(), Answer::Consent).await
}

/// Refuse a proposal: everything stays as it is.
#[utoipa::path(tag = "gateway", params(("id" = RoutingId, Path)), responses((status = 200, body = RoutingOut)))]
#[post("/v1/routings/{id}/refusal")]
async fn refuse_routing(ctx: Ctx, id: Path<RoutingId>) -> Result<Reply> {
    answer(&ctx, id.into_inner(), Answer::Refuse).await
}
