//! Row versions as strong entity tags, and what a caller has seen (RFC 9110 §13).

use actix_web::http::{Method, header};
use actix_web::{HttpMessage, HttpRequest};

use crate::error::{Error, Result};

/// The versions that a caller says it has seen (`If-Match`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// `*`: whatever there is.
    Any,
    These(Vec<i64>),
}

impl Seen {
    /// # Errors
    /// `version-needed` without the header.
    pub fn from_request(req: &HttpRequest) -> Result<Self> {
        let value = req
            .headers()
            .get(header::IF_MATCH)
            .ok_or_else(|| Error::refused("version-needed"))?;
        let value = value.to_str().unwrap_or_default();
        if value.trim() == "*" {
            return Ok(Self::Any);
        }
        let tags = value.split(',').filter_map(|tag| {
            tag.trim()
                .strip_prefix('"')?
                .strip_suffix('"')?
                .parse()
                .ok()
        });
        Ok(Self::These(tags.collect()))
    }

    /// # Errors
    /// `stale-version` where the row has moved on.
    pub fn check(&self, version: i64) -> Result<()> {
        match self {
            Self::Any => Ok(()),
            Self::These(versions) if versions.contains(&version) => Ok(()),
            Self::These(_) => Err(Error::stale()),
        }
    }
}

#[must_use]
pub fn tag(version: i64) -> String {
    format!("\"{version}\"")
}

/// Whether the caller holds this already (`If-None-Match` on a read).
#[must_use]
pub fn is_unchanged(req: &HttpRequest, tag: &str) -> bool {
    if !matches!(*req.method(), Method::GET | Method::HEAD) {
        return false;
    }
    let Some(wanted) = req.get_header::<header::IfNoneMatch>() else {
        return false;
    };
    match wanted {
        header::IfNoneMatch::Any => true,
        header::IfNoneMatch::Items(tags) => {
            let ours = header::EntityTag::new_strong(tag.trim_matches('"').to_owned());
            tags.iter().any(|theirs| theirs.weak_eq(&ours))
        }
    }
}
