//! The ledger: who did what to what, when. Each fact is one row, written in the transaction that made it true.

mod model;
mod store;

pub use model::{Event, EventId, Fact};
pub use store::{NOTIFY, find, record};
