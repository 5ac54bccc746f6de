//! The file of a document, as it came: whole or a part of it, to be saved and never shown in place.

use actix_web::body::SizedStream;
use actix_web::http::header::{
    self, Charset, ContentDisposition, DispositionParam, DispositionType, ExtendedValue,
};
use actix_web::http::{Method, StatusCode};
use actix_web::web::Path;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, get};

use super::intake::store_failed;
use crate::documents::actions;
use crate::documents::model::{Document, DocumentId};
use crate::error::Result;
use crate::http::{Ctx, version};

/// A page that opens the file all the same runs nothing of it.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";

/// The file of a document. Understands `Range` and `If-None-Match`; the ETag is the file's SHA-256.
#[utoipa::path(tag = "documents", params(("id" = DocumentId, Path)), responses((status = 200, body = String, content_type = "application/octet-stream"), (status = 206, body = String, content_type = "application/octet-stream")))]
#[get("/v1/documents/{id}/content")]
pub(super) async fn download_document(ctx: Ctx, id: Path<DocumentId>) -> Result<HttpResponse> {
    let id = id.into_inner();
    let found = ctx.read(move |conn, caller| actions::one(conn, caller, id));
    let (document, _) = found.await?;
    let tag = format!("\"{}\"", document.sha256);
    let size = u64::try_from(document.bytes).unwrap_or(0);
    let mut answer = HttpResponse::build(StatusCode::OK);
    answer
        .insert_header((header::ETAG, tag.clone()))
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY));
    if version::is_unchanged(ctx.request(), &tag) {
        return Ok(answer.status(StatusCode::NOT_MODIFIED).finish());
    }
    let (from, to) = match wanted(ctx.request(), &tag, size) {
        Wanted::All => (0, size),
        Wanted::Part(first, last) => {
            let range = format!("bytes {first}-{last}/{size}");
            answer
                .status(StatusCode::PARTIAL_CONTENT)
                .insert_header((header::CONTENT_RANGE, range));
            (first, last + 1)
        }
    };
    answer
        .insert_header((header::CONTENT_TYPE, document.media_type.as_str()))
        .insert_header(attachment(&document));
    let bytes = ctx.app.files.get(document.id.0, from..to).await;
    let bytes = bytes.map_err(|error| store_failed(&error))?;
    Ok(answer.body(SizedStream::new(to - from, bytes)))
}

/// Which bytes a request asks for.
enum Wanted {
    All,
    /// The first and the last.
    Part(u64, u64),
}

/// One range is answered; several, one of another version, or one beyond the end get the whole, as RFC 9110 allows.
fn wanted(req: &HttpRequest, tag: &str, size: u64) -> Wanted {
    let other = req.headers().get(header::IF_RANGE);
    if *req.method() != Method::GET || other.is_some_and(|value| value != tag) {
        return Wanted::All;
    }
    let Some(header::Range::Bytes(ranges)) = req.get_header::<header::Range>() else {
        return Wanted::All;
    };
    match ranges.as_slice() {
        [one] => one
            .to_satisfiable_range(size)
            .map_or(Wanted::All, |(first, last)| Wanted::Part(first, last)),
        _ => Wanted::All,
    }
}

/// The name in plain letters, and as it is (RFC 6266, RFC 8187).
fn attachment(document: &Document) -> ContentDisposition {
    let plain = |letter: char| {
        if letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_' | ' ') {
            letter
        } else {
            '_'
        }
    };
    ContentDisposition {
        disposition: DispositionType::Attachment,
        parameters: vec![
            DispositionParam::Filename(document.file_name.chars().map(plain).collect()),
            DispositionParam::FilenameExt(ExtendedValue {
                charset: Charset::Ext("UTF-8".into()),
                language_tag: None,
                value: document.file_name.as_bytes().to_vec(),
            }),
        ],
    }
}
