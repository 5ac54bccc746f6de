//! Signing in and out over HTTP.

use actix_web::http::StatusCode;
use actix_web::web::Path;
use actix_web::{delete, get, post, put};
use chrono::Duration;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::actions::{self, Pair, Refreshed};
use super::model::{Refusal, Session};
use super::store;
use crate::accounts::{self, CodeId, Purpose};
use crate::auth::secrets::sha256;
use crate::auth::{AccountId, SessionId, policy};
use crate::db::Moment;
use crate::error::{Error, OrNotFound, Refused, Result};
use crate::http::{Ctx, Reply, Routes, Valid};

/// Failed sign-ins are counted over this time.
const WINDOW_MINUTES: i64 = 15;

pub fn register(routes: &mut Routes<'_>) {
    routes.add(sign_in, policy::PUBLIC);
    routes.add(refresh_session, policy::PUBLIC);
    routes.add(list_sessions, policy::SIGNED_IN);
    routes.add(sign_out, policy::SIGNED_IN);
    routes.add(end_session, policy::SIGNED_IN);
    routes.add(forget_password, policy::PUBLIC);
    routes.add(reset_password, policy::PUBLIC);
    routes.add(change_password, policy::SIGNED_IN);
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignIn {
    #[schema(format = "email", max_length = 254)]
    email: String,
    #[schema(format = "password", max_length = 128)]
    password: String,
}

#[derive(Serialize, ToSchema)]
struct TokensOut {
    access_token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds until the access token runs out.
    expires_in: i64,
    /// Good for one refresh; a second use ends the session.
    refresh_token: String,
}

/// Sign in.
#[utoipa::path(tag = "sessions", request_body = SignIn, responses((status = 201, body = TokensOut)))]
#[post("/v1/sessions")]
async fn sign_in(ctx: Ctx, body: Valid<SignIn>) -> Result<Reply> {
    let Valid(SignIn { email, password }) = body;
    let email = accounts::normalise(&email);
    let digest = sha256(email.as_bytes());
    let (looked_for, counted, since) = (
        email,
        digest.clone(),
        ctx.now.minus(Duration::minutes(WINDOW_MINUTES)),
    );
    let found = ctx.read(move |conn, _| {
        let failures = store::failures_since(conn, &counted, since)?;
        Ok((
            accounts::find_by_email(conn, &looked_for)?.filter(accounts::Account::is_active),
            failures,
        ))
    });
    let (account, failures) = found.await?;
    if failures >= ctx.app.config.auth.failures_per_quarter_hour {
        return Err(Refused::new(Refusal::TooManyFailures.code())
            .retry_after(60)
            .into());
    }
    let hash = account
        .as_ref()
        .map(|account| account.password_hash.clone());
    let right = ctx.app.passwords.verify(password, hash).await?;
    let account = account.map(|account| account.id);
    if let Some(account) = account.filter(|_| right) {
        return open_session(&ctx, account, digest).await;
    }
    note_failure(&ctx, digest, account).await?;
    Err(Refusal::WrongCredentials.into())
}

async fn open_session(ctx: &Ctx, account: AccountId, digest: String) -> Result<Reply> {
    let seconds = ctx.app.tokens.seconds();
    ctx.write(move |tx| {
        reply(
            StatusCode::CREATED,
            actions::sign_in(tx, account, &digest)?,
            seconds,
        )
    })
    .await
}

async fn note_failure(ctx: &Ctx, digest: String, account: Option<AccountId>) -> Result<()> {
    let noted = ctx.write_anyway(move |tx| {
        actions::fail_sign_in(tx, &digest, account)?;
        Ok(Reply::nothing())
    });
    noted.await.map(|_| ())
}

fn reply(status: StatusCode, pair: Pair, seconds: i64) -> Result<Reply> {
    let Pair { access, refresh } = pair;
    let out = TokensOut {
        access_token: access,
        token_type: "Bearer",
        expires_in: seconds,
        refresh_token: refresh,
    };
    Ok(Reply::json(status, &out)?.secret())
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Refresh {
    #[schema(format = "password", max_length = 200)]
    refresh_token: String,
}

/// Exchange a refresh token for a new pair.
#[utoipa::path(tag = "sessions", request_body = Refresh, responses((status = 200, body = TokensOut)))]
#[post("/v1/sessions/refresh")]
async fn refresh_session(ctx: Ctx, body: Valid<Refresh>) -> Result<Reply> {
    let (token, seconds) = (body.0.refresh_token, ctx.app.tokens.seconds());
    let reply = ctx
        .write(move |tx| match actions::refresh(tx, &token)? {
            Refreshed::Pair(pair) => reply(StatusCode::OK, pair, seconds),
            // The session's end must be kept, so this is an answer here and a refusal outside.
            Refreshed::Stolen => Ok(Reply {
                status: StatusCode::UNAUTHORIZED.as_u16(),
                ..Reply::nothing()
            }),
        })
        .await?;
    if reply.status == StatusCode::UNAUTHORIZED.as_u16() {
        return Err(Refusal::RefreshNotAccepted.into());
    }
    Ok(reply)
}

#[derive(Serialize, ToSchema)]
struct SessionOut {
    id: SessionId,
    created_at: Moment,
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
async fn list_sessions(ctx: Ctx) -> Result<Reply> {
    let (id, current) = (ctx.caller.account().or_not_found()?, ctx.caller.session);
    let open = ctx.read(move |conn, _| store::open_of(conn, id)).await?;
    let out = |Session {
                   id,
                   created_at,
                   last_used_at,
                   ..
               }: Session| SessionOut {
        id,
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
async fn sign_out(ctx: Ctx) -> Result<Reply> {
    let session = ctx.caller.session.or_not_found()?;
    end(ctx, session).await
}

/// End one of your sessions.
#[utoipa::path(tag = "sessions", params(("id" = SessionId, Path)), responses((status = 204)))]
#[delete("/v1/sessions/{id}")]
async fn end_session(ctx: Ctx, id: Path<SessionId>) -> Result<Reply> {
    end(ctx, id.into_inner()).await
}

async fn end(ctx: Ctx, session: SessionId) -> Result<Reply> {
    let account = ctx.caller.account().or_not_found()?;
    ctx.write(move |tx| {
        actions::sign_out(tx, account, session)?;
        Ok(Reply::nothing())
    })
    .await
}

#[derive(Serialize, ToSchema)]
struct PasswordTold {
    #[schema(example = "check-your-mail")]
    status: &'static str,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Forgotten {
    #[schema(format = "email", max_length = 254)]
    email: String,
}

/// Ask for a mail with a code to choose a new password.
#[utoipa::path(tag = "sessions", request_body = Forgotten, responses((status = 202, body = PasswordTold)))]
#[post("/v1/accounts/password-reset")]
async fn forget_password(ctx: Ctx, body: Valid<Forgotten>) -> Result<Reply> {
    let email = accounts::normalise(&body.0.email);
    ctx.write(move |tx| {
        accounts::forgot_password(tx, &email)?;
        Reply::json(
            StatusCode::ACCEPTED,
            &PasswordTold {
                status: "check-your-mail",
            },
        )
    })
    .await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    /// The one-time code from the mail.
    #[schema(format = "password", max_length = 200)]
    token: String,
    #[schema(format = "password", min_length = 12, max_length = 128)]
    password: String,
}

/// Choose a new password with the code from the mail. All sessions end.
#[utoipa::path(tag = "sessions", request_body = NewPassword, responses((status = 200, body = PasswordTold)))]
#[post("/v1/accounts/password")]
async fn reset_password(ctx: Ctx, body: Valid<NewPassword>) -> Result<Reply> {
    let code = ctx
        .app
        .secrets
        .read_one_time_code(Purpose::Reset.word(), body.0.token.trim());
    let code = code
        .map(CodeId)
        .ok_or_else(|| Error::from(accounts::Refusal::CodeNotValid))?;
    let hash = ctx.app.passwords.hash(body.0.password).await?;
    ctx.write(move |tx| {
        actions::reset_password(tx, code, &hash)?;
        Reply::ok(&PasswordTold { status: "changed" })
    })
    .await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangePassword {
    #[schema(format = "password", max_length = 128)]
    current_password: String,
    #[schema(format = "password", min_length = 12, max_length = 128)]
    new_password: String,
}

/// Change your password. All other sessions end.
#[utoipa::path(tag = "sessions", request_body = ChangePassword, responses((status = 204)))]
#[put("/v1/me/password")]
async fn change_password(ctx: Ctx, body: Valid<ChangePassword>) -> Result<Reply> {
    // The same request again would fail the check of a password that it has changed itself.
    if let Some(reply) = ctx.stored_reply().await? {
        return Ok(reply);
    }
    let (id, session) = (ctx.caller.account().or_not_found()?, ctx.caller.session);
    let account = ctx.read(move |conn, _| accounts::find(conn, id)).await?;
    let right = ctx
        .app
        .passwords
        .verify(body.0.current_password, Some(account.password_hash.clone()))
        .await?;
    if !right {
        return Err(accounts::Refusal::WrongPassword.into());
    }
    let hash = ctx.app.passwords.hash(body.0.new_password).await?;
    ctx.write(move |tx| {
        actions::change_password(tx, &account, session, &hash)?;
        Ok(Reply::nothing())
    })
    .await
}
