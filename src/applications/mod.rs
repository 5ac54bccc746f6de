//! Projects answering calls: from draft to decision.

mod actions;
mod model;
mod readers;
mod routes;
mod store;

pub use actions::{Decision, change, create, decide, override_rule, submit, withdraw};
pub use model::{Application, ApplicationId, ApplicationState, Outcome};
pub use readers::{Reader, add as add_reader, as_reviewer, end as end_reader, set_blind};
pub use store::{find, lock, of_call, of_project, one, visible_of_call};

use crate::app::Slice;

pub const SLICE: Slice = Slice {
    name: "applications",
    routes: routes::register,
    jobs: &[],
    codes: model::Refusal::CODES,
};
