//! Messages over HTTP, and the outbox for those who look after it.

mod preview;

use actix_web::web::Path;
use actix_web::{HttpResponse, get, patch, post};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::actions;
use super::model::{Notification, NotificationId};
use super::store;
use crate::app::App;
use crate::auth::{AccountId, policy};
use crate::db::Moment;
use crate::error::{Error, FieldError, OrNotFound, Result};
use crate::http::page::{self, CursorValue, Format, Paging};
use crate::http::{Ctx, Keyset, Page, Query, Reply, Routes, Valid};
use crate::lang::Lang;
use crate::mail::MailId;
use crate::mail::outbox::{self, Mail};

pub fn register(routes: &mut Routes) {
    routes.add(list_notifications, policy::SIGNED_IN);
    routes.add(show_notification, policy::SIGNED_IN);
    routes.add_versioned(change_notification, policy::SIGNED_IN);
    routes.add(list_mails, policy::ADMIN);
    routes.add(retry_mail, policy::ADMIN);
    preview::register(routes);
}

#[derive(Serialize, ToSchema)]
struct NotificationOut {
    id: NotificationId,
    /// The kind of event, such as `project.advanced`.
    kind: String,
    /// The event's sequence number in the ledger.
    event: i64,
    /// One line, in the language that was asked for, else in yours.
    message: String,
    project_id: Option<Uuid>,
    read: bool,
    version: i64,
    created_at: Moment,
}

impl NotificationOut {
    fn new(app: &App, row: Notification, lang: Lang) -> Self {
        let message = actions::line(app, &row, lang);
        let Notification {
            id,
            kind,
            event_seq: event,
            project_id,
            is_read: read,
            version,
            created_at,
            ..
        } = row;
        Self {
            id,
            kind,
            event,
            message,
            project_id: project_id.map(|id| id.0),
            read,
            version,
            created_at,
        }
    }
}

/// The language that was asked for, or the account's own.
fn reading_language(ctx: &Ctx) -> Lang {
    let asked = ctx.request().headers().contains_key("accept-language");
    if asked {
        ctx.lang
    } else {
        ctx.caller.language.unwrap_or(ctx.lang)
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListNotifications {
    read: Option<bool>,
    #[param(inline)]
    updated_since: Option<Moment>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    cursor: Option<String>,
    #[param(inline)]
    format: Option<Format>,
}

/// What you were told, unread first.
#[utoipa::path(tag = "notifications", params(ListNotifications), responses((status = 200, body = Page<NotificationOut>)))]
#[get("/v1/me/notifications")]
async fn list_notifications(ctx: Ctx, query: Query<ListNotifications>) -> Result<HttpResponse> {
    let Query(ListNotifications {
        read,
        updated_since,
        limit,
        cursor,
        format,
    }) = query;
    let (account, limit) = (ctx.caller.account().or_not_found()?, limit.unwrap_or(20));
    let after = cursor.as_deref().map(decode).transpose()?;
    let found = ctx.read(move |conn, _| {
        let last = after.map(|id| store::one(conn, account, id)).transpose();
        let last = last.map_err(|_| wrong_cursor())?;
        store::list(conn, account, read, updated_since, limit + 1, last.as_ref())
    });
    let mut found = found.await?;
    let more = i64::try_from(found.len()).is_ok_and(|length| length > limit);
    found.truncate(usize::try_from(limit).unwrap_or(1));
    let next = found
        .last()
        .filter(|_| more)
        .map(|last| URL_SAFE_NO_PAD.encode(last.id.0.as_bytes()));
    let lang = reading_language(&ctx);
    let data: Vec<_> = found
        .into_iter()
        .map(|row| NotificationOut::new(&ctx.app, row, lang))
        .collect();
    page::answer(&ctx, &Page { data, next }, format)
}

fn decode(cursor: &str) -> Result<NotificationId> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    bytes
        .and_then(|bytes| Uuid::from_slice(&bytes).ok())
        .map(NotificationId)
        .ok_or_else(wrong_cursor)
}

fn wrong_cursor() -> Error {
    Error::invalid(vec![FieldError::new("/cursor", "wrong-cursor")])
}

/// One message.
#[utoipa::path(tag = "notifications", params(("id" = NotificationId, Path)), responses((status = 200, body = NotificationOut)))]
#[get("/v1/me/notifications/{id}")]
async fn show_notification(ctx: Ctx, id: Path<NotificationId>) -> Result<Reply> {
    let (id, account) = (id.into_inner(), ctx.caller.account().or_not_found()?);
    let row = ctx
        .read(move |conn, _| store::one(conn, account, id))
        .await?;
    let version = row.version;
    Ok(Reply::ok(&NotificationOut::new(&ctx.app, row, reading_language(&ctx)))?.version(version))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangeNotification {
    read: bool,
}

/// Mark a message as read or unread.
#[utoipa::path(tag = "notifications", params(("id" = NotificationId, Path)), request_body = ChangeNotification, responses((status = 200, body = NotificationOut)))]
#[patch("/v1/me/notifications/{id}")]
async fn change_notification(
    ctx: Ctx,
    id: Path<NotificationId>,
    body: Valid<ChangeNotification>,
) -> Result<Reply> {
    let (id, account, seen) = (
        id.into_inner(),
        ctx.caller.account().or_not_found()?,
        ctx.seen()?,
    );
    let (read, lang) = (body.0.read, reading_language(&ctx));
    ctx.write(move |tx| {
        let row = actions::mark(tx, account, id, &seen, read)?;
        let version = row.version;
        Ok(Reply::ok(&NotificationOut::new(tx.app, row, lang))?.version(version))
    })
    .await
}

crate::words! {
    /// Where a mail is on its way.
    pub enum MailState {
        Queued = "queued",
        Sent = "sent",
        Dead = "dead",
        /// What it tells was taken back before it left.
        Superseded = "superseded",
    }
}

#[derive(Serialize, ToSchema)]
struct MailOut {
    id: MailId,
    account_id: AccountId,
    event: Option<i64>,
    template: String,
    state: String,
    /// Whether it waits until an operator releases the outbox, as after a restore.
    held: bool,
    attempts: i32,
    /// Why the last try failed, without addresses.
    last_error: Option<String>,
    created_at: Moment,
    sent_at: Option<Moment>,
}

impl MailOut {
    fn new(row: Mail, outbox_held: bool) -> Self {
        let Mail {
            id,
            account_id,
            event_seq: event,
            template,
            state,
            attempts,
            last_error,
            created_at,
            sent_at,
            ..
        } = row;
        Self {
            id,
            account_id,
            event,
            template,
            held: outbox_held && state == MailState::Queued.as_str(),
            state,
            attempts,
            last_error,
            created_at,
            sent_at,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListMails {
    /// `dead` shows what could not be sent.
    #[param(inline)]
    state: Option<MailState>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    cursor: Option<String>,
    /// `-created_at` (default) or `created_at`
    sort: Option<String>,
    #[param(inline)]
    format: Option<Format>,
}

/// The outbox: what was sent, what waits, what could not be sent.
#[utoipa::path(tag = "operations", params(ListMails), responses((status = 200, body = Page<MailOut>)))]
#[get("/v1/mails")]
async fn list_mails(ctx: Ctx, query: Query<ListMails>) -> Result<HttpResponse> {
    let Query(ListMails {
        state,
        limit,
        cursor,
        sort,
        format,
    }) = query;
    let keyset = Keyset::new(
        ctx.request(),
        &Paging {
            limit,
            cursor,
            sort,
            format,
        },
        &["-created_at", "created_at"],
    )?;
    let wanted = keyset.clone();
    let found = ctx.read(move |conn, _| {
        let held = outbox::held(conn)?.is_some();
        let mails = store::mails(conn, state.map(|state| state.to_string()), &wanted)?;
        Ok((mails, held))
    });
    let (mails, held) = found.await?;
    let out = mails.into_iter().map(|mail| MailOut::new(mail, held));
    let out = out.collect();
    page::answer(
        &ctx,
        &keyset.page(out, |out: &MailOut, _| (out.created_at.write(), out.id.0)),
        format,
    )
}

/// Try a dead mail again, under the same Message-ID.
#[utoipa::path(tag = "operations", params(("id" = MailId, Path)), responses((status = 200, body = MailOut)))]
#[post("/v1/mails/{id}/retry")]
async fn retry_mail(ctx: Ctx, id: Path<MailId>) -> Result<Reply> {
    let id = id.into_inner();
    ctx.write(move |tx| {
        let mail = outbox::retry(tx, id)?;
        let held = outbox::held(tx.conn)?.is_some();
        Reply::ok(&MailOut::new(mail, held))
    })
    .await
}
