//! The ledger: who did what to what, when. Each fact is one row, written in the transaction that made it true, and one
//! entry of a chain that nobody without the installation's secret can change unseen.

pub mod anchor;
mod chain;
mod model;
mod refusals;
mod store;
pub mod verify;

pub use chain::{code, fingerprint, nameless};
pub use model::{Event, EventId, Fact};
pub use refusals::{Attempt, REFUSALS, refuse, refuse_sign_in};
pub use store::{
    NOTIFY, find, is_superseded, last_position, made_by, note, record, supersede, superseding,
};
