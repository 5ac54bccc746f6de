//! The outbox: one row for each mail to one person, queued with the change that causes it, sent by the worker.

use std::sync::Arc;

use diesel::prelude::*;
use serde_json::{Value, json};

use super::mailer::Failure;
use super::{Recipient, render};
use crate::app::{App, Tx};
use crate::auth::{AccountId, Caller};
use crate::db::dialect::Cached;
use crate::db::schema::mails;
use crate::db::{Conn, Json, Moment};
use crate::error::{OrNotFound, Result};
use crate::events::{self, Fact};
use crate::jobs::{self, Hold, Job, Outcome, Task};
use crate::{native, native_change};

crate::ids! {
    /// One mail to one person.
    MailId,
}

const SEND: &str = "send_mail";
pub const JOBS: &[Job] = &[Job {
    kind: SEND,
    work: |app, task| Box::pin(send(app, task)),
}];

/// A mail to be sent.
#[derive(Debug, Clone)]
pub struct Order {
    pub to: AccountId,
    /// The event that it tells of; a person gets one mail for each.
    pub event: Option<i64>,
    pub template: &'static str,
    pub context: Value,
    /// After this it is no longer worth sending, as with a code that has run out.
    pub expires_at: Option<Moment>,
}

/// One row of the outbox.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = mails)]
pub struct Mail {
    pub id: MailId,
    pub account_id: AccountId,
    pub event_seq: Option<i64>,
    pub template: String,
    pub context: Json,
    pub state: String,
    pub attempts: i32,
    pub last_error: Option<String>,
    pub created_at: Moment,
    pub sent_at: Option<Moment>,
    pub expires_at: Option<Moment>,
    pub version: i64,
}

/// Queues a mail in the caller's transaction; nothing happens where the person has one for this event already.
///
/// # Errors
/// The database's.
pub fn queue(tx: &mut Tx<'_>, order: Order) -> Result<()> {
    let id: MailId = tx.new_id();
    let row = (
        mails::id.eq(id),
        mails::account_id.eq(order.to),
        mails::event_seq.eq(order.event),
        mails::template.eq(order.template),
        mails::context.eq(Json(order.context)),
        mails::state.eq("queued"),
        mails::attempts.eq(0),
        mails::created_at.eq(tx.now),
        mails::expires_at.eq(order.expires_at),
        mails::version.eq(1_i64),
    );
    let added = native!(&mut *tx.conn, |c| Cached(
        diesel::insert_into(mails::table)
            .values(row)
            .on_conflict_do_nothing()
            .returning(mails::version)
    )
    .load::<i64>(c))?;
    if added.len() == 1 {
        jobs::enqueue(tx, SEND, json!({ "mail": id }))?;
    }
    Ok(())
}

/// # Errors
/// `not-found` where there is none.
pub fn find(conn: &mut Conn, id: MailId) -> Result<Mail> {
    let one = mails::table.find(id);
    native!(conn, |c| one.select(Mail::as_select()).get_result(c)).or_not_found()
}

/// The mails that tell of some events.
///
/// # Errors
/// The database's.
pub fn telling_of(conn: &mut Conn, events: &[i64]) -> Result<Vec<Mail>> {
    Ok(mails::table
        .filter(mails::event_seq.assume_not_null().eq_any(events))
        .order((mails::event_seq, mails::id))
        .select(Mail::as_select())
        .load(conn)?)
}

/// Keeps mails that tell of some events, and have not left, from leaving.
///
/// # Errors
/// The database's.
pub fn supersede(tx: &mut Tx<'_>, events: &[i64]) -> Result<usize> {
    let waiting = mails::table
        .filter(mails::event_seq.assume_not_null().eq_any(events))
        .filter(mails::state.eq_any(["queued", "dead"]));
    Ok(diesel::update(waiting)
        .set((
            mails::state.eq("superseded"),
            mails::version.eq(mails::version + 1),
        ))
        .execute(tx.conn)?)
}

/// Sends one mail, outside any transaction.
async fn send(app: Arc<App>, task: Task) -> Outcome {
    let Some(id) = task.noted_id("mail").map(MailId) else {
        return Outcome::Fail("the work names no mail".into());
    };
    let look = app.recipient;
    let found = app.db.read(move |conn| {
        let mail = find(conn, id)?;
        let recipient = look(conn, mail.account_id)?;
        let taken_back = match mail.event_seq {
            Some(seq) => events::is_superseded(conn, seq)?,
            None => false,
        };
        Ok((mail, recipient, taken_back))
    });
    let (mail, recipient, taken_back) = match found.await {
        Ok(found) => found,
        Err(error) if error.code() == Some("not-found") => {
            return Outcome::Fail("the mail is gone".into());
        }
        Err(error) => return Outcome::Retry(error.to_string()),
    };
    // A copy of the work comes after the mail was sent, or after an operator dropped it.
    if mail.state != "queued" {
        return Outcome::Done;
    }
    if taken_back {
        return drop_superseded(&app, mail.event_seq).await;
    }
    let outcome = match recipient {
        _ if mail.expires_at.is_some_and(|at| at <= app.clock.now()) => {
            Outcome::Fail("it ran out before it could leave".into())
        }
        None => Outcome::Fail("the account takes no mail".into()),
        Some(recipient) => deliver(&app, &mail, &recipient).await,
    };
    let outcome = note(&app, &task, id, outcome).await;
    match (&outcome, mail.event_seq) {
        (Outcome::Done, Some(seq)) => follow(&app, seq).await,
        _ => outcome,
    }
}

/// A mail left while what it tells was being taken back: its reader has to hear of that, too.
async fn follow(app: &Arc<App>, seq: i64) -> Outcome {
    let told = app.db.read(move |conn| Ok(events::superseding(conn, seq)?));
    let by = match told.await {
        Ok(Some(by)) => by,
        Ok(None) => return Outcome::Done,
        Err(error) => return Outcome::Retry(error.to_string()),
    };
    let again = app.run(Caller::system(), move |tx| {
        jobs::enqueue(tx, events::NOTIFY, json!({ "event": by }))
    });
    match again.await {
        Ok(()) => Outcome::Done,
        Err(error) => Outcome::Retry(error.to_string()),
    }
}

/// What a mail says to somebody.
///
/// # Errors
/// When its text lacks a value.
pub fn letter(app: &App, mail: &Mail, to: &Recipient) -> anyhow::Result<render::Rendered> {
    let mut context = mail.context.0.clone();
    complete(app, &mut context, to);
    render::render(&mail.template, to.language, &context)
}

/// A mail that was queued while what it tells was taken back.
async fn drop_superseded(app: &Arc<App>, event: Option<i64>) -> Outcome {
    let events: Vec<i64> = event.into_iter().collect();
    let dropped = app.run(Caller::system(), move |tx| supersede(tx, &events));
    match dropped.await {
        Ok(_) => Outcome::Done,
        Err(error) => Outcome::Retry(error.to_string()),
    }
}

async fn deliver(app: &App, mail: &Mail, to: &Recipient) -> Outcome {
    let rendered = match letter(app, mail, to) {
        Ok(rendered) => rendered,
        Err(error) => return Outcome::Fail(format!("{error:#}")),
    };
    match app
        .mailer
        .send(to, rendered, &mail.id.to_string(), mail.created_at)
        .await
    {
        Ok(()) => Outcome::Done,
        Err(Failure::Later(why)) => Outcome::Retry(why),
        Err(Failure::Never(why)) => Outcome::Fail(why),
    }
}

/// Adds what every text may use, puts names into the reader's language, and makes one-time codes.
pub fn complete(app: &App, context: &mut Value, to: &Recipient) {
    let Some(values) = context.as_object_mut() else {
        return;
    };
    values.insert("name".into(), json!(to.name));
    values.insert("network".into(), json!(app.config.network.name));
    values.insert("base_url".into(), json!(app.config.server.public_url));
    for value in values.values_mut() {
        // A name in four languages becomes the one of the reader.
        if let Some(text) = value
            .as_object()
            .filter(|names| names.len() == 4)
            .and_then(|names| names.get(to.language.as_str()))
        {
            *value = text.clone();
        }
    }
    let code = values.get("code").and_then(|code| {
        Some((
            code["purpose"].as_str()?,
            code["id"].as_str()?.parse().ok()?,
        ))
    });
    if let Some((purpose, id)) = code {
        let token = app.secrets.one_time_code(purpose, id);
        // The code stands behind the #, so that it is not sent to, and logged by, whatever serves the page.
        values.insert(
            "link".into(),
            json!(app.link(&format!("/account#{purpose}={token}"))),
        );
        values.insert("token".into(), json!(token));
    }
}

/// Keeps on the mail's own row how it went, for those who look after the outbox.
async fn note(app: &App, task: &Task, id: MailId, outcome: Outcome) -> Outcome {
    let now = app.clock.now();
    let last = task.attempts + 1 >= app.config.notifications.attempts;
    let (state, error, sent_at) = match &outcome {
        Outcome::Done | Outcome::Settled => ("sent", None, Some(now)),
        Outcome::Retry(error) if !last => ("queued", Some(error.clone()), None),
        Outcome::Retry(error) | Outcome::Fail(error) => ("dead", Some(error.clone()), None),
    };
    let (job, attempts) = (task.id, task.attempts + 1);
    let noted = app.db.write(move |conn| {
        let noted = diesel::update(mails::table.find(id)).set((
            mails::state.eq(state),
            mails::last_error.eq(&error),
            mails::sent_at.eq(sent_at),
            mails::attempts.eq(attempts),
            mails::version.eq(mails::version + 1),
        ));
        native_change!(conn, noted, mails::version)?;
        if sent_at.is_some() {
            jobs::finish(conn, job)?;
        }
        Ok(())
    });
    match noted.await {
        Ok(()) if outcome == Outcome::Done => Outcome::Settled,
        Ok(()) => outcome,
        // It has left, or not; trying again with the same Message-ID is what is left to do.
        Err(error) => Outcome::Retry(error.to_string()),
    }
}

/// Puts a dead mail back into the queue.
///
/// # Errors
/// `not-found` where there is no such dead mail.
pub fn retry(tx: &mut Tx<'_>, id: MailId) -> Result<Mail> {
    let revived = diesel::update(mails::table.find(id).filter(mails::state.eq("dead")))
        .set((
            mails::state.eq("queued"),
            mails::version.eq(mails::version + 1),
        ))
        .execute(tx.conn)?;
    if revived == 0 {
        return Err(crate::error::Error::not_found());
    }
    let fact = Fact::new("mail.retried", "mail", id.0);
    let state = |word: &str| json!({ "state": word });
    events::note(tx, fact.changed(state("dead"), state("queued")))?;
    jobs::enqueue(tx, SEND, json!({ "mail": id }))?;
    find(tx.conn, id)
}

/// Keeps all mail in the outbox until `release`, for every instance.
///
/// # Errors
/// The database's.
pub fn hold(tx: &mut Tx<'_>, reason: &str) -> Result<()> {
    jobs::hold(tx, SEND, reason)?;
    tell(tx, "outbox.held", json!({ "reason": reason }))
}

/// The hold on the outbox, if there is one.
///
/// # Errors
/// The database's.
pub fn held(conn: &mut Conn) -> Result<Option<Hold>> {
    let holds = jobs::holds(conn)?;
    Ok(holds.into_iter().find(|hold| hold.kind == SEND))
}

/// Lets mail leave again. With `drop`, what is queued now is put aside as dead instead, from where single mails can
/// be tried again. Says how many were dropped; none where there was no hold.
///
/// # Errors
/// The database's.
pub fn release(tx: &mut Tx<'_>, drop: bool) -> Result<Option<usize>> {
    if !jobs::end_hold(tx, SEND)? {
        return Ok(None);
    }
    let dropped = if drop {
        diesel::update(mails::table.filter(mails::state.eq("queued")))
            .set((
                mails::state.eq("dead"),
                mails::last_error.eq("dropped by an operator when the outbox was released"),
                mails::version.eq(mails::version + 1),
            ))
            .execute(tx.conn)?
    } else {
        0
    };
    tell(tx, "outbox.released", json!({ "dropped": dropped }))?;
    Ok(Some(dropped))
}

/// How many mails are in each state.
///
/// # Errors
/// The database's.
pub fn count(conn: &mut Conn) -> Result<Vec<(String, i64)>> {
    Ok(mails::table
        .group_by(mails::state)
        .order(mails::state)
        .select((mails::state, diesel::dsl::count_star()))
        .load(conn)?)
}

/// There is one outbox, so it needs no id of its own.
fn tell(tx: &mut Tx<'_>, kind: &'static str, data: Value) -> Result<()> {
    let fact = Fact::new(kind, "outbox", uuid::Uuid::nil()).data(data);
    events::record(tx, fact).map(|_| ())
}
