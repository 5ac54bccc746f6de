//! The way of a project through the pillars: stays, steps between them, milestones, gates.

mod actions;
pub mod gate;
mod model;
mod routes;
mod store;

pub use actions::{Admission, add_milestone, admit, finish_milestone, refuse_if_blocked, step};
pub use model::{ExitReason, Kind, MilestoneId, Step, Transition, TransitionId, Waiver};
pub use store::{milestone_titles, milestones_of_stay, places_taken, transition};

use crate::app::Slice;

pub const SLICE: Slice = Slice {
    name: "journey",
    routes: routes::register,
    jobs: &[],
    codes: model::Refusal::CODES,
};
