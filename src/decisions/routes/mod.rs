//! Decisions over HTTP: staged, out, and reversed; how a call's places are set up.

mod places;
mod releases;
mod staged;

pub use staged::{DecideApplication, StageDecision};

use crate::http::Routes;

pub fn register(routes: &mut Routes) {
    staged::register(routes);
    releases::register(routes);
    places::register(routes);
}
