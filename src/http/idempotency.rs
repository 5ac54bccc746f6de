//! `Idempotency-Key`: the same command sent twice is done once. The answer is stored in the write's own
//! transaction, so that neither a crash nor a second instance can part the two.

use diesel::prelude::*;

use crate::app::{App, Tx};
use crate::auth::guard;
use crate::db::dialect::Cached;
use crate::db::schema::idempotency_keys as keys;
use crate::db::{Conn, Json, Moment, dialect};
use crate::error::{Error, FieldError, Result};
use crate::http::Reply;
use crate::native;

/// How long an answer is kept.
pub const KEPT_HOURS: i64 = 48;
const LONGEST_KEY: usize = 255;

/// A key, whose it is, and what was asked under it.
#[derive(Debug, Clone)]
pub struct Request {
    pub key: String,
    pub fingerprint: String,
}

impl Request {
    /// # Errors
    /// When the key is empty, too long, or has characters other than visible ASCII.
    pub fn new(key: &str, method: &str, path_and_query: &str, body_digest: &str) -> Result<Self> {
        let key = key.trim().trim_matches('"');
        if key.is_empty() || key.len() > LONGEST_KEY || !key.bytes().all(|b| b.is_ascii_graphic()) {
            let error = FieldError::new("/Idempotency-Key", "wrong-format")
                .with("format", "1 to 255 visible ASCII characters");
            return Err(Error::invalid(vec![error]));
        }
        let asked = format!("{method} {path_and_query} {body_digest}");
        Ok(Self {
            key: key.to_owned(),
            fingerprint: crate::auth::secrets::sha256(asked.as_bytes()),
        })
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = keys)]
struct Stored {
    fingerprint: String,
    reply: Json,
    sealed: Option<String>,
}

/// Does the work, or gives the answer that it had the first time.
///
/// # Errors
/// 409 while another instance is at it, 422 where the key stands for another request, or what the work says.
pub fn once(
    tx: &mut Tx<'_>,
    request: Option<&Request>,
    work: &mut impl FnMut(&mut Tx<'_>) -> Result<Reply>,
) -> Result<Reply> {
    let Some(request) = request else {
        return work(tx);
    };
    let subject = guard::subject(tx.caller.actor);
    if !dialect::try_lock_name(tx.conn, &format!("{subject} {}", request.key))? {
        return Err(Error::refused("idempotency-key-in-use"));
    }
    if let Some(reply) = stored(tx.conn, tx.app, &subject, request, tx.now)? {
        return Ok(reply);
    }
    let reply = work(tx)?;
    store(tx, &subject, request, &reply)?;
    Ok(reply)
}

/// The answer that is kept for a request, if there is one.
///
/// # Errors
/// `idempotency-key-reused` where the key stands for another request.
pub fn stored(
    conn: &mut Conn,
    app: &App,
    subject: &str,
    request: &Request,
    now: Moment,
) -> Result<Option<Reply>> {
    let own = keys::table
        .find((subject, &request.key))
        .filter(keys::created_at.gt(oldest(now)));
    let found: Option<Stored> =
        native!(conn, |c| own.select(Stored::as_select()).get_result(c)).optional()?;
    let Some(stored) = found else { return Ok(None) };
    if stored.fingerprint != request.fingerprint {
        return Err(Error::refused("idempotency-key-reused"));
    }
    let mut reply: Reply = serde_json::from_value(stored.reply.0).map_err(anyhow::Error::from)?;
    if let Some(sealed) = stored.sealed {
        reply.body = Some(app.secrets.open(&sealed, &request.fingerprint)?);
    }
    reply.replayed = true;
    Ok(Some(reply))
}

fn store(tx: &mut Tx<'_>, subject: &str, request: &Request, reply: &Reply) -> Result<()> {
    let mut kept = reply.clone();
    let sealed = match (&reply.body, reply.secret) {
        (Some(body), true) => {
            kept.body = None;
            Some(tx.app.secrets.seal(body, &request.fingerprint)?)
        }
        _ => None,
    };
    let reply = Json(serde_json::to_value(kept).map_err(anyhow::Error::from)?);
    let answer = (
        keys::fingerprint.eq(&request.fingerprint),
        keys::reply.eq(reply),
        keys::sealed.eq(sealed),
        keys::created_at.eq(tx.now),
    );
    let own = (keys::subject.eq(subject), keys::key.eq(&request.key));
    // A key whose time has run out may still have its row.
    let kept = diesel::insert_into(keys::table)
        .values((own, answer.clone()))
        .on_conflict((keys::subject, keys::key))
        .do_update()
        .set(answer)
        .returning(keys::subject);
    native!(&mut *tx.conn, |c| Cached(kept).load::<String>(c))?;
    Ok(())
}

/// Forgets keys whose time has run out; the worker calls it now and then.
///
/// # Errors
/// The database's.
pub fn forget_old(conn: &mut Conn, now: Moment) -> QueryResult<usize> {
    diesel::delete(keys::table.filter(keys::created_at.le(oldest(now)))).execute(conn)
}

fn oldest(now: Moment) -> Moment {
    now.minus(chrono::Duration::hours(KEPT_HOURS))
}
