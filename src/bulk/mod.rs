//! One command for a list of applications: the same function as for one, in a loop.

mod actions;
mod routes;

use crate::app::Slice;

pub const SLICE: Slice = Slice {
    name: "bulk",
    routes: routes::register,
    jobs: &[],
    codes: &[],
};
