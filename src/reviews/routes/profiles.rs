//! What reviewers know about, over HTTP.

use actix_web::web::Path;
use actix_web::{get, put};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::model::{Profile, ProfileRow};
use super::super::{setup, store};
use crate::accounts;
use crate::auth::{AccountId, policy};
use crate::db::Moment;
use crate::error::{Error, OrNotFound, Result};
use crate::http::{Ctx, Reply, Routes, Valid};
use crate::lang::Lang;
use crate::network::Sector;

pub fn register(routes: &mut Routes) {
    routes.add(show_own_reviewer_profile, policy::SIGNED_IN);
    routes.add(put_own_reviewer_profile, policy::SIGNED_IN);
    routes.add(show_reviewer_profile, policy::STAFF);
    routes.add(put_reviewer_profile, policy::STAFF);
}

#[derive(Serialize, ToSchema)]
struct ProfileOut {
    account_id: AccountId,
    sectors: Vec<Sector>,
    languages: Vec<Lang>,
    region: Option<String>,
    max_load: i32,
    version: i64,
    created_at: Moment,
    updated_at: Moment,
}

fn shown(row: ProfileRow) -> Result<Reply> {
    let version = row.version;
    let Profile {
        sectors,
        languages,
        region,
        max_load,
    } = row.content;
    let out = ProfileOut {
        account_id: row.account_id,
        sectors,
        languages,
        region,
        max_load,
        version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    };
    Ok(Reply::ok(&out)?.version(version))
}

/// Your own profile as a reviewer.
#[utoipa::path(tag = "reviews", responses((status = 200, body = ProfileOut)))]
#[get("/v1/me/reviewer-profile")]
async fn show_own_reviewer_profile(ctx: Ctx) -> Result<Reply> {
    let me = ctx.caller.account().or_not_found()?;
    let row = ctx.read(move |conn, _| store::profile(conn, me)).await?;
    shown(row.or_not_found()?)
}

/// Say what you know about as a reviewer, and how much you take. Where there is a profile already, `If-Match` says which
/// version of it you have seen.
#[utoipa::path(tag = "reviews", request_body = Profile, responses((status = 200, body = ProfileOut)))]
#[put("/v1/me/reviewer-profile")]
async fn put_own_reviewer_profile(ctx: Ctx, body: Valid<Profile>) -> Result<Reply> {
    let (seen, profile) = (ctx.seen().ok(), body.0);
    ctx.write(move |tx| {
        let me = tx.caller.account();
        let me = me.ok_or_else(|| Error::refused("not-allowed"))?;
        shown(setup::put_profile(tx, me, seen.as_ref(), &profile)?)
    })
    .await
}

/// The profile of a reviewer.
#[utoipa::path(tag = "reviews", params(("id" = AccountId, Path)), responses((status = 200, body = ProfileOut)))]
#[get("/v1/accounts/{id}/reviewer-profile")]
async fn show_reviewer_profile(ctx: Ctx, id: Path<AccountId>) -> Result<Reply> {
    let id = id.into_inner();
    let row = ctx
        .read(move |conn, caller| {
            accounts::one(conn, caller, id)?;
            store::profile(conn, id)
        })
        .await?;
    shown(row.or_not_found()?)
}

/// Write down what a reviewer knows about. Where there is a profile already, `If-Match` says which version you have seen.
#[utoipa::path(tag = "reviews", params(("id" = AccountId, Path)), request_body = Profile, responses((status = 200, body = ProfileOut)))]
#[put("/v1/accounts/{id}/reviewer-profile")]
async fn put_reviewer_profile(
    ctx: Ctx,
    id: Path<AccountId>,
    body: Valid<Profile>,
) -> Result<Reply> {
    let (id, seen, profile) = (id.into_inner(), ctx.seen().ok(), body.0);
    ctx.write(move |tx| {
        accounts::one(tx.conn, tx.caller, id)?;
        shown(setup::put_profile(tx, id, seen.as_ref(), &profile)?)
    })
    .await
}
