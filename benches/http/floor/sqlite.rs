//! The floor on SQLite: one reading connection in each worker, one writing connection behind a lock.

#[expect(
    clippy::duplicate_mod,
    reason = "the handlers are compiled once for each database"
)]
#[path = "handlers.rs"]
pub mod handlers;

use std::cell::RefCell;
use std::sync::{Mutex, PoisonError};

use actix_web::Error;
use actix_web::error::ErrorInternalServerError;
use actix_web::web::{self, Data};
use anyhow::bail;
use colonnade::db::connection::Purpose;
use colonnade::db::{Conn, Place};
use diesel::prelude::*;

pub type Db = SqliteConnection;

pub struct Floor {
    file: String,
    writer: Mutex<Db>,
}

thread_local! {
    static READER: RefCell<Option<Db>> = const { RefCell::new(None) };
}

impl Floor {
    /// # Errors
    /// When the file can't be opened.
    pub fn open(file: String) -> anyhow::Result<Self> {
        let writer = Mutex::new(connect(&file, Purpose::Write)?);
        Ok(Self { file, writer })
    }
}

/// A connection with the settings that Colonnade's have, so that both pay the same for a commit.
fn connect(file: &str, purpose: Purpose) -> anyhow::Result<Db> {
    match Place::Sqlite(file.to_owned()).connect(purpose)? {
        Conn::Sqlite(conn) => Ok(conn),
        Conn::Pg(_) => bail!("{file} is no file"),
    }
}

/// Reads on the worker itself, the cheapest way there is.
async fn read<T, F>(floor: Data<Floor>, work: F) -> Result<T, Error>
where
    F: FnOnce(&mut Db) -> QueryResult<T>,
{
    READER.with_borrow_mut(|reader| {
        let conn = match reader.take() {
            Some(conn) => conn,
            None => connect(&floor.file, Purpose::Read).map_err(ErrorInternalServerError)?,
        };
        work(reader.insert(conn)).map_err(ErrorInternalServerError)
    })
}

/// Writes in a transaction of its own, durable before it is answered.
async fn write<T, F>(floor: Data<Floor>, work: F) -> Result<T, Error>
where
    T: Send + 'static,
    F: FnOnce(&mut Db) -> QueryResult<T> + Send + 'static,
{
    let done = web::block(move || {
        let mut conn = floor.writer.lock().unwrap_or_else(PoisonError::into_inner);
        conn.immediate_transaction(work)
    });
    done.await?.map_err(ErrorInternalServerError)
}
