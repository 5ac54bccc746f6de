//! Figures of a cohort, a region and the network: funnel, time in pillar, risk, load, selection, outcome.

mod model;
mod routes;
mod store;

use crate::app::Slice;

pub const SLICE: Slice = Slice {
    name: "dashboards",
    routes: routes::register,
    jobs: &[],
    codes: &[],
};
