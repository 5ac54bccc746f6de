//! The floor on PostgreSQL: as many threads as connections, each request with one of them for itself.

#[expect(
    clippy::duplicate_mod,
    reason = "the handlers are compiled once for each database"
)]
#[path = "handlers.rs"]
pub mod handlers;

use std::sync::{Mutex, PoisonError};

use actix_web::Error;
use actix_web::error::ErrorInternalServerError;
use actix_web::web::{self, Data};
use diesel::prelude::*;

use super::THREADS;

pub type Db = PgConnection;

/// The connections that nobody uses just now. There is one for each thread, so nobody ever waits for one.
pub struct Floor {
    idle: Mutex<Vec<Db>>,
}

impl Floor {
    /// # Errors
    /// When the server does not take as many connections.
    pub fn open(url: String) -> anyhow::Result<Self> {
        let connections: Result<Vec<Db>, _> = (0..THREADS).map(|_| Db::establish(&url)).collect();
        Ok(Self {
            idle: Mutex::new(connections?),
        })
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Db>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read<T, F>(floor: Data<Floor>, work: F) -> Result<T, Error>
where
    T: Send + 'static,
    F: FnOnce(&mut Db) -> QueryResult<T> + Send + 'static,
{
    let done = web::block(move || {
        let conn = floor.idle().pop();
        let mut conn = conn.ok_or(diesel::result::Error::NotFound)?;
        let done = work(&mut conn);
        floor.idle().push(conn);
        done
    });
    done.await?.map_err(ErrorInternalServerError)
}

/// Writes in a transaction of its own, durable before it is answered.
async fn write<T, F>(floor: Data<Floor>, work: F) -> Result<T, Error>
where
    T: Send + 'static,
    F: FnOnce(&mut Db) -> QueryResult<T> + Send + 'static,
{
    read(floor, |conn| conn.transaction(work)).await
}
