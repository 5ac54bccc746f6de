//! Projects answering calls: from draft to decision.

mod actions;
mod model;
mod routes;
mod store;

pub use actions::{Decision, change, create, decide, override_rule, reopen, submit, withdraw};
pub use model::{Application, ApplicationId, ApplicationState, Outcome};
pub use routes::{ApplicationOut, shown};
pub use store::{find, lock, of_project, one};

use crate::app::Slice;

pub const SLICE: Slice = Slice {
    name: "applications",
    routes: routes::register,
    jobs: &[],
    codes: model::Refusal::CODES,
};
