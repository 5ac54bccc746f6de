//! What surrounds every request: an id, limits on its head, security headers, problem documents, one log line.

use std::borrow::Cow;
use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use tracing::Instrument;

use super::context::{RequestId, language};
use super::problem;
use super::routes::Pattern;
use crate::app::App;
use crate::error::Error;

const LONGEST_URI: usize = 8 * 1024;
const LARGEST_HEAD: usize = 32 * 1024;

/// The outermost layer.
///
/// # Errors
/// Never by itself; every layer below turns its errors into answers.
pub async fn surround(
    mut req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let started = Instant::now();
    let request_id = request_id(&req);
    req.extensions_mut().insert(RequestId(request_id.clone()));
    let lang = language(req.request());
    let method = req.method().clone();
    if method == Method::HEAD {
        req.head_mut().method = Method::GET;
    }
    let span = tracing::info_span!("request", id = %request_id);
    let work = async {
        let answered = match too_large(&req) {
            Some(code) => req.into_response(HttpResponse::from_error(Error::refused(code))),
            None => next.call(req).await?.map_into_boxed_body(),
        };
        let answered = finish(answered, &request_id, lang);
        log(answered.request(), &method, answered.status(), started);
        Ok(answered)
    };
    work.instrument(span).await
}

/// Turns every failed answer into a problem document and adds the headers that all answers have.
fn finish(
    answered: ServiceResponse<BoxBody>,
    request_id: &str,
    lang: crate::lang::Lang,
) -> ServiceResponse<BoxBody> {
    let (req, mut response) = answered.into_parts();
    if response.status().is_client_error() || response.status().is_server_error() {
        response = problem::write(response, &req, request_id, lang);
    }
    let path_is_page = req.path().starts_with("/docs") || req.path() == "/account";
    let headers = response.headers_mut();
    let mut put = |name: &'static str, value: &'static str| {
        headers.insert(
            header::HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    };
    put("x-content-type-options", "nosniff");
    put("referrer-policy", "no-referrer");
    put("x-frame-options", "DENY");
    put("vary", "authorization, accept, accept-language");
    let policy = if path_is_page {
        PAGE_POLICY
    } else {
        "default-src 'none'; frame-ancestors 'none'"
    };
    // A page of a resource brings its own.
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        let policy = HeaderValue::from_static(policy);
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(header::HeaderName::from_static("x-request-id"), id);
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        let caching = if path_is_page {
            "max-age=3600"
        } else {
            "no-store"
        };
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    }
    ServiceResponse::new(req, response)
}

/// The documentation page runs its own scripts and draws inline images.
const PAGE_POLICY: &str = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; \
                           img-src 'self' data:; frame-ancestors 'none'";

/// The caller's id if it is a sensible one, else a new one.
fn request_id(req: &ServiceRequest) -> String {
    let given = req
        .headers()
        .get("x-request-id")
        .and_then(|value| value.to_str().ok());
    match given {
        Some(id)
            if (8..=64).contains(&id.len())
                && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') =>
        {
            id.to_owned()
        }
        _ => match req.app_data::<web::Data<App>>() {
            Some(app) => app.new_id().to_string(),
            None => String::new(),
        },
    }
}

fn too_large(req: &ServiceRequest) -> Option<&'static str> {
    if req
        .uri()
        .path_and_query()
        .is_some_and(|path| path.as_str().len() > LONGEST_URI)
    {
        return Some("uri-too-long");
    }
    let head: usize = req
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    (head > LARGEST_HEAD).then_some("headers-too-large")
}

/// One line for each request. The pattern, not the path: ids are enough in the ledger.
fn log(req: &HttpRequest, method: &Method, status: StatusCode, started: Instant) {
    let declared = req.extensions().get::<Pattern>().cloned();
    let route = declared.map_or_else(
        || {
            req.match_pattern()
                .map_or_else(|| "none".into(), Into::into)
        },
        |Pattern(path)| path,
    );
    let elapsed = started.elapsed();
    metrics::histogram!("http_request_duration_seconds", "method" => name_of(method), "route" => route.clone(), "status" => status.as_str().to_owned())
        .record(elapsed.as_secs_f64());
    let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(%method, route = &*route, status = status.as_u16(), milliseconds, "answered");
}

/// A method's name, without a copy of it where it is a common one.
fn name_of(method: &Method) -> Cow<'static, str> {
    match *method {
        Method::GET => "GET".into(),
        Method::POST => "POST".into(),
        _ => method.to_string().into(),
    }
}

/// What no route matched: 405 with `Allow` where the path knows other methods, else 404.
pub async fn nothing_here(req: HttpRequest) -> HttpResponse {
    let known = req
        .app_data::<web::Data<App>>()
        .map(|app| app.routes.methods(req.path()).join(", "))
        .filter(|methods| !methods.is_empty());
    match known {
        Some(methods) if req.method() == Method::OPTIONS => HttpResponse::NoContent()
            .insert_header((header::ALLOW, methods))
            .finish(),
        Some(methods) => {
            let mut answer = HttpResponse::from_error(Error::refused("method-not-allowed"));
            if let Ok(value) = HeaderValue::from_str(&methods) {
                answer.headers_mut().insert(header::ALLOW, value);
            }
            answer
        }
        None => HttpResponse::from_error(Error::not_found()),
    }
}
