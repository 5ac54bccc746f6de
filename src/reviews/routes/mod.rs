//! Reviews over HTTP: rubrics and committees, profiles, conflicts, reviews, plans, scores.

mod conflicts;
mod one;
mod plans;
mod profiles;
mod reviews;
mod scores;
mod setup;

use crate::http::Routes;

pub fn register(routes: &mut Routes) {
    setup::register(routes);
    profiles::register(routes);
    conflicts::register(routes);
    reviews::register(routes);
    plans::register(routes);
    scores::register(routes);
}
