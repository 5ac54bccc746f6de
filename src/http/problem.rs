//! Errors become `application/problem+json` (RFC 9457); the only place that turns codes into status numbers.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use super::catalogue::{CATALOGUE, fill};
use crate::error::{Blocker, Error, FieldError, Refused};
use crate::lang::Lang;

pub const MEDIA_TYPE: &str = "application/problem+json";

/// What every answer from 400 on looks like.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Where this kind of problem is documented.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of problem, in the caller's language.
    pub title: String,
    pub status: u16,
    /// What went wrong this time, in the caller's language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The path that was asked for.
    pub instance: String,
    /// The kind of problem, for programs. Codes never change.
    pub code: String,
    /// The id of this request, as in the server's log.
    pub request_id: String,
    /// What is wrong with which field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// What stands in the way of the step that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blockers: Vec<Blocker>,
}

/// Travels with a response until the middleware, which knows the request, writes the body.
struct Draft(Refused);

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        status_of(self.code().unwrap_or("broken"))
    }

    fn error_response(&self) -> HttpResponse {
        let refused = match self {
            Self::Refused(refused) => (**refused).clone(),
            Self::Database(_) | Self::Broken(_) => {
                tracing::error!(error = %self, "a request failed");
                Refused::new("broken")
            }
        };
        let mut response = HttpResponse::new(status_of(refused.code));
        response.extensions_mut().insert(Draft(refused));
        response
    }
}

fn status_of(code: &str) -> StatusCode {
    CATALOGUE
        .problem(code)
        .and_then(|problem| StatusCode::from_u16(problem.status).ok())
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Whether a code says no to a request that was understood: the caller may not, there is no such thing for them, or a
/// rule stands against it.
#[must_use]
pub fn is_refusal(code: &str) -> bool {
    matches!(status_of(code).as_u16(), 403 | 404 | 409 | 412 | 422)
}

/// The code of an answer that is a problem.
#[must_use]
pub fn code_in(response: &HttpResponse) -> Option<&'static str> {
    response
        .extensions()
        .get::<Draft>()
        .map(|draft| draft.0.code)
}

/// The code for a status that the framework answered by itself.
fn code_of(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "sign-in-needed",
        403 => "not-allowed",
        404 => "not-found",
        405 => "method-not-allowed",
        406 => "not-acceptable",
        408 => "request-timeout",
        413 => "too-large",
        414 => "uri-too-long",
        415 => "unsupported-media-type",
        429 => "too-many-requests",
        431 => "headers-too-large",
        400..=499 => "unreadable",
        503 => "busy",
        _ => "broken",
    }
}

/// What to send instead of an answer that actix gives by itself to what it can't parse: a bare head. Every answer of ours
/// has a request's id.
#[must_use]
pub fn instead_of(answer: &[u8]) -> Option<Vec<u8>> {
    let failed = answer.strip_prefix(b"HTTP/1.1 4")?;
    let head = std::str::from_utf8(failed).ok()?.strip_suffix("\r\n\r\n")?;
    if head.contains("x-request-id") {
        return None;
    }
    let status: u16 = format!("4{}", head.get(..2)?).parse().ok()?;
    let status = StatusCode::from_u16(status).ok()?;
    let problem = document(Refused::new(code_of(status)), status, "*", "", Lang::En);
    let body = serde_json::to_string(&problem).ok()?;
    let kept = head.split("\r\n").filter(|line| {
        let line = line.to_ascii_lowercase();
        !line.starts_with("content-") && !line.starts_with("transfer-")
    });
    let head: Vec<&str> = kept.collect();
    Some(
        format!(
            "HTTP/1.1 4{}\r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {}\r\ncache-control: no-store\r\n\
             x-content-type-options: nosniff\r\n\r\n{body}",
            head.join("\r\n"),
            body.len()
        )
        .into_bytes(),
    )
}

/// Writes the problem document into an answer that needs one.
pub fn write(
    response: HttpResponse,
    req: &HttpRequest,
    request_id: &str,
    lang: Lang,
) -> HttpResponse {
    let refused = response.extensions().get::<Draft>().map_or_else(
        || Refused::new(code_of(response.status())),
        |draft| draft.0.clone(),
    );
    let status = status_of(refused.code);
    let retry_after = refused.retry_after;
    let problem = document(refused, status, req.path(), request_id, lang);
    let mut answer = HttpResponse::build(status);
    for (name, value) in response.headers() {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            answer.append_header((name.clone(), value.clone()));
        }
    }
    answer.insert_header((header::CONTENT_TYPE, MEDIA_TYPE));
    answer.insert_header((header::CONTENT_LANGUAGE, lang.as_str()));
    if let Some(seconds) = retry_after {
        answer.insert_header((header::RETRY_AFTER, seconds));
    }
    if status == StatusCode::UNAUTHORIZED {
        answer.insert_header((header::WWW_AUTHENTICATE, challenge(&problem.code)));
    }
    answer.body(serde_json::to_vec(&problem).unwrap_or_default())
}

/// The problem document of one part of a request that was answered as a whole.
#[must_use]
pub fn of_part(refused: Refused, lang: Lang) -> Problem {
    let status = status_of(refused.code);
    document(refused, status, "", "", lang)
}

/// RFC 6750 §3: what kind of token is asked for, and what was wrong with the one that came.
fn challenge(code: &str) -> &'static str {
    match code {
        "token-expired" => {
            r#"Bearer realm="colonnade", error="invalid_token", error_description="expired""#
        }
        "token-not-accepted" => r#"Bearer realm="colonnade", error="invalid_token""#,
        _ => r#"Bearer realm="colonnade""#,
    }
}

fn document(
    refused: Refused,
    status: StatusCode,
    path: &str,
    request_id: &str,
    lang: Lang,
) -> Problem {
    let Refused {
        code,
        values,
        mut fields,
        mut blockers,
        ..
    } = refused;
    for error in &mut fields {
        CATALOGUE.fill_field(error, lang);
    }
    for blocker in &mut blockers {
        CATALOGUE.fill_blocker(blocker, lang);
    }
    let title = CATALOGUE
        .problem(code)
        .map_or(code, |problem| problem.title.get(lang));
    let title = fill(title, &values);
    let details: Vec<&str> = fields
        .iter()
        .map(|error| error.message.as_str())
        .chain(blockers.iter().map(|blocker| blocker.message.as_str()))
        .collect();
    Problem {
        kind: format!("/problems/{code}"),
        title,
        status: status.as_u16(),
        detail: (!details.is_empty()).then(|| details.join(" ")),
        instance: path.to_owned(),
        code: code.to_owned(),
        request_id: request_id.to_owned(),
        errors: fields,
        blockers,
    }
}
