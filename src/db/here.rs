//! A request thread's own connection to a SQLite file: to look up a few rows, and to notice that something has changed.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::connection::{AnyConnection as Conn, Place, Purpose};
use super::dialect;
use super::line::Line;
use crate::error::{Error, Result};

thread_local! {
    static HERE: RefCell<Option<Here>> = const { RefCell::new(None) };
}

struct Here {
    line: Line,
    /// SQLite's `data_version` as this connection saw it last.
    version: Option<i64>,
}

/// Runs work on this thread's connection.
pub(super) fn look_up<T>(
    place: &Arc<Place>,
    work: impl FnOnce(&mut Conn) -> Result<T>,
) -> Result<T> {
    HERE.with_borrow_mut(|here| {
        let line = &mut here_of(place, here).line;
        let conn = line.open()?;
        let result = catch_unwind(AssertUnwindSafe(|| work(conn)))
            .unwrap_or_else(|_| Err(Error::Broken(anyhow::anyhow!("a read panicked"))));
        if result.as_ref().is_err_and(Error::is_a_database_failure) {
            line.check();
        }
        result
    })
}

/// Whether anybody, of this process or another, has changed the data since this thread asked last; none where that can't
/// be told.
pub(super) fn has_changed(place: &Arc<Place>) -> Option<bool> {
    HERE.with_borrow_mut(|here| {
        let here = here_of(place, here);
        if here.line.conn.is_none() {
            here.version = None;
        }
        let Conn::Sqlite(conn) = here.line.open().ok()? else {
            return None;
        };
        let version = dialect::data_version(conn).ok();
        let changed = version.is_none() || version != here.version;
        here.version = version;
        Some(changed)
    })
}

/// This thread's connection to a place; the one to another place, as tests have it, is let go.
fn here_of<'a>(place: &Arc<Place>, here: &'a mut Option<Here>) -> &'a mut Here {
    let mine = here
        .take()
        .filter(|here| Arc::ptr_eq(&here.line.place, place));
    here.insert(mine.unwrap_or_else(|| Here {
        line: Line::new(place.clone(), Purpose::Read),
        version: None,
    }))
}
