//! Submissions and their receipts over HTTP, for programs and for paper.

use actix_web::http::header;
use actix_web::web::Path;
use actix_web::{HttpResponse, Responder, get, post};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::applications::actions;
use crate::applications::model::{Application, ApplicationId, Receipt};
use crate::applications::receipt::{self, Paper};
use crate::applications::store;
use crate::auth::policy;
use crate::db::Moment;
use crate::error::Result;
use crate::forms::{self, FormId};
use crate::http::page::prefers_html;
use crate::http::{Ctx, Page, Query, Reply, Routes};

pub fn register(routes: &mut Routes<'_>) {
    routes.add_versioned(submit_application, policy::SIGNED_IN);
    routes.add(show_receipt, policy::READ_PROJECTS);
    routes.add(list_receipts, policy::READ_PROJECTS);
}

#[derive(Serialize, ToSchema)]
struct ReceiptOut {
    application_id: ApplicationId,
    reference: String,
    /// 1 for the first submission, 2 for the one after the first return, and so on.
    number: i32,
    form_id: Option<FormId>,
    submitted_at: Moment,
    /// Of `content`, written with sorted keys and without spaces (RFC 8785).
    sha256: String,
    /// What was submitted; it never changes.
    #[schema(value_type = Object)]
    content: Value,
}

impl ReceiptOut {
    fn new(application: &Application, receipt: Receipt) -> Self {
        Self {
            application_id: application.id,
            reference: application.reference.clone(),
            number: receipt.number,
            form_id: receipt.form_id,
            submitted_at: receipt.submitted_at,
            sha256: receipt.sha256,
            content: receipt.content.0,
        }
    }
}

fn shown(application: &Application, receipt: Receipt) -> Result<Reply> {
    let version = application.version;
    Ok(Reply::ok(&ReceiptOut::new(application, receipt))?.version(version))
}

/// Submit an application, or submit it again after it was returned. The answer is the receipt; the ETag is the
/// application's.
#[utoipa::path(tag = "applications", params(("id" = ApplicationId, Path)), responses((status = 200, body = ReceiptOut)))]
#[post("/v1/applications/{id}/submit")]
async fn submit_application(ctx: Ctx, id: Path<ApplicationId>) -> Result<Reply> {
    let (id, seen) = (id.into_inner(), ctx.seen()?);
    ctx.write(move |tx| {
        let application = actions::submit(tx, id, &seen)?;
        let receipt = store::receipt(tx.conn, &application, None)?;
        shown(&application, receipt)
    })
    .await
}

crate::words! {
    /// The form of a receipt.
    pub enum ReceiptFormat {
        Json = "json",
        Html = "html",
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ShowReceipt {
    /// Which submission; the last one if left out.
    #[param(minimum = 1, maximum = 1_000_000)]
    number: Option<i32>,
    /// Instead of the `Accept` header.
    #[param(inline)]
    format: Option<ReceiptFormat>,
}

/// A receipt of a submitted application, as JSON or as a page to print.
#[utoipa::path(tag = "applications", params(("id" = ApplicationId, Path), ShowReceipt),
    responses((status = 200, content((ReceiptOut = "application/json"), (String = "text/html")))))]
#[get("/v1/applications/{id}/receipt")]
async fn show_receipt(
    ctx: Ctx,
    id: Path<ApplicationId>,
    query: Query<ShowReceipt>,
) -> Result<HttpResponse> {
    let (id, number) = (id.into_inner(), query.0.number);
    let accept = ctx.request().headers().get(header::ACCEPT);
    let accept = accept.and_then(|value| value.to_str().ok());
    let wants_page = match query.0.format {
        Some(format) => format == ReceiptFormat::Html,
        None => prefers_html(accept),
    };
    let found = ctx.read(move |conn, caller| {
        let application = store::one(conn, caller, id)?;
        let receipt = store::receipt(conn, &application, number)?;
        let form = receipt.form_id.filter(|_| wants_page);
        let form = form.map(|form| forms::find(conn, form)).transpose()?;
        Ok((application, receipt, form))
    });
    let (application, receipt, form) = found.await?;
    if !wants_page {
        return Ok(shown(&application, receipt)?.respond_to(ctx.request()));
    }
    let paper = Paper {
        application: &application,
        receipt: &receipt,
        form: form.as_ref(),
        network: &ctx.app.config.network.name,
    };
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CONTENT_LANGUAGE, ctx.lang.as_str()))
        .insert_header((header::CONTENT_SECURITY_POLICY, receipt::POLICY.as_str()))
        .body(paper.page(ctx.lang)?))
}

#[derive(Serialize, ToSchema)]
struct ReceiptEntry {
    number: i32,
    form_id: Option<FormId>,
    submitted_at: Moment,
    sha256: String,
}

/// Every receipt of an application, oldest first; each is there for ever, by its number.
#[utoipa::path(tag = "applications", params(("id" = ApplicationId, Path)), responses((status = 200, body = Page<ReceiptEntry>)))]
#[get("/v1/applications/{id}/receipts")]
async fn list_receipts(ctx: Ctx, id: Path<ApplicationId>) -> Result<Reply> {
    let id = id.into_inner();
    let found = ctx.read(move |conn, caller| {
        let application = store::one(conn, caller, id)?;
        store::receipts(conn, &application)
    });
    let entry = |receipt: Receipt| ReceiptEntry {
        number: receipt.number,
        form_id: receipt.form_id,
        submitted_at: receipt.submitted_at,
        sha256: receipt.sha256,
    };
    let data = found.await?.into_iter().map(entry).collect();
    Ok(Reply::ok(&Page { data, next: None })?.tagged_by_content())
}
