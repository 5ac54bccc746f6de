//! Signing in and out: sessions with rotating refresh tokens, and the passwords that open them.

mod actions;
mod door;
mod model;
mod routes;
mod store;

pub use store::{caller, forget_old};

use crate::app::Slice;

pub const SLICE: Slice = Slice {
    name: "sessions",
    routes: routes::register,
    jobs: &[],
    codes: model::Refusal::CODES,
};
