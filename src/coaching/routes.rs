//! Assignments and updates over HTTP.

use actix_web::http::StatusCode;
use actix_web::web::Path;
use actix_web::{HttpResponse, delete, get, post};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::actions;
use super::model::{AuthorRole, NewUpdate, Update, UpdateId};
use super::store;
use crate::accounts;
use crate::auth::{AccountId, policy};
use crate::db::{Conn, Moment};
use crate::error::Result;
use crate::http::page::{self, CursorValue, Format, Paging};
use crate::http::{Ctx, Keyset, Page, Query, Reply, Routes, Valid};
use crate::network::Pillar;
use crate::projects::{
    self, Assignment, AssignmentId, AssignmentKind, AssignmentRole, Confidence, ProjectId,
};

pub fn register(routes: &mut Routes<'_>) {
    routes.add(list_assignments, policy::READ_PROJECTS);
    routes.add(assign_person, policy::SIGNED_IN);
    routes.add(end_assignment, policy::SIGNED_IN);
    routes.add(list_updates, policy::READ_PROJECTS);
    routes.add(write_update, policy::SIGNED_IN);
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListOfProject {
    #[param(inline)]
    updated_since: Option<Moment>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    cursor: Option<String>,
    /// The time of the beginning, with - for the newest first (the default).
    sort: Option<String>,
    #[param(inline)]
    format: Option<Format>,
}

#[derive(Serialize, ToSchema)]
struct AssignmentOut {
    id: AssignmentId,
    project_id: ProjectId,
    account_id: AccountId,
    name: String,
    role: AssignmentRole,
    kind: AssignmentKind,
    /// The pillar that it ends with.
    pillar: Option<Pillar>,
    started_at: Moment,
    ended_at: Option<Moment>,
    end_reason: Option<String>,
    updated_at: Moment,
}

impl AssignmentOut {
    fn load(conn: &mut Conn, row: Assignment) -> Result<Self> {
        let name = accounts::find(conn, row.account_id)?.name;
        let Assignment {
            id,
            project_id,
            account_id,
            role,
            kind,
            pillar,
            started_at,
            ended_at,
            end_reason,
            updated_at,
            ..
        } = row;
        Ok(Self {
            id,
            project_id,
            account_id,
            name,
            role,
            kind,
            pillar,
            started_at,
            ended_at,
            end_reason,
            updated_at,
        })
    }
}

/// Who works and worked for a project.
#[utoipa::path(tag = "coaching", params(("id" = ProjectId, Path), ListOfProject), responses((status = 200, body = Page<AssignmentOut>)))]
#[get("/v1/projects/{id}/assignments")]
async fn list_assignments(
    ctx: Ctx,
    id: Path<ProjectId>,
    query: Query<ListOfProject>,
) -> Result<HttpResponse> {
    let Query(ListOfProject {
        updated_since,
        limit,
        cursor,
        sort,
        format,
    }) = query;
    let sorts = ["-started_at", "started_at", "-updated_at", "updated_at"];
    let keyset = Keyset::new(
        ctx.request(),
        &Paging {
            limit,
            cursor,
            sort,
            format,
        },
        &sorts,
    )?;
    let (id, wanted) = (id.into_inner(), keyset.clone());
    let found = ctx.read(move |conn, caller| {
        projects::one_inside(conn, caller, id)?;
        let rows = projects::assignments(conn, id, updated_since, &wanted)?;
        rows.into_iter()
            .map(|row| AssignmentOut::load(conn, row))
            .collect::<Result<Vec<_>>>()
    });
    let key = |out: &AssignmentOut, by: &str| {
        (
            if by == "updated_at" {
                out.updated_at.write()
            } else {
                out.started_at.write()
            },
            out.id.0,
        )
    };
    page::answer(&ctx, &keyset.page(found.await?, key), format)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AssignPerson {
    account_id: AccountId,
    role: AssignmentRole,
    kind: AssignmentKind,
    /// The assignment ends when the project leaves this pillar.
    pillar: Option<Pillar>,
}

/// Assign a coach or coordinator. Regional coordinators do this.
#[utoipa::path(tag = "coaching", params(("id" = ProjectId, Path)), request_body = AssignPerson, responses((status = 201, body = AssignmentOut)))]
#[post("/v1/projects/{id}/assignments")]
async fn assign_person(ctx: Ctx, id: Path<ProjectId>, body: Valid<AssignPerson>) -> Result<Reply> {
    let (
        id,
        Valid(AssignPerson {
            account_id,
            role,
            kind,
            pillar,
        }),
    ) = (id.into_inner(), body);
    ctx.write(move |tx| {
        let assignment = actions::assign(tx, id, account_id, role, kind, pillar)?;
        Reply::json(
            StatusCode::CREATED,
            &AssignmentOut::load(tx.conn, assignment)?,
        )
    })
    .await
}

/// End an assignment. It stays in the history.
#[utoipa::path(tag = "coaching", params(("id" = ProjectId, Path), ("assignment_id" = AssignmentId, Path)), responses((status = 204)))]
#[delete("/v1/projects/{id}/assignments/{assignment_id}")]
async fn end_assignment(ctx: Ctx, ids: Path<(ProjectId, AssignmentId)>) -> Result<Reply> {
    let (project, id) = ids.into_inner();
    ctx.write(move |tx| {
        actions::unassign(tx, project, id)?;
        Ok(Reply::nothing())
    })
    .await
}

#[derive(Serialize, ToSchema)]
struct UpdateOut {
    id: UpdateId,
    project_id: ProjectId,
    pillar: Option<Pillar>,
    author_id: AccountId,
    author: String,
    author_role: AuthorRole,
    note: String,
    confidence: Confidence,
    blockers: Option<String>,
    next_step: Option<String>,
    created_at: Moment,
}

impl UpdateOut {
    fn load(conn: &mut Conn, update: Update) -> Result<Self> {
        let author = accounts::find(conn, update.author_id)?.name;
        let Update {
            id,
            project_id,
            pillar,
            author_id,
            author_role,
            note,
            confidence,
            blockers,
            next_step,
            created_at,
            ..
        } = update;
        Ok(Self {
            id,
            project_id,
            pillar,
            author_id,
            author,
            author_role,
            note,
            confidence,
            blockers,
            next_step,
            created_at,
        })
    }
}

/// The progress reports of a project.
#[utoipa::path(tag = "coaching", params(("id" = ProjectId, Path), ListOfProject), responses((status = 200, body = Page<UpdateOut>)))]
#[get("/v1/projects/{id}/updates")]
async fn list_updates(
    ctx: Ctx,
    id: Path<ProjectId>,
    query: Query<ListOfProject>,
) -> Result<HttpResponse> {
    let Query(ListOfProject {
        updated_since,
        limit,
        cursor,
        sort,
        format,
    }) = query;
    let keyset = Keyset::new(
        ctx.request(),
        &Paging {
            limit,
            cursor,
            sort,
            format,
        },
        &["-created_at", "created_at"],
    )?;
    let (id, wanted) = (id.into_inner(), keyset.clone());
    let found = ctx.read(move |conn, caller| {
        projects::one_inside(conn, caller, id)?;
        let rows = store::list(conn, id, updated_since, &wanted)?;
        rows.into_iter()
            .map(|row| UpdateOut::load(conn, row))
            .collect::<Result<Vec<_>>>()
    });
    let key = |out: &UpdateOut, _: &str| (out.created_at.write(), out.id.0);
    page::answer(&ctx, &keyset.page(found.await?, key), format)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WriteUpdate {
    #[schema(min_length = 1, max_length = 10000)]
    note: String,
    confidence: Confidence,
    #[schema(min_length = 1, max_length = 5000)]
    blockers: Option<String>,
    #[schema(min_length = 1, max_length = 5000)]
    next_step: Option<String>,
}

/// Report on a project's progress: its coaches, founders and coordinators.
#[utoipa::path(tag = "coaching", params(("id" = ProjectId, Path)), request_body = WriteUpdate, responses((status = 201, body = UpdateOut)))]
#[post("/v1/projects/{id}/updates")]
async fn write_update(ctx: Ctx, id: Path<ProjectId>, body: Valid<WriteUpdate>) -> Result<Reply> {
    let (
        id,
        Valid(WriteUpdate {
            note,
            confidence,
            blockers,
            next_step,
        }),
    ) = (id.into_inner(), body);
    let new = NewUpdate {
        note,
        confidence,
        blockers,
        next_step,
    };
    ctx.write(move |tx| {
        let update = actions::write_update(tx, id, &new)?;
        Reply::json(StatusCode::CREATED, &UpdateOut::load(tx.conn, update)?)
    })
    .await
}
