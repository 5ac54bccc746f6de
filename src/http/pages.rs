//! Pages beside the API: health, metrics, the OpenAPI document and its browser, what the problem codes mean.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use metrics_exporter_prometheus::PrometheusHandle;

use super::catalogue::CATALOGUE;
use super::context::language;
use crate::app::App;
use crate::error::{Error, Result};

pub fn register(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/health/live").get(live))
        .service(web::resource("/health/ready").get(ready))
        .service(web::resource("/metrics").get(metrics_page))
        .service(web::resource("/openapi.json").get(openapi_page))
        .service(web::resource("/problems/{code}").get(problem_page))
        .service(web::resource("/account").get(account_page))
        .service(
            utoipa_swagger_ui::SwaggerUi::new("/docs/{_:.*}")
                .config(utoipa_swagger_ui::Config::from("/openapi.json").try_it_out_enabled(true)),
        )
        .service(web::redirect("/docs", "/docs/"))
        .service(web::redirect("/", "/docs/"));
}

/// The process answers.
async fn live() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "status": "live" }))
}

/// The database answers too, and we are not stopping.
async fn ready(app: web::Data<App>) -> Result<HttpResponse> {
    if app.is_stopping() {
        return Err(Error::unavailable());
    }
    let check = app.db.read(|conn| {
        use diesel::connection::SimpleConnection;
        Ok(conn.batch_execute("SELECT 1")?)
    });
    tokio::time::timeout(std::time::Duration::from_secs(2), check)
        .await
        .map_err(|_| Error::unavailable())??;
    Ok(HttpResponse::Ok().json(serde_json::json!({ "status": "ready" })))
}

async fn metrics_page(
    app: web::Data<App>,
    metrics: web::Data<Option<PrometheusHandle>>,
) -> Result<HttpResponse> {
    let handle = metrics.as_ref().as_ref().ok_or_else(Error::not_found)?;
    let depth = u32::try_from(app.db.depth()).unwrap_or(u32::MAX);
    metrics::gauge!("database_jobs").set(f64::from(depth));
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/plain; version=0.0.4"))
        .body(handle.render()))
}

async fn openapi_page(app: web::Data<App>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .body(app.openapi.to_string())
}

/// Where the links in account mails lead: a page that sends the code behind the `#` to the API when its button is
/// pressed, so that a mail scanner that follows links uses nothing up.
async fn account_page() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .body(include_str!("account.html"))
}

/// What one problem code means, for people who follow a problem's `type`.
async fn problem_page(req: HttpRequest, code: web::Path<String>) -> Result<HttpResponse> {
    let problem = CATALOGUE.problem(&code).ok_or_else(Error::not_found)?;
    let text = format!(
        "{}\n\ncode: {code}\nstatus: {}\n\nWhen: {}\nCure: {}\n",
        problem.title.get(language(&req)),
        problem.status,
        problem.cause,
        problem.cure
    );
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/plain; charset=utf-8"))
        .body(text))
}
