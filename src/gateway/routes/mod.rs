//! The gateway over HTTP.

mod eligibility;
mod matches;
mod routings;

use serde::Serialize;
use utoipa::ToSchema;

use super::model::Hint;
use crate::http::Routes;
use crate::http::catalogue::CATALOGUE;
use crate::lang::Lang;

pub fn register(routes: &mut Routes) {
    eligibility::register(routes);
    matches::register(routes);
    routings::register(routes);
}

/// A reason; its text is in the caller's language.
#[derive(Serialize, ToSchema)]
struct HintOut {
    code: String,
    text: String,
    /// What it adds to the score.
    points: i32,
}

impl HintOut {
    fn new(hint: &Hint, lang: Lang) -> Self {
        Self {
            code: hint.code.clone(),
            text: CATALOGUE.hint(&hint.code, &hint.values, &hint.names, lang),
            points: hint.points,
        }
    }

    fn all(hints: &[Hint], lang: Lang) -> Vec<Self> {
        hints.iter().map(|hint| Self::new(hint, lang)).collect()
    }
}
