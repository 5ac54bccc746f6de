//! Documents over HTTP.

mod download;
mod intake;

use actix_web::web::{Path, Payload};
use actix_web::{HttpResponse, delete, get, post};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::actions;
use super::model::{Document, DocumentId, Owner, may_add};
use super::store;
use crate::applications::ApplicationId;
use crate::auth::{AccountId, policy};
use crate::db::Moment;
use crate::error::Result;
use crate::http::page::{self, CursorValue, Format, Paging};
use crate::http::{Ctx, Keyset, Page, Query, Reply, Routes};
use crate::projects::ProjectId;

pub fn register(routes: &mut Routes) {
    routes.add(list_project_documents, policy::READ_PROJECTS);
    routes.add(add_project_document, policy::SIGNED_IN);
    routes.add(list_application_documents, policy::READ_PROJECTS);
    routes.add(add_application_document, policy::SIGNED_IN);
    routes.add(show_document, policy::READ_PROJECTS);
    routes.add(download::download_document, policy::READ_PROJECTS);
    routes.add_versioned(remove_document, policy::SIGNED_IN);
}

#[derive(Serialize, ToSchema)]
struct DocumentOut {
    id: DocumentId,
    project_id: ProjectId,
    /// null for a document of the project itself.
    application_id: Option<ApplicationId>,
    /// The question of the form that it answers.
    question: Option<String>,
    title: Option<String>,
    /// What it was called when it came; a label, and no path.
    file_name: String,
    /// By its content.
    media_type: String,
    bytes: i64,
    /// Of the file, in hexadecimal.
    sha256: String,
    added_by: Option<AccountId>,
    version: i64,
    created_at: Moment,
    updated_at: Moment,
}

impl From<Document> for DocumentOut {
    fn from(document: Document) -> Self {
        Self {
            id: document.id,
            project_id: document.project_id,
            application_id: document.application_id,
            question: document.question,
            title: document.title,
            file_name: document.file_name,
            media_type: document.media_type,
            bytes: document.bytes,
            sha256: document.sha256,
            added_by: document.added_by,
            version: document.version,
            created_at: document.created_at,
            updated_at: document.updated_at,
        }
    }
}

/// What is sent with a document.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is read piece by piece; this describes it")]
struct Upload {
    /// The file itself.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    #[schema(format = "line", max_length = 200)]
    title: Option<String>,
    /// The question of the call's form that it answers.
    #[schema(format = "line", max_length = 100)]
    question: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListDocuments {
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

/// The documents of a project itself, without those of its applications.
#[utoipa::path(tag = "documents", params(("id" = ProjectId, Path), ListDocuments), responses((status = 200, body = Page<DocumentOut>)))]
#[get("/v1/projects/{id}/documents")]
async fn list_project_documents(
    ctx: Ctx,
    id: Path<ProjectId>,
    query: Query<ListDocuments>,
) -> Result<HttpResponse> {
    list(&ctx, Owner::Project(id.into_inner()), query.0).await
}

/// The documents of an application.
#[utoipa::path(tag = "documents", params(("id" = ApplicationId, Path), ListDocuments), responses((status = 200, body = Page<DocumentOut>)))]
#[get("/v1/applications/{id}/documents")]
async fn list_application_documents(
    ctx: Ctx,
    id: Path<ApplicationId>,
    query: Query<ListDocuments>,
) -> Result<HttpResponse> {
    list(&ctx, Owner::Application(id.into_inner()), query.0).await
}

async fn list(ctx: &Ctx, owner: Owner, query: ListDocuments) -> Result<HttpResponse> {
    let paging = Paging {
        limit: query.limit,
        cursor: query.cursor,
        sort: query.sort,
        format: query.format,
    };
    let sorts = ["-created_at", "created_at", "-updated_at", "updated_at"];
    let keyset = Keyset::new(ctx.request(), &paging, &sorts)?;
    let wanted = keyset.clone();
    let found = ctx.read(move |conn, caller| {
        actions::home(conn, caller, owner)?;
        store::list(conn, owner, query.updated_since, &wanted)
    });
    let out = found.await?.into_iter().map(DocumentOut::from).collect();
    let key = |out: &DocumentOut, by: &str| {
        let at = if by == "updated_at" {
            out.updated_at
        } else {
            out.created_at
        };
        (at.write(), out.id.0)
    };
    page::answer(ctx, &keyset.page(out, key), paging.format)
}

/// Add a document to a project.
#[utoipa::path(tag = "documents", params(("id" = ProjectId, Path)), request_body(content = Upload, content_type = "multipart/form-data"), responses((status = 201, body = DocumentOut)))]
#[post("/v1/projects/{id}/documents")]
async fn add_project_document(ctx: Ctx, id: Path<ProjectId>, body: Payload) -> Result<Reply> {
    add(&ctx, Owner::Project(id.into_inner()), body).await
}

/// Add a document to an application that has not been submitted.
#[utoipa::path(tag = "documents", params(("id" = ApplicationId, Path)), request_body(content = Upload, content_type = "multipart/form-data"), responses((status = 201, body = DocumentOut)))]
#[post("/v1/applications/{id}/documents")]
async fn add_application_document(
    ctx: Ctx,
    id: Path<ApplicationId>,
    body: Payload,
) -> Result<Reply> {
    add(&ctx, Owner::Application(id.into_inner()), body).await
}

/// The row comes first, then the file, then the row that says it is there. Whatever ends this in between leaves a row by
/// which the rest is found.
async fn add(ctx: &Ctx, owner: Owner, body: Payload) -> Result<Reply> {
    // Nothing is read of what may not come in.
    ctx.read(move |conn, caller| may_add(caller, &actions::home(conn, caller, owner)?))
        .await?;
    let (spooled, new) = intake::receive(ctx, body).await?;
    if let Some(reply) = ctx.stored_reply().await? {
        return Ok(reply);
    }
    let id = ctx
        .write_beside(move |tx| actions::arrive(tx, owner, &new))
        .await?;
    let put = ctx.app.files.put(id.0, spooled.file).await;
    let kept = match put {
        Err(error) => Err(intake::store_failed(&error)),
        Ok(()) => {
            ctx.write(move |tx| {
                let document = actions::keep(tx, owner, id)?;
                let (version, location) =
                    (document.version, format!("/v1/documents/{}", document.id));
                Ok(Reply::created(&DocumentOut::from(document), location)?.version(version))
            })
            .await
        }
    };
    // The same request at the same time may have been faster under its key.
    if kept.as_ref().map_or(true, |reply| reply.replayed) {
        ctx.write_beside(move |tx| actions::give_up(tx, id)).await?;
    }
    kept
}

/// What is known of a document.
#[utoipa::path(tag = "documents", params(("id" = DocumentId, Path)), responses((status = 200, body = DocumentOut)))]
#[get("/v1/documents/{id}")]
async fn show_document(ctx: Ctx, id: Path<DocumentId>) -> Result<Reply> {
    let id = id.into_inner();
    let found = ctx.read(move |conn, caller| actions::one(conn, caller, id));
    let (document, _) = found.await?;
    let version = document.version;
    Ok(Reply::ok(&DocumentOut::from(document))?.version(version))
}

/// Remove a document. Once an application was submitted, only those who run the network can.
#[utoipa::path(tag = "documents", params(("id" = DocumentId, Path)), responses((status = 204)))]
#[delete("/v1/documents/{id}")]
async fn remove_document(ctx: Ctx, id: Path<DocumentId>) -> Result<Reply> {
    let (id, seen) = (id.into_inner(), ctx.seen()?);
    ctx.write(move |tx| {
        actions::remove(tx, id, &seen)?;
        Ok(Reply::nothing())
    })
    .await
}
