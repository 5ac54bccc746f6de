//! What a decision is before and after it is out, what a place is, and how much room a cohort has.

use chrono::Duration;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::applications::{ApplicationId, Decision, Outcome};
use crate::auth::AccountId;
use crate::db::schema::{decisions, place_settings, places, releases, staged_decisions};
use crate::db::{Json, Moment};
use crate::error::{Blocker, FieldError};
use crate::network::{CallId, CohortId, Pillar};
use crate::projects::ProjectId;

crate::ids! {
    /// A decision that is out.
    DecisionId,
    /// A place in a cohort that was offered to a project.
    PlaceId,
    /// Decisions of a call that go out together.
    ReleaseId,
}

crate::words! {
    /// Where a place stands.
    pub enum PlaceState {
        Offered = "offered",
        Confirmed = "confirmed",
        GivenUp = "given_up",
        Expired = "expired",
        Withdrawn = "withdrawn",
    }
}

crate::words! {
    /// Where a release stands. One that was refused at its time says why.
    pub enum ReleaseState {
        Scheduled = "scheduled",
        Released = "released",
        Cancelled = "cancelled",
        Refused = "refused",
    }
}

crate::words! {
    /// Why, for the figures; the text beside it is for people.
    pub enum ReasonCode {
        Need = "need",
        Evidence = "evidence",
        Team = "team",
        Market = "market",
        Regulatory = "regulatory",
        Technical = "technical",
        TooEarly = "too_early",
        TooLate = "too_late",
        OutOfScope = "out_of_scope",
        NoRoom = "no_room",
        Other = "other",
    }
}

/// One reason of a decision. Only those who decide read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    pub code: ReasonCode,
    #[schema(min_length = 1, max_length = 2000)]
    pub text: Option<String>,
}

/// What is decided, with all that goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub outcome: Outcome,
    pub cohort_id: Option<CohortId>,
    pub pillar: Option<Pillar>,
    /// The place on the waiting list; the lowest comes first.
    pub rank: Option<i32>,
    pub reasons: Vec<Reason>,
    pub feedback: Option<String>,
}

impl Verdict {
    /// Everything that is missing or too much.
    #[must_use]
    pub fn mistakes(&self) -> Vec<FieldError> {
        let mut found = Vec::new();
        let mut want = |pointer: &str, needed: Option<bool>, there: bool, code: &'static str| {
            if needed == Some(true) && !there {
                found.push(FieldError::new(pointer, code));
            }
            if needed == Some(false) && there {
                found.push(FieldError::new(pointer, "not-for-this-step"));
            }
        };
        let has_place = self.outcome != Outcome::Decline;
        let waits = self.outcome == Outcome::Waitlist;
        let cohort = self.cohort_id.is_some();
        want("/cohort_id", Some(has_place), cohort, "cohort-needed");
        let pillar = self.pillar.is_some();
        want("/pillar", Some(has_place), pillar, "pillar-needed");
        want("/rank", Some(waits), self.rank.is_some(), "rank-needed");
        let reasons = !self.reasons.is_empty();
        let needed = (!has_place).then_some(true);
        want("/reasons", needed, reasons, "reasons-needed");
        found
    }

    /// The part of it that the application takes on. A cohort is shown to founders with an acceptance only.
    #[must_use]
    pub fn decision(&self) -> Decision {
        let accepts = self.outcome == Outcome::Accept;
        Decision {
            outcome: self.outcome,
            cohort_id: self.cohort_id.filter(|_| accepts),
            pillar: self.pillar.filter(|_| accepts),
            feedback: self.feedback.clone(),
        }
    }
}

impl From<&Decision> for Verdict {
    fn from(decision: &Decision) -> Self {
        Self {
            outcome: decision.outcome,
            cohort_id: decision.cohort_id,
            pillar: decision.pillar,
            rank: None,
            reasons: Vec::new(),
            feedback: decision.feedback.clone(),
        }
    }
}

/// How the places of a call are offered.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = place_settings)]
pub struct Settings {
    pub call_id: CallId,
    /// How long a place is kept; none: whoever is accepted enters at once.
    pub confirm_within_days: Option<i32>,
    pub reminder_days_before: Json,
    pub offer_beyond_capacity: bool,
    pub version: i64,
    pub created_at: Moment,
    pub updated_at: Moment,
}

impl Settings {
    #[must_use]
    pub fn reminders(&self) -> Vec<i32> {
        serde_json::from_value(self.reminder_days_before.0.clone()).unwrap_or_default()
    }
}

/// What may be set about the places of a call.
#[derive(Debug, Clone)]
pub struct NewSettings {
    pub confirm_within_days: Option<i32>,
    pub reminder_days_before: Vec<i32>,
    pub offer_beyond_capacity: bool,
}

impl NewSettings {
    /// A reminder comes while the place is open.
    #[must_use]
    pub fn mistakes(&self) -> Vec<FieldError> {
        let limit = self.confirm_within_days.unwrap_or(0);
        let days = self.reminder_days_before.iter().enumerate();
        days.filter(|(_, days)| **days >= limit)
            .map(|(at, _)| {
                FieldError::new(format!("/reminder_days_before/{at}"), "reminder-too-early")
                    .with("days", limit)
            })
            .collect()
    }
}

/// A decision before it is out: a row of its own, so that nothing else changes.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = staged_decisions)]
pub struct Staged {
    pub application_id: ApplicationId,
    pub project_id: ProjectId,
    pub call_id: CallId,
    pub outcome: Outcome,
    pub cohort_id: Option<CohortId>,
    pub pillar: Option<Pillar>,
    pub rank: Option<i32>,
    pub reasons: Json,
    pub feedback: Option<String>,
    pub staged_by: Option<AccountId>,
    pub version: i64,
    pub created_at: Moment,
    pub updated_at: Moment,
}

impl Staged {
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        Verdict {
            outcome: self.outcome,
            cohort_id: self.cohort_id,
            pillar: self.pillar,
            rank: self.rank,
            reasons: reasons(&self.reasons),
            feedback: self.feedback.clone(),
        }
    }
}

/// Reasons out of a column.
#[must_use]
pub fn reasons(json: &Json) -> Vec<Reason> {
    serde_json::from_value(json.0.clone()).unwrap_or_default()
}

/// A decision that went out, until another one or a reversal ended it.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = decisions)]
pub struct Taken {
    pub id: DecisionId,
    pub application_id: ApplicationId,
    pub call_id: CallId,
    pub outcome: Outcome,
    pub cohort_id: Option<CohortId>,
    pub pillar: Option<Pillar>,
    pub rank: Option<i32>,
    pub reasons: Json,
    pub decided_by: Option<AccountId>,
    pub decided_at: Moment,
    pub ended_at: Option<Moment>,
    pub reversed_by: Option<AccountId>,
    pub reversal_reason: Option<String>,
}

/// Decisions of a call that go out together, now or at a set time.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = releases)]
pub struct Release {
    pub id: ReleaseId,
    pub call_id: CallId,
    /// Which applications; none: all that are staged by then.
    pub application_ids: Option<Json>,
    pub due_at: Moment,
    pub state: ReleaseState,
    /// How many decisions went out.
    pub decided: Option<i32>,
    /// Why it was refused at its time.
    pub problems: Json,
    pub created_by: Option<AccountId>,
    pub version: i64,
    pub created_at: Moment,
    pub updated_at: Moment,
}

impl Release {
    #[must_use]
    pub fn applications(&self) -> Option<Vec<ApplicationId>> {
        let ids = self.application_ids.clone()?;
        serde_json::from_value(ids.0).ok()
    }
}

/// A place in a cohort that was offered to a project.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = places)]
pub struct Place {
    pub id: PlaceId,
    pub application_id: ApplicationId,
    pub project_id: ProjectId,
    pub call_id: CallId,
    pub cohort_id: CohortId,
    pub pillar: Pillar,
    pub region: Option<String>,
    pub state: PlaceState,
    pub offered_at: Moment,
    pub expires_at: Moment,
    /// The last reminder, by its days before the end.
    pub reminded_days_before: Option<i32>,
    pub ended_at: Option<Moment>,
    pub version: i64,
    pub created_at: Moment,
    pub updated_at: Moment,
}

impl Place {
    #[must_use]
    pub fn is_open(&self, now: Moment) -> bool {
        self.state == PlaceState::Offered && now < self.expires_at
    }

    /// The reminder that is due: of several, the one that is nearest to the end, and none a second time.
    #[must_use]
    pub fn reminder_due(&self, days_before: &[i32], now: Moment) -> Option<i32> {
        let sent = self.reminded_days_before.unwrap_or(i32::MAX);
        days_before
            .iter()
            .copied()
            .filter(|days| *days < sent && self.before_end(*days) <= now)
            .min()
    }

    /// When there is something to do about it again.
    #[must_use]
    pub fn next_due(&self, days_before: &[i32], now: Moment) -> Moment {
        days_before
            .iter()
            .map(|days| self.before_end(*days))
            .filter(|at| *at > now)
            .min()
            .unwrap_or(self.expires_at)
    }

    fn before_end(&self, days: i32) -> Moment {
        self.expires_at.minus(Duration::days(i64::from(days)))
    }
}

/// Why a project cannot have a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    Region(String),
    Cohort,
    Quota(String),
}

impl Lack {
    #[must_use]
    pub fn field(&self, pointer: &str) -> FieldError {
        match self {
            Self::Region(region) => {
                FieldError::new(pointer, "region-not-served").with("region", region)
            }
            Self::Cohort => FieldError::new(pointer, "cohort-full"),
            Self::Quota(region) => {
                FieldError::new(pointer, "region-quota-full").with("region", region)
            }
        }
    }

    #[must_use]
    pub fn blocker(&self) -> Blocker {
        match self {
            Self::Region(_) => Blocker::new("no-region"),
            Self::Cohort => Blocker::new("cohort-full"),
            Self::Quota(region) => Blocker::new("region-quota-full").with("region", region),
        }
    }
}

/// How much room a cohort has left, places that are offered counted as taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    pub free: i64,
    /// What is left of the quota of each region that has one.
    pub quotas: Vec<(String, i64)>,
    pub served: Vec<String>,
    /// Whether more places may be offered than there are.
    pub beyond: bool,
}

impl Room {
    /// What keeps a project of a region out.
    #[must_use]
    pub fn against(&self, region: Option<&str>) -> Vec<Lack> {
        let mut found = Vec::new();
        if let Some(region) = region.filter(|region| !self.served.iter().any(|one| one == region)) {
            found.push(Lack::Region(region.to_owned()));
        }
        if self.beyond {
            return found;
        }
        if self.free <= 0 {
            found.push(Lack::Cohort);
        }
        let quota = self
            .quotas
            .iter()
            .find(|(one, _)| Some(one.as_str()) == region);
        if let Some((region, _)) = quota.filter(|(_, left)| *left <= 0) {
            found.push(Lack::Quota(region.clone()));
        }
        found
    }

    /// Lets a project in, unless something keeps it out.
    pub fn take(&mut self, region: Option<&str>) -> Vec<Lack> {
        let found = self.against(region);
        if found.is_empty() {
            self.free -= 1;
            for (one, left) in &mut self.quotas {
                if Some(one.as_str()) == region {
                    *left -= 1;
                }
            }
        }
        found
    }
}

crate::refusals! {
    pub enum Refusal {
        /// There is no decision to release.
        NothingStaged = "nothing-staged",
        /// Some of the decisions can't go out; `errors` has every reason.
        ReleaseRefused = "release-refused",
        /// Only a release that is to come can be changed.
        ReleaseNotScheduled = "release-not-scheduled",
        /// The project has entered by this decision.
        PlaceConfirmed = "place-confirmed",
        /// The place was confirmed, given up or withdrawn, or has expired.
        PlaceNotOpen = "place-not-open",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn day(number: i64) -> Moment {
        let start = Moment::new("2026-03-01T09:00:00Z".parse().unwrap());
        start.plus(Duration::days(number))
    }

    fn place(reminded: Option<i32>) -> Place {
        Place {
            id: PlaceId(Uuid::nil()),
            application_id: ApplicationId(Uuid::nil()),
            project_id: ProjectId(Uuid::nil()),
            call_id: CallId(Uuid::nil()),
            cohort_id: CohortId(Uuid::nil()),
            pillar: Pillar::Test,
            region: None,
            state: PlaceState::Offered,
            offered_at: day(0),
            expires_at: day(14),
            reminded_days_before: reminded,
            ended_at: None,
            version: 1,
            created_at: day(0),
            updated_at: day(0),
        }
    }

    #[test]
    fn each_reminder_comes_once_and_the_latest_wins() {
        let days = [7, 3, 1];
        assert_eq!(place(None).reminder_due(&days, day(6)), None);
        assert_eq!(place(None).reminder_due(&days, day(7)), Some(7));
        assert_eq!(place(Some(7)).reminder_due(&days, day(8)), None);
        assert_eq!(place(None).reminder_due(&days, day(12)), Some(3));
        assert_eq!(place(Some(3)).reminder_due(&days, day(13)), Some(1));
        assert_eq!(place(Some(1)).reminder_due(&days, day(13)), None);
        assert_eq!(place(None).next_due(&days, day(0)), day(7));
        assert_eq!(place(None).next_due(&days, day(7)), day(11));
        assert_eq!(place(None).next_due(&days, day(13)), day(14));
        assert!(place(None).is_open(day(13)) && !place(None).is_open(day(14)));
    }

    #[test]
    fn a_verdict_has_what_its_outcome_needs_and_nothing_else() {
        let mut verdict = Verdict {
            outcome: Outcome::Waitlist,
            cohort_id: None,
            pillar: None,
            rank: None,
            reasons: Vec::new(),
            feedback: None,
        };
        let pointers = |verdict: &Verdict| -> Vec<String> {
            let found = verdict.mistakes().into_iter();
            found.map(|one| one.pointer).collect()
        };
        assert_eq!(pointers(&verdict), ["/cohort_id", "/pillar", "/rank"]);
        verdict.outcome = Outcome::Accept;
        assert_eq!(pointers(&verdict), ["/cohort_id", "/pillar"]);
        verdict.outcome = Outcome::Decline;
        verdict.rank = Some(1);
        assert_eq!(pointers(&verdict), ["/rank", "/reasons"]);
    }

    #[test]
    fn reminders_lie_within_the_time_of_a_place() {
        let mut settings = NewSettings {
            confirm_within_days: Some(7),
            reminder_days_before: vec![7, 3],
            offer_beyond_capacity: false,
        };
        assert_eq!(settings.mistakes()[0].pointer, "/reminder_days_before/0");
        settings.reminder_days_before = vec![6, 3];
        assert!(settings.mistakes().is_empty());
    }

    proptest! {
        #[test]
        fn whoever_comes_capacity_and_quotas_hold(
            capacity in 0_i64..8,
            quotas in proptest::collection::vec(0_i64..5, 3),
            coming in proptest::collection::vec(0_usize..4, 0..40),
        ) {
            let names = ["BE1", "BE2", "BE3", "FR"];
            let quota = |(at, left): (usize, &i64)| (names[at].to_owned(), *left);
            let mut room = Room {
                free: capacity,
                quotas: quotas.iter().enumerate().map(quota).collect(),
                served: names[..3].iter().map(|one| (*one).to_owned()).collect(),
                beyond: false,
            };
            let mut inside = [0_i64; 4];
            for region in coming {
                let lacks = room.take(Some(names[region]));
                if lacks.is_empty() {
                    inside[region] += 1;
                } else {
                    // Whoever is turned away really has no room.
                    let all: i64 = inside.iter().sum();
                    let full = all == capacity;
                    let of_region = region < 3 && inside[region] == quotas[region];
                    prop_assert!(full || of_region || region == 3);
                }
            }
            prop_assert!(inside.iter().sum::<i64>() <= capacity);
            prop_assert!((0..3).all(|at| inside[at] <= quotas[at]) && inside[3] == 0);
        }
    }
}
