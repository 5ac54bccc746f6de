//! In front of every route: finds its policy, finds out who is asking, and lets in or turns away.

use std::sync::Arc;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage, HttpResponse, web};

use super::tokens::{Access, Bad};
use super::{Actor, Caller};
use crate::app::App;
use crate::db::Moment;
use crate::error::{Error, Result};
use crate::http::context::Noted;
use crate::http::page::Format;
use crate::http::{Ctx, problem};

/// What a caller shows of themselves.
#[derive(Debug, Clone)]
pub enum Credentials {
    Access(Access),
    /// The SHA-256 of an API key.
    ApiKey(String),
}

/// Middleware: no handler runs before the caller has passed its policy, and no refusal leaves before it is written down.
///
/// # Errors
/// Those of what it guards; its own are answers.
pub async fn guard(
    req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> std::result::Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let answered = match let_in(&req).await {
        Ok(()) => next.call(req).await?.map_into_boxed_body(),
        Err(error) => req.into_response(HttpResponse::from_error(error)),
    };
    Ok(note_refusal(answered).await)
}

/// Writes a refusal down that no command has met. Where that can't be done the answer says so instead.
async fn note_refusal(answered: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let req = answered.request();
    let code = problem::code_in(answered.response()).filter(|code| problem::is_refusal(code));
    let Some(code) = code.filter(|_| req.extensions().get::<Noted>().is_none()) else {
        return answered;
    };
    // Without a caller there is nobody to name.
    let Ok(ctx) = Ctx::extract(req).await else {
        return answered;
    };
    match ctx.note_refusal(code).await {
        Ok(()) => answered,
        Err(error) => answered.into_response(HttpResponse::from_error(error)),
    }
}

/// Finds the caller of a declared route and checks its rules. The pages beside the API, and what is not there, have none.
async fn let_in(req: &ServiceRequest) -> Result<()> {
    let Some(app) = req.app_data::<web::Data<App>>() else {
        return Ok(());
    };
    // No text of ours holds a NUL, and PostgreSQL takes none.
    if req.uri().path().contains("%00") {
        return Err(Error::not_found());
    }
    let Some((pattern, route)) = app.routes.find(req.method(), req.path()) else {
        return Ok(());
    };
    req.extensions_mut().insert(pattern);
    if app.db.is_behind(is_writing(req.method())) {
        return Err(Error::busy());
    }
    if !accepts_an_answer(req) {
        return Err(Error::refused("not-acceptable"));
    }
    let caller = identify(app, req).await?;
    req.extensions_mut().insert(caller.clone());
    route.policy.check(&caller)?;
    if route.versioned && !req.headers().contains_key(header::IF_MATCH) {
        return Err(Error::refused("version-needed"));
    }
    Ok(())
}

/// Whether `Accept` leaves room for what we can answer (RFC 9110 §12.5.1).
fn accepts_an_answer(req: &ServiceRequest) -> bool {
    const OURS: [&str; 9] = [
        "*/*",
        "application/*",
        "application/json",
        "application/problem+json",
        "application/schema+json",
        "text/*",
        "text/html",
        Format::Csv.media_type(),
        Format::Xlsx.media_type(),
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

async fn identify(app: &App, req: &ServiceRequest) -> Result<Arc<Caller>> {
    let Some(value) = req.headers().get(header::AUTHORIZATION) else {
        return Ok(Arc::new(Caller::nobody()));
    };
    let token = value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(|| Error::refused("token-not-accepted"))?;
    // Both before the caller is looked for, so that what is kept is never newer than they say.
    let (now, epoch) = (app.clock.now(), app.db.epoch());
    if let Some(caller) = epoch.and_then(|epoch| app.callers.get(token, epoch, now)) {
        return Ok(caller);
    }
    let (credentials, expiry) = credentials(app, token, now)?;
    let find = app.identify;
    let found = app
        .db
        .look_up(move |conn| find(conn, &credentials, now))
        .await?;
    let caller = found
        .map(Arc::new)
        .ok_or_else(|| Error::refused("token-not-accepted"))?;
    if let Some(epoch) = epoch {
        app.callers.keep(token, &caller, epoch, now, expiry);
    }
    Ok(caller)
}

/// What a token or key proves by itself, and when it stops doing so if it says that itself.
fn credentials(app: &App, token: &str, now: Moment) -> Result<(Credentials, Option<Moment>)> {
    if token.starts_with("col_") {
        let digest = super::secrets::sha256(token.as_bytes());
        return Ok((Credentials::ApiKey(digest), None));
    }
    let read = app.tokens.read(token, now).map_err(|bad| match bad {
        Bad::Expired => Error::refused("token-expired"),
        Bad::Forged => Error::refused("token-not-accepted"),
    })?;
    Ok((Credentials::Access(read.0), Some(read.1)))
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
