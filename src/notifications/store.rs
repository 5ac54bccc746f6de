//! How notifications and mails are kept and found.

use diesel::prelude::*;

use super::model::{Notification, NotificationId, ProjectRef};
use super::rules::Rule;
use crate::app::Tx;
use crate::auth::AccountId;
use crate::db::dialect::Cached;
use crate::db::schema::{mails, notifications, superseded_events as superseded};
use crate::db::{Conn, Json, Moment};
use crate::error::{Error, OrNotFound, Result};
use crate::events::Event;
use crate::http::Keyset;
use crate::mail::MailId;
use crate::mail::outbox::Mail;
use crate::native;

/// Adds a message; nothing happens where the person has one for this event already. Says whether it was added.
pub fn insert(
    tx: &mut Tx<'_>,
    event: &Event,
    rule: &Rule,
    to: AccountId,
    context: &serde_json::Value,
) -> Result<bool> {
    let id: NotificationId = tx.new_id();
    let row = (
        notifications::id.eq(id),
        notifications::account_id.eq(to),
        notifications::event_seq.eq(event.seq),
        notifications::kind.eq(&event.kind),
        notifications::template.eq(rule.template),
        notifications::context.eq(Json(context.clone())),
        notifications::project_id.eq(event.project_id.map(|id| ProjectRef(id.0))),
        notifications::is_read.eq(false),
        notifications::version.eq(1_i64),
        notifications::created_at.eq(event.at),
        notifications::updated_at.eq(tx.now),
    );
    let added = native!(&mut *tx.conn, |c| Cached(
        diesel::insert_into(notifications::table)
            .values(row)
            .on_conflict_do_nothing()
            .returning(notifications::version)
    )
    .load::<i64>(c))?;
    Ok(added.len() == 1)
}

/// What a message tells was not taken back before it was read.
#[diesel::dsl::auto_type]
fn stands() -> _ {
    let taken_back = superseded::table.select(superseded::event_seq);
    notifications::is_read
        .eq(true)
        .or(notifications::event_seq.ne_all(taken_back))
}

/// Those who had heard of what an event takes back: by a mail that has left, or by a message that they have read.
pub fn told(conn: &mut Conn, by: i64) -> Result<Vec<AccountId>> {
    let taken_back = || {
        superseded::table
            .filter(superseded::by_seq.eq(by))
            .select(superseded::event_seq)
    };
    let mut people: Vec<AccountId> = mails::table
        .filter(mails::event_seq.assume_not_null().eq_any(taken_back()))
        .filter(mails::state.eq("sent"))
        .select(mails::account_id)
        .load(conn)?;
    let readers: Vec<AccountId> = notifications::table
        .filter(notifications::event_seq.eq_any(taken_back()))
        .filter(notifications::is_read.eq(true))
        .select(notifications::account_id)
        .load(conn)?;
    people.extend(readers);
    Ok(people)
}

/// Somebody's messages, unread first, then the newest first.
pub fn list(
    conn: &mut Conn,
    account: AccountId,
    read: Option<bool>,
    since: Option<Moment>,
    limit: i64,
    after: Option<&Notification>,
) -> Result<Vec<Notification>> {
    let mut query = notifications::table
        .filter(notifications::account_id.eq(account))
        .into_boxed();
    query = query.filter(stands());
    if let Some(read) = read {
        query = query.filter(notifications::is_read.eq(read));
    }
    if let Some(since) = since {
        query = query.filter(notifications::updated_at.ge(since));
    }
    if let Some(last) = after {
        let older = notifications::created_at
            .lt(last.created_at)
            .or(notifications::created_at
                .eq(last.created_at)
                .and(notifications::id.lt(last.id)));
        query = if last.is_read {
            query.filter(notifications::is_read.eq(true)).filter(older)
        } else {
            query.filter(notifications::is_read.eq(true).or(older))
        };
    }
    let order = (
        notifications::is_read.asc(),
        notifications::created_at.desc(),
        notifications::id.desc(),
    );
    Ok(query
        .order(order)
        .limit(limit)
        .select(Notification::as_select())
        .load(conn)?)
}

/// # Errors
/// `not-found` where the person has no such message.
pub fn one(conn: &mut Conn, account: AccountId, id: NotificationId) -> Result<Notification> {
    let own = notifications::table
        .find(id)
        .filter(notifications::account_id.eq(account))
        .filter(stands());
    own.select(Notification::as_select())
        .get_result(conn)
        .or_not_found()
}

pub fn mark(tx: &mut Tx<'_>, notification: &Notification, is_read: bool) -> Result<Notification> {
    let row = notifications::table
        .find(notification.id)
        .filter(notifications::version.eq(notification.version));
    let changed = diesel::update(row)
        .set((
            notifications::is_read.eq(is_read),
            notifications::version.eq(notification.version + 1),
            notifications::updated_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    if changed == 0 {
        Err(Error::stale())
    } else {
        one(tx.conn, notification.account_id, notification.id)
    }
}

/// The outbox, for those who look after it.
pub fn mails(conn: &mut Conn, state: Option<String>, keyset: &Keyset) -> Result<Vec<Mail>> {
    let mut query = mails::table.into_boxed();
    if let Some(state) = state {
        query = query.filter(mails::state.eq(state));
    }
    let query = crate::keyset!(query, keyset, mails::id, MailId, { "created_at" => mails::created_at, Moment; });
    Ok(query.select(Mail::as_select()).load(conn)?)
}
