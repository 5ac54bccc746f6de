//! A call's rubric and its committee, and the committee's votes, over HTTP.

use actix_web::web::Path;
use actix_web::{get, put};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::model::{Committee, CommitteeRow, Criterion, Member, Rubric, RubricRow, Vote};
use super::super::{committee, setup, store};
use crate::applications::ApplicationId;
use crate::auth::{Caller, Role, policy};
use crate::db::Moment;
use crate::error::{Error, OrNotFound, Result};
use crate::http::{Ctx, Reply, Routes, Valid};
use crate::network::CallId;

pub fn register(routes: &mut Routes) {
    routes.add(show_rubric, policy::SIGNED_IN);
    routes.add(put_rubric, policy::STAFF);
    routes.add(show_committee, policy::STAFF);
    routes.add(put_committee, policy::STAFF);
    routes.add(vote_on_application, policy::SIGNED_IN);
}

#[derive(Serialize, ToSchema)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a choice of its own that a call makes"
)]
struct RubricOut {
    call_id: CallId,
    criteria: Vec<Criterion>,
    blind: bool,
    reviews_per_application: i32,
    due_at: Option<Moment>,
    scores_shared: bool,
    avoid_own_region: bool,
    avoid_own_organisation: bool,
    version: i64,
    updated_at: Moment,
}

fn shown(row: RubricRow) -> Result<Reply> {
    let version = row.version;
    let Rubric {
        criteria,
        blind,
        reviews_per_application,
        due_at,
        scores_shared,
        avoid_own_region,
        avoid_own_organisation,
    } = row.content;
    let out = RubricOut {
        call_id: row.call_id,
        criteria,
        blind,
        reviews_per_application,
        due_at,
        scores_shared,
        avoid_own_region,
        avoid_own_organisation,
        version,
        updated_at: row.updated_at,
    };
    Ok(Reply::ok(&out)?.version(version))
}

/// Rubrics are for those who review by them and those who run the network.
fn expect_insider(caller: &Caller) -> Result<()> {
    if caller.is_admin() || caller.has(Role::Coordinator) || caller.has(Role::Reviewer) {
        Ok(())
    } else {
        Err(Error::not_found())
    }
}

/// How the applications to a call are reviewed. For reviewers and staff.
#[utoipa::path(tag = "reviews", params(("id" = CallId, Path)), responses((status = 200, body = RubricOut)))]
#[get("/v1/calls/{id}/rubric")]
async fn show_rubric(ctx: Ctx, id: Path<CallId>) -> Result<Reply> {
    let id = id.into_inner();
    let row = ctx
        .read(move |conn, caller| {
            expect_insider(caller)?;
            store::rubric(conn, id)
        })
        .await?;
    shown(row.or_not_found()?)
}

/// Write a call's rubric. Its criteria and its blindness stay as they are once somebody has given scores. Where there is
/// a rubric already, `If-Match` says which version of it you have seen.
#[utoipa::path(tag = "reviews", params(("id" = CallId, Path)), request_body = Rubric, responses((status = 200, body = RubricOut)))]
#[put("/v1/calls/{id}/rubric")]
async fn put_rubric(ctx: Ctx, id: Path<CallId>, body: Valid<Rubric>) -> Result<Reply> {
    let (id, seen, rubric) = (id.into_inner(), ctx.seen().ok(), body.0);
    ctx.write(move |tx| shown(setup::put_rubric(tx, id, seen.as_ref(), &rubric)?))
        .await
}

#[derive(Serialize, ToSchema)]
struct CommitteeOut {
    call_id: CallId,
    members: Vec<Member>,
    needed_per_region: i32,
    version: i64,
    updated_at: Moment,
}

fn gathered(row: CommitteeRow) -> Result<Reply> {
    let version = row.version;
    let Committee {
        members,
        needed_per_region,
    } = row.content;
    let out = CommitteeOut {
        call_id: row.call_id,
        members,
        needed_per_region,
        version,
        updated_at: row.updated_at,
    };
    Ok(Reply::ok(&out)?.version(version))
}

/// Who decides together about the applications to a call.
#[utoipa::path(tag = "reviews", params(("id" = CallId, Path)), responses((status = 200, body = CommitteeOut)))]
#[get("/v1/calls/{id}/committee")]
async fn show_committee(ctx: Ctx, id: Path<CallId>) -> Result<Reply> {
    let id = id.into_inner();
    let row = ctx.read(move |conn, _| store::committee(conn, id)).await?;
    gathered(row.or_not_found()?)
}

/// Write down who decides together. Where there is a committee already, `If-Match` says which version you have seen.
#[utoipa::path(tag = "reviews", params(("id" = CallId, Path)), request_body = Committee, responses((status = 200, body = CommitteeOut)))]
#[put("/v1/calls/{id}/committee")]
async fn put_committee(ctx: Ctx, id: Path<CallId>, body: Valid<Committee>) -> Result<Reply> {
    let (id, seen, wanted) = (id.into_inner(), ctx.seen().ok(), body.0);
    ctx.write(move |tx| gathered(committee::put(tx, id, seen.as_ref(), &wanted)?))
        .await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct VoteIn {
    vote: Vote,
}

#[derive(Serialize, ToSchema)]
struct VoteOut {
    application_id: ApplicationId,
    vote: Vote,
}

/// Vote on an application as a member of its call's committee. Voting again replaces the vote.
#[utoipa::path(tag = "reviews", params(("id" = ApplicationId, Path)), request_body = VoteIn, responses((status = 200, body = VoteOut)))]
#[put("/v1/applications/{id}/vote")]
async fn vote_on_application(
    ctx: Ctx,
    id: Path<ApplicationId>,
    body: Valid<VoteIn>,
) -> Result<Reply> {
    let (id, vote) = (id.into_inner(), body.0.vote);
    ctx.write(move |tx| {
        committee::vote(tx, id, vote)?;
        // By the id that the member knows it by.
        Reply::ok(&VoteOut {
            application_id: id,
            vote,
        })
    })
    .await
}
