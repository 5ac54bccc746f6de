//! A database thread's connection, through breaks and returns.

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::Connection;

use super::connection::{AnyConnection as Conn, Place, Purpose};
use crate::error::{Error, Result};

/// A connection that is opened when it is first needed and again after it broke.
pub(super) struct Line {
    pub(super) place: Arc<Place>,
    purpose: Purpose,
    pub(super) conn: Option<Conn>,
    tried: Option<Instant>,
}

impl Line {
    pub(super) fn new(place: Arc<Place>, purpose: Purpose) -> Self {
        let mut line = Self {
            place,
            purpose,
            conn: None,
            tried: None,
        };
        let _ = line.open();
        line
    }

    pub(super) fn open(&mut self) -> Result<&mut Conn> {
        if self.conn.is_none() {
            // At most one attempt a second, so that a dead server costs those who wait little.
            if self
                .tried
                .is_some_and(|at| at.elapsed() < Duration::from_secs(1))
            {
                return Err(Error::unavailable());
            }
            self.tried = Some(Instant::now());
            match self.place.connect(self.purpose) {
                Ok(conn) => self.conn = Some(conn),
                Err(error) => {
                    tracing::warn!(error = %error, "no connection to the database");
                    return Err(Error::unavailable());
                }
            }
        }
        self.conn.as_mut().ok_or_else(Error::unavailable)
    }

    /// Lets go of a connection that no longer answers or whose transaction state can't be trusted.
    pub(super) fn check(&mut self) {
        if self.conn.as_mut().is_some_and(is_broken) {
            tracing::warn!("a database connection broke and will be opened again");
            self.hang_up();
        }
    }

    pub(super) fn hang_up(&mut self) {
        self.conn = None;
        self.tried = None;
    }
}

fn is_broken(conn: &mut Conn) -> bool {
    use diesel::connection::{SimpleConnection, TransactionManager};
    <Conn as Connection>::TransactionManager::is_broken_transaction_manager(conn)
        || conn.batch_execute("SELECT 1").is_err()
}
