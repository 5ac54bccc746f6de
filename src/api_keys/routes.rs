//! Keys over HTTP.

use actix_web::web::Path;
use actix_web::{HttpResponse, delete, get, post};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::actions;
use super::model::{ApiKey, NewKey};
use super::store;
use crate::auth::{ApiKeyId, Role, Scope, policy};
use crate::db::Moment;
use crate::error::Result;
use crate::http::page::{self, CursorValue, Format, Paging};
use crate::http::{Ctx, Keyset, Page, Query, Reply, Routes, Valid};

pub fn register(routes: &mut Routes) {
    routes.add(create_api_key, policy::STAFF);
    routes.add(list_api_keys, policy::STAFF);
    routes.add(show_api_key, policy::STAFF);
    routes.add(revoke_api_key, policy::STAFF);
}

crate::words! {
    /// What a key may be used for.
    pub enum KeyAction {
        Projects = "read:projects",
        Dashboards = "read:dashboards",
        Events = "read:events",
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateApiKey {
    #[schema(format = "line", min_length = 1, max_length = 100)]
    name: String,
    /// `partner` (small cells suppressed) or `coordinator`.
    role: Role,
    scope: Scope,
    #[schema(min_items = 1, max_items = 3)]
    actions: Vec<KeyAction>,
    #[schema(minimum = 1, maximum = 730)]
    expires_in_days: i64,
}

#[derive(Serialize, ToSchema)]
struct ApiKeyOut {
    id: ApiKeyId,
    name: String,
    role: Role,
    scope: Option<Scope>,
    actions: Vec<String>,
    created_at: Moment,
    expires_at: Moment,
    revoked_at: Option<Moment>,
    /// The key itself, shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

impl ApiKeyOut {
    fn new(key: &ApiKey, secret: Option<String>) -> Self {
        Self {
            id: key.id,
            name: key.name.clone(),
            role: key.role,
            scope: key.grant().map(|grant| grant.scope),
            actions: key.actions(),
            created_at: key.created_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            key: secret,
        }
    }
}

/// Make a key for a system. The key is shown this once.
#[utoipa::path(tag = "api-keys", request_body = CreateApiKey, responses((status = 201, body = ApiKeyOut)))]
#[post("/v1/api-keys")]
async fn create_api_key(ctx: Ctx, body: Valid<CreateApiKey>) -> Result<Reply> {
    let Valid(CreateApiKey {
        name,
        role,
        scope,
        actions,
        expires_in_days,
    }) = body;
    let actions = actions
        .into_iter()
        .map(|action| action.to_string())
        .collect();
    let new = NewKey {
        name,
        role,
        scope,
        actions,
        days: expires_in_days,
    };
    ctx.write(move |tx| {
        let (key, secret) = actions::create(tx, &new)?;
        let location = format!("/v1/api-keys/{}", key.id);
        Ok(Reply::created(&ApiKeyOut::new(&key, Some(secret)), location)?.secret())
    })
    .await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListApiKeys {
    #[param(inline)]
    updated_since: Option<Moment>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    cursor: Option<String>,
    /// `-created_at` (default) or `created_at`
    sort: Option<String>,
    #[param(inline)]
    format: Option<Format>,
}

/// Keys: your own, or all for admins.
#[utoipa::path(tag = "api-keys", params(ListApiKeys), responses((status = 200, body = Page<ApiKeyOut>)))]
#[get("/v1/api-keys")]
async fn list_api_keys(ctx: Ctx, query: Query<ListApiKeys>) -> Result<HttpResponse> {
    let Query(ListApiKeys {
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
    let keyset = Keyset::new(ctx.request(), &paging, &["-created_at", "created_at"])?;
    let wanted = keyset.clone();
    let found = ctx
        .read(move |conn, caller| store::list(conn, caller, updated_since, &wanted))
        .await?;
    let out = found.iter().map(|key| ApiKeyOut::new(key, None)).collect();
    page::answer(
        &ctx,
        &keyset.page(out, |key: &ApiKeyOut, _| (key.created_at.write(), key.id.0)),
        format,
    )
}

/// One key, without the key itself.
#[utoipa::path(tag = "api-keys", params(("id" = ApiKeyId, Path)), responses((status = 200, body = ApiKeyOut)))]
#[get("/v1/api-keys/{id}")]
async fn show_api_key(ctx: Ctx, id: Path<ApiKeyId>) -> Result<Reply> {
    let id = id.into_inner();
    let key = ctx
        .read(move |conn, caller| store::one(conn, caller, id))
        .await?;
    Ok(Reply::ok(&ApiKeyOut::new(&key, None))?.version(key.version))
}

/// Revoke a key, at once.
#[utoipa::path(tag = "api-keys", params(("id" = ApiKeyId, Path)), responses((status = 204)))]
#[delete("/v1/api-keys/{id}")]
async fn revoke_api_key(ctx: Ctx, id: Path<ApiKeyId>) -> Result<Reply> {
    let id = id.into_inner();
    ctx.write(move |tx| {
        actions::revoke(tx, id)?;
        Ok(Reply::nothing())
    })
    .await
}
