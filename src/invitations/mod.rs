//! Teams: people asked into a project by mail, and what they may do in it from then on.

mod actions;
mod model;
mod routes;
mod store;

pub use model::{Invitation, InvitationId};
pub use store::find;

use crate::app::Slice;

pub const SLICE: Slice = Slice {
    name: "invitations",
    routes: routes::register,
    jobs: actions::JOBS,
    codes: model::Refusal::CODES,
};
