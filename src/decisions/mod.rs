//! Decisions before they are out, their release and their reversal; places in a cohort, and the waiting list.

mod actions;
mod model;
mod places;
mod releases;
mod routes;
mod store;

pub use actions::{decide, reverse, set_up, stage, unstage};
pub use model::{NewSettings, Place, PlaceId, Reason, ReasonCode, Staged, Verdict};
pub use places::confirm;
pub use releases::{NewRelease, begin, go_out, outlook, release_one};
pub use routes::{DecideApplication, StageDecision};
pub use store::{find_place, place_of};

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
