//! Progress reports over HTTP.

use actix_web::http::StatusCode;
use actix_web::web::Path;
use actix_web::{HttpResponse, get, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::actions;
use super::super::model::{AuthorRole, NewUpdate, Update, UpdateId};
use super::super::store;
use super::ListOfProject;
use crate::accounts;
use crate::auth::{AccountId, policy};
use crate::db::{Conn, Moment};
use crate::error::Result;
use crate::http::page::{self, CursorValue};
use crate::http::{Ctx, Keyset, Page, Query, Reply, Routes, Valid};
use crate::network::Pillar;
use crate::projects::{self, Confidence, ProjectId};

pub fn register(routes: &mut Routes) {
    routes.add(list_updates, policy::READ_PROJECTS);
    routes.add(write_update, policy::SIGNED_IN);
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
    let (paging, updated_since) = query.0.split();
    let keyset = Keyset::new(ctx.request(), &paging, &["-created_at", "created_at"])?;
    let (id, wanted) = (id.into_inner(), keyset.clone());
    let found = ctx.read(move |conn, caller| {
        projects::one_inside(conn, caller, id)?;
        let rows = store::list(conn, id, updated_since, &wanted)?;
        rows.into_iter()
            .map(|row| UpdateOut::load(conn, row))
            .collect::<Result<Vec<_>>>()
    });
    let key = |out: &UpdateOut, _: &str| (out.created_at.write(), out.id.0);
    page::answer(&ctx, &keyset.page(found.await?, key), paging.format)
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
