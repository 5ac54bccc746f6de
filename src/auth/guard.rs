//! In front of every route: finds its policy, finds out who is asking, and lets in or turns away.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpResponse, web};

use super::tokens::{Access, Bad};
use super::{Actor, Caller};
use crate::app::App;
use crate::error::{Error, Result};

/// What a caller shows of themselves.
#[derive(Debug, Clone)]
pub enum Credentials {
    Access(Access),
    /// The SHA-256 of an API key.
    ApiKey(String),
}

/// Middleware: no handler runs before the caller has passed its policy.
///
/// # Errors
/// Those of what it guards; its own are answers.
pub async fn guard(
    req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> std::result::Result<ServiceResponse<BoxBody>, actix_web::Error> {
    match let_in(&req).await {
        Ok(Some(caller)) => {
            req.extensions_mut().insert(caller);
            Ok(next.call(req).await?.map_into_boxed_body())
        }
        Ok(None) => Ok(next.call(req).await?.map_into_boxed_body()),
        Err(error) => Ok(req.into_response(HttpResponse::from_error(error))),
    }
}

/// The caller of a declared route; none for the pages beside the API and for what is not there.
async fn let_in(req: &ServiceRequest) -> Result<Option<Caller>> {
    let Some(app) = req.app_data::<web::Data<App>>() else {
        return Ok(None);
    };
    // No text of ours holds a NUL, and PostgreSQL takes none.
    if req.uri().path().contains("%00") {
        return Err(Error::not_found());
    }
    let Some(route) = app.routes.find(req.method(), req.path()) else {
        return Ok(None);
    };
    if app.db.is_behind(is_writing(req.method())) {
        return Err(Error::busy());
    }
    if !accepts_an_answer(req) {
        return Err(Error::refused("not-acceptable"));
    }
    let caller = identify(app, req).await?;
    route.policy.check(&caller)?;
    if route.versioned && !req.headers().contains_key(header::IF_MATCH) {
        return Err(Error::refused("version-needed"));
    }
    Ok(Some(caller))
}

/// Whether `Accept` leaves room for what we can answer (RFC 9110 §12.5.1).
fn accepts_an_answer(req: &ServiceRequest) -> bool {
    const OURS: [&str; 6] = [
        "*/*",
        "application/*",
        "application/json",
        "application/problem+json",
        "text/*",
        "text/csv",
    ];
    let Some(accept) = req
        .headers()
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
    else {
        return true;
    };
    let kind = |range: &str| {
        range
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase()
    };
    accept.trim().is_empty()
        || accept
            .split(',')
            .any(|range| OURS.contains(&kind(range).as_str()))
}

async fn identify(app: &App, req: &ServiceRequest) -> Result<Caller> {
    let Some(value) = req.headers().get(header::AUTHORIZATION) else {
        return Ok(Caller::nobody());
    };
    let token = value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(|| Error::refused("token-not-accepted"))?;
    let now = app.clock.now();
    let credentials = if token.starts_with("col_") {
        Credentials::ApiKey(super::secrets::sha256(token.as_bytes()))
    } else {
        Credentials::Access(app.tokens.read(token, now).map_err(|bad| match bad {
            Bad::Expired => Error::refused("token-expired"),
            Bad::Forged => Error::refused("token-not-accepted"),
        })?)
    };
    let find = app.identify;
    let caller = app
        .db
        .read(move |conn| find(conn, &credentials, now))
        .await?;
    caller.ok_or_else(|| Error::refused("token-not-accepted"))
}

/// True for methods that change something.
#[must_use]
pub fn is_writing(method: &Method) -> bool {
    matches!(
        *method,
        Method::POST | Method::PUT | Method::PATCH | Method::DELETE
    )
}

/// The text under which a caller's idempotency keys are kept apart from everybody else's.
#[must_use]
pub fn subject(actor: Actor) -> String {
    match actor {
        Actor::Nobody => "nobody".into(),
        Actor::System => "system".into(),
        Actor::Account(id) => format!("account:{id}"),
        Actor::ApiKey(id) => format!("key:{id}"),
    }
}
