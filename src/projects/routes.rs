//! Projects over HTTP.

use actix_web::web::Path;
use actix_web::{HttpResponse, get, patch, post};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::actions::{self, Change};
use super::model::{ApplicantKind, Confidence, NewProject, Project, ProjectId, State, at_risk};
use super::store::{self, Filter};
use crate::accounts;
use crate::auth::{AccountId, Caller, Role, policy};
use crate::db::{Conn, Moment};
use crate::error::Result;
use crate::http::body::present;
use crate::http::page::{self, CursorValue, Format, Paging};
use crate::http::{Ctx, Keyset, Page, Query, Reply, Routes, Valid};
use crate::lang::Lang;
use crate::network::{CohortId, Pillar, Sector};

pub fn register(routes: &mut Routes) {
    routes.add(create_project, policy::SIGNED_IN);
    routes.add(list_projects, policy::READ_PROJECTS);
    routes.add(show_project, policy::READ_PROJECTS);
    routes.add_versioned(change_project, policy::SIGNED_IN);
    routes.add(list_team, policy::SIGNED_IN);
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateProject {
    #[schema(format = "line", min_length = 1, max_length = 200)]
    title: String,
    #[schema(min_length = 1, max_length = 5000)]
    summary: String,
    sector: Sector,
    /// ISO 3166-1 alpha-2
    #[schema(pattern = "^[A-Z]{2}$", example = "BE")]
    country: String,
    #[schema(format = "line", min_length = 1, max_length = 16)]
    postal_code: Option<String>,
    /// In Belgium the ten digits, in any of the usual spellings; elsewhere the national number.
    #[schema(format = "line", min_length = 1, max_length = 40)]
    enterprise_number: Option<String>,
    #[schema(format = "uri", max_length = 300, pattern = "^https?://")]
    website: Option<String>,
    /// The language to write to the project in. Left out, it follows from the postal code where that has one.
    language: Option<Lang>,
    /// Who applies; a team unless said otherwise. A company has an enterprise number.
    applicant_kind: Option<ApplicantKind>,
}

#[derive(Serialize, ToSchema)]
pub struct ProjectOut {
    id: ProjectId,
    /// Short and for people.
    reference: String,
    title: String,
    summary: String,
    sector: Sector,
    country: String,
    postal_code: Option<String>,
    /// Derived from the postal code.
    region: Option<String>,
    province: Option<String>,
    enterprise_number: Option<String>,
    website: Option<String>,
    language: Lang,
    applicant_kind: ApplicantKind,
    state: State,
    pillar: Option<Pillar>,
    cohort_id: Option<CohortId>,
    /// Whether partners may see the project by name.
    shared_with_partners: bool,
    at_risk: bool,
    /// `no-update`, `milestone-overdue`, `past-target`, `confidence-red`
    risks: Vec<&'static str>,
    last_confidence: Option<Confidence>,
    next_due_on: Option<NaiveDate>,
    version: i64,
    created_at: Moment,
    updated_at: Moment,
}

impl ProjectOut {
    fn new(project: Project, now: Moment, quiet_days: i64) -> Self {
        let risks = at_risk(&project.course(), now, quiet_days);
        Self {
            at_risk: !risks.is_empty(),
            risks,
            id: project.id,
            reference: project.reference,
            title: project.title,
            summary: project.summary,
            sector: project.sector,
            country: project.country,
            postal_code: project.postal_code,
            region: project.region,
            province: project.province,
            enterprise_number: project.enterprise_number,
            website: project.website,
            language: project.language,
            applicant_kind: project.applicant_kind,
            state: project.state,
            pillar: project.pillar,
            cohort_id: project.cohort_id,
            shared_with_partners: project.shared_with_partners,
            last_confidence: project.last_confidence,
            next_due_on: project.next_due_on,
            version: project.version,
            created_at: project.created_at,
            updated_at: project.updated_at,
        }
    }
}

/// Start a project. You own it.
#[utoipa::path(tag = "projects", request_body = CreateProject, responses((status = 201, body = ProjectOut)))]
#[post("/v1/projects")]
async fn create_project(ctx: Ctx, body: Valid<CreateProject>) -> Result<Reply> {
    let Valid(CreateProject {
        title,
        summary,
        sector,
        country,
        postal_code,
        enterprise_number,
        website,
        language,
        applicant_kind,
    }) = body;
    let new = NewProject {
        title,
        summary,
        sector,
        country,
        postal_code,
        enterprise_number,
        website,
        language,
        applicant_kind: applicant_kind.unwrap_or(ApplicantKind::Team),
    };
    let quiet_days = ctx.app.config.network.quiet_days;
    ctx.write(move |tx| {
        let project = actions::create(tx, &new)?;
        let (version, location) = (project.version, format!("/v1/projects/{}", project.id));
        Ok(
            Reply::created(&ProjectOut::new(project, tx.now, quiet_days), location)?
                .version(version),
        )
    })
    .await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListProjects {
    /// Words of the title, the summary or the reference; beginnings are enough.
    #[param(max_length = 200)]
    q: Option<String>,
    #[param(inline)]
    state: Option<State>,
    #[param(max_length = 10)]
    region: Option<String>,
    #[param(inline)]
    cohort_id: Option<CohortId>,
    #[param(inline)]
    pillar: Option<Pillar>,
    #[param(inline)]
    sector: Option<Sector>,
    /// The account of a coach who works for the project now.
    #[param(inline)]
    coach: Option<AccountId>,
    at_risk: Option<bool>,
    #[param(max_length = 40)]
    enterprise_number: Option<String>,
    #[param(inline)]
    updated_since: Option<Moment>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    cursor: Option<String>,
    /// `-created_at` (default), `created_at`, `-updated_at`, `updated_at`, `title`, `-title`
    sort: Option<String>,
    #[param(inline)]
    format: Option<Format>,
}

/// The projects in your scope.
#[utoipa::path(tag = "projects", params(ListProjects), responses((status = 200, body = Page<ProjectOut>)))]
#[get("/v1/projects")]
async fn list_projects(ctx: Ctx, query: Query<ListProjects>) -> Result<HttpResponse> {
    let Query(query) = query;
    let paging = Paging {
        limit: query.limit,
        cursor: query.cursor,
        sort: query.sort,
        format: query.format,
    };
    let sorts = [
        "-created_at",
        "created_at",
        "-updated_at",
        "updated_at",
        "title",
        "-title",
    ];
    let keyset = Keyset::new(ctx.request(), &paging, &sorts)?;
    let filter = Filter {
        state: query.state,
        region: query.region,
        cohort: query.cohort_id,
        pillar: query.pillar,
        sector: query.sector,
        coach: query.coach,
        at_risk: query.at_risk,
        enterprise_number: query.enterprise_number,
        updated_since: query.updated_since,
        words: query.q,
    };
    let (wanted, now, quiet_days) = (keyset.clone(), ctx.now, ctx.app.config.network.quiet_days);
    let is_narrow = filter.is_narrow();
    let list = move |conn: &mut Conn, caller: &Caller| {
        store::list(conn, caller, &filter, now, quiet_days, &wanted)
    };
    let found = if is_narrow {
        ctx.look_up(list).await?
    } else {
        ctx.read(list).await?
    };
    let out = found
        .into_iter()
        .map(|project| ProjectOut::new(project, now, quiet_days))
        .collect();
    let key = |out: &ProjectOut, by: &str| {
        let value = match by {
            "title" => out.title.clone(),
            "updated_at" => out.updated_at.write(),
            _ => out.created_at.write(),
        };
        (value, out.id.0)
    };
    page::answer(&ctx, &keyset.page(out, key), paging.format)
}

/// One project.
#[utoipa::path(tag = "projects", params(("id" = ProjectId, Path)), responses((status = 200, body = ProjectOut)))]
#[get("/v1/projects/{id}")]
async fn show_project(ctx: Ctx, id: Path<ProjectId>) -> Result<Reply> {
    let id = id.into_inner();
    let project = ctx
        .look_up(move |conn, caller| store::one(conn, caller, id))
        .await?;
    let version = project.version;
    Ok(Reply::ok(&ProjectOut::new(
        project,
        ctx.now,
        ctx.app.config.network.quiet_days,
    ))?
    .version(version))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangeProject {
    #[schema(format = "line", min_length = 1, max_length = 200)]
    title: Option<String>,
    #[schema(min_length = 1, max_length = 5000)]
    summary: Option<String>,
    sector: Option<Sector>,
    #[schema(pattern = "^[A-Z]{2}$")]
    country: Option<String>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, format = "line", min_length = 1, max_length = 16)]
    postal_code: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, format = "line", min_length = 1, max_length = 40)]
    enterprise_number: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, format = "uri", max_length = 300, pattern = "^https?://")]
    website: Option<Option<String>>,
    language: Option<Lang>,
    /// Consent to be shown to partners by name.
    shared_with_partners: Option<bool>,
    /// Who applies: a person or a team may become a company.
    applicant_kind: Option<ApplicantKind>,
}

/// Change a project: its team's owners and editors, and its coordinators. A field that is left out stays; null empties it.
#[utoipa::path(tag = "projects", params(("id" = ProjectId, Path)), request_body = ChangeProject, responses((status = 200, body = ProjectOut)))]
#[patch("/v1/projects/{id}")]
async fn change_project(
    ctx: Ctx,
    id: Path<ProjectId>,
    body: Valid<ChangeProject>,
) -> Result<Reply> {
    let (id, seen, quiet_days) = (
        id.into_inner(),
        ctx.seen()?,
        ctx.app.config.network.quiet_days,
    );
    let Valid(ChangeProject {
        title,
        summary,
        sector,
        country,
        postal_code,
        enterprise_number,
        website,
        language,
        shared_with_partners,
        applicant_kind,
    }) = body;
    let change = Change {
        title,
        summary,
        sector,
        country,
        postal_code,
        enterprise_number,
        website,
        language,
        shared_with_partners,
        applicant_kind,
    };
    ctx.write(move |tx| {
        let project = actions::change(tx, id, &seen, &change)?;
        let version = project.version;
        Ok(Reply::ok(&ProjectOut::new(project, tx.now, quiet_days))?.version(version))
    })
    .await
}

#[derive(Serialize, ToSchema)]
struct MemberOut {
    account_id: AccountId,
    name: String,
    /// `owner`, `editor` or `viewer`
    role: Role,
}

/// The team of a project.
#[utoipa::path(tag = "projects", params(("id" = ProjectId, Path)), responses((status = 200, body = Page<MemberOut>)))]
#[get("/v1/projects/{id}/team")]
async fn list_team(ctx: Ctx, id: Path<ProjectId>) -> Result<Reply> {
    let (id, now) = (id.into_inner(), ctx.now);
    let team = ctx.read(move |conn, caller| {
        store::one_inside(conn, caller, id)?;
        let people = accounts::people_of_project(conn, id.0, now)?;
        people
            .into_iter()
            .map(|(account_id, role)| {
                Ok(MemberOut {
                    account_id,
                    name: accounts::find(conn, account_id)?.name,
                    role,
                })
            })
            .collect::<Result<Vec<_>>>()
    });
    Reply::ok(&Page {
        data: team.await?,
        next: None,
    })
}
