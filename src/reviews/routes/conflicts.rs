//! Conflicts of interest over HTTP.

use actix_web::web::Path;
use actix_web::{HttpResponse, get, post};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::conflicts::{self, Notice};
use super::super::model::ReviewId;
use crate::auth::{AccountId, Caller, policy};
use crate::db::Moment;
use crate::error::Result;
use crate::http::page::{self, CursorValue, Format, Paging};
use crate::http::{Ctx, Keyset, Page, Query, Reply, Routes, Valid};
use crate::network::OrganisationId;
use crate::projects::{self, Conflict, ConflictId, ConflictSource, ProjectId};

pub fn register(routes: &mut Routes) {
    routes.add(list_conflicts, policy::SIGNED_IN);
    routes.add(show_conflict, policy::SIGNED_IN);
    routes.add(note_conflict, policy::SIGNED_IN);
    routes.add_versioned(end_conflict, policy::STAFF);
}

#[derive(Serialize, ToSchema)]
struct ConflictOut {
    id: ConflictId,
    account_id: AccountId,
    /// Null for who declared it with a review and may not know whose application that was.
    project_id: Option<ProjectId>,
    organisation_id: Option<OrganisationId>,
    review_id: Option<ReviewId>,
    source: ConflictSource,
    note: String,
    noted_by: Option<AccountId>,
    ended_at: Option<Moment>,
    ended_by: Option<AccountId>,
    end_reason: Option<String>,
    version: i64,
    created_at: Moment,
    updated_at: Moment,
}

impl ConflictOut {
    fn new(row: Conflict, caller: &Caller) -> Self {
        let own = caller.account() == Some(row.account_id);
        let is_hidden = own && row.review_id.is_some();
        Self {
            id: row.id,
            account_id: row.account_id,
            project_id: row.project_id.filter(|_| !is_hidden),
            organisation_id: row.organisation_id,
            review_id: row.review_id.map(|review| ReviewId(review.0)),
            source: row.source,
            note: row.note,
            noted_by: row.noted_by,
            ended_at: row.ended_at,
            ended_by: row.ended_by,
            end_reason: row.end_reason,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListConflicts {
    #[param(inline)]
    account_id: Option<AccountId>,
    /// Only those that hold (true) or have ended (false).
    open: Option<bool>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    cursor: Option<String>,
    /// `-created_at` (default) or `created_at`
    sort: Option<String>,
    #[param(inline)]
    format: Option<Format>,
}

/// Conflicts of interest: your own, and as staff those with the projects you run.
#[utoipa::path(tag = "reviews", params(ListConflicts), responses((status = 200, body = Page<ConflictOut>)))]
#[get("/v1/conflicts")]
async fn list_conflicts(ctx: Ctx, query: Query<ListConflicts>) -> Result<HttpResponse> {
    let Query(ListConflicts {
        account_id,
        open,
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
    let wanted = keyset.clone();
    let found = ctx
        .read(move |conn, caller| projects::conflicts(conn, caller, account_id, open, &wanted))
        .await?;
    let out = found.into_iter();
    let out = out.map(|row| ConflictOut::new(row, &ctx.caller)).collect();
    let key = |out: &ConflictOut, _: &str| (out.created_at.write(), out.id.0);
    page::answer(&ctx, &keyset.page(out, key), format)
}

/// One conflict of interest.
#[utoipa::path(tag = "reviews", params(("id" = ConflictId, Path)), responses((status = 200, body = ConflictOut)))]
#[get("/v1/conflicts/{id}")]
async fn show_conflict(ctx: Ctx, id: Path<ConflictId>) -> Result<Reply> {
    let id = id.into_inner();
    let row = ctx
        .read(move |conn, caller| projects::conflict(conn, caller, id))
        .await?;
    let version = row.version;
    Ok(Reply::ok(&ConflictOut::new(row, &ctx.caller))?.version(version))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NoteConflict {
    /// Whose it is; yours where you name nobody.
    account_id: Option<AccountId>,
    /// Exactly one of `project_id`, `organisation_id` and `review_id`.
    project_id: Option<ProjectId>,
    /// Then with all projects whose team somebody of this organisation belongs to.
    organisation_id: Option<OrganisationId>,
    /// One of your reviews: then with the project behind it.
    review_id: Option<ReviewId>,
    #[schema(min_length = 1, max_length = 2000)]
    note: String,
}

/// Declare a conflict of interest, or register somebody's as staff. They neither coach nor review it any more, read
/// nothing of it, and their scores no longer count.
#[utoipa::path(tag = "reviews", request_body = NoteConflict, responses((status = 201, body = ConflictOut)))]
#[post("/v1/conflicts")]
async fn note_conflict(ctx: Ctx, body: Valid<NoteConflict>) -> Result<Reply> {
    let Valid(NoteConflict {
        account_id,
        project_id,
        organisation_id,
        review_id,
        note,
    }) = body;
    let notice = Notice {
        account: account_id,
        project: project_id,
        organisation: organisation_id,
        review: review_id,
        note,
    };
    ctx.write(move |tx| {
        let row = conflicts::note(tx, &notice)?;
        let (version, location) = (row.version, format!("/v1/conflicts/{}", row.id));
        let out = ConflictOut::new(row, tx.caller);
        Ok(Reply::created(&out, location)?.version(version))
    })
    .await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EndConflict {
    #[schema(min_length = 1, max_length = 2000)]
    reason: String,
}

/// End a conflict of interest. Staff do this, nobody for themselves. Scores that were left out count again.
#[utoipa::path(tag = "reviews", params(("id" = ConflictId, Path)), request_body = EndConflict, responses((status = 200, body = ConflictOut)))]
#[post("/v1/conflicts/{id}/end")]
async fn end_conflict(ctx: Ctx, id: Path<ConflictId>, body: Valid<EndConflict>) -> Result<Reply> {
    let (id, seen, reason) = (id.into_inner(), ctx.seen()?, body.0.reason);
    ctx.write(move |tx| {
        let row = conflicts::end(tx, id, &seen, &reason)?;
        let version = row.version;
        Ok(Reply::ok(&ConflictOut::new(row, tx.caller))?.version(version))
    })
    .await
}
