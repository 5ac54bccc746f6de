//! What an application is, when it may be submitted, and when it may be decided.

use diesel::prelude::*;
use serde_json::{Value, json};

use crate::auth::AccountId;
use crate::db::schema::applications;
use crate::db::{Json, Moment};
use crate::error::FieldError;
use crate::network::{Call, CallId, CohortId, Pillar, Programme};
use crate::projects::{Project, ProjectId, State};

crate::ids! {
    /// One project answering one call.
    ApplicationId,
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
}

crate::refusals! {
    pub enum Refusal {
        /// The project has answered this call already.
        AlreadyApplied = "already-applied",
        /// Only drafts can be changed and submitted.
        ApplicationClosed = "application-closed",
        /// Only what was submitted can be decided.
        NotSubmitted = "not-submitted",
        /// No decision is out.
        NotDecided = "not-decided",
        /// The decision is out.
        NotWithdrawable = "not-withdrawable",
        /// The call's rules leave it out; `errors` has every reason.
        NotEligible = "not-eligible",
    }
}

/// Every reason why the application can't be submitted now; empty where it can.
#[must_use]
pub fn reasons_against(
    application: &Application,
    project: &Project,
    call: &Call,
    programme: &Programme,
    now: Moment,
) -> Vec<FieldError> {
    let mut reasons = Vec::new();
    if now < call.opens_at {
        reasons
            .push(FieldError::new("/call_id", "call-not-open-yet").with("opens_at", call.opens_at));
    }
    if now >= call.closes_at {
        reasons.push(FieldError::new("/call_id", "call-closed").with("closes_at", call.closes_at));
    }
    if programme.excluded_sectors.contains(&project.sector) && application.override_reason.is_none()
    {
        reasons.push(
            FieldError::new("/project/sector", "sector-out-of-scope")
                .with("sector", project.sector),
        );
    }
    match &project.region {
        None => reasons.push(FieldError::new("/project/postal_code", "region-unknown")),
        Some(region) if !programme.regions.contains(region) => {
            reasons.push(
                FieldError::new("/project/postal_code", "region-not-served").with("region", region),
            );
        }
        Some(_) => {}
    }
    if matches!(project.state, State::Active | State::OnHold) {
        reasons.push(FieldError::new("/project_id", "project-not-prospect"));
    }
    reasons
}

/// What submission freezes: the answers and the project as it stands.
#[must_use]
pub fn content(application: &Application, project: &Project, call: &Call) -> Value {
    json!({
        "reference": application.reference,
        "call": call.slug,
        "answers": application.answers.0,
        "project": {
            "reference": project.reference, "title": project.title, "summary": project.summary,
            "sector": project.sector, "country": project.country, "postal_code": project.postal_code,
            "region": project.region, "enterprise_number": project.enterprise_number, "website": project.website,
            "language": project.language,
        },
    })
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
    fn answers_are_patched_field_by_field() {
        let changes = json!({"b": 2, "a": null});
        let merged = merge(&json!({"a": 1, "c": 3}), changes.as_object().unwrap());
        assert_eq!(merged, json!({"c": 3, "b": 2}));
    }
}
