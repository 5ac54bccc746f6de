//! Your signed-in devices over HTTP.

use actix_web::web::Path;
use actix_web::{delete, get};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::SessionId;
use crate::db::Moment;
use crate::error::{OrNotFound, Result};
use crate::http::{Ctx, Reply};
use crate::sessions::actions;
use crate::sessions::model::Session;
use crate::sessions::store;

#[derive(Serialize, ToSchema)]
struct SessionOut {
    id: SessionId,
    /// What the device called itself when it signed in (its `User-Agent`).
    device: Option<String>,
    created_at: Moment,
    /// When it last signed in or refreshed.
    last_used_at: Moment,
    /// The one that this request came with.
    current: bool,
}

#[derive(Serialize, ToSchema)]
struct Sessions {
    data: Vec<SessionOut>,
}

/// Your signed-in devices.
#[utoipa::path(tag = "sessions", responses((status = 200, body = Sessions)))]
#[get("/v1/sessions")]
pub(super) async fn list_sessions(ctx: Ctx) -> Result<Reply> {
    let (id, current) = (ctx.caller.account().or_not_found()?, ctx.caller.session);
    let open = ctx.read(move |conn, _| store::open_of(conn, id)).await?;
    let out = |Session {
                   id,
                   device,
                   created_at,
                   last_used_at,
                   ..
               }: Session| SessionOut {
        id,
        device,
        created_at,
        last_used_at,
        current: Some(id) == current,
    };
    Reply::ok(&Sessions {
        data: open.into_iter().map(out).collect(),
    })
}

/// Sign out.
#[utoipa::path(tag = "sessions", responses((status = 204)))]
#[delete("/v1/sessions/current")]
pub(super) async fn sign_out(ctx: Ctx) -> Result<Reply> {
    let session = ctx.caller.session.or_not_found()?;
    end(ctx, session).await
}

/// End one of your sessions.
#[utoipa::path(tag = "sessions", params(("id" = SessionId, Path)), responses((status = 204)))]
#[delete("/v1/sessions/{id}")]
pub(super) async fn end_session(ctx: Ctx, id: Path<SessionId>) -> Result<Reply> {
    end(ctx, id.into_inner()).await
}

/// End all your sessions but the one that this request came with.
#[utoipa::path(tag = "sessions", responses((status = 204)))]
#[delete("/v1/sessions")]
pub(super) async fn end_other_sessions(ctx: Ctx) -> Result<Reply> {
    let (account, kept) = (
        ctx.caller.account().or_not_found()?,
        ctx.caller.session.or_not_found()?,
    );
    ctx.write(move |tx| {
        actions::sign_out_others(tx, account, kept)?;
        Ok(Reply::nothing())
    })
    .await
}

async fn end(ctx: Ctx, session: SessionId) -> Result<Reply> {
    let account = ctx.caller.account().or_not_found()?;
    ctx.write(move |tx| {
        actions::sign_out(tx, account, session)?;
        Ok(Reply::nothing())
    })
    .await
}
