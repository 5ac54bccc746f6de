//! What a handler works with: the caller, the language, and the two ways into the database.

use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev, web};

use super::body::BodyDigest;
use super::idempotency;
use super::reply::Reply;
use super::version::Seen;
use crate::app::{App, Tx};
use crate::auth::{Caller, guard};
use crate::db::{Conn, Moment};
use crate::error::Result;
use crate::lang::Lang;

const LONGEST_DEVICE: usize = 200;

/// The id of a request: in its answer, its problem, its log lines and its ledger rows.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// One request, its caller let in by the guard.
pub struct Ctx {
    pub app: web::Data<App>,
    pub caller: Caller,
    pub now: Moment,
    pub lang: Lang,
    req: HttpRequest,
}

impl FromRequest for Ctx {
    type Error = crate::error::Error;
    type Future = std::future::Ready<Result<Self>>;

    fn from_request(req: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let found = req
            .app_data::<web::Data<App>>()
            .cloned()
            .zip(req.extensions().get::<Caller>().cloned())
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
        let (app, caller, now, request_id) = (
            self.app.clone(),
            self.caller.clone(),
            self.now,
            self.request_id(),
        );
        let done = self
            .app
            .db
            .write(move |conn| {
                work(&mut Tx {
                    conn,
                    app: &app,
                    now,
                    caller: &caller,
                    request_id: &request_id,
                })
            })
            .await?;
        self.app.bell.notify_one();
        Ok(done)
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
