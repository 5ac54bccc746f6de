//! Applications over HTTP.

use actix_web::web::Path;
use actix_web::{HttpResponse, get, patch, post};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::actions;
use super::model::{Application, ApplicationId, ApplicationState};
use super::store::{self, Filter};
use crate::auth::{AccountId, policy};
use crate::db::Moment;
use crate::error::{OrNotFound, Result};
use crate::http::page::{self, CursorValue, Format, Paging};
use crate::http::{Ctx, Keyset, Page, Query, Reply, Routes, Valid};
use crate::network::{CallId, CohortId, Pillar, Sector};
use crate::projects::ProjectId;

pub fn register(routes: &mut Routes<'_>) {
    routes.add(create_application, policy::SIGNED_IN);
    routes.add(list_applications, policy::READ_PROJECTS);
    routes.add(show_application, policy::READ_PROJECTS);
    routes.add_versioned(change_application, policy::SIGNED_IN);
    routes.add_versioned(override_scope, policy::STAFF);
    routes.add_versioned(submit_application, policy::SIGNED_IN);
    routes.add(show_receipt, policy::READ_PROJECTS);
    routes.add_versioned(withdraw_application, policy::SIGNED_IN);
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateApplication {
    project_id: ProjectId,
    call_id: CallId,
    /// Answers by question.
    #[serde(default)]
    #[schema(value_type = Object)]
    answers: Map<String, Value>,
}

/// An application, as every answer shows it.
#[derive(Serialize, ToSchema)]
pub struct ApplicationOut {
    id: ApplicationId,
    reference: String,
    project_id: ProjectId,
    call_id: CallId,
    state: ApplicationState,
    #[schema(value_type = Object)]
    answers: Value,
    region: Option<String>,
    cohort_id: Option<CohortId>,
    pillar: Option<Pillar>,
    feedback: Option<String>,
    override_reason: Option<String>,
    submitted_at: Option<Moment>,
    decided_at: Option<Moment>,
    decided_by: Option<AccountId>,
    version: i64,
    created_at: Moment,
    updated_at: Moment,
}

impl From<Application> for ApplicationOut {
    fn from(row: Application) -> Self {
        let Application {
            id,
            reference,
            project_id,
            call_id,
            state,
            answers,
            region,
            cohort_id,
            pillar,
            feedback,
            ..
        } = row;
        let Application {
            override_reason,
            submitted_at,
            decided_at,
            decided_by,
            version,
            created_at,
            updated_at,
            ..
        } = row;
        let answers = answers.0;
        Self {
            id,
            reference,
            project_id,
            call_id,
            state,
            answers,
            region,
            cohort_id,
            pillar,
            feedback,
            override_reason,
            submitted_at,
            decided_at,
            decided_by,
            version,
            created_at,
            updated_at,
        }
    }
}

/// The answer that is an application.
///
/// # Errors
/// When it can't be written.
pub fn shown(application: Application) -> Result<Reply> {
    let version = application.version;
    Ok(Reply::ok(&ApplicationOut::from(application))?.version(version))
}

/// Start an application: a draft that the team can go on with.
#[utoipa::path(tag = "applications", request_body = CreateApplication, responses((status = 201, body = ApplicationOut)))]
#[post("/v1/applications")]
async fn create_application(ctx: Ctx, body: Valid<CreateApplication>) -> Result<Reply> {
    let Valid(CreateApplication {
        project_id,
        call_id,
        answers,
    }) = body;
    ctx.write(move |tx| {
        let application = actions::create(tx, project_id, call_id, &answers)?;
        let (version, location) = (
            application.version,
            format!("/v1/applications/{}", application.id),
        );
        Ok(Reply::created(&ApplicationOut::from(application), location)?.version(version))
    })
    .await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListApplications {
    /// Words of the project's title, summary or reference; beginnings are enough.
    #[param(max_length = 200)]
    q: Option<String>,
    #[param(inline)]
    state: Option<ApplicationState>,
    #[param(max_length = 10)]
    region: Option<String>,
    #[param(inline)]
    call_id: Option<CallId>,
    #[param(inline)]
    cohort_id: Option<CohortId>,
    #[param(inline)]
    project_id: Option<ProjectId>,
    #[param(inline)]
    sector: Option<Sector>,
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

/// The applications in your scope.
#[utoipa::path(tag = "applications", params(ListApplications), responses((status = 200, body = Page<ApplicationOut>)))]
#[get("/v1/applications")]
async fn list_applications(ctx: Ctx, query: Query<ListApplications>) -> Result<HttpResponse> {
    let Query(query) = query;
    let paging = Paging {
        limit: query.limit,
        cursor: query.cursor,
        sort: query.sort,
        format: query.format,
    };
    let keyset = Keyset::new(
        ctx.request(),
        &paging,
        &["-created_at", "created_at", "-updated_at", "updated_at"],
    )?;
    let filter = Filter {
        state: query.state,
        region: query.region,
        call: query.call_id,
        cohort: query.cohort_id,
        project: query.project_id,
        sector: query.sector,
        updated_since: query.updated_since,
        words: query.q,
    };
    let wanted = keyset.clone();
    let found = ctx
        .read(move |conn, caller| store::list(conn, caller, &filter, &wanted))
        .await?;
    let out = found.into_iter().map(ApplicationOut::from).collect();
    let key = |out: &ApplicationOut, by: &str| {
        (
            if by == "updated_at" {
                out.updated_at.write()
            } else {
                out.created_at.write()
            },
            out.id.0,
        )
    };
    page::answer(&ctx, &keyset.page(out, key), paging.format)
}

/// One application.
#[utoipa::path(tag = "applications", params(("id" = ApplicationId, Path)), responses((status = 200, body = ApplicationOut)))]
#[get("/v1/applications/{id}")]
async fn show_application(ctx: Ctx, id: Path<ApplicationId>) -> Result<Reply> {
    let id = id.into_inner();
    shown(
        ctx.read(move |conn, caller| store::one(conn, caller, id))
            .await?,
    )
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangeApplication {
    /// Answers to change; null takes one back, and what is left out stays.
    #[schema(value_type = Object)]
    answers: Map<String, Value>,
}

/// Change the answers of a draft.
#[utoipa::path(tag = "applications", params(("id" = ApplicationId, Path)), request_body = ChangeApplication, responses((status = 200, body = ApplicationOut)))]
#[patch("/v1/applications/{id}")]
async fn change_application(
    ctx: Ctx,
    id: Path<ApplicationId>,
    body: Valid<ChangeApplication>,
) -> Result<Reply> {
    let (id, seen, answers) = (id.into_inner(), ctx.seen()?, body.0.answers);
    ctx.write(move |tx| shown(actions::change(tx, id, &seen, &answers)?))
        .await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OverrideScope {
    #[schema(min_length = 1, max_length = 2000)]
    reason: String,
}

/// Let a draft in although the programme leaves its sector out. A coordinator answers for it.
#[utoipa::path(tag = "applications", params(("id" = ApplicationId, Path)), request_body = OverrideScope, responses((status = 200, body = ApplicationOut)))]
#[post("/v1/applications/{id}/scope-override")]
async fn override_scope(
    ctx: Ctx,
    id: Path<ApplicationId>,
    body: Valid<OverrideScope>,
) -> Result<Reply> {
    let (id, seen, reason) = (id.into_inner(), ctx.seen()?, body.0.reason);
    ctx.write(move |tx| shown(actions::override_rule(tx, id, &seen, &reason)?))
        .await
}

#[derive(Serialize, ToSchema)]
struct ReceiptOut {
    application_id: ApplicationId,
    reference: String,
    submitted_at: Moment,
    /// Of `content`, written with sorted keys and without spaces (RFC 8785).
    sha256: String,
    /// What was submitted; it never changes.
    #[schema(value_type = Object)]
    content: Value,
}

fn receipt(application: Application) -> Result<Reply> {
    let version = application.version;
    let out = ReceiptOut {
        application_id: application.id,
        reference: application.reference,
        submitted_at: application.submitted_at.or_not_found()?,
        sha256: application.content_sha256.or_not_found()?,
        content: application.frozen.or_not_found()?.0,
    };
    Ok(Reply::ok(&out)?.version(version))
}

/// Submit an application. The answer is the receipt; the ETag is the application's.
#[utoipa::path(tag = "applications", params(("id" = ApplicationId, Path)), responses((status = 200, body = ReceiptOut)))]
#[post("/v1/applications/{id}/submit")]
async fn submit_application(ctx: Ctx, id: Path<ApplicationId>) -> Result<Reply> {
    let (id, seen) = (id.into_inner(), ctx.seen()?);
    ctx.write(move |tx| receipt(actions::submit(tx, id, &seen)?))
        .await
}

/// The receipt of a submitted application.
#[utoipa::path(tag = "applications", params(("id" = ApplicationId, Path)), responses((status = 200, body = ReceiptOut)))]
#[get("/v1/applications/{id}/receipt")]
async fn show_receipt(ctx: Ctx, id: Path<ApplicationId>) -> Result<Reply> {
    let id = id.into_inner();
    receipt(
        ctx.read(move |conn, caller| store::one(conn, caller, id))
            .await?,
    )
}

/// Take an application back, before its decision is out.
#[utoipa::path(tag = "applications", params(("id" = ApplicationId, Path)), responses((status = 200, body = ApplicationOut)))]
#[post("/v1/applications/{id}/withdrawal")]
async fn withdraw_application(ctx: Ctx, id: Path<ApplicationId>) -> Result<Reply> {
    let (id, seen) = (id.into_inner(), ctx.seen()?);
    ctx.write(move |tx| shown(actions::withdraw(tx, id, &seen)?))
        .await
}
