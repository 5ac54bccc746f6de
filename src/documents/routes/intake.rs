//! Reads an upload piece by piece onto the disk, within its limits of size and time, and looks at what has come.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::HttpMessage;
use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::web::Payload;
use futures_util::StreamExt;
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use crate::auth::secrets::sha256;
use crate::documents::model::{NewDocument, Refusal, ending, file_name, fitting_name};
use crate::error::{Error, FieldError, Refused, Result};
use crate::files::{self, Kind, Spool, Spooled, Unfit};
use crate::http::Ctx;
use crate::http::body::BodyDigest;

/// What a form may take beside its file.
const BESIDE: u64 = 64 * 1024;
const LONGEST_TITLE: usize = 200;
const LONGEST_QUESTION: usize = 100;

/// How much has come, and until when it is worth waiting for more.
struct Meter {
    begun: Instant,
    patience: Duration,
    slowest: u64,
    come: Rc<Cell<u64>>,
}

/// The pieces of a form.
#[derive(Default)]
struct Form<'a> {
    file: Option<(String, Spooled<'a>)>,
    title: Option<String>,
    question: Option<String>,
    errors: Vec<FieldError>,
}

/// Takes a document in. What is refused is refused as soon as that is known.
///
/// # Errors
/// `document-too-large`, `file-type-refused`, `archive-not-safe`, `request-timeout`, or `invalid` with every mistake.
pub(super) async fn receive(ctx: &Ctx, body: Payload) -> Result<(Spooled<'_>, NewDocument)> {
    let settings = &ctx.app.config.documents;
    let largest = settings.largest_mib * 1024 * 1024;
    refuse_by_head(ctx, largest)?;
    let (meter, parts) = open(ctx, body, largest + BESIDE);
    let mut form = read(ctx, &meter, parts, largest).await?;
    let Some((name, spooled)) = form.file.take() else {
        form.errors.push(FieldError::new("/file", "required"));
        return Err(Error::invalid(form.errors));
    };
    let digest = json!([spooled.sha256, name, form.title, form.question]);
    let digest = BodyDigest(sha256(digest.to_string().as_bytes()));
    ctx.request().extensions_mut().insert(digest);
    let kind = look(&spooled, &settings.types).await?;
    let named = file_name(&name).and_then(|name| fitting_name(&name, kind));
    let file_name = named.unwrap_or_else(|error| {
        form.errors.push(error);
        String::new()
    });
    if !form.errors.is_empty() {
        return Err(Error::invalid(form.errors));
    }
    let new = NewDocument {
        question: form.question,
        title: form.title,
        media_type: kind.media_type(&ending(&file_name)),
        file_name,
        bytes: i64::try_from(spooled.bytes).unwrap_or(i64::MAX),
        sha256: spooled.sha256.clone(),
    };
    Ok((spooled, new))
}

/// What the head of the request says against it already.
fn refuse_by_head(ctx: &Ctx, largest: u64) -> Result<()> {
    let headers = ctx.request().headers();
    let announced = headers.get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > largest + BESIDE) {
        return Err(too_large(largest));
    }
    let is_form = ctx.request().content_type() == "multipart/form-data";
    let is_packed = headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|encoding| encoding != "identity");
    if !is_form || is_packed {
        return Err(Error::refused("unsupported-media-type"));
    }
    Ok(())
}

/// The parts of a body that is counted as it comes, whatever it is.
fn open(ctx: &Ctx, body: Payload, limit: u64) -> (Meter, Multipart) {
    let come = Rc::new(Cell::new(0_u64));
    let meter = Meter {
        begun: Instant::now(),
        patience: Duration::from_secs(ctx.app.config.server.body_timeout_seconds),
        slowest: ctx.app.config.documents.slowest_kib_per_second * 1024,
        come: come.clone(),
    };
    let counted = body.map(move |piece| {
        let piece = piece?;
        come.set(come.get() + u64::try_from(piece.len()).unwrap_or(u64::MAX));
        if come.get() > limit {
            return Err(PayloadError::Overflow);
        }
        Ok(piece)
    });
    (meter, Multipart::new(ctx.request().headers(), counted))
}

impl Meter {
    fn deadline(&self) -> Instant {
        let earned = Duration::from_secs(self.come.get() / self.slowest);
        self.begun + self.patience + earned
    }

    /// Waits for the next piece as long as enough has come.
    async fn wait<T>(&self, piece: impl Future<Output = T>) -> Result<T> {
        let mut piece = std::pin::pin!(piece);
        loop {
            let deadline = self.deadline();
            match timeout_at(deadline, piece.as_mut()).await {
                Ok(come) => return Ok(come),
                Err(_) if self.deadline() > deadline => {}
                Err(_) => return Err(Error::refused("request-timeout")),
            }
        }
    }
}

async fn read<'a>(
    ctx: &'a Ctx,
    meter: &Meter,
    mut parts: Multipart,
    largest: u64,
) -> Result<Form<'a>> {
    let mut form = Form::default();
    while let Some(field) = meter.wait(parts.next()).await? {
        let mut field = field.map_err(|error| unreadable(&error, largest))?;
        let name = field.name().unwrap_or_default().to_owned();
        match name.as_str() {
            "file" if form.file.is_none() => {
                let called = called(&field);
                let mut spool = ctx.app.files.spool()?;
                store(meter, &mut field, &mut spool, largest).await?;
                let spooled = spool.finish().await.map_err(|e| store_failed(&e))?;
                form.file = Some((called, spooled));
            }
            "title" if form.title.is_none() => {
                form.title = line(meter, &mut field, LONGEST_TITLE, &mut form.errors).await?;
            }
            "question" if form.question.is_none() => {
                form.question = line(meter, &mut field, LONGEST_QUESTION, &mut form.errors).await?;
            }
            "file" | "title" | "question" => {
                form.errors
                    .push(FieldError::new(format!("/{name}"), "repeated"));
                return Err(Error::invalid(form.errors));
            }
            _ => {
                form.errors
                    .push(FieldError::new(format!("/{name}"), "unknown-field"));
                return Err(Error::invalid(form.errors));
            }
        }
    }
    Ok(form)
}

/// What the file is called where it comes from.
fn called(field: &Field) -> String {
    let disposition = field.content_disposition();
    let extended = disposition.and_then(|one| one.get_filename_ext());
    let extended = extended.and_then(|name| String::from_utf8(name.value.clone()).ok());
    let plain = disposition.and_then(|one| one.get_filename());
    extended.unwrap_or_else(|| plain.unwrap_or_default().to_owned())
}

async fn store(
    meter: &Meter,
    field: &mut Field,
    spool: &mut Spool<'_>,
    largest: u64,
) -> Result<()> {
    while let Some(piece) = meter.wait(field.next()).await? {
        let piece = piece.map_err(|error| unreadable(&error, largest))?;
        spool.write(&piece).await.map_err(|e| store_failed(&e))?;
        if spool.bytes() > largest {
            return Err(too_large(largest));
        }
    }
    Ok(())
}

/// A short text of one line; none where it is empty.
async fn line(
    meter: &Meter,
    field: &mut Field,
    longest: usize,
    errors: &mut Vec<FieldError>,
) -> Result<Option<String>> {
    let pointer = format!("/{}", field.name().unwrap_or_default());
    // A letter takes four bytes at most.
    let bytes = meter.wait(field.bytes(longest * 4)).await?;
    let Ok(bytes) = bytes else {
        errors.push(FieldError::new(pointer, "too-long").with("max", longest));
        return Err(Error::invalid(std::mem::take(errors)));
    };
    let text = bytes.map_err(|_| Error::refused("unreadable"))?;
    let text = String::from_utf8(text.to_vec()).map_err(|_| Error::refused("unreadable"))?;
    let text = text.trim();
    if text.chars().any(char::is_control) {
        errors.push(FieldError::new(pointer, "control-character"));
    } else if text.chars().count() > longest {
        errors.push(FieldError::new(pointer, "too-long").with("max", longest));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// What the file is, where that is accepted.
async fn look(spooled: &Spooled<'_>, accepted: &str) -> Result<Kind> {
    if spooled.bytes == 0 {
        return Err(Error::invalid(vec![FieldError::new("/file", "empty")]));
    }
    let file = spooled.file.try_clone().map_err(anyhow::Error::from)?;
    let looked = tokio::task::spawn_blocking(move || files::look(&file)).await;
    let found = looked.map_err(anyhow::Error::from)??;
    let kinds = files::kinds(accepted).map_err(anyhow::Error::msg)?;
    match found {
        Ok(kind) if kinds.contains(&kind) => Ok(kind),
        Err(Unfit::Unsafe) => Err(Refusal::ArchiveNotSafe.into()),
        _ => {
            let words: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
            let refused = Refused::new(Refusal::FileTypeRefused.code());
            Err(refused.with("types", words.join(", ")).into())
        }
    }
}

fn too_large(largest: u64) -> Error {
    let refused = Refused::new(Refusal::DocumentTooLarge.code());
    refused.with("mib", largest / (1024 * 1024)).into()
}

fn unreadable(error: &MultipartError, largest: u64) -> Error {
    match error {
        MultipartError::Payload(PayloadError::Overflow) => too_large(largest),
        _ => Error::refused("unreadable"),
    }
}

/// The disk or the bucket does not do its work now; that is not for the caller to mend.
pub(super) fn store_failed(error: &anyhow::Error) -> Error {
    tracing::error!(
        error = format!("{error:#}"),
        "documents can't be kept or read now"
    );
    Refused::new(Refusal::StoreUnavailable.code())
        .retry_after(5)
        .into()
}
