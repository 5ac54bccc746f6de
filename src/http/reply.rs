//! What a handler answers: status, JSON, the row's version, and where a new thing lives.

use actix_web::body::BoxBody;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde::{Deserialize, Serialize};

use super::version;
use crate::error::Result;

/// An answer that can be stored and given again byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    pub status: u16,
    pub body: Option<String>,
    pub etag: Option<String>,
    pub location: Option<String>,
    /// The body carries a token: it is stored sealed only.
    #[serde(skip)]
    pub secret: bool,
    #[serde(skip)]
    pub replayed: bool,
}

impl Reply {
    /// # Errors
    /// When the body can't be written as JSON.
    pub fn ok(body: &impl Serialize) -> Result<Self> {
        Self::json(StatusCode::OK, body)
    }

    /// # Errors
    /// When the body can't be written as JSON.
    pub fn created(body: &impl Serialize, location: String) -> Result<Self> {
        let mut reply = Self::json(StatusCode::CREATED, body)?;
        reply.location = Some(location);
        Ok(reply)
    }

    /// Done, with nothing to say.
    #[must_use]
    pub fn nothing() -> Self {
        Self {
            status: StatusCode::NO_CONTENT.as_u16(),
            body: None,
            etag: None,
            location: None,
            secret: false,
            replayed: false,
        }
    }

    /// Taken on; what follows will be told by mail.
    ///
    /// # Errors
    /// When the body can't be written as JSON.
    pub fn json(status: StatusCode, body: &impl Serialize) -> Result<Self> {
        let body = serde_json::to_string(body).map_err(anyhow::Error::from)?;
        Ok(Self {
            status: status.as_u16(),
            body: Some(body),
            ..Self::nothing()
        })
    }

    /// The version of the row that the body shows.
    #[must_use]
    pub fn version(mut self, version: i64) -> Self {
        self.etag = Some(version::tag(version));
        self
    }

    /// A strong tag made from the body itself, for what has no version.
    #[must_use]
    pub fn tagged_by_content(mut self) -> Self {
        let digest =
            crate::auth::secrets::sha256(self.body.as_deref().unwrap_or_default().as_bytes());
        self.etag = digest.get(..32).map(|start| format!("\"{start}\""));
        self
    }

    #[must_use]
    pub fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
}

impl Responder for Reply {
    type Body = BoxBody;

    fn respond_to(self, req: &HttpRequest) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let unchanged = self
            .etag
            .as_deref()
            .is_some_and(|tag| version::is_unchanged(req, tag));
        let mut answer = HttpResponse::build(if unchanged {
            StatusCode::NOT_MODIFIED
        } else {
            status
        });
        if let Some(tag) = self.etag {
            answer.insert_header((header::ETAG, tag));
        }
        if let Some(location) = self.location {
            answer.insert_header((header::LOCATION, location));
        }
        if self.replayed {
            answer.insert_header(("Idempotency-Replayed", "true"));
        }
        match self.body {
            Some(body) if !unchanged => {
                answer.insert_header((header::CONTENT_TYPE, "application/json"));
                answer.body(body)
            }
            _ => answer.finish(),
        }
    }
}
