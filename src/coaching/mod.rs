//! Who coaches and coordinates which project, and the reports on how it goes.

mod actions;
mod model;
mod routes;
mod store;

pub use actions::{assign, attach_coordinator, end_bound, write_update};
pub use model::NewUpdate;
pub use store::count_coach_updates;

use crate::app::Slice;

pub const SLICE: Slice = Slice {
    name: "coaching",
    routes: routes::register,
    jobs: &[],
    codes: model::Refusal::CODES,
};
