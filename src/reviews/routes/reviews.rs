//! Reviews over HTTP.

use actix_web::web::Path;
use actix_web::{HttpResponse, delete, get, post, put};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::actions;
use super::super::model::{Draft, Recommendation, Review, ReviewId, ReviewState, Scores, percent};
use super::super::store::{self, Filter};
use super::one::ReviewOut;
use crate::app::Tx;
use crate::applications::ApplicationId;
use crate::auth::{AccountId, policy};
use crate::db::Moment;
use crate::error::{Error, Result};
use crate::http::page::{self, CursorValue, Format, Paging};
use crate::http::{Ctx, Keyset, Page, Query, Reply, Routes, Valid};
use crate::network::CallId;

pub fn register(routes: &mut Routes) {
    routes.add(assign_reviewer, policy::STAFF);
    routes.add(list_reviews, policy::SIGNED_IN);
    routes.add(show_review, policy::SIGNED_IN);
    routes.add(list_peer_reviews, policy::SIGNED_IN);
    routes.add_versioned(draft_review, policy::SIGNED_IN);
    routes.add_versioned(submit_review, policy::SIGNED_IN);
    routes.add_versioned(decline_review, policy::SIGNED_IN);
    routes.add(withdraw_review, policy::STAFF);
}

fn shown(tx: &mut Tx<'_>, review: Review) -> Result<Reply> {
    let out = ReviewOut::load(tx.conn, tx.caller, review)?;
    Ok(Reply::ok(&out)?.version(out.version))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AssignReviewer {
    account_id: AccountId,
}

/// Give an application to a reviewer.
#[utoipa::path(tag = "reviews", params(("id" = ApplicationId, Path)), request_body = AssignReviewer, responses((status = 201, body = ReviewOut)))]
#[post("/v1/applications/{id}/reviews")]
async fn assign_reviewer(
    ctx: Ctx,
    id: Path<ApplicationId>,
    body: Valid<AssignReviewer>,
) -> Result<Reply> {
    let (id, account) = (id.into_inner(), body.0.account_id);
    ctx.write(move |tx| {
        let review = actions::assign(tx, id, account)?;
        let out = ReviewOut::load(tx.conn, tx.caller, review)?;
        let location = format!("/v1/reviews/{}", out.id);
        Ok(Reply::created(&out, location)?.version(out.version))
    })
    .await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListReviews {
    #[param(inline)]
    state: Option<ReviewState>,
    #[param(inline)]
    call_id: Option<CallId>,
    /// For staff. Reviewers have one review of an application.
    #[param(inline)]
    application_id: Option<ApplicationId>,
    #[param(inline)]
    account_id: Option<AccountId>,
    #[param(inline)]
    updated_since: Option<Moment>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    cursor: Option<String>,
    /// `-created_at` (default), `created_at`, `updated_at`, `-updated_at`
    sort: Option<String>,
    #[param(inline)]
    format: Option<Format>,
}

/// Reviews: your own, and as staff those of the applications you run.
#[utoipa::path(tag = "reviews", params(ListReviews), responses((status = 200, body = Page<ReviewOut>)))]
#[get("/v1/reviews")]
async fn list_reviews(ctx: Ctx, query: Query<ListReviews>) -> Result<HttpResponse> {
    let Query(query) = query;
    let paging = Paging {
        limit: query.limit,
        cursor: query.cursor,
        sort: query.sort,
        format: query.format,
    };
    let sorts = ["-created_at", "created_at", "-updated_at", "updated_at"];
    let keyset = Keyset::new(ctx.request(), &paging, &sorts)?;
    let filter = Filter {
        state: query.state,
        call: query.call_id,
        application: query.application_id,
        account: query.account_id,
        updated_since: query.updated_since,
    };
    let wanted = keyset.clone();
    let out: Vec<ReviewOut> = ctx
        .read(move |conn, caller| {
            let found = store::list(conn, caller, &filter, &wanted)?;
            let out = found.into_iter();
            out.map(|row| ReviewOut::load(conn, caller, row)).collect()
        })
        .await?;
    let key = |out: &ReviewOut, by: &str| {
        let at = if by == "updated_at" {
            out.updated_at
        } else {
            out.created_at
        };
        (at.write(), out.id.0)
    };
    page::answer(&ctx, &keyset.page(out, key), paging.format)
}

/// One review.
#[utoipa::path(tag = "reviews", params(("id" = ReviewId, Path)), responses((status = 200, body = ReviewOut)))]
#[get("/v1/reviews/{id}")]
async fn show_review(ctx: Ctx, id: Path<ReviewId>) -> Result<Reply> {
    let id = id.into_inner();
    let out = ctx
        .read(move |conn, caller| {
            let row = store::one(conn, caller, id)?;
            ReviewOut::load(conn, caller, row)
        })
        .await?;
    Ok(Reply::ok(&out)?.version(out.version))
}

/// Another review of the same application, without a name.
#[derive(Serialize, ToSchema)]
struct PeerReview {
    scores: Scores,
    comment: Option<String>,
    recommendation: Option<Recommendation>,
    /// In percent.
    weighted: Option<f64>,
}

#[derive(Serialize, ToSchema)]
struct PeerReviews {
    data: Vec<PeerReview>,
}

/// What others have submitted about the same application. For reviewers who have submitted theirs, where the call lets
/// them.
#[utoipa::path(tag = "reviews", params(("id" = ReviewId, Path)), responses((status = 200, body = PeerReviews)))]
#[get("/v1/reviews/{id}/peers")]
async fn list_peer_reviews(ctx: Ctx, id: Path<ReviewId>) -> Result<Reply> {
    let id = id.into_inner();
    let data = ctx
        .read(move |conn, caller| {
            let own = store::one(conn, caller, id)?;
            let rubric = store::rubric(conn, own.call_id)?;
            let shared = rubric.is_some_and(|row| row.content.scores_shared);
            let may = caller.account() == Some(own.account_id) && shared;
            if !may || own.state != ReviewState::Submitted {
                return Err(Error::refused("not-allowed"));
            }
            let void = store::in_conflict(conn, own.call_id)?;
            let all = store::submitted(conn, &[own.application_id])?;
            let others = all.into_iter();
            let others = others.filter(|one| one.id != id && !void.contains(&one.id));
            Ok(others
                .map(|one| PeerReview {
                    scores: one.scores(),
                    comment: one.comment,
                    recommendation: one.recommendation,
                    weighted: one.weighted.map(percent),
                })
                .collect())
        })
        .await?;
    Reply::ok(&PeerReviews { data })
}

/// Write down what you have so far. It takes the place of what was there.
#[utoipa::path(tag = "reviews", params(("id" = ReviewId, Path)), request_body = Draft, responses((status = 200, body = ReviewOut)))]
#[put("/v1/reviews/{id}")]
async fn draft_review(ctx: Ctx, id: Path<ReviewId>, body: Valid<Draft>) -> Result<Reply> {
    let (id, seen, draft) = (id.into_inner(), ctx.seen()?, body.0);
    ctx.write(move |tx| {
        let review = actions::draft(tx, id, &seen, &draft)?;
        shown(tx, review)
    })
    .await
}

/// Submit a review: from now on it counts and stays as it is.
#[utoipa::path(tag = "reviews", params(("id" = ReviewId, Path)), responses((status = 200, body = ReviewOut)))]
#[post("/v1/reviews/{id}/submission")]
async fn submit_review(ctx: Ctx, id: Path<ReviewId>) -> Result<Reply> {
    let (id, seen) = (id.into_inner(), ctx.seen()?);
    ctx.write(move |tx| {
        let review = actions::submit(tx, id, &seen)?;
        shown(tx, review)
    })
    .await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DeclineReview {
    #[schema(min_length = 1, max_length = 2000)]
    reason: String,
    /// Whether the reason is a conflict of interest; then that is noted, too.
    #[serde(default)]
    conflict: bool,
}

/// Give a review back.
#[utoipa::path(tag = "reviews", params(("id" = ReviewId, Path)), request_body = DeclineReview, responses((status = 204)))]
#[post("/v1/reviews/{id}/decline")]
async fn decline_review(ctx: Ctx, id: Path<ReviewId>, body: Valid<DeclineReview>) -> Result<Reply> {
    let (id, seen, body) = (id.into_inner(), ctx.seen()?, body.0);
    ctx.write(move |tx| {
        actions::decline(tx, id, &seen, &body.reason, body.conflict)?;
        Ok(Reply::nothing())
    })
    .await
}

/// Take an open review back from its reviewer.
#[utoipa::path(tag = "reviews", params(("id" = ReviewId, Path)), responses((status = 204)))]
#[delete("/v1/reviews/{id}")]
async fn withdraw_review(ctx: Ctx, id: Path<ReviewId>) -> Result<Reply> {
    let id = id.into_inner();
    ctx.write(move |tx| {
        actions::withdraw(tx, id)?;
        Ok(Reply::nothing())
    })
    .await
}
