//! Reads bodies and queries within limits of size, depth and time, and checks them against their schema.

use std::time::Duration;

use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev, web};
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::error::{Error, FieldError, Result};

/// How deep a body may nest.
const DEPTH: usize = 32;

/// A JSON body that has passed every check of its type's schema.
pub struct Valid<T>(pub T);

/// The SHA-256 of the body that was read, which idempotency compares.
#[derive(Clone)]
pub struct BodyDigest(pub String);

impl<T: DeserializeOwned + ToSchema + 'static> FromRequest for Valid<T> {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self>>;

    fn from_request(req: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let (req, payload) = (req.clone(), payload.take());
        Box::pin(async move {
            let app = app(&req)?;
            let bytes = read(&req, payload, &app).await?;
            req.extensions_mut()
                .insert(BodyDigest(crate::auth::secrets::sha256(&bytes)));
            let value = parse(&bytes)?;
            let shape = app.shapes.body::<T>()?;
            check(value, &shape).map(Self)
        })
    }
}

/// A query string that has passed every check; unknown parameters are mistakes like any other.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned + IntoParams + 'static> FromRequest for Query<T> {
    type Error = Error;
    type Future = std::future::Ready<Result<Self>>;

    fn from_request(req: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        std::future::ready(app(req).and_then(|app| {
            let mut fields = Map::new();
            let pairs = web::Query::<Vec<(String, String)>>::from_query(req.query_string())
                .map_err(|_| Error::refused("unreadable"))?;
            for (name, value) in pairs.into_inner() {
                if fields.insert(name.clone(), Value::from(value)).is_some() {
                    return Err(Error::invalid(vec![FieldError::new(
                        format!("/{name}"),
                        "repeated",
                    )]));
                }
            }
            let shape = app.shapes.query::<T>()?;
            let mut value = Value::Object(fields);
            shape.coerce(&mut value);
            check(value, &shape).map(Self)
        }))
    }
}

fn app(req: &HttpRequest) -> Result<web::Data<App>> {
    req.app_data::<web::Data<App>>()
        .cloned()
        .ok_or_else(|| anyhow::anyhow!("no App in this server").into())
}

fn check<T: DeserializeOwned>(mut value: Value, shape: &crate::schema::Shape) -> Result<T> {
    let mut errors = shape.tidy(&mut value);
    errors.extend(shape.check(&value));
    if !errors.is_empty() {
        return Err(Error::invalid(errors));
    }
    serde_json::from_value(value).map_err(|_| {
        // The schema let through what the type does not take. The reason may quote the body, so it is not logged.
        tracing::info!(
            kind = std::any::type_name::<T>(),
            "a body passed its schema but not its type"
        );
        Error::invalid(vec![FieldError::new("", "not-valid")])
    })
}

async fn read(req: &HttpRequest, payload: dev::Payload, app: &App) -> Result<Vec<u8>> {
    let kind = req.content_type().to_ascii_lowercase();
    let is_json = kind == "application/json" || kind == "application/merge-patch+json";
    let limit = app.config.server.body_limit_kib * 1024;
    let announced = req
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(Error::refused("too-large"));
    }
    if req
        .headers()
        .get(header::CONTENT_ENCODING)
        .is_some_and(|encoding| encoding != "identity")
        || !is_json
    {
        return Err(Error::refused("unsupported-media-type"));
    }
    let patience = Duration::from_secs(app.config.server.body_timeout_seconds);
    tokio::time::timeout(patience, collect(payload, limit))
        .await
        .map_err(|_| Error::refused("request-timeout"))?
}

async fn collect(mut payload: dev::Payload, limit: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Error::refused("unreadable"))?;
        if bytes.len() + chunk.len() > limit {
            return Err(Error::refused("too-large"));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn parse(bytes: &[u8]) -> Result<Value> {
    if depth(bytes) > DEPTH {
        return Err(Error::refused("unreadable"));
    }
    serde_json::from_slice(bytes).map_err(|_| Error::refused("unreadable"))
}

/// How deep the brackets nest, texts left out. Counted before parsing, so that depth costs nothing.
fn depth(bytes: &[u8]) -> usize {
    let (mut deepest, mut now, mut in_text, mut escaped) = (0_usize, 0_usize, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => {
                now += 1;
                deepest = deepest.max(now);
            }
            b']' | b'}' if !in_text => now = now.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Tells an absent field (`None`) from one that is to be emptied (`Some(None)`), as in RFC 7396.
///
/// # Errors
/// As the value's own type.
pub fn present<'de, D, T>(deserializer: D) -> std::result::Result<Option<Option<T>>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::Deserialize<'de>,
{
    serde::Deserialize::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::depth;

    #[test]
    fn brackets_in_texts_do_not_count() {
        for (json, expected) in [
            (r#"{"a":[1,{"b":2}]}"#, 3),
            (r#"["[[[["]"#, 1),
            (r#"["\"[[",[]]"#, 2),
            ("", 0),
            ("]]][", 1),
        ] {
            assert_eq!(depth(json.as_bytes()), expected, "{json}");
        }
    }
}
