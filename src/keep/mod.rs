//! Keep and restore: the whole database as one file that both databases can read, proved before it is believed.
//!
//! It asks the database itself which tables and columns there are, so a new table is kept without a word here.

mod backup;
mod format;
mod outbox;
mod restore;
mod rows;
mod tables;

pub use backup::run as backup;
pub use outbox::{Command as OutboxCommand, run as outbox};
pub use restore::run as restore;
pub use tables::all as tables;
