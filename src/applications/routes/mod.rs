//! Applications over HTTP.

mod receipts;
mod screening;

pub use screening::{ReturnApplication, ScreenApplication, Tag};

use actix_web::web::Path;
use actix_web::{HttpResponse, get, patch, post};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::applications::actions;
use crate::applications::model::{Application, ApplicationId, ApplicationState};
use crate::applications::readers::{Reader, Shown};
use crate::applications::store::{self, Filter};
use crate::auth::{AccountId, policy};
use crate::db::Moment;
use crate::eligibility::WaivableRule;
use crate::error::Result;
use crate::forms::FormId;
use crate::http::page::{self, CursorValue, Format, Paging};
use crate::http::{Ctx, Keyset, Page, Query, Reply, Routes, Valid};
use crate::network::{CallId, CohortId, Pillar, Sector};
use crate::projects::ProjectId;

pub fn register(routes: &mut Routes) {
    routes.add(create_application, policy::SIGNED_IN);
    routes.add(list_applications, policy::READ_PROJECTS);
    routes.add(show_application, policy::READ_PROJECTS);
    routes.add_versioned(change_application, policy::SIGNED_IN);
    routes.add_versioned(override_scope, policy::STAFF);
    routes.add_versioned(withdraw_application, policy::SIGNED_IN);
    receipts::register(routes);
    screening::register(routes);
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
    /// Null for who reviews it blind.
    project_id: Option<ProjectId>,
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
    /// The version of the call's form that it answers; a draft follows the newest.
    form_id: Option<FormId>,
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
            form_id,
            ..
        } = row;
        let answers = answers.0;
        Self {
            id,
            reference,
            project_id: Some(project_id),
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
            form_id,
        }
    }
}

impl From<Shown> for ApplicationOut {
    fn from(shown: Shown) -> Self {
        let Shown {
            application,
            reader,
            answers,
        } = shown;
        match reader {
            None => Self::from(application),
            Some(reader) => Self::from(application).for_reviewer(reader, answers),
        }
    }
}

impl ApplicationOut {
    /// What a reviewer reads. Every field is named here, so that a new one is thought about: nothing of the decision, and
    /// where the call is blind nothing that says whose application it is or when which founder did what.
    fn for_reviewer(self, reader: Reader, answers: Value) -> Self {
        let blind = reader.blind;
        let since = reader.since;
        Self {
            id: if blind {
                ApplicationId(reader.id.0)
            } else {
                self.id
            },
            reference: if blind { reader.label } else { self.reference },
            project_id: self.project_id.filter(|_| !blind),
            call_id: self.call_id,
            state: self.state.for_reviewers(),
            answers,
            region: self.region.filter(|_| !blind),
            cohort_id: None,
            pillar: None,
            feedback: None,
            override_reason: None,
            submitted_at: self.submitted_at.filter(|_| !blind),
            decided_at: None,
            decided_by: None,
            version: if blind { 1 } else { self.version },
            created_at: if blind { since } else { self.created_at },
            updated_at: if blind { since } else { self.updated_at },
            form_id: self.form_id,
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
    /// A word that staff put on it; finds nothing that you don't coordinate.
    #[param(max_length = 40)]
    tag: Option<String>,
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
        tag: query.tag,
    };
    let wanted = keyset.clone();
    let found = ctx
        .read(move |conn, caller| store::list(conn, caller, &filter, &wanted))
        .await?;
    let key = |shown: &Shown, by: &str| {
        let (id, created_at) = shown.known_as();
        let at = if by == "updated_at" {
            shown.changed_at()
        } else {
            created_at
        };
        (at.write(), id.0)
    };
    let Page { data, next } = keyset.page(found, key);
    let data: Vec<ApplicationOut> = data.into_iter().map(ApplicationOut::from).collect();
    page::answer(&ctx, &Page { data, next }, paging.format)
}

/// One application.
#[utoipa::path(tag = "applications", params(("id" = ApplicationId, Path)), responses((status = 200, body = ApplicationOut)))]
#[get("/v1/applications/{id}")]
async fn show_application(ctx: Ctx, id: Path<ApplicationId>) -> Result<Reply> {
    let id = id.into_inner();
    let found = ctx
        .read(move |conn, caller| store::one_shown(conn, caller, id))
        .await?;
    let (version, is_reviewer) = (found.application.version, found.reader.is_some());
    let reply = Reply::ok(&ApplicationOut::from(found))?;
    Ok(if is_reviewer {
        reply.tagged_by_content()
    } else {
        reply.version(version)
    })
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangeApplication {
    /// Answers to change; null takes one back, and what is left out stays.
    #[schema(value_type = Object)]
    answers: Map<String, Value>,
}

/// Change answers: of a draft, of what was returned (the fields that are open), or as staff on behalf of the founders until
/// the decision. What was submitted stays frozen.
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
    ctx.write(move |tx| {
        shown(actions::override_rule(
            tx,
            id,
            &seen,
            WaivableRule::Sector,
            &reason,
        )?)
    })
    .await
}

/// Take an application back, before its decision is out.
#[utoipa::path(tag = "applications", params(("id" = ApplicationId, Path)), responses((status = 200, body = ApplicationOut)))]
#[post("/v1/applications/{id}/withdrawal")]
async fn withdraw_application(ctx: Ctx, id: Path<ApplicationId>) -> Result<Reply> {
    let (id, seen) = (id.into_inner(), ctx.seen()?);
    ctx.write(move |tx| shown(actions::withdraw(tx, id, &seen)?))
        .await
}
