//! Invitations and teams over HTTP.

use actix_web::web::Path;
use actix_web::{HttpResponse, delete, get, post, put};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::actions::{self, Guest};
use super::model::{
    Invitation, InvitationId, NewInvitation, PURPOSE, Standing, TeamRole, reads_invitations,
};
use super::store;
use crate::accounts::{self, NewAccount, normalise};
use crate::auth::passwords::known_of;
use crate::auth::{AccountId, policy};
use crate::db::Moment;
use crate::error::{Error, FieldError, FieldErrors, Result};
use crate::http::page::{self, CursorValue, Format, Paging};
use crate::http::{Ctx, Keyset, Page, Query, Reply, Routes, Valid};
use crate::lang::Lang;
use crate::projects::{self, ProjectId};
use crate::throttle;

pub fn register(routes: &mut Routes) {
    routes.add(invite_member, policy::SIGNED_IN);
    routes.add(list_invitations, policy::SIGNED_IN);
    routes.add(withdraw_invitation, policy::SIGNED_IN);
    routes.add(accept_invitation, policy::PUBLIC);
    routes.add(change_member, policy::SIGNED_IN);
    routes.add(remove_member, policy::SIGNED_IN);
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct InviteMember {
    #[schema(format = "email", max_length = 254)]
    email: String,
    role: TeamRole,
    /// The language of the mail, where the address is new here; the project's if left out.
    language: Option<Lang>,
}

#[derive(Serialize, ToSchema)]
struct InvitationOut {
    id: InvitationId,
    project_id: ProjectId,
    email: String,
    role: TeamRole,
    state: Standing,
    expires_at: Moment,
    invited_by: AccountId,
    /// Who has accepted it.
    account_id: Option<AccountId>,
    created_at: Moment,
    updated_at: Moment,
}

impl InvitationOut {
    fn new(invitation: Invitation, now: Moment) -> Self {
        Self {
            state: invitation.standing(now),
            id: invitation.id,
            project_id: invitation.project_id,
            email: invitation.email,
            role: invitation.role,
            expires_at: invitation.expires_at,
            invited_by: invitation.invited_by,
            account_id: invitation.account_id,
            created_at: invitation.created_at,
            updated_at: invitation.updated_at,
        }
    }
}

/// Ask somebody into a project's team, by mail. Its owners do this; the answer does not tell whether the address has
/// an account.
#[utoipa::path(tag = "team", params(("id" = ProjectId, Path)), request_body = InviteMember, responses((status = 201, body = InvitationOut)))]
#[post("/v1/projects/{id}/invitations")]
async fn invite_member(ctx: Ctx, id: Path<ProjectId>, body: Valid<InviteMember>) -> Result<Reply> {
    let (id, Valid(body)) = (id.into_inner(), body);
    let new = NewInvitation {
        email: normalise(&body.email),
        role: body.role,
        language: body.language,
    };
    ctx.write(move |tx| {
        let invitation = actions::invite(tx, id, &new)?;
        let location = format!("/v1/projects/{id}/invitations");
        Reply::created(&InvitationOut::new(invitation, tx.now), location)
    })
    .await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListInvitations {
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    cursor: Option<String>,
    /// `-created_at` (default), `created_at`, `-updated_at`, `updated_at`
    sort: Option<String>,
    #[param(inline)]
    format: Option<Format>,
}

/// Who was asked into a project's team. Its owners read this, and its coordinators.
#[utoipa::path(tag = "team", params(("id" = ProjectId, Path), ListInvitations), responses((status = 200, body = Page<InvitationOut>)))]
#[get("/v1/projects/{id}/invitations")]
async fn list_invitations(
    ctx: Ctx,
    id: Path<ProjectId>,
    query: Query<ListInvitations>,
) -> Result<HttpResponse> {
    let Query(query) = query;
    let paging = Paging {
        limit: query.limit,
        cursor: query.cursor,
        sort: query.sort,
        format: query.format,
    };
    let sorts = ["-created_at", "created_at", "-updated_at", "updated_at"];
    let keyset = Keyset::new(ctx.request(), &paging, &sorts)?;
    let (id, now, wanted) = (id.into_inner(), ctx.now, keyset.clone());
    let found = ctx.read(move |conn, caller| {
        let project = projects::one_inside(conn, caller, id)?;
        if !reads_invitations(caller, &project) {
            return Err(Error::refused("not-allowed"));
        }
        store::list(conn, id, &wanted)
    });
    let rows = found.await?.into_iter();
    let out = rows.map(|row| InvitationOut::new(row, now)).collect();
    let key = |out: &InvitationOut, by: &str| {
        let at = if by == "updated_at" {
            out.updated_at
        } else {
            out.created_at
        };
        (at.write(), out.id.0)
    };
    page::answer(&ctx, &keyset.page(out, key), paging.format)
}

/// Take an open invitation back; its code is worth nothing from then on.
#[utoipa::path(tag = "team", params(("id" = ProjectId, Path), ("invitation_id" = InvitationId, Path)), responses((status = 204)))]
#[delete("/v1/projects/{id}/invitations/{invitation_id}")]
async fn withdraw_invitation(ctx: Ctx, ids: Path<(ProjectId, InvitationId)>) -> Result<Reply> {
    let (id, invitation) = ids.into_inner();
    ctx.write(move |tx| {
        actions::withdraw(tx, id, invitation)?;
        Ok(Reply::nothing())
    })
    .await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AcceptInvitation {
    /// The one-time code from the mail.
    #[schema(format = "password", max_length = 200)]
    token: String,
    /// For those without an account: it is made with these, and needs no other proof of the mailbox.
    #[schema(
        format = "line",
        min_length = 1,
        max_length = 100,
        pattern = "^[^/<>]*$"
    )]
    name: Option<String>,
    #[schema(format = "password", min_length = 12, max_length = 128)]
    password: Option<String>,
    language: Option<Lang>,
}

#[derive(Serialize, ToSchema)]
struct Accepted {
    project_id: ProjectId,
    account_id: Option<AccountId>,
    role: TeamRole,
}

/// Accept an invitation: signed in under the address it was sent to, or as somebody new with a name and a password.
#[utoipa::path(tag = "team", request_body = AcceptInvitation, responses((status = 200, body = Accepted)))]
#[post("/v1/invitations/accept")]
async fn accept_invitation(ctx: Ctx, body: Valid<AcceptInvitation>) -> Result<Reply> {
    if let Some(reply) = ctx.stored_reply().await? {
        return Ok(reply);
    }
    match accept(&ctx, body.0).await {
        Err(error) if error.code() == Some(accounts::Refusal::CodeNotValid.code()) => {
            throttle::refuse_wrong_code(&ctx, error).await
        }
        done => done,
    }
}

async fn accept(ctx: &Ctx, body: AcceptInvitation) -> Result<Reply> {
    let code = ctx
        .app
        .secrets
        .read_one_time_code(PURPOSE, body.token.trim());
    let id = code
        .map(InvitationId)
        .ok_or(accounts::Refusal::CodeNotValid)?;
    let now = ctx.now;
    // A code that was used before costs no hash.
    let guest = ctx.read(move |conn, caller| actions::guest(conn, caller, id, now));
    let new = match guest.await? {
        Guest::Known(_) => None,
        Guest::New(invitation) => Some(newcomer(ctx, body, *invitation).await?),
    };
    ctx.write(move |tx| {
        let accepted = actions::accept(tx, id, new.as_ref())?;
        Reply::ok(&Accepted {
            project_id: accepted.project_id,
            account_id: accepted.account_id,
            role: accepted.role,
        })
    })
    .await
}

/// What somebody new says of themselves.
async fn newcomer(ctx: &Ctx, body: AcceptInvitation, invitation: Invitation) -> Result<NewAccount> {
    let mut errors = FieldErrors::default();
    for (pointer, is_missing) in [
        ("/name", body.name.is_none()),
        ("/password", body.password.is_none()),
    ] {
        if is_missing {
            errors.push(FieldError::new(pointer, "required"));
        }
    }
    errors.done()?;
    let (name, password) = (
        body.name.unwrap_or_default(),
        body.password.unwrap_or_default(),
    );
    let passwords = &ctx.app.passwords;
    let about = known_of(&invitation.email, &name);
    passwords.check_new(&password, about, "/password").await?;
    Ok(NewAccount {
        password_hash: passwords.hash(password).await?,
        name,
        language: body.language.unwrap_or(invitation.language),
        email: invitation.email,
    })
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangeMember {
    role: TeamRole,
}

#[derive(Serialize, ToSchema)]
struct TeamMemberOut {
    account_id: AccountId,
    name: String,
    role: TeamRole,
}

/// Make a member of the team its owner, an editor or a viewer. Owners do this; one of them always stays.
#[utoipa::path(tag = "team", params(("id" = ProjectId, Path), ("account_id" = AccountId, Path)), request_body = ChangeMember, responses((status = 200, body = TeamMemberOut)))]
#[put("/v1/projects/{id}/team/{account_id}")]
async fn change_member(
    ctx: Ctx,
    ids: Path<(ProjectId, AccountId)>,
    body: Valid<ChangeMember>,
) -> Result<Reply> {
    let ((id, account_id), role) = (ids.into_inner(), body.0.role);
    ctx.write(move |tx| {
        let account = actions::change_member(tx, id, account_id, role)?;
        Reply::ok(&TeamMemberOut {
            account_id,
            name: account.name,
            role,
        })
    })
    .await
}

/// Take somebody out of the team: owners anybody, and everybody themselves. The last owner stays.
#[utoipa::path(tag = "team", params(("id" = ProjectId, Path), ("account_id" = AccountId, Path)), responses((status = 204)))]
#[delete("/v1/projects/{id}/team/{account_id}")]
async fn remove_member(ctx: Ctx, ids: Path<(ProjectId, AccountId)>) -> Result<Reply> {
    let (id, account) = ids.into_inner();
    ctx.write(move |tx| {
        actions::remove_member(tx, id, account)?;
        Ok(Reply::nothing())
    })
    .await
}
