//! Decisions before they are out, their release and their reversal; places in a cohort, and the waiting list.

mod actions;
mod model;
mod places;
mod releases;
mod routes;
mod store;

pub use actions::{decide, reverse, stage, unstage};
pub use model::{Place, PlaceId, Reason, Staged, Verdict};
pub use releases::{go_out, outlook, release_one};
pub use routes::{DecideApplication, StageDecision};
pub use store::find_place;

use crate::app::Slice;
use crate::jobs::Job;

pub const SLICE: Slice = Slice {
    name: "decisions",
    routes: routes::register,
    jobs: JOBS,
    codes: model::Refusal::CODES,
};

const JOBS: &[Job] = &[
    Job {
        kind: places::TEND,
        work: |app, task| Box::pin(places::tend_by_job(app, task)),
    },
    Job {
        kind: releases::RELEASE,
        work: |app, task| Box::pin(releases::release_by_job(app, task)),
    },
];
