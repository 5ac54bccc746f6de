//! Assignments over HTTP.

use actix_web::web::Path;
use actix_web::{HttpResponse, delete, get, patch, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::actions;
use super::ListOfProject;
use crate::accounts;
use crate::auth::{AccountId, policy};
use crate::db::{Conn, Moment};
use crate::error::{Error, FieldError, Result};
use crate::http::body::present;
use crate::http::page::{self, CursorValue};
use crate::http::{Ctx, Keyset, Page, Query, Reply, Routes, Valid};
use crate::network::Pillar;
use crate::projects::{
    self, Assignment, AssignmentId, AssignmentKind, AssignmentRole, NewAssignment, ProjectId,
};

pub fn register(routes: &mut Routes) {
    routes.add(list_assignments, policy::READ_PROJECTS);
    routes.add(show_assignment, policy::READ_PROJECTS);
    routes.add(assign_person, policy::SIGNED_IN);
    routes.add_versioned(change_assignment, policy::SIGNED_IN);
    routes.add(end_assignment, policy::SIGNED_IN);
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
    /// How many hours the person may spend on the project; null where nobody set a limit.
    hours_budget: Option<i32>,
    version: i64,
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
            hours_budget,
            version,
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
            hours_budget,
            version,
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
    let (paging, updated_since) = query.0.split();
    let sorts = ["-started_at", "started_at", "-updated_at", "updated_at"];
    let keyset = Keyset::new(ctx.request(), &paging, &sorts)?;
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
    page::answer(&ctx, &keyset.page(found.await?, key), paging.format)
}

/// One assignment.
#[utoipa::path(tag = "coaching", params(("id" = ProjectId, Path), ("assignment_id" = AssignmentId, Path)), responses((status = 200, body = AssignmentOut)))]
#[get("/v1/projects/{id}/assignments/{assignment_id}")]
async fn show_assignment(ctx: Ctx, ids: Path<(ProjectId, AssignmentId)>) -> Result<Reply> {
    let (project, id) = ids.into_inner();
    let out = ctx.read(move |conn, caller| {
        projects::one_inside(conn, caller, project)?;
        let assignment = projects::assignment(conn, project, id)?;
        AssignmentOut::load(conn, assignment)
    });
    let out = out.await?;
    Ok(Reply::ok(&out)?.version(out.version))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AssignPerson {
    account_id: AccountId,
    role: AssignmentRole,
    kind: AssignmentKind,
    /// The assignment ends when the project leaves this pillar.
    pillar: Option<Pillar>,
    /// How many hours the person may spend on the project.
    #[schema(minimum = 1, maximum = 10000)]
    hours_budget: Option<i32>,
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
            hours_budget,
        }),
    ) = (id.into_inner(), body);
    let new = NewAssignment {
        account: account_id,
        role,
        kind,
        pillar,
        hours_budget,
    };
    ctx.write(move |tx| {
        let assignment = actions::assign(tx, id, &new)?;
        let location = format!("/v1/projects/{id}/assignments/{}", assignment.id);
        let out = AssignmentOut::load(tx.conn, assignment)?;
        Ok(Reply::created(&out, location)?.version(out.version))
    })
    .await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangeAssignment {
    /// null: no limit.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<i32>, minimum = 1, maximum = 10000)]
    hours_budget: Option<Option<i32>>,
}

/// Set how many hours somebody may spend on the project. Its coordinators do this.
#[utoipa::path(tag = "coaching", params(("id" = ProjectId, Path), ("assignment_id" = AssignmentId, Path)), request_body = ChangeAssignment, responses((status = 200, body = AssignmentOut)))]
#[patch("/v1/projects/{id}/assignments/{assignment_id}")]
async fn change_assignment(
    ctx: Ctx,
    ids: Path<(ProjectId, AssignmentId)>,
    body: Valid<ChangeAssignment>,
) -> Result<Reply> {
    let ((project, id), seen) = (ids.into_inner(), ctx.seen()?);
    let Some(hours) = body.0.hours_budget else {
        return Err(Error::invalid(vec![FieldError::new(
            "/hours_budget",
            "required",
        )]));
    };
    ctx.write(move |tx| {
        let assignment = actions::set_budget(tx, project, id, &seen, hours)?;
        let out = AssignmentOut::load(tx.conn, assignment)?;
        Ok(Reply::ok(&out)?.version(out.version))
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
