//! Who may answer a call: its rules as data, what a coordinator waived, codes for late entry, and one judgement of it all.

mod actions;
mod model;
mod routes;
mod store;

pub use actions::{NewLateEntry, judge, make_late_entry, redeem, set_rules, waive};
pub use model::{Candidate, EligibilityRules, Overridden, Reason, WaivableRule, plain};

use crate::app::Slice;

pub const SLICE: Slice = Slice {
    name: "eligibility",
    routes: routes::register,
    jobs: &[],
    codes: model::Refusal::CODES,
};
