//! What a handler works with: the caller, the language, and the two ways into the database.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev, web};

use super::body::BodyDigest;
use super::idempotency;
use super::problem;
use super::reply::Reply;
use super::routes::Pattern;
use super::version::Seen;
use crate::app::{App, Tx};
use crate::auth::{Actor, Caller, guard};
use crate::db::{Conn, Moment};
use crate::error::{Refused, Result};
use crate::events::{self, Attempt};
use crate::lang::Lang;

const LONGEST_DEVICE: usize = 200;

/// The id of a request: in its answer, its problem, its log lines and its ledger rows.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// One request, its caller let in by the guard.
pub struct Ctx {
    pub app: web::Data<App>,
    pub caller: Arc<Caller>,
    pub now: Moment,
    pub lang: Lang,
    req: HttpRequest,
}

/// The request was refused, and that is written down.
pub struct Noted;

/// The inputs of a transaction, so that it can be begun more than once.
#[derive(Clone)]
struct Frame {
    app: web::Data<App>,
    caller: Arc<Caller>,
    now: Moment,
    request_id: String,
}

impl Frame {
    fn tx<'a>(&'a self, conn: &'a mut Conn) -> Tx<'a> {
        Tx {
            conn,
            app: &self.app,
            now: self.now,
            caller: &self.caller,
            request_id: &self.request_id,
        }
    }

    fn note(&self, conn: &mut Conn, attempt: &Attempt, code: &str) -> Result<bool> {
        let is_refusal = problem::is_refusal(code);
        if is_refusal {
            events::refuse(&mut self.tx(conn), attempt, code)?;
        }
        Ok(is_refusal)
    }
}

impl FromRequest for Ctx {
    type Error = crate::error::Error;
    type Future = std::future::Ready<Result<Self>>;

    fn from_request(req: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let found = req
            .app_data::<web::Data<App>>()
            .cloned()
            .zip(req.extensions().get::<Arc<Caller>>().cloned())
            .ok_or_else(|| anyhow::anyhow!("a handler ran without its guard").into());
        std::future::ready(found.map(|(app, caller)| {
            let now = app.clock.now();
            Self {
                now,
                lang: language(req),
                caller,
                app,
                req: req.clone(),
            }
        }))
    }
}

/// The language that the caller asks for.
#[must_use]
pub fn language(req: &HttpRequest) -> Lang {
    Lang::negotiate(
        req.headers()
            .get(header::ACCEPT_LANGUAGE)
            .and_then(|value| value.to_str().ok()),
    )
}

impl Ctx {
    /// Runs work that only reads.
    ///
    /// # Errors
    /// What the work says, or that the database is busy.
    pub async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn, &Caller) -> Result<T> + Send + 'static,
    {
        let caller = self.caller.clone();
        self.app.db.read(move |conn| work(conn, &caller)).await
    }

    /// Finds a few rows by their keys or in a short stretch of an index.
    ///
    /// # Errors
    /// What the work says, or that the database is busy.
    pub async fn look_up<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn, &Caller) -> Result<T> + Send + 'static,
    {
        let caller = self.caller.clone();
        self.app.db.look_up(move |conn| work(conn, &caller)).await
    }

    /// Works out an answer that follows from the data and the caller alone, unless this caller has had it and the data
    /// stands since.
    ///
    /// # Errors
    /// What the work says, or that the database is busy.
    pub async fn kept<F>(&self, work: F) -> Result<Reply>
    where
        F: FnOnce(&mut Conn, &Caller) -> Result<Reply> + Send + 'static,
    {
        let subject = guard::subject(self.caller.actor);
        let key = format!("{subject} {} {}", self.now.day(), self.req.uri());
        // Before the work, so that what is kept is never older than its stamp says.
        let stamp = self.app.db.stamp().await?;
        if let Some(reply) = self.app.kept.get(&key, &stamp, self.now) {
            return Ok(reply);
        }
        let reply = self.read(work).await?;
        self.app.kept.keep(key, stamp, self.now, &reply);
        Ok(reply)
    }

    /// Runs a command: all of it in one transaction, once for each idempotency key. Rings for the worker.
    ///
    /// # Errors
    /// What the command says, or that the database is busy.
    pub async fn write<F>(&self, mut work: F) -> Result<Reply>
    where
        F: FnMut(&mut Tx<'_>) -> Result<Reply> + Send + 'static,
    {
        let request = self.idempotency()?;
        self.write_beside(move |tx| idempotency::once(tx, request.as_ref(), &mut work))
            .await
    }

    /// Writes something beside the command itself, such as the count of a try; an idempotency key does not apply to it.
    ///
    /// # Errors
    /// What the work says, or that the database is busy.
    pub async fn write_beside<T, F>(&self, mut work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let frame = self.frame();
        let note = self.attempt().map(|attempt| {
            let frame = frame.clone();
            move |conn: &mut Conn, refused: &Refused| frame.note(conn, &attempt, refused.code)
        });
        let is_noted = note.is_some();
        let work = move |conn: &mut Conn| work(&mut frame.tx(conn));
        let done = self.app.db.write_or_note(work, note).await;
        match &done {
            Ok(_) => self.app.bell.notify_one(),
            Err(error) if is_noted && error.code().is_some_and(problem::is_refusal) => {
                self.req.extensions_mut().insert(Noted);
            }
            Err(_) => {}
        }
        done
    }

    /// The answer that this very request had before, if it comes with a key and comes again.
    ///
    /// # Errors
    /// `idempotency-key-reused` where the key stands for another request.
    pub async fn stored_reply(&self) -> Result<Option<Reply>> {
        let Some(request) = self.idempotency()? else {
            return Ok(None);
        };
        let (app, subject, now) = (
            self.app.clone(),
            guard::subject(self.caller.actor),
            self.now,
        );
        self.app
            .db
            .read(move |conn| idempotency::stored(conn, &app, &subject, &request, now))
            .await
    }

    /// Writes down that this request was refused without having come to a command.
    ///
    /// # Errors
    /// That the database is busy or gone.
    pub async fn note_refusal(&self, code: &'static str) -> Result<()> {
        let Some(attempt) = self.attempt() else {
            return Ok(());
        };
        let frame = self.frame();
        self.app
            .db
            .write(move |conn| frame.note(conn, &attempt, code).map(|_| ()))
            .await
    }

    fn frame(&self) -> Frame {
        Frame {
            app: self.app.clone(),
            caller: self.caller.clone(),
            now: self.now,
            request_id: self.request_id(),
        }
    }

    /// What somebody known tries to change; none where the request only reads, or comes from a stranger.
    fn attempt(&self) -> Option<Attempt> {
        if !guard::is_writing(self.req.method()) || self.caller.actor == Actor::Nobody {
            return None;
        }
        let Pattern(pattern) = self.req.extensions().get::<Pattern>().cloned()?;
        let (method, path) = (self.req.method(), self.req.path());
        Some(Attempt::new(method.as_str(), &pattern, path))
    }

    /// The network that the request comes from.
    #[must_use]
    pub fn source(&self) -> String {
        self.app.proxies.source(&self.req)
    }

    /// What the caller's program calls itself, cut to a length that a list can show.
    #[must_use]
    pub fn device(&self) -> Option<String> {
        let said = self.req.headers().get(header::USER_AGENT)?.to_str().ok()?;
        let said: String = said.trim().chars().take(LONGEST_DEVICE).collect();
        (!said.is_empty()).then_some(said)
    }

    /// The versions that the caller has seen.
    ///
    /// # Errors
    /// `version-needed` without `If-Match`.
    pub fn seen(&self) -> Result<Seen> {
        Seen::from_request(&self.req)
    }

    #[must_use]
    pub fn request(&self) -> &HttpRequest {
        &self.req
    }

    #[must_use]
    pub fn request_id(&self) -> String {
        self.req
            .extensions()
            .get::<RequestId>()
            .map_or_else(String::new, |id| id.0.clone())
    }

    fn idempotency(&self) -> Result<Option<idempotency::Request>> {
        let Some(key) = self.req.headers().get("Idempotency-Key") else {
            return Ok(None);
        };
        let digest = self
            .req
            .extensions()
            .get::<BodyDigest>()
            .map_or_else(String::new, |digest| digest.0.clone());
        let path = self
            .req
            .uri()
            .path_and_query()
            .map_or_else(String::new, ToString::to_string);
        let key = key.to_str().unwrap_or_default();
        idempotency::Request::new(key, self.req.method().as_str(), &path, &digest).map(Some)
    }
}
