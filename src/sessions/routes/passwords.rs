//! New passwords over HTTP: for those who know the old one, and for those who have forgotten it.

use actix_web::http::StatusCode;
use actix_web::{post, put};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::{self, Account, CodeId, Purpose};
use crate::auth::passwords::known_of;
use crate::error::{OrNotFound, Result};
use crate::http::{Ctx, Reply, Valid};
use crate::sessions::actions;
use crate::sessions::door;
use crate::throttle;

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
pub(super) async fn forget_password(ctx: Ctx, body: Valid<Forgotten>) -> Result<Reply> {
    if let Some(reply) = ctx.stored_reply().await? {
        return Ok(reply);
    }
    let (email, source) = (accounts::normalise(&body.0.email), ctx.source());
    ctx.write(move |tx| {
        throttle::take(tx, &throttle::mails(tx.app, &source), "too-many-requests")?;
        accounts::ask_for_password(tx, &email)?;
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
pub(super) async fn reset_password(ctx: Ctx, body: Valid<NewPassword>) -> Result<Reply> {
    if let Some(reply) = ctx.stored_reply().await? {
        return Ok(reply);
    }
    match reset(&ctx, body.0).await {
        Err(error) if error.code() == Some(accounts::Refusal::CodeNotValid.code()) => {
            throttle::refuse_wrong_code(&ctx, error).await
        }
        done => done,
    }
}

async fn reset(ctx: &Ctx, body: NewPassword) -> Result<Reply> {
    let NewPassword { token, password } = body;
    let secrets = &ctx.app.secrets;
    let code = secrets
        .read_one_time_code(Purpose::Reset.word(), token.trim())
        .map(CodeId)
        .ok_or(accounts::Refusal::CodeNotValid)?;
    let now = ctx.now;
    // A code that was used before costs no hash.
    let owner = ctx
        .read(move |conn, _| accounts::owner_of_reset_code(conn, code, now))
        .await?;
    let hash = new_hash(ctx, password, &owner, "/password").await?;
    ctx.write(move |tx| {
        actions::reset_password(tx, code, &hash)?;
        Reply::ok(&PasswordTold { status: "changed" })
    })
    .await
}

/// The hash of a password that its owner may choose.
async fn new_hash(
    ctx: &Ctx,
    password: String,
    owner: &Account,
    pointer: &'static str,
) -> Result<String> {
    let passwords = &ctx.app.passwords;
    let about = known_of(&owner.email, &owner.name);
    passwords.check_new(&password, about, pointer).await?;
    passwords.hash(password).await
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
pub(super) async fn change_password(ctx: Ctx, body: Valid<ChangePassword>) -> Result<Reply> {
    // The same request again would fail the check of a password that it has changed itself.
    if let Some(reply) = ctx.stored_reply().await? {
        return Ok(reply);
    }
    let (id, session) = (ctx.caller.account().or_not_found()?, ctx.caller.session);
    let account = ctx.read(move |conn, _| accounts::find(conn, id)).await?;
    let email = account.email.clone();
    let counted = ctx
        .write_beside(move |tx| door::knock_within(tx, &email, session))
        .await?;
    let (passwords, hash) = (&ctx.app.passwords, account.password_hash.clone());
    let compared = passwords.verify(body.0.current_password, Some(hash)).await;
    if compared.as_ref().map_or(true, |compared| compared.right) {
        ctx.write_beside(move |tx| throttle::give_back(tx, &counted))
            .await?;
    }
    if !compared?.right {
        return Err(accounts::Refusal::WrongPassword.into());
    }
    let hash = new_hash(&ctx, body.0.new_password, &account, "/new_password").await?;
    ctx.write(move |tx| {
        actions::change_password(tx, &account, session, &hash)?;
        Ok(Reply::nothing())
    })
    .await
}
