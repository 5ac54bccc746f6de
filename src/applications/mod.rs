//! Projects answering calls: from draft to decision.

mod actions;
mod model;
mod routes;
mod store;

pub use actions::{
    Decision, change, create, decide, follow_region, override_rule, reasons_against, submit,
    withdraw,
};
pub use model::{Application, ApplicationId, ApplicationState, Outcome};
pub use routes::{ApplicationOut, shown};
pub use store::{find, has_applied, lock, of_project, one};

use crate::app::Slice;

pub const SLICE: Slice = Slice {
    name: "applications",
    routes: routes::register,
    jobs: &[],
    codes: model::Refusal::CODES,
};
