//! Documents: files as evidence, of a project or of one of its applications. The row is here, the file in `files`.

mod actions;
mod model;
mod routes;
mod store;
mod sweep;

pub use model::{Document, DocumentId, Owner};
pub use store::{is_evidence, of_application};
pub use sweep::{Audit, audit, sweep};

use crate::app::Slice;

pub const SLICE: Slice = Slice {
    name: "documents",
    routes: routes::register,
    jobs: sweep::JOBS,
    codes: model::Refusal::CODES,
};
