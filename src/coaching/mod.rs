//! Who coaches and coordinates which project, their meetings with it, and the reports on how it goes.

mod actions;
mod model;
mod routes;
mod store;

pub use actions::{
    assign, attach_coordinator, book_session, change_session, end_bound, hand_over, write_update,
};
pub use model::{
    Action, Booking, CoachingSession, CoachingSessionId, NewUpdate, SessionChange, SessionState,
};
pub use store::{booked_sessions, count_coach_updates, session};

use crate::app::Slice;

pub const SLICE: Slice = Slice {
    name: "coaching",
    routes: routes::register,
    jobs: &[],
    codes: model::Refusal::CODES,
};
