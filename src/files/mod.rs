//! Files: where they lie (a folder, or a bucket of an S3-compatible store), and what they are by their content.

mod kind;
mod store;

pub use kind::{Kind, Unfit, kinds, look};
pub use store::{Files, Spool, Spooled};
