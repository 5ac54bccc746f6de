//! Forms as data: what a call asks, in versions, and whether answers fit.

mod actions;
mod answers;
mod check;
mod definition;
mod json_schema;
mod model;
mod routes;
mod store;

pub use actions::{newest, put};
pub use definition::{Definition, Question, QuestionKind, Section};
pub use model::{Form, FormId};
pub use store::{find, of_call};

use crate::app::Slice;

pub const SLICE: Slice = Slice {
    name: "forms",
    routes: routes::register,
    jobs: &[],
    codes: &[],
};
