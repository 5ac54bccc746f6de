//! What all scores of a call come to: means, what each reviewer's strictness adds or takes, spread, outliers.

use std::collections::BTreeMap;

use super::model::ReviewId;
use crate::applications::ApplicationId;
use crate::auth::AccountId;

/// A review is an outlier where it is so many points (of a hundred) away from the median of the others.
pub const OUTLIER: f64 = 25.0;
/// Below so many reviews nobody can say who is out of line.
const FEWEST: usize = 3;

/// One submitted review that counts.
#[derive(Debug, Clone, Copy)]
pub struct Counted {
    pub id: ReviewId,
    pub application: ApplicationId,
    pub reviewer: AccountId,
    /// In percent.
    pub weighted: f64,
}

/// What the reviews of one application come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    pub application: ApplicationId,
    pub reviews: usize,
    /// The mean of the weighted scores, in percent.
    pub weighted: f64,
    /// The same with each reviewer's own mean and deviation taken out and the call's put in their place.
    pub normalised: f64,
    /// The standard deviation of the weighted scores; none below two reviews.
    pub spread: Option<f64>,
    pub outliers: Vec<ReviewId>,
}

/// Mean and standard deviation (of all of them, not of a sample).
#[derive(Debug, Clone, Copy)]
struct Level {
    count: usize,
    mean: f64,
    deviation: f64,
}

#[expect(
    clippy::cast_precision_loss,
    reason = "nobody writes that many reviews"
)]
fn level(values: &[f64]) -> Level {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|one| (one - mean).powi(2)).sum();
    Level {
        count: values.len(),
        mean,
        deviation: (squares / count).sqrt(),
    }
}

impl Level {
    /// How far a value is from the mean, in deviations; nothing where there is too little to compare with.
    fn z(self, value: f64) -> f64 {
        if self.count < 2 || self.deviation < 1e-9 {
            0.0
        } else {
            (value - self.mean) / self.deviation
        }
    }
}

/// What the reviews of a call come to, by application.
#[must_use]
pub fn standings(reviews: &[Counted]) -> Vec<Standing> {
    let all: Vec<f64> = reviews.iter().map(|one| one.weighted).collect();
    let call = level(&all);
    let mut by_reviewer: BTreeMap<AccountId, Vec<f64>> = BTreeMap::new();
    let mut by_application: BTreeMap<ApplicationId, Vec<Counted>> = BTreeMap::new();
    for one in reviews {
        by_reviewer
            .entry(one.reviewer)
            .or_default()
            .push(one.weighted);
        by_application
            .entry(one.application)
            .or_default()
            .push(*one);
    }
    let levels: BTreeMap<AccountId, Level> = by_reviewer
        .into_iter()
        .map(|(reviewer, own)| (reviewer, level(&own)))
        .collect();
    let standing = |(application, own): (ApplicationId, Vec<Counted>)| {
        let weighted: Vec<f64> = own.iter().map(|one| one.weighted).collect();
        let z: Vec<f64> = own
            .iter()
            .filter_map(|one| Some(levels.get(&one.reviewer)?.z(one.weighted)))
            .collect();
        let here = level(&weighted);
        Standing {
            application,
            reviews: own.len(),
            weighted: here.mean,
            normalised: call.mean + call.deviation * level(&z).mean,
            spread: (own.len() >= 2).then_some(here.deviation),
            outliers: outliers(&own),
        }
    };
    by_application.into_iter().map(standing).collect()
}

fn outliers(reviews: &[Counted]) -> Vec<ReviewId> {
    if reviews.len() < FEWEST {
        return Vec::new();
    }
    let is_out = |one: &&Counted| {
        let mut others: Vec<f64> = reviews
            .iter()
            .filter(|other| other.id != one.id)
            .map(|other| other.weighted)
            .collect();
        (one.weighted - median(&mut others)).abs() > OUTLIER
    };
    reviews.iter().filter(is_out).map(|one| one.id).collect()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    let at = |index: usize| values.get(index).copied().unwrap_or_default();
    if values.len() % 2 == 1 {
        at(half)
    } else {
        f64::midpoint(at(half.saturating_sub(1)), at(half))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn review(application: u128, reviewer: u128, weighted: f64) -> Counted {
        Counted {
            id: ReviewId(Uuid::from_u128(application * 100 + reviewer)),
            application: ApplicationId(Uuid::from_u128(application)),
            reviewer: AccountId(Uuid::from_u128(reviewer)),
            weighted,
        }
    }

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
    }

    #[test]
    fn a_strict_reviewer_and_a_mild_one_count_the_same() {
        // The first gives 10 and 30, the second 70 and 90: both put application 2 first.
        let all = [
            review(1, 1, 10.0),
            review(2, 1, 30.0),
            review(1, 2, 70.0),
            review(3, 2, 90.0),
        ];
        let found = standings(&all);
        let weighted: Vec<f64> = found.iter().map(|one| one.weighted).collect();
        assert_eq!(weighted, [40.0, 30.0, 90.0]);
        // Mean 50, deviation sqrt(1000); z is -1 and -1 for the first, 1 for each of the others.
        let deviation = 1000.0_f64.sqrt();
        near(found[0].normalised, 50.0 - deviation);
        near(found[1].normalised, 50.0 + deviation);
        near(found[2].normalised, 50.0 + deviation);
        near(found[0].spread.unwrap(), 30.0);
        assert_eq!(found[1].spread, None);
    }

    #[test]
    fn who_says_the_same_of_all_or_reviews_once_moves_nothing() {
        let all = [review(1, 1, 50.0), review(2, 1, 50.0), review(2, 2, 80.0)];
        let found = standings(&all);
        near(found[0].normalised, 60.0);
        near(found[1].normalised, 60.0);
    }

    #[test]
    fn an_outlier_is_far_from_the_median_of_the_others() {
        let all = [
            review(1, 1, 50.0),
            review(1, 2, 55.0),
            review(1, 3, 90.0),
            review(2, 1, 10.0),
            review(2, 2, 90.0),
        ];
        let found = standings(&all);
        assert_eq!(found[0].outliers, [all[2].id]);
        assert!(
            found[1].outliers.is_empty(),
            "two can't tell who is out of line"
        );
    }
}
