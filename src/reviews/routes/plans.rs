//! Plans of who reviews what, over HTTP.

use actix_web::web::Path;
use actix_web::{get, post};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::model::{PlanId, PlanRow, PlanState};
use super::super::planner::{Load, Pair, Plan, Unmet};
use super::super::plans;
use crate::auth::{AccountId, policy};
use crate::db::Moment;
use crate::error::Result;
use crate::http::{Ctx, Reply, Routes};
use crate::network::CallId;

pub fn register(routes: &mut Routes) {
    routes.add(make_review_plan, policy::STAFF);
    routes.add(show_review_plan, policy::STAFF);
    routes.add(apply_review_plan, policy::STAFF);
}

#[derive(Serialize, ToSchema)]
struct PlanOut {
    id: PlanId,
    call_id: CallId,
    state: PlanState,
    /// The reviews that it proposes, each with what speaks for it.
    pairs: Vec<Pair>,
    /// Applications that stay short of reviews, and why nobody else can take them.
    unmet: Vec<Unmet>,
    /// What each reviewer of the call has before and after.
    loads: Vec<Load>,
    made_by: Option<AccountId>,
    version: i64,
    created_at: Moment,
    updated_at: Moment,
}

impl PlanOut {
    fn new(row: PlanRow) -> Result<Self> {
        let plan = serde_json::from_value(row.content.0).map_err(anyhow::Error::from)?;
        let Plan {
            pairs,
            unmet,
            loads,
        } = plan;
        Ok(Self {
            id: row.id,
            call_id: row.call_id,
            state: row.state,
            pairs,
            unmet,
            loads,
            made_by: row.made_by,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// Propose who reviews the applications to a call that are short of reviews. Nothing happens before it is applied.
#[utoipa::path(tag = "reviews", params(("id" = CallId, Path)), responses((status = 201, body = PlanOut)))]
#[post("/v1/calls/{id}/review-plans")]
async fn make_review_plan(ctx: Ctx, id: Path<CallId>) -> Result<Reply> {
    let id = id.into_inner();
    ctx.write(move |tx| {
        let out = PlanOut::new(plans::make(tx, id)?)?;
        let location = format!("/v1/review-plans/{}", out.id);
        Ok(Reply::created(&out, location)?.version(out.version))
    })
    .await
}

/// One plan.
#[utoipa::path(tag = "reviews", params(("id" = PlanId, Path)), responses((status = 200, body = PlanOut)))]
#[get("/v1/review-plans/{id}")]
async fn show_review_plan(ctx: Ctx, id: Path<PlanId>) -> Result<Reply> {
    let id = id.into_inner();
    let row = ctx
        .read(move |conn, caller| plans::visible_plan(conn, caller, id))
        .await?;
    let out = PlanOut::new(row)?;
    Ok(Reply::ok(&out)?.version(out.version))
}

/// Apply a plan: all its reviews are assigned, or, where something has changed since, none, and the answer says what.
#[utoipa::path(tag = "reviews", params(("id" = PlanId, Path)), responses((status = 200, body = PlanOut)))]
#[post("/v1/review-plans/{id}/application")]
async fn apply_review_plan(ctx: Ctx, id: Path<PlanId>) -> Result<Reply> {
    let id = id.into_inner();
    ctx.write(move |tx| {
        let out = PlanOut::new(plans::apply(tx, id)?)?;
        Ok(Reply::ok(&out)?.version(out.version))
    })
    .await
}
