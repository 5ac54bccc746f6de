//! Who reviews which application, by which rubric, how blind, and what their scores come to.

mod actions;
mod committee;
mod conflicts;
mod model;
mod planner;
mod plans;
mod routes;
mod scoring;
mod setup;
mod store;

pub use actions::{assign, draft, submit, told};
pub use committee::committee_ready;
pub use model::{Draft, PlanId, Profile, Recommendation, Review, ReviewId, Rubric};
pub use plans::{apply as apply_plan, make as make_plan};
pub use setup::{put_profile, put_rubric};
pub use store::{of_application, review, rubric};

use crate::app::Slice;
use crate::jobs::Job;

pub const SLICE: Slice = Slice {
    name: "reviews",
    routes: routes::register,
    jobs: &[Job {
        kind: actions::REMIND,
        work: |app, task| Box::pin(actions::remind(app, task)),
    }],
    codes: model::Refusal::CODES,
};
