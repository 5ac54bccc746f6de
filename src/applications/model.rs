//! What an application is, when it may be submitted, and when it may be decided.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use diesel::prelude::*;
use serde_json::{Value, json};

use crate::auth::AccountId;
use crate::db::schema::{
    application_receipts, application_returns, application_screenings, applications,
};
use crate::db::{Json, Moment};
use crate::forms::{Form, FormId};
use crate::network::{Call, CallId, CohortId, Pillar};
use crate::projects::{Project, ProjectId};

crate::ids! {
    /// One project answering one call.
    ApplicationId,
    /// One time that an application was sent back.
    ReturnId,
    /// One look at an application before its review.
    ScreeningId,
}

crate::words! {
    /// Where an application stands.
    pub enum ApplicationState {
        Draft = "draft",
        Submitted = "submitted",
        Screening = "screening",
        InReview = "in_review",
        Returned = "returned",
        Accepted = "accepted",
        Waitlisted = "waitlisted",
        Declined = "declined",
        Withdrawn = "withdrawn",
    }
}

impl ApplicationState {
    /// Whether a decision can be taken.
    #[must_use]
    pub fn is_decidable(self) -> bool {
        matches!(
            self,
            Self::Submitted | Self::Screening | Self::InReview | Self::Waitlisted
        )
    }

    /// What a reviewer reads of it: that it is there to be reviewed, or was taken back; nothing of a decision.
    #[must_use]
    pub fn for_reviewers(self) -> Self {
        if self == Self::Withdrawn {
            self
        } else {
            Self::InReview
        }
    }

    /// Whether it can be sent back to its founders.
    #[must_use]
    pub fn is_returnable(self) -> bool {
        matches!(self, Self::Submitted | Self::Screening | Self::InReview)
    }

    /// Whether a decision is out.
    #[must_use]
    pub fn is_decided(self) -> bool {
        matches!(self, Self::Accepted | Self::Waitlisted | Self::Declined)
    }

    /// Whether the founder can still take it back.
    #[must_use]
    pub fn is_withdrawable(self) -> bool {
        matches!(
            self,
            Self::Draft | Self::Submitted | Self::Screening | Self::InReview | Self::Returned
        )
    }
}

crate::words! {
    /// What a coordinator decides.
    pub enum Outcome {
        Accept = "accept",
        Waitlist = "waitlist",
        Decline = "decline",
    }
}

impl Outcome {
    #[must_use]
    pub fn state(self) -> ApplicationState {
        match self {
            Self::Accept => ApplicationState::Accepted,
            Self::Waitlist => ApplicationState::Waitlisted,
            Self::Decline => ApplicationState::Declined,
        }
    }

    #[must_use]
    pub fn event(self) -> &'static str {
        match self {
            Self::Accept => "application.accepted",
            Self::Waitlist => "application.waitlisted",
            Self::Decline => "application.declined",
        }
    }
}

/// One project answering one call.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = applications)]
pub struct Application {
    pub id: ApplicationId,
    pub reference: String,
    pub project_id: ProjectId,
    pub call_id: CallId,
    pub state: ApplicationState,
    pub answers: Json,
    pub region: Option<String>,
    pub cohort_id: Option<CohortId>,
    pub pillar: Option<Pillar>,
    pub feedback: Option<String>,
    /// Why a coordinator lets the application in although the call's scope leaves its sector out.
    pub override_reason: Option<String>,
    pub frozen: Option<Json>,
    pub content_sha256: Option<String>,
    pub submitted_at: Option<Moment>,
    pub decided_at: Option<Moment>,
    pub decided_by: Option<AccountId>,
    pub version: i64,
    pub created_at: Moment,
    pub updated_at: Moment,
    /// The version of the call's form that it answers; none where the call has none.
    pub form_id: Option<FormId>,
}

/// What was submitted at one time, and never changes.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = application_receipts)]
pub struct Receipt {
    pub application_id: ApplicationId,
    /// 1 for the first submission, 2 for the one after the first return, and so on.
    pub number: i32,
    pub form_id: Option<FormId>,
    pub content: Json,
    pub sha256: String,
    pub submitted_by: Option<AccountId>,
    pub submitted_at: Moment,
}

/// One time that an application was sent back to its founders.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = application_returns)]
pub struct Returned {
    pub id: ReturnId,
    pub application_id: ApplicationId,
    /// Where it goes on when it comes again.
    pub from_state: ApplicationState,
    /// JSON Pointers to the fields that are open.
    pub fields: Json,
    pub message: String,
    pub reasons: Json,
    pub due_on: Option<NaiveDate>,
    pub returned_by: Option<AccountId>,
    pub returned_at: Moment,
    pub closed_at: Option<Moment>,
}

impl Returned {
    /// JSON Pointers to the fields that are open.
    #[must_use]
    pub fn open_fields(&self) -> BTreeSet<String> {
        serde_json::from_value(self.fields.0.clone()).unwrap_or_default()
    }

    #[must_use]
    pub fn reason_codes(&self) -> Vec<String> {
        serde_json::from_value(self.reasons.0.clone()).unwrap_or_default()
    }
}

crate::words! {
    /// How a screening ends.
    pub enum ScreeningResult {
        Pass = "pass",
        Return = "return",
    }
}

/// One look at an application before its review.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = application_screenings)]
pub struct Screening {
    pub id: ScreeningId,
    pub started_by: Option<AccountId>,
    pub started_at: Moment,
    pub result: Option<ScreeningResult>,
    pub reasons: Option<Json>,
    pub note: Option<String>,
    pub finished_by: Option<AccountId>,
    pub finished_at: Option<Moment>,
}

/// In whose name answers change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hand {
    Founders,
    /// Somebody who runs the region, on behalf of the founders.
    Staff,
}

/// Who changes answers in a state: those who speak for the project, or those who manage it.
///
/// # Errors
/// `application-closed` where nobody of the kind does any more.
pub fn hand(state: ApplicationState, represents: bool, manages: bool) -> Result<Hand, Refusal> {
    use ApplicationState::{Accepted, Draft, Returned};
    let is_with_staff = state.is_returnable() || matches!(state, Draft | Returned);
    match state {
        Draft | Returned | Accepted if represents => Ok(Hand::Founders),
        _ if manages && is_with_staff => Ok(Hand::Staff),
        _ => Err(Refusal::ApplicationClosed),
    }
}

crate::refusals! {
    pub enum Refusal {
        /// The project has answered this call already.
        AlreadyApplied = "already-applied",
        /// Only drafts, and what was returned, can be changed and submitted.
        ApplicationClosed = "application-closed",
        /// Only what was submitted can be decided.
        NotSubmitted = "not-submitted",
        /// Only what was submitted can be screened, and that one step after the other.
        NotToBeScreened = "not-to-be-screened",
        /// Only what lies with the network can be sent back.
        NotReturnable = "not-returnable",
        /// No decision is out.
        NotDecided = "not-decided",
        /// The decision is out.
        NotWithdrawable = "not-withdrawable",
        /// The call's rules leave it out; `errors` has every reason.
        NotEligible = "not-eligible",
    }
}

/// What submission freezes: the answers, and the project as it stands. What comes again after a return differs from
/// what came before it in the fields that were open, and in what staff changed; all else of the project stays.
#[must_use]
pub fn content(
    application: &Application,
    project: &Project,
    call: &Call,
    form: Option<&Form>,
    open: Option<&BTreeSet<String>>,
) -> Value {
    let answers = form.map_or_else(
        || application.answers.0.clone(),
        |form| form.shown(&application.answers.0),
    );
    let mut content = json!({
        "reference": application.reference,
        "call": call.slug,
        "answers": answers,
        "project": frozen_project(application, project, open),
    });
    if let (Some(form), Some(fields)) = (form, content.as_object_mut()) {
        let form = json!({ "id": form.id, "number": form.number });
        fields.insert("form".into(), form);
    }
    content
}

fn frozen_project(
    application: &Application,
    project: &Project,
    open: Option<&BTreeSet<String>>,
) -> Value {
    let now = json!({
        "reference": project.reference, "title": project.title, "summary": project.summary,
        "sector": project.sector, "country": project.country, "postal_code": project.postal_code,
        "region": project.region, "enterprise_number": project.enterprise_number, "website": project.website,
        "language": project.language,
    });
    let before = application
        .frozen
        .as_ref()
        .and_then(|frozen| frozen.0.get("project"));
    let (Some(open), Some(Value::Object(mut kept))) = (open, before.cloned()) else {
        return now;
    };
    for (name, value) in now.as_object().into_iter().flatten() {
        // The region follows from the postal code.
        let asked = if name == "region" {
            "postal_code"
        } else {
            name
        };
        if open.contains(&format!("/project/{asked}")) {
            kept.insert(name.clone(), value.clone());
        }
    }
    Value::Object(kept)
}

/// Lays changes over answers: a value replaces, null removes (RFC 7396, on the first level).
#[must_use]
pub fn merge(answers: &Value, changes: &serde_json::Map<String, Value>) -> Value {
    let mut merged = answers.as_object().cloned().unwrap_or_default();
    for (name, value) in changes {
        if value.is_null() {
            merged.shift_remove(name);
        } else {
            merged.insert(name.clone(), value.clone());
        }
    }
    Value::Object(merged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_follow_submission_and_withdrawal_comes_before() {
        use ApplicationState::*;
        for state in ApplicationState::ALL {
            assert_eq!(
                state.is_decidable(),
                matches!(state, Submitted | Screening | InReview | Waitlisted),
                "{state}"
            );
            assert_eq!(
                state.is_withdrawable(),
                !matches!(state, Accepted | Waitlisted | Declined | Withdrawn),
                "{state}"
            );
        }
    }

    #[test]
    fn answers_change_in_the_hands_that_the_state_says() {
        use ApplicationState::*;
        for state in ApplicationState::ALL {
            let founders = matches!(state, Draft | Returned | Accepted);
            let staff = matches!(state, Draft | Submitted | Screening | InReview | Returned);
            assert_eq!(hand(*state, true, false).is_ok(), founders, "{state}");
            assert_eq!(hand(*state, false, true).is_ok(), staff, "{state}");
            assert!(hand(*state, false, false).is_err(), "{state}");
        }
        assert_eq!(hand(Returned, true, true), Ok(Hand::Founders));
        assert_eq!(hand(Submitted, true, true), Ok(Hand::Staff));
    }

    #[test]
    fn answers_are_patched_field_by_field() {
        let changes = json!({"b": 2, "a": null});
        let merged = merge(&json!({"a": 1, "c": 3}), changes.as_object().unwrap());
        assert_eq!(merged, json!({"c": 3, "b": 2}));
    }
}
