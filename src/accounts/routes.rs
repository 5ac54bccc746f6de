//! People over HTTP.

use actix_web::web::Path;
use actix_web::{HttpResponse, delete, get, patch, post};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::actions::{self, Change};
use super::model::{Account, CodeId, GrantId, GrantRow, NewAccount, Purpose, Refusal, normalise};
use super::store::{self, Filter};
use super::strangers;
use crate::auth::passwords::known_of;
use crate::auth::{AccountId, Caller, Grant, Role, Scope, policy};
use crate::db::Moment;
use crate::error::{OrNotFound, Result};
use crate::http::page::{self, CursorValue, Format, Paging};
use crate::http::{Ctx, Keyset, Page, Query, Reply, Routes, Valid};
use crate::lang::Lang;
use crate::throttle;

pub fn register(routes: &mut Routes) {
    routes.add(sign_up, policy::PUBLIC);
    routes.add(verify_mailbox, policy::PUBLIC);
    routes.add(show_me, policy::SIGNED_IN);
    routes.add_versioned(change_me, policy::SIGNED_IN);
    routes.add(list_accounts, policy::STAFF);
    routes.add(show_account, policy::STAFF);
    routes.add(give_grant, policy::STAFF);
    routes.add(end_grant, policy::STAFF);
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignUp {
    #[schema(format = "email", max_length = 254)]
    email: String,
    /// 12 to 128 characters of any kind.
    #[schema(format = "password", min_length = 12, max_length = 128)]
    password: String,
    #[schema(
        format = "line",
        min_length = 1,
        max_length = 100,
        pattern = "^[^/<>]*$"
    )]
    name: String,
    language: Lang,
}

#[derive(Serialize, ToSchema)]
struct Told {
    /// What happens next.
    #[schema(example = "check-your-mail")]
    status: &'static str,
}

/// Sign up. The answer is the same whether or not the address has an account; a mail tells which.
#[utoipa::path(tag = "accounts", request_body = SignUp, responses((status = 201, body = Told)))]
#[post("/v1/accounts")]
async fn sign_up(ctx: Ctx, body: Valid<SignUp>) -> Result<Reply> {
    if let Some(reply) = ctx.stored_reply().await? {
        return Ok(reply);
    }
    let Valid(SignUp {
        email,
        password,
        name,
        language,
    }) = body;
    let (email, source) = (normalise(&email), ctx.source());
    let passwords = &ctx.app.passwords;
    passwords
        .check_new(&password, known_of(&email, &name), "/password")
        .await?;
    ctx.write_beside(move |tx| {
        throttle::take(tx, &throttle::mails(tx.app, &source), "too-many-requests")
    })
    .await?;
    let new = NewAccount {
        email,
        name,
        language,
        password_hash: passwords.hash(password).await?,
    };
    ctx.write(move |tx| {
        strangers::ask_for_account(tx, &new)?;
        Reply::json(
            actix_web::http::StatusCode::CREATED,
            &Told {
                status: "check-your-mail",
            },
        )
    })
    .await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Code {
    /// The one-time code from the mail.
    #[schema(format = "password", max_length = 200)]
    token: String,
}

/// Prove a mailbox with the code from the mail.
#[utoipa::path(tag = "accounts", request_body = Code, responses((status = 200, body = Told)))]
#[post("/v1/accounts/verify")]
async fn verify_mailbox(ctx: Ctx, body: Valid<Code>) -> Result<Reply> {
    let code = ctx
        .app
        .secrets
        .read_one_time_code(Purpose::Verify.word(), body.0.token.trim());
    // A code that was not made by us is refused before the database is asked for it.
    let verified = match code.map(CodeId) {
        None => Err(Refusal::CodeNotValid.into()),
        Some(code) => {
            let done = ctx.write(move |tx| {
                actions::verify(tx, code)?;
                Reply::ok(&Told { status: "verified" })
            });
            done.await
        }
    };
    match verified {
        Err(error) if error.code() == Some(Refusal::CodeNotValid.code()) => {
            throttle::refuse_wrong_code(&ctx, error).await
        }
        verified => verified,
    }
}

#[derive(Serialize, ToSchema)]
struct GrantOut {
    id: GrantId,
    role: Role,
    scope: Option<Scope>,
    valid_from: Moment,
    valid_to: Option<Moment>,
}

#[derive(Serialize, ToSchema)]
struct AccountOut {
    id: AccountId,
    email: String,
    name: String,
    language: Lang,
    time_zone: String,
    verified_at: Option<Moment>,
    grants: Vec<GrantOut>,
    version: i64,
    created_at: Moment,
    updated_at: Moment,
}

impl AccountOut {
    fn new(account: Account, grants: &[GrantRow]) -> Self {
        let Account {
            id,
            email,
            name,
            language,
            time_zone,
            verified_at,
            version,
            created_at,
            updated_at,
            ..
        } = account;
        let grants = grants.iter().map(GrantOut::new).collect();
        Self {
            id,
            email,
            name,
            language,
            time_zone,
            verified_at,
            grants,
            version,
            created_at,
            updated_at,
        }
    }
}

impl GrantOut {
    fn new(row: &GrantRow) -> Self {
        let scope = row.grant().map(|grant| grant.scope);
        Self {
            id: row.id,
            role: row.role,
            scope,
            valid_from: row.valid_from,
            valid_to: row.valid_to,
        }
    }
}

/// Your account and what you are granted.
#[utoipa::path(tag = "accounts", responses((status = 200, body = AccountOut)))]
#[get("/v1/me")]
async fn show_me(ctx: Ctx) -> Result<Reply> {
    let (id, now) = (own_id(&ctx.caller)?, ctx.now);
    let out = ctx.read(move |conn, _| {
        let account = store::find(conn, id)?;
        Ok(AccountOut::new(account, &store::grant_rows(conn, id, now)?))
    });
    let out = out.await?;
    // Grants change without the account's row, so the body itself is the tag's source beside the version.
    Ok(Reply::ok(&out)?.version(out.version))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangeMe {
    #[schema(
        format = "line",
        min_length = 1,
        max_length = 100,
        pattern = "^[^/<>]*$"
    )]
    name: Option<String>,
    language: Option<Lang>,
    /// An IANA time zone, such as Europe/Brussels.
    #[schema(
        format = "line",
        max_length = 40,
        pattern = "^[A-Za-z]+(/[A-Za-z_+-]+)*$"
    )]
    time_zone: Option<String>,
}

/// Change your name, language or time zone.
#[utoipa::path(tag = "accounts", request_body = ChangeMe, responses((status = 200, body = AccountOut)))]
#[patch("/v1/me")]
async fn change_me(ctx: Ctx, body: Valid<ChangeMe>) -> Result<Reply> {
    let (id, seen) = (own_id(&ctx.caller)?, ctx.seen()?);
    let Valid(ChangeMe {
        name,
        language,
        time_zone,
    }) = body;
    let change = Change {
        name,
        language,
        time_zone,
    };
    ctx.write(move |tx| {
        let account = actions::change(tx, id, &seen, &change)?;
        let grants = store::grant_rows(tx.conn, id, tx.now)?;
        Ok(Reply::ok(&AccountOut::new(account.clone(), &grants))?.version(account.version))
    })
    .await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListAccounts {
    #[param(inline)]
    role: Option<Role>,
    #[param(max_length = 10)]
    region: Option<String>,
    #[param(inline)]
    updated_since: Option<Moment>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    cursor: Option<String>,
    /// `-created_at` (default), `created_at`, `-updated_at`, `updated_at`
    sort: Option<String>,
    #[param(inline)]
    format: Option<Format>,
}

/// People who work in the network, to assign them.
#[utoipa::path(tag = "accounts", params(ListAccounts), responses((status = 200, body = Page<AccountOut>)))]
#[get("/v1/accounts")]
async fn list_accounts(ctx: Ctx, query: Query<ListAccounts>) -> Result<HttpResponse> {
    let Query(ListAccounts {
        role,
        region,
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
    let keyset = Keyset::new(
        ctx.request(),
        &paging,
        &["-created_at", "created_at", "-updated_at", "updated_at"],
    )?;
    let (filter, wanted, now) = (
        Filter {
            role,
            region,
            updated_since,
        },
        keyset.clone(),
        ctx.now,
    );
    let found = ctx.read(move |conn, caller| {
        let accounts = store::list(conn, caller, &filter, &wanted)?;
        accounts
            .into_iter()
            .map(|account| {
                let grants = store::grant_rows(conn, account.id, now)?;
                Ok(AccountOut::new(account, &grants))
            })
            .collect::<Result<Vec<_>>>()
    });
    let page = keyset.page(found.await?, |out, by| {
        let at = if by == "updated_at" {
            out.updated_at
        } else {
            out.created_at
        };
        (at.write(), out.id.0)
    });
    page::answer(&ctx, &page, format)
}

/// One account.
#[utoipa::path(tag = "accounts", params(("id" = AccountId, Path)), responses((status = 200, body = AccountOut)))]
#[get("/v1/accounts/{id}")]
async fn show_account(ctx: Ctx, id: Path<AccountId>) -> Result<Reply> {
    let (id, now) = (id.into_inner(), ctx.now);
    let out = ctx.read(move |conn, caller| {
        let account = store::one(conn, caller, id)?;
        Ok(AccountOut::new(account, &store::grant_rows(conn, id, now)?))
    });
    let out = out.await?;
    Ok(Reply::ok(&out)?.version(out.version))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct GiveGrant {
    role: Role,
    scope: Scope,
}

/// Grant somebody a role in a scope. Coordinators may name coaches and reviewers.
#[utoipa::path(tag = "accounts", params(("id" = AccountId, Path)), request_body = GiveGrant, responses((status = 201, body = GrantOut)))]
#[post("/v1/accounts/{id}/grants")]
async fn give_grant(ctx: Ctx, id: Path<AccountId>, body: Valid<GiveGrant>) -> Result<Reply> {
    let (id, grant) = (
        id.into_inner(),
        Grant {
            role: body.0.role,
            scope: body.0.scope,
        },
    );
    ctx.write(move |tx| {
        let row = actions::grant(tx, id, &grant)?;
        Reply::json(actix_web::http::StatusCode::CREATED, &GrantOut::new(&row))
    })
    .await
}

/// Take a grant back.
#[utoipa::path(tag = "accounts", params(("id" = AccountId, Path), ("grant_id" = GrantId, Path)), responses((status = 204)))]
#[delete("/v1/accounts/{id}/grants/{grant_id}")]
async fn end_grant(ctx: Ctx, ids: Path<(AccountId, GrantId)>) -> Result<Reply> {
    let (id, grant) = ids.into_inner();
    ctx.write(move |tx| {
        actions::end_grant(tx, id, grant)?;
        Ok(Reply::nothing())
    })
    .await
}

fn own_id(caller: &Caller) -> Result<AccountId> {
    caller.account().or_not_found()
}
