//! Who must hear about which event, in which language, on which channel. It listens to all; nobody imports it.

mod actions;
mod model;
mod preview;
mod routes;
mod rules;
mod store;

pub use rules::is_told;

use crate::app::Slice;
use crate::events::NOTIFY;
use crate::jobs::Job;

pub const SLICE: Slice = Slice {
    name: "notifications",
    routes: routes::register,
    jobs: JOBS,
    codes: &[],
};

const JOBS: &[Job] = &[Job {
    kind: NOTIFY,
    work: |app, task| Box::pin(actions::notify(app, task)),
}];
