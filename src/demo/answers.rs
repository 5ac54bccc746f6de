//! What the demo's founders answer, and how its reviewers score: the same at every start.

use serde_json::{Map, Value, json};

use super::data::Samples;
use super::play::Entry;
use crate::db::Moment;
use crate::network::{Pillar, Sector};
use crate::reviews::{Draft, Recommendation, Rubric};

type Answers = Map<String, Value>;

/// What a draft says at first: less than needed where it is never finished, or will be sent back.
pub fn first(entry: &Entry<'_>, samples: &Samples) -> Answers {
    let mut answers = all(entry, samples);
    if let Some(returned) = entry.returned {
        answers.insert(returned.field.clone(), json!(returned.first));
    }
    if !entry.is_complete {
        let kept = 2 + entry.number % 3;
        answers = answers.into_iter().take(kept).collect();
    }
    answers
}

/// Everything that the form asks of an application.
pub fn all(entry: &Entry<'_>, samples: &Samples) -> Answers {
    let n = entry.number;
    // Planning and counting are no devices.
    let is_device = match entry.sector {
        Sector::Medtech => true,
        Sector::DigitalHealth => n % 2 == 1,
        _ => false,
    };
    let product = if is_device { "device" } else { "other" };
    let budget = 4_000_000 + 1_500_000 * (n % 9);
    let started = Moment::start_of(super::data::founded()).minus(chrono::Duration::days(
        30 + 13 * i64::try_from(n).unwrap_or(0),
    ));
    let mut answers = Answers::new();
    let mut answer = |key: &str, value: Value| answers.insert(key.to_owned(), value);
    answer("need", json!(entry.summary));
    answer("novelty", json!(picked(&samples.novelty, n)));
    answer("used_in", json!(picked(&samples.used_in, n)));
    answer("product", json!(product));
    if is_device {
        answer("device_class", json!(picked(&["1", "2a", "2a", "2b"], n)));
    }
    answer("contact", json!(entry.contact));
    answer("team", json!(2 + n % 5));
    answer("started_on", json!(started.day()));
    answer(
        "budget",
        json!({ "amount_cents": budget, "currency": "EUR" }),
    );
    if n.is_multiple_of(4) {
        answer("page", json!(format!("https://example.org/projects/{n}")));
    }
    if entry.pillar >= Pillar::Test {
        answer("test_site", json!(picked(&samples.test_sites, n)));
    }
    answer("agreed", json!(true));
    answers
}

/// Where a project will be tested, once it says so.
pub fn test_site(number: usize, samples: &Samples) -> Answers {
    let site = json!(picked(&samples.test_sites, number));
    std::iter::once(("test_site".to_owned(), site)).collect()
}

fn picked<T>(of: &[T], number: usize) -> Option<&T> {
    of.get(number % of.len().max(1))
}

/// A review by the one who comes at this place among an application's reviewers: around four of five points for those who
/// are to be accepted, around two for those who aren't.
pub fn review(
    number: usize,
    place: usize,
    leaning: Recommendation,
    rubric: &Rubric,
    samples: &Samples,
) -> Draft {
    let (middle, comment) = match leaning {
        Recommendation::Accept => (4, &samples.comments.accept),
        Recommendation::Discuss => (3, &samples.comments.discuss),
        Recommendation::Decline => (2, &samples.comments.decline),
    };
    let score = |at: usize| {
        let mood = i32::try_from((number * 7 + at * 5 + place * 4 + at * number) % 4);
        f64::from(match mood.unwrap_or(0) {
            0 => middle - 1,
            1 => middle + 1,
            _ => middle,
        })
    };
    let criteria = rubric.criteria.iter().enumerate();
    Draft {
        scores: criteria
            .map(|(at, one)| (one.key.clone(), score(at)))
            .collect(),
        comment: Some(comment.clone()),
        private_note: None,
        recommendation: Some(leaning),
    }
}
