//! What a rubric, a review and a reviewer's profile are, and when scores are good.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::applications::{ApplicationId, ApplicationState};
use crate::auth::AccountId;
use crate::db::schema::{committees, review_plans, reviewer_profiles, reviews, rubrics};
use crate::db::{Json, Moment};
use crate::error::{FieldError, FieldErrors, Result};
use crate::lang::{Lang, Names};
use crate::network::{CallId, Sector};

crate::ids! {
    /// One person reviewing one application.
    ReviewId,
    /// One proposal of who reviews what.
    PlanId,
}

crate::words! {
    /// Where a review stands.
    pub enum ReviewState {
        Open = "open",
        Submitted = "submitted",
        /// Its reviewer gave it back.
        Declined = "declined",
        /// Staff took it back.
        Withdrawn = "withdrawn",
    }
}

crate::words! {
    /// What a reviewer would do.
    pub enum Recommendation {
        Accept = "accept",
        Discuss = "discuss",
        Decline = "decline",
    }
}

crate::words! {
    /// How a member of a committee votes.
    pub enum Vote {
        For = "for",
        Against = "against",
        Abstain = "abstain",
    }
}

crate::words! {
    /// Where a plan stands.
    pub enum PlanState {
        Proposed = "proposed",
        Applied = "applied",
    }
}

crate::refusals! {
    pub enum Refusal {
        /// The call has no rubric to review by.
        RubricMissing = "rubric-missing",
        /// Scores stand by this rubric already.
        RubricFrozen = "rubric-frozen",
        /// The person reviews the application already.
        AlreadyReviewing = "already-reviewing",
        /// The call is blind, and the person knows whose application it is.
        SeesByName = "sees-by-name",
        /// The review was submitted, declined or withdrawn.
        ReviewOver = "review-over",
        /// The application is not under review (any more).
        ReviewClosed = "review-closed",
        /// The same conflict of interest is known already.
        ConflictKnown = "conflict-known",
        /// The conflict of interest has ended.
        ConflictOver = "conflict-over",
        /// What the plan was made from has changed.
        PlanStale = "plan-stale",
        /// The plan was applied already.
        PlanApplied = "plan-applied",
        /// Regions whose members have neither reviewed nor voted.
        CommitteeIncomplete = "committee-incomplete",
    }
}

/// What a reviewer gives points for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Criterion {
    #[schema(max_length = 60, pattern = "^[a-z][a-z0-9_]*$")]
    pub key: String,
    pub names: Names,
    pub guidance: Option<Names>,
    /// How much it counts beside the others.
    #[schema(minimum = 1, maximum = 100)]
    pub weight: i32,
    pub scale: Scale,
}

/// From the worst to the best.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    #[schema(minimum = 0, maximum = 100)]
    pub min: i32,
    #[schema(minimum = 1, maximum = 100)]
    pub max: i32,
    /// The distance between two scores; 1 where nothing is said.
    #[schema(minimum = 0.01, maximum = 100)]
    pub step: Option<f64>,
    /// What some of the scores are called.
    #[serde(default)]
    #[schema(max_items = 101)]
    pub labels: Vec<ScaleLabel>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScaleLabel {
    pub score: f64,
    pub names: Names,
}

/// How the applications to a call are reviewed.
#[derive(
    Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema, diesel::deserialize::FromSqlRow,
)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a choice of its own that a call makes"
)]
pub struct Rubric {
    #[schema(min_items = 1, max_items = 30)]
    pub criteria: Vec<Criterion>,
    /// Whether reviewers may not know whose applications they read.
    #[serde(default)]
    pub blind: bool,
    #[schema(minimum = 1, maximum = 20)]
    pub reviews_per_application: i32,
    /// When reviews are due. Reviewers are reminded three days before.
    pub due_at: Option<Moment>,
    /// Whether those who have submitted a review may read the others of the same application.
    #[serde(default)]
    pub scores_shared: bool,
    /// Whether plans keep reviewers from applications of their own region.
    #[serde(default)]
    pub avoid_own_region: bool,
    /// Whether plans keep reviewers from applications of people of their own organisation.
    #[serde(default)]
    pub avoid_own_organisation: bool,
}
crate::document!(Rubric);

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = rubrics)]
pub struct RubricRow {
    pub call_id: CallId,
    pub content: Rubric,
    pub version: i64,
    pub updated_at: Moment,
}

/// Scores are compared as whole thousandths, which is finer than any step.
fn thousandths(score: f64) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "scores are at most a hundred"
    )]
    let whole = (score * 1000.0).round() as i64;
    whole
}

impl Scale {
    fn holds(&self, score: f64) -> bool {
        let (from, to) = (i64::from(self.min) * 1000, i64::from(self.max) * 1000);
        let (step, score) = (
            thousandths(self.step.unwrap_or(1.0)).max(1),
            thousandths(score),
        );
        from <= score && score <= to && (score - from) % step == 0
    }

    /// Where a score lies between the worst (0) and the best (1).
    fn share(&self, score: f64) -> f64 {
        let (min, max) = (f64::from(self.min), f64::from(self.max));
        ((score - min) / (max - min)).clamp(0.0, 1.0)
    }
}

/// Scores by criterion.
pub type Scores = BTreeMap<String, f64>;

impl Rubric {
    /// Every mistake in it.
    #[must_use]
    pub fn mistakes(&self) -> Vec<FieldError> {
        let (mut errors, mut keys) = (Vec::new(), BTreeSet::new());
        for (at, one) in self.criteria.iter().enumerate() {
            let at = format!("/criteria/{at}");
            if !keys.insert(&one.key) {
                errors.push(FieldError::new(format!("{at}/key"), "repeated-key"));
            }
            if one.scale.max <= one.scale.min {
                errors.push(FieldError::new(format!("{at}/scale/max"), "scale-empty"));
                continue;
            }
            let step = one.scale.step.unwrap_or(1.0);
            let width = i64::from(one.scale.max - one.scale.min) * 1000;
            if width % thousandths(step).max(1) != 0 {
                errors.push(FieldError::new(
                    format!("{at}/scale/step"),
                    "step-does-not-fit",
                ));
            }
            for (number, label) in one.scale.labels.iter().enumerate() {
                if !one.scale.holds(label.score) {
                    let at = format!("{at}/scale/labels/{number}/score");
                    errors.push(out_of_scale(at, &one.scale));
                }
            }
        }
        errors
    }

    /// What is wrong with scores; those that are missing count where the review is to be submitted.
    #[must_use]
    pub fn faults(&self, scores: &Scores, all: bool) -> Vec<FieldError> {
        let mut errors = Vec::new();
        for (key, score) in scores {
            let at = format!("/scores/{key}");
            match self.criteria.iter().find(|one| one.key == *key) {
                None => errors.push(FieldError::new(at, "unknown-criterion")),
                Some(one) if !one.scale.holds(*score) => errors.push(out_of_scale(at, &one.scale)),
                Some(_) => {}
            }
        }
        for one in self.criteria.iter().filter(|_| all) {
            if !scores.contains_key(&one.key) {
                errors.push(FieldError::new(format!("/scores/{}", one.key), "required"));
            }
        }
        errors
    }

    /// What scores come to: the weighted mean of where each lies on its scale, in percent.
    #[must_use]
    pub fn weighted(&self, scores: &Scores) -> f64 {
        let (mut sum, mut weights) = (0.0, 0.0);
        for one in &self.criteria {
            if let Some(score) = scores.get(&one.key) {
                sum += f64::from(one.weight) * one.scale.share(*score);
                weights += f64::from(one.weight);
            }
        }
        if weights > 0.0 {
            100.0 * sum / weights
        } else {
            0.0
        }
    }
}

fn out_of_scale(at: String, scale: &Scale) -> FieldError {
    FieldError::new(at, "score-out-of-scale")
        .with("min", scale.min)
        .with("max", scale.max)
        .with("step", scale.step.unwrap_or(1.0))
}

/// How many parts of a percent a kept score has.
const PARTS: f64 = 10_000.0;

/// A percentage as it is kept: a whole number, so that both databases keep the same.
#[must_use]
pub fn kept(percent: f64) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a percentage is at most a hundred"
    )]
    let whole = (percent * PARTS).round() as i64;
    whole
}

/// The percentage again.
#[must_use]
pub fn percent(kept: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "at most a million")]
    let kept = kept as f64;
    kept / PARTS
}

/// One person's review of one application.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = reviews)]
pub struct Review {
    pub id: ReviewId,
    pub application_id: ApplicationId,
    pub call_id: CallId,
    pub account_id: AccountId,
    /// What the application is called in this review, where its reviewer may not know its reference.
    pub label: String,
    pub state: ReviewState,
    pub scores: Json,
    pub comment: Option<String>,
    /// For its author only.
    pub private_note: Option<String>,
    pub recommendation: Option<Recommendation>,
    /// What the scores come to, once it is submitted (`kept`).
    pub weighted: Option<i64>,
    /// Why it was declined or withdrawn.
    pub reason: Option<String>,
    pub assigned_by: Option<AccountId>,
    pub submitted_at: Option<Moment>,
    pub version: i64,
    pub created_at: Moment,
    pub updated_at: Moment,
}

impl Review {
    #[must_use]
    pub fn scores(&self) -> Scores {
        serde_json::from_value(self.scores.0.clone()).unwrap_or_default()
    }

    /// # Errors
    /// `review-over` once it was submitted, declined or withdrawn.
    pub fn expect_open(&self) -> Result<()> {
        match self.state {
            ReviewState::Open => Ok(()),
            _ => Err(Refusal::ReviewOver.into()),
        }
    }

    /// # Errors
    /// `invalid` with everything that a review needs before it is submitted.
    pub fn expect_complete(&self, rubric: &Rubric) -> Result<()> {
        let mut errors = FieldErrors::default();
        for fault in rubric.faults(&self.scores(), true) {
            errors.push(fault);
        }
        if self.recommendation.is_none() {
            errors.push(FieldError::new("/recommendation", "required"));
        }
        errors.done()
    }
}

/// What a reviewer writes down.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// By criterion.
    pub scores: Scores,
    /// For those who decide.
    #[schema(min_length = 1, max_length = 10_000)]
    pub comment: Option<String>,
    /// For yourself.
    #[schema(min_length = 1, max_length = 10_000)]
    pub private_note: Option<String>,
    pub recommendation: Option<Recommendation>,
}

/// Whether applications are reviewed in a state.
#[must_use]
pub fn is_under_review(state: ApplicationState) -> bool {
    state.is_decidable()
}

/// What a reviewer knows about, and how much they can take.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, diesel::deserialize::FromSqlRow,
)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// What they know about; empty: nothing is known of that.
    #[schema(max_items = 5)]
    pub sectors: Vec<Sector>,
    /// What they read.
    #[schema(min_items = 1, max_items = 4)]
    pub languages: Vec<Lang>,
    /// Where they come from.
    #[schema(min_length = 1, max_length = 20)]
    pub region: Option<String>,
    /// How many reviews of one call they take on.
    #[schema(minimum = 0, maximum = 1000)]
    pub max_load: i32,
}
crate::document!(Profile);

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = reviewer_profiles)]
pub struct ProfileRow {
    pub account_id: AccountId,
    pub content: Profile,
    pub version: i64,
    pub created_at: Moment,
    pub updated_at: Moment,
}

/// Who decides together about the applications to a call.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, diesel::deserialize::FromSqlRow,
)]
#[serde(deny_unknown_fields)]
pub struct Committee {
    #[schema(max_items = 200)]
    pub members: Vec<Member>,
    /// How many members of each region have to have reviewed an application, or voted on it, before it is decided.
    #[schema(minimum = 0, maximum = 20)]
    pub needed_per_region: i32,
}
crate::document!(Committee);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Member {
    pub account_id: AccountId,
    #[schema(min_length = 1, max_length = 20)]
    pub region: String,
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = committees)]
pub struct CommitteeRow {
    pub call_id: CallId,
    pub content: Committee,
    pub version: i64,
    pub updated_at: Moment,
}

/// A proposal of who reviews what.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = review_plans)]
pub struct PlanRow {
    pub id: PlanId,
    pub call_id: CallId,
    pub state: PlanState,
    pub content: Json,
    pub made_by: Option<AccountId>,
    pub version: i64,
    pub created_at: Moment,
    pub updated_at: Moment,
}

/// Each kept word of a document as a value.
#[must_use]
pub fn document(value: &impl Serialize) -> Json {
    Json(serde_json::to_value(value).unwrap_or(Value::Null))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn criterion(key: &str, weight: i32, step: Option<f64>) -> Criterion {
        Criterion {
            key: key.into(),
            names: Names::same(key),
            guidance: None,
            weight,
            scale: Scale {
                min: 1,
                max: 5,
                step,
                labels: Vec::new(),
            },
        }
    }

    fn rubric(criteria: Vec<Criterion>) -> Rubric {
        Rubric {
            criteria,
            blind: true,
            reviews_per_application: 2,
            due_at: None,
            scores_shared: false,
            avoid_own_region: false,
            avoid_own_organisation: false,
        }
    }

    fn codes(errors: &[FieldError]) -> Vec<(String, String)> {
        let pair = |one: &FieldError| (one.pointer.clone(), one.code.to_string());
        errors.iter().map(pair).collect()
    }

    #[test]
    fn scores_are_checked_all_at_once() {
        let rubric = rubric(vec![
            criterion("need", 3, None),
            criterion("team", 1, Some(0.5)),
        ]);
        assert!(rubric.mistakes().is_empty());
        let scores = |list: &[(&str, f64)]| -> Scores {
            list.iter()
                .map(|(key, score)| ((*key).to_owned(), *score))
                .collect()
        };
        let good = scores(&[("need", 5.0), ("team", 2.5)]);
        assert!(rubric.faults(&good, true).is_empty());
        let bad = scores(&[("need", 2.5), ("team", 5.5), ("luck", 1.0)]);
        let found = codes(&rubric.faults(&bad, true));
        let expected = [
            ("/scores/luck", "unknown-criterion"),
            ("/scores/need", "score-out-of-scale"),
            ("/scores/team", "score-out-of-scale"),
        ];
        assert_eq!(
            found,
            expected.map(|(at, code)| (at.to_owned(), code.to_owned()))
        );
        let draft = scores(&[("need", 1.0)]);
        assert!(rubric.faults(&draft, false).is_empty());
        assert_eq!(codes(&rubric.faults(&draft, true)).len(), 1);
    }

    #[test]
    fn the_weighted_score_is_a_share_of_the_scales_in_percent() {
        let rubric = rubric(vec![criterion("need", 3, None), criterion("team", 1, None)]);
        for (need, team, expected) in [
            (1.0, 1.0, 0.0),
            (5.0, 5.0, 100.0),
            (5.0, 1.0, 75.0),
            (3.0, 5.0, 62.5),
        ] {
            let scores = Scores::from([("need".into(), need), ("team".into(), team)]);
            assert_eq!(kept(rubric.weighted(&scores)), kept(expected));
        }
    }

    #[test]
    fn a_rubric_says_what_is_wrong_with_it() {
        let mut wrong = rubric(vec![criterion("a", 1, Some(0.3)), criterion("a", 1, None)]);
        wrong.criteria[1].scale.max = 1;
        let found = codes(&wrong.mistakes());
        let expected = [
            ("/criteria/0/scale/step", "step-does-not-fit"),
            ("/criteria/1/key", "repeated-key"),
            ("/criteria/1/scale/max", "scale-empty"),
        ];
        assert_eq!(
            found,
            expected.map(|(at, code)| (at.to_owned(), code.to_owned()))
        );
    }
}
