//! The ledger over HTTP: a changes feed for people and partner systems, in the caller's scope.

mod routes;
mod store;

use crate::app::Slice;

pub const SLICE: Slice = Slice {
    name: "ledger",
    routes: routes::register,
    jobs: &[],
    codes: &[],
};
