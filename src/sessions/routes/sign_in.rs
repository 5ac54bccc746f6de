//! Signing in and refreshing over HTTP.

use actix_web::http::StatusCode;
use actix_web::post;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts;
use crate::auth::passwords::Compared;
use crate::error::Result;
use crate::http::{Ctx, Reply, Valid};
use crate::sessions::actions::{self, Entry, Pair, Refreshed};
use crate::sessions::door::{self, Knock, Visitor};
use crate::sessions::model::Refusal;
use crate::throttle;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignIn {
    #[schema(format = "email", max_length = 254)]
    email: String,
    #[schema(format = "password", max_length = 128)]
    password: String,
    /// A refresh token that this device had, even one that no longer holds: then strangers who guess cannot hold it up.
    #[schema(format = "password", max_length = 200)]
    refresh_token: Option<String>,
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
pub(super) async fn sign_in(ctx: Ctx, body: Valid<SignIn>) -> Result<Reply> {
    let Valid(SignIn {
        email,
        password,
        refresh_token,
    }) = body;
    let visitor = Visitor {
        email: accounts::normalise(&email),
        source: ctx.source(),
        refresh_token,
    };
    let at_the_door = visitor.clone();
    let knock = ctx
        .write_beside(move |tx| door::knock(tx, &at_the_door))
        .await?;
    let hash = knock.account.as_ref().map(|one| one.password_hash.clone());
    match compare(&ctx, password, hash).await {
        Ok((true, new_hash)) => open_session(&ctx, visitor, knock, new_hash).await,
        Ok((false, _)) => {
            ctx.write_beside(move |tx| door::turn_away(tx, &visitor, knock.account.as_ref()))
                .await?;
            Err(Refusal::WrongCredentials.into())
        }
        Err(busy) => {
            // Nobody has looked at it, so it was no guess.
            ctx.write_beside(move |tx| throttle::give_back(tx, &knock.counted))
                .await?;
            Err(busy)
        }
    }
}

/// Whether the password is right; and if it is, but its hash was made with older parameters, a new one.
async fn compare(
    ctx: &Ctx,
    password: String,
    hash: Option<String>,
) -> Result<(bool, Option<String>)> {
    let passwords = &ctx.app.passwords;
    let Compared { right, outdated } = passwords.verify(password.clone(), hash).await?;
    if right && outdated {
        Ok((true, Some(passwords.hash(password).await?)))
    } else {
        Ok((right, None))
    }
}

async fn open_session(
    ctx: &Ctx,
    visitor: Visitor,
    knock: Knock,
    new_hash: Option<String>,
) -> Result<Reply> {
    let Some(account) = knock.account else {
        return Err(Refusal::WrongCredentials.into());
    };
    let seconds = ctx.app.tokens.seconds();
    let entry = Entry {
        account,
        new_hash,
        device: ctx.device(),
    };
    ctx.write(move |tx| {
        door::let_in(tx, &visitor, &knock.counted)?;
        reply(StatusCode::CREATED, actions::sign_in(tx, &entry)?, seconds)
    })
    .await
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
pub(super) async fn refresh_session(ctx: Ctx, body: Valid<Refresh>) -> Result<Reply> {
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
        .await;
    match reply {
        Ok(reply) if reply.status == StatusCode::UNAUTHORIZED.as_u16() => {
            Err(Refusal::RefreshNotAccepted.into())
        }
        Err(error) if error.code() == Some(Refusal::RefreshNotAccepted.code()) => {
            throttle::refuse_wrong_code(&ctx, error).await
        }
        reply => reply,
    }
}
