//! Projects answering calls: from draft to decision.

mod actions;
mod fields;
mod model;
mod readers;
mod receipt;
mod routes;
mod screening;
mod store;

pub use actions::{
    Decision, change, create, decide, follow_region, judged, missing_in, override_rule,
    reasons_against, reopen, submit, withdraw,
};
pub use fields::{answer as answer_at, of_project as project_field_at};
pub use model::{Application, ApplicationId, ApplicationState, Outcome, ReturnId, Returned};
pub use readers::{Reader, add as add_reader, as_reviewer, end as end_reader, set_blind};
pub use routes::{ApplicationOut, ReturnApplication, ScreenApplication, Tag, shown};
pub use screening::{Return, Screen, screen, send_back, tag};
pub use store::{find, find_return, has_applied, lock, of_call, of_project, one, visible_of_call};

use crate::app::Slice;

pub const SLICE: Slice = Slice {
    name: "applications",
    routes: routes::register,
    jobs: &[],
    codes: model::Refusal::CODES,
};
