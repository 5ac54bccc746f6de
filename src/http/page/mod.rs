//! Lists: keyset paging that stays stable under concurrent writes, and the forms of a list.

mod form;
mod table;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

pub use form::{Format, prefers_html};

use self::table::Table;
use super::context::Ctx;
use super::reply::Reply;
use crate::db::Moment;
use crate::error::{Error, FieldError, Result};

const DEFAULT_LIMIT: i64 = 20;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    pub data: Vec<T>,
    /// The cursor of the next page; null on the last one.
    pub next: Option<String>,
}

/// What a list's query says about paging.
#[derive(Debug, Clone, Default)]
pub struct Paging {
    pub limit: Option<i64>,
    pub cursor: Option<String>,
    pub sort: Option<String>,
    pub format: Option<Format>,
}

/// Where a page starts, in which order, and how long it is.
#[derive(Debug, Clone)]
pub struct Keyset {
    pub limit: i64,
    /// The sort field, without its direction.
    pub by: String,
    pub descending: bool,
    pub after: Option<After>,
    filters: String,
}

/// The last row of the page before.
#[derive(Debug, Clone)]
pub struct After {
    pub value: String,
    pub id: Uuid,
}

#[derive(Serialize, Deserialize)]
struct Cursor {
    s: String,
    v: String,
    i: Uuid,
    f: String,
}

impl Keyset {
    /// Understands a list's paging. `sorts` are the fields it can be sorted by, the default first, with a minus
    /// for descending.
    ///
    /// # Errors
    /// `invalid` for a cursor of another list or other filters.
    pub fn new(req: &HttpRequest, paging: &Paging, sorts: &[&str]) -> Result<Self> {
        let sort = paging
            .sort
            .as_deref()
            .or(sorts.first().copied())
            .unwrap_or("-created_at")
            .to_owned();
        if !sorts.contains(&sort.as_str()) {
            let error = FieldError::new("/sort", "not-one-of").with("options", sorts.join(", "));
            return Err(Error::invalid(vec![error]));
        }
        let filters = fingerprint(req);
        let after = match &paging.cursor {
            None => None,
            Some(text) => {
                let cursor = decode(text).filter(|cursor| {
                    cursor.s == sort && cursor.f == filters && !cursor.v.contains('\0')
                });
                let cursor = cursor.ok_or_else(|| {
                    Error::invalid(vec![FieldError::new("/cursor", "wrong-cursor")])
                })?;
                Some(After {
                    value: cursor.v,
                    id: cursor.i,
                })
            }
        };
        let limit = paging.limit.unwrap_or(DEFAULT_LIMIT);
        let (by, descending) = sort
            .strip_prefix('-')
            .map_or((sort.clone(), false), |by| (by.to_owned(), true));
        Ok(Self {
            limit,
            by,
            descending,
            after,
            filters,
        })
    }

    /// Cuts what was found (one more than asked for) to a page and makes the cursor of the next.
    pub fn page<T>(&self, mut found: Vec<T>, key: impl Fn(&T, &str) -> (String, Uuid)) -> Page<T> {
        let wanted = usize::try_from(self.limit).unwrap_or(1);
        let more = found.len() > wanted;
        found.truncate(wanted);
        let next = found.last().filter(|_| more).map(|last| {
            let (v, i) = key(last, &self.by);
            let sign = if self.descending { "-" } else { "" };
            encode(&Cursor {
                s: format!("{sign}{}", self.by),
                v,
                i,
                f: self.filters.clone(),
            })
        });
        Page { data: found, next }
    }
}

/// A value that a cursor can carry.
pub trait CursorValue: Sized {
    fn write(&self) -> String;
    fn read(text: &str) -> Option<Self>;
}

impl CursorValue for Moment {
    fn write(&self) -> String {
        self.utc().timestamp_micros().to_string()
    }
    fn read(text: &str) -> Option<Self> {
        chrono::DateTime::from_timestamp_micros(text.parse().ok()?).map(Self::new)
    }
}

impl CursorValue for String {
    fn write(&self) -> String {
        self.clone()
    }
    fn read(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

/// Orders a boxed query by a column and the id, and starts it after the cursor.
#[macro_export]
macro_rules! keyset {
    ($query:expr, $keyset:expr, $id:expr, $id_type:ty, { $($name:literal => $column:expr, $value:ty);+ $(;)? }) => {{
        use diesel::prelude::*;
        use $crate::http::page::CursorValue;
        let keyset: &$crate::http::Keyset = $keyset;
        let mut query = $query;
        match keyset.by.as_str() {
            $($name => {
                if let Some(after) = &keyset.after {
                    let value = <$value>::read(&after.value).ok_or_else(|| {
                        $crate::error::Error::invalid(vec![$crate::error::FieldError::new("/cursor", "wrong-cursor")])
                    })?;
                    let id = <$id_type>::from(after.id);
                    query = if keyset.descending {
                        query.filter($column.lt(value.clone()).or($column.eq(value).and($id.lt(id))))
                    } else {
                        query.filter($column.gt(value.clone()).or($column.eq(value).and($id.gt(id))))
                    };
                }
                query = if keyset.descending {
                    query.order(($column.desc(), $id.desc()))
                } else {
                    query.order(($column.asc(), $id.asc()))
                };
            })+
            other => return Err(anyhow::anyhow!("no sort by {other}").into()),
        }
        query.limit(keyset.limit + 1)
    }};
}

/// Answers a list in the form that the caller asks for, with a `Link` to the next page.
///
/// # Errors
/// When it can't be written.
pub fn answer<T: Serialize>(
    ctx: &Ctx,
    page: &Page<T>,
    format: Option<Format>,
) -> Result<HttpResponse> {
    answer_by("cursor", ctx, page, format)
}

/// The same where the next page is asked for by another parameter than `cursor`.
///
/// # Errors
/// When it can't be written.
pub fn answer_by<T: Serialize>(
    parameter: &str,
    ctx: &Ctx,
    page: &Page<T>,
    format: Option<Format>,
) -> Result<HttpResponse> {
    let req = ctx.request();
    let accept = req.headers().get(header::ACCEPT);
    let form =
        format.unwrap_or_else(|| Format::negotiate(accept.and_then(|value| value.to_str().ok())));
    let name = name(req.path());
    let body = match form {
        Format::Json => Reply::ok(page)?.body.unwrap_or_default().into_bytes(),
        Format::Csv => Table::of(&page.data)?.csv()?,
        Format::Xlsx => Table::of(&page.data)?.xlsx(&name, ctx.now)?,
    };
    let mut answer = HttpResponse::Ok();
    answer.insert_header((header::CONTENT_TYPE, form.content_type()));
    if form != Format::Json {
        let file = format!("attachment; filename=\"{name}.{form}\"");
        answer.insert_header((header::CONTENT_DISPOSITION, file));
    }
    if let Some(next) = &page.next {
        answer.insert_header((
            header::LINK,
            format!("<{}>; rel=\"next\"", next_url(req, parameter, next)),
        ));
    }
    Ok(answer.body(body))
}

/// What the rows of a list are called: the last part of its path, which is a word of ours.
fn name(path: &str) -> String {
    let last = path.rsplit('/').next().unwrap_or_default();
    let is_plain = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '-';
    last.chars().filter(is_plain).take(31).collect()
}

fn next_url(req: &HttpRequest, parameter: &str, next: &str) -> String {
    let own = format!("{parameter}=");
    let kept: Vec<&str> = req
        .query_string()
        .split('&')
        .filter(|p| !p.is_empty() && !p.starts_with(&own))
        .collect();
    let glue = if kept.is_empty() { "" } else { "&" };
    format!("{}?{}{glue}{own}{next}", req.path(), kept.join("&"))
}

/// What the list was filtered by, so that a cursor is good for that only.
fn fingerprint(req: &HttpRequest) -> String {
    let mut pairs: Vec<&str> = req
        .query_string()
        .split('&')
        .filter(|pair| {
            !["cursor=", "limit=", "format="]
                .iter()
                .any(|name| pair.starts_with(name))
        })
        .collect();
    pairs.sort_unstable();
    let digest =
        crate::auth::secrets::sha256(format!("{}?{}", req.path(), pairs.join("&")).as_bytes());
    digest.get(..16).unwrap_or_default().to_owned()
}

fn encode(cursor: &Cursor) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(cursor).unwrap_or_default())
}

fn decode(text: &str) -> Option<Cursor> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_text_may_come_as_a_cursor(text in ".*") {
            let _ = decode(&text);
        }
    }
}
