//! Keys for partner systems: scoped, expiring, shown once, never worth more than their maker's rights.

mod actions;
mod model;
mod routes;
mod store;

pub use store::caller;

use crate::app::Slice;

pub const SLICE: Slice = Slice {
    name: "api_keys",
    routes: routes::register,
    jobs: &[],
    codes: model::Refusal::CODES,
};
