//! Decisions before they are out, when they are taken at once, and their history.

use actix_web::web::Path;
use actix_web::{HttpResponse, delete, get, post, put};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::applications::{self, ApplicationId, ApplicationOut, Decision, Outcome};
use crate::auth::{AccountId, policy};
use crate::db::Moment;
use crate::decisions::actions;
use crate::decisions::model::{DecisionId, Reason, Staged, Taken, Verdict, reasons};
use crate::decisions::store;
use crate::error::Result;
use crate::http::page::{self, CursorValue, Format, Paging};
use crate::http::{Ctx, Keyset, Page, Query, Reply, Routes, Valid};
use crate::network::{CallId, CohortId, Pillar};
use crate::projects::ProjectId;

pub fn register(routes: &mut Routes) {
    routes.add_versioned(decide_application, policy::STAFF);
    routes.add(stage_decision, policy::STAFF);
    routes.add(show_staged_decision, policy::STAFF);
    routes.add_versioned(unstage_decision, policy::STAFF);
    routes.add(list_staged_decisions, policy::STAFF);
    routes.add_versioned(reverse_decision, policy::STAFF);
    routes.add(list_decisions, policy::STAFF);
}

/// A decision to be taken at once.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideApplication {
    outcome: Outcome,
    /// For accept.
    cohort_id: Option<CohortId>,
    /// For accept: the pillar that the project begins in.
    pillar: Option<Pillar>,
    /// What the founders are told.
    #[schema(min_length = 1, max_length = 5000)]
    feedback: Option<String>,
}

impl From<DecideApplication> for Decision {
    fn from(body: DecideApplication) -> Self {
        let DecideApplication {
            outcome,
            cohort_id,
            pillar,
            feedback,
        } = body;
        Self {
            outcome,
            cohort_id,
            pillar,
            feedback,
        }
    }
}

/// Decide an application; the decision is out at once. Accepting puts the project into its cohort and pillar or, where the
/// call has places to confirm, offers one.
#[utoipa::path(tag = "decisions", params(("id" = ApplicationId, Path)), request_body = DecideApplication, responses((status = 200, body = ApplicationOut)))]
#[post("/v1/applications/{id}/decision")]
async fn decide_application(
    ctx: Ctx,
    id: Path<ApplicationId>,
    body: Valid<DecideApplication>,
) -> Result<Reply> {
    let (id, seen, decision) = (id.into_inner(), ctx.seen()?, Decision::from(body.0));
    ctx.write(move |tx| applications::shown(actions::decide(tx, id, &seen, &decision)?))
        .await
}

/// A decision to be staged.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StageDecision {
    outcome: Outcome,
    /// For accept and waitlist.
    cohort_id: Option<CohortId>,
    /// For accept and waitlist: the pillar that the project begins in.
    pillar: Option<Pillar>,
    /// For waitlist: the lowest comes first.
    #[schema(minimum = 1, maximum = 100_000)]
    rank: Option<i32>,
    /// For those who decide; a decline needs one. Founders do not see them.
    #[serde(default)]
    #[schema(max_items = 20)]
    reasons: Vec<Reason>,
    /// What the founders are told once it is out.
    #[schema(min_length = 1, max_length = 5000)]
    feedback: Option<String>,
}

impl From<StageDecision> for Verdict {
    fn from(body: StageDecision) -> Self {
        let StageDecision {
            outcome,
            cohort_id,
            pillar,
            rank,
            reasons,
            feedback,
        } = body;
        Self {
            outcome,
            cohort_id,
            pillar,
            rank,
            reasons,
            feedback,
        }
    }
}

#[derive(Serialize, ToSchema)]
struct StagedOut {
    application_id: ApplicationId,
    project_id: ProjectId,
    call_id: CallId,
    outcome: Outcome,
    cohort_id: Option<CohortId>,
    pillar: Option<Pillar>,
    rank: Option<i32>,
    reasons: Vec<Reason>,
    feedback: Option<String>,
    staged_by: Option<AccountId>,
    version: i64,
    created_at: Moment,
    updated_at: Moment,
}

impl From<Staged> for StagedOut {
    fn from(row: Staged) -> Self {
        let reasons = reasons(&row.reasons);
        let Staged {
            application_id,
            project_id,
            call_id,
            outcome,
            cohort_id,
            pillar,
            rank,
            feedback,
            staged_by,
            version,
            created_at,
            updated_at,
            ..
        } = row;
        Self {
            application_id,
            project_id,
            call_id,
            outcome,
            cohort_id,
            pillar,
            rank,
            reasons,
            feedback,
            staged_by,
            version,
            created_at,
            updated_at,
        }
    }
}

fn shown(staged: Staged) -> Result<Reply> {
    let version = staged.version;
    Ok(Reply::ok(&StagedOut::from(staged))?.version(version))
}

/// Stage a decision: nobody outside hears of it, and the application stays as it is, until its release. Needs `If-Match`
/// where one is staged already.
#[utoipa::path(tag = "decisions", params(("id" = ApplicationId, Path)), request_body = StageDecision, responses((status = 200, body = StagedOut)))]
#[put("/v1/applications/{id}/staged-decision")]
async fn stage_decision(
    ctx: Ctx,
    id: Path<ApplicationId>,
    body: Valid<StageDecision>,
) -> Result<Reply> {
    let (id, seen, verdict) = (id.into_inner(), ctx.seen().ok(), Verdict::from(body.0));
    ctx.write(move |tx| shown(actions::stage(tx, id, seen.as_ref(), &verdict)?))
        .await
}

/// The staged decision of an application.
#[utoipa::path(tag = "decisions", params(("id" = ApplicationId, Path)), responses((status = 200, body = StagedOut)))]
#[get("/v1/applications/{id}/staged-decision")]
async fn show_staged_decision(ctx: Ctx, id: Path<ApplicationId>) -> Result<Reply> {
    let id = id.into_inner();
    shown(
        ctx.read(move |conn, caller| actions::show_staged(conn, caller, id))
            .await?,
    )
}

/// Take a staged decision away.
#[utoipa::path(tag = "decisions", params(("id" = ApplicationId, Path)), responses((status = 204)))]
#[delete("/v1/applications/{id}/staged-decision")]
async fn unstage_decision(ctx: Ctx, id: Path<ApplicationId>) -> Result<Reply> {
    let (id, seen) = (id.into_inner(), ctx.seen()?);
    ctx.write(move |tx| {
        actions::unstage(tx, id, &seen)?;
        Ok(Reply::nothing())
    })
    .await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListStagedDecisions {
    #[param(inline)]
    call_id: Option<CallId>,
    #[param(inline)]
    outcome: Option<Outcome>,
    #[param(inline)]
    updated_since: Option<Moment>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    cursor: Option<String>,
    /// `created_at` (default), `-created_at`, `updated_at`, `-updated_at`
    sort: Option<String>,
    #[param(inline)]
    format: Option<Format>,
}

/// The staged decisions that you may release.
#[utoipa::path(tag = "decisions", params(ListStagedDecisions), responses((status = 200, body = Page<StagedOut>)))]
#[get("/v1/staged-decisions")]
async fn list_staged_decisions(
    ctx: Ctx,
    query: Query<ListStagedDecisions>,
) -> Result<HttpResponse> {
    let Query(ListStagedDecisions {
        call_id,
        outcome,
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
    let sorts = ["created_at", "-created_at", "updated_at", "-updated_at"];
    let keyset = Keyset::new(ctx.request(), &paging, &sorts)?;
    let wanted = keyset.clone();
    let found = ctx
        .read(move |conn, caller| {
            store::list_staged(conn, caller, (call_id, outcome), updated_since, &wanted)
        })
        .await?;
    let out = found.into_iter().map(StagedOut::from).collect();
    let key = |out: &StagedOut, by: &str| {
        let at = if by == "updated_at" {
            out.updated_at
        } else {
            out.created_at
        };
        (at.write(), out.application_id.0)
    };
    page::answer(&ctx, &keyset.page(out, key), format)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReverseDecision {
    /// For those who decide.
    #[schema(min_length = 1, max_length = 2000)]
    reason: String,
    /// The decision that is to go out instead; it is staged.
    then: Option<StageDecision>,
}

/// Take a decision back. The application is in review again, its open place is withdrawn, and mail about the decision that
/// has not left yet never will. Founders hear of it once they had heard of the decision.
#[utoipa::path(tag = "decisions", params(("id" = ApplicationId, Path)), request_body = ReverseDecision, responses((status = 200, body = ApplicationOut)))]
#[post("/v1/applications/{id}/reversal")]
async fn reverse_decision(
    ctx: Ctx,
    id: Path<ApplicationId>,
    body: Valid<ReverseDecision>,
) -> Result<Reply> {
    let (id, seen) = (id.into_inner(), ctx.seen()?);
    let Valid(ReverseDecision { reason, then }) = body;
    let next = then.map(Verdict::from);
    ctx.write(move |tx| {
        let application = actions::reverse(tx, id, &seen, &reason, next.as_ref())?;
        applications::shown(application)
    })
    .await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListDecisions {
    #[param(inline)]
    call_id: Option<CallId>,
    #[param(inline)]
    application_id: Option<ApplicationId>,
    #[param(inline)]
    outcome: Option<Outcome>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    cursor: Option<String>,
    /// `-decided_at` (default) or `decided_at`
    sort: Option<String>,
    #[param(inline)]
    format: Option<Format>,
}

#[derive(Serialize, ToSchema)]
struct DecisionOut {
    id: DecisionId,
    application_id: ApplicationId,
    call_id: CallId,
    outcome: Outcome,
    cohort_id: Option<CohortId>,
    pillar: Option<Pillar>,
    /// The place on the waiting list; the lowest comes first.
    rank: Option<i32>,
    reasons: Vec<Reason>,
    decided_by: Option<AccountId>,
    decided_at: Moment,
    /// When another decision or a reversal took its place.
    ended_at: Option<Moment>,
    reversed_by: Option<AccountId>,
    reversal_reason: Option<String>,
}

impl From<Taken> for DecisionOut {
    fn from(row: Taken) -> Self {
        Self {
            reasons: reasons(&row.reasons),
            id: row.id,
            application_id: row.application_id,
            call_id: row.call_id,
            outcome: row.outcome,
            cohort_id: row.cohort_id,
            pillar: row.pillar,
            rank: row.rank,
            decided_by: row.decided_by,
            decided_at: row.decided_at,
            ended_at: row.ended_at,
            reversed_by: row.reversed_by,
            reversal_reason: row.reversal_reason,
        }
    }
}

/// Decisions that are out, and those that were, with their reasons.
#[utoipa::path(tag = "decisions", params(ListDecisions), responses((status = 200, body = Page<DecisionOut>)))]
#[get("/v1/decisions")]
async fn list_decisions(ctx: Ctx, query: Query<ListDecisions>) -> Result<HttpResponse> {
    let Query(ListDecisions {
        call_id,
        application_id,
        outcome,
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
    let keyset = Keyset::new(ctx.request(), &paging, &["-decided_at", "decided_at"])?;
    let wanted = keyset.clone();
    let found = ctx
        .read(move |conn, caller| {
            store::list_decided(conn, caller, (call_id, application_id, outcome), &wanted)
        })
        .await?;
    let out = found.into_iter().map(DecisionOut::from).collect();
    let key = |out: &DecisionOut, _: &str| (out.decided_at.write(), out.id.0);
    page::answer(&ctx, &keyset.page(out, key), format)
}
