//! What a routing is: an application's way to another call or region, and a hint with its text.

use diesel::prelude::*;

use crate::applications::{Application, ApplicationId};
use crate::auth::{AccountId, Caller, Role};
use crate::db::Moment;
use crate::db::schema::routings;
use crate::lang::Names;
use crate::network::{Call, CallId, may_run};

crate::ids! {
    RoutingId,
}

crate::words! {
    /// Where a proposal stands.
    pub enum RoutingState {
        Proposed = "proposed",
        Consented = "consented",
        Refused = "refused",
    }
}

/// A proposal to send an application to another call, or its project to another region.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = routings)]
pub struct Routing {
    pub id: RoutingId,
    pub application_id: ApplicationId,
    pub call_id: Option<CallId>,
    pub region: Option<String>,
    pub reason: String,
    pub state: RoutingState,
    pub proposed_by: AccountId,
    pub answered_by: Option<AccountId>,
    /// The application to the other call.
    pub new_application_id: Option<ApplicationId>,
    pub version: i64,
    pub created_at: Moment,
    pub updated_at: Moment,
}

/// Whether an application is the caller's own business: its team's, its region's coordinators', and those' who run its call.
/// Whoever else sees an application, such as a reviewer, is not told where it comes from by what the gateway says of it.
#[must_use]
pub fn is_theirs(caller: &Caller, application: &Application, call: &Call) -> bool {
    let in_region = |region: &String| caller.regions(Role::Coordinator).contains(region);
    may_run(caller, call)
        || caller.team_role(application.project_id.0).is_some()
        || application.region.as_ref().is_some_and(in_region)
}

/// What the team says to a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Consent,
    Refuse,
}

impl Answer {
    #[must_use]
    pub fn state(self) -> RoutingState {
        match self {
            Self::Consent => RoutingState::Consented,
            Self::Refuse => RoutingState::Refused,
        }
    }

    #[must_use]
    pub fn event(self) -> &'static str {
        match self {
            Self::Consent => "routing.consented",
            Self::Refuse => "routing.refused",
        }
    }
}

/// A reason by code; its text is in the reader's language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    pub code: String,
    /// What it adds to the score.
    pub points: i32,
    pub values: Vec<(&'static str, String)>,
    pub names: Vec<(&'static str, Names)>,
}

impl Hint {
    pub fn new(code: &str, points: i32) -> Self {
        Self {
            code: code.to_owned(),
            points,
            values: Vec::new(),
            names: Vec::new(),
        }
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.values.push((name, value.to_string()));
        self
    }

    #[must_use]
    pub fn named(mut self, name: &'static str, names: Option<&Names>, code: &str) -> Self {
        match names {
            Some(names) => self.names.push((name, names.clone())),
            None => self.values.push((name, code.to_owned())),
        }
        self
    }
}

crate::refusals! {
    pub enum Refusal {
        /// Another proposal waits for its answer.
        RoutingOpen = "routing-open",
        /// The team has said yes or no before.
        RoutingAnswered = "routing-answered",
        /// It is where it is to be sent.
        NothingToRoute = "nothing-to-route",
    }
}
