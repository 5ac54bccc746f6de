//! A call's rules, and every reason why a project can't answer it.

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::auth::AccountId;
use crate::db::schema::{eligibility_overrides, late_entry_codes};
use crate::db::{Json, Moment};
use crate::error::FieldError;
use crate::lang::Lang;
use crate::network::{Call, CallId, Pillar, Programme, Sector, enterprise_number};
use crate::projects::{Project, ProjectId, State};

crate::ids! {
    OverrideId,
    LateEntryId,
    /// An application, as it is known to a slice that stands before it.
    AppliedId,
}

crate::words! {
    /// A rule that a coordinator can waive for one application, where the call says so.
    pub enum WaivableRule {
        Sector = "sector-out-of-scope",
        Region = "region-not-served",
        Stage = "stage-not-served",
        Language = "language-not-offered",
        Team = "team-too-small",
        Company = "enterprise-number-needed",
        Capacity = "capacity",
    }
}

/// What a call asks of those who answer it. What is null is as the programme says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EligibilityRules {
    /// Sectors that may apply; null: all but the excluded ones.
    #[schema(min_items = 1, max_items = 20)]
    pub sectors: Option<Vec<Sector>>,
    #[schema(max_items = 20)]
    pub excluded_sectors: Option<Vec<Sector>>,
    /// Regions by their code.
    #[schema(min_items = 1, max_items = 50)]
    pub regions: Option<Vec<String>>,
    /// For projects that take part already and are in one of these pillars; null: for those that don't.
    #[schema(min_items = 1, max_items = 4)]
    pub pillars: Option<Vec<Pillar>>,
    /// Languages to write to the project in; null: any.
    #[schema(min_items = 1, max_items = 4)]
    pub languages: Option<Vec<Lang>>,
    /// How many people the team must have.
    #[schema(minimum = 0, maximum = 50)]
    pub team_at_least: i64,
    /// Whether there must be a company, with its enterprise number.
    pub company_needed: bool,
    /// Whether codes may let applications in after the close.
    pub late_entry: bool,
    /// Whether a full cohort keeps applications out. It is told in any case.
    pub full_cohort_blocks: bool,
    /// The rules that a coordinator may waive for one application.
    #[schema(max_items = 20)]
    pub overridable: Vec<WaivableRule>,
}
crate::document!(EligibilityRules);

impl Default for EligibilityRules {
    /// A call without rules of its own: the programme's scope, and coordinators may let a sector in.
    fn default() -> Self {
        Self {
            sectors: None,
            excluded_sectors: None,
            regions: None,
            pillars: None,
            languages: None,
            team_at_least: 0,
            company_needed: false,
            late_entry: true,
            full_cohort_blocks: false,
            overridable: vec![WaivableRule::Sector],
        }
    }
}

/// The rules of a call and how often they were set; version 0 where nobody has set any.
#[derive(Debug, Clone)]
pub struct Settings {
    pub rules: EligibilityRules,
    pub version: i64,
}

impl Settings {
    #[must_use]
    pub fn understood(found: Option<(Json, i64)>) -> Self {
        let (json, version) = found.unwrap_or((Json(serde_json::Value::Null), 0));
        let rules = serde_json::from_value(json.0).unwrap_or_default();
        Self { rules, version }
    }
}

/// A rule that a coordinator has waived for one application.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = eligibility_overrides)]
pub struct Override {
    pub rule: WaivableRule,
    pub reason: String,
    pub made_by: AccountId,
}

/// What lets one application in after the close.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = late_entry_codes)]
pub struct LateEntry {
    pub id: LateEntryId,
    pub call_id: CallId,
    pub project_id: Option<ProjectId>,
    pub reason: String,
    pub made_by: AccountId,
    pub expires_at: Moment,
    pub used_at: Option<Moment>,
    pub created_at: Moment,
}

impl LateEntry {
    /// Whether the code lets this project in now.
    #[must_use]
    pub fn is_good_for(&self, call: CallId, project: ProjectId, now: Moment) -> bool {
        let is_theirs = self.project_id.is_none_or(|bound| bound == project);
        self.used_at.is_none() && self.call_id == call && is_theirs && now < self.expires_at
    }
}

/// Who wants in: a project, by its application where it has one to this call.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    pub project: &'a Project,
    pub application: Option<Uuid>,
    /// Why the sector was waived, for applications from before overrides had rows of their own.
    pub waived: Option<&'a str>,
    /// Who was in time once is in time with what was asked for later.
    pub submitted_at: Option<Moment>,
}

/// Who answers for it that a reason does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overridden {
    pub by: Option<AccountId>,
    pub reason: String,
}

/// One reason against an application.
#[derive(Debug, Clone)]
pub struct Reason {
    pub told: FieldError,
    /// Whether a coordinator may waive it.
    pub overridable: bool,
    /// False where it is only told.
    pub blocks: bool,
    pub overridden: Option<Overridden>,
}

impl Reason {
    /// Whether it keeps the application out.
    #[must_use]
    pub fn stands(&self) -> bool {
        self.blocks && self.overridden.is_none()
    }
}

/// How the call's cohort stands.
#[derive(Debug, Clone, Copy, Default)]
pub struct Room {
    /// The places of the cohort, or of the project's region in it, if they are all taken.
    pub full: Option<i64>,
}

/// Everything that the judgement rests on.
pub struct Facts<'a> {
    pub project: &'a Project,
    pub call: &'a Call,
    pub programme: &'a Programme,
    pub rules: &'a EligibilityRules,
    pub team: usize,
    pub room: Room,
    pub overridden: Vec<(WaivableRule, Overridden)>,
    pub late: Option<LateEntry>,
    pub now: Moment,
}

impl Facts<'_> {
    /// Every reason at once; the order is fixed.
    #[must_use]
    pub fn reasons(&self) -> Vec<Reason> {
        let groups = [self.timing(), self.scope(), self.standing(), self.means()];
        groups.into_iter().flatten().collect()
    }

    fn timing(&self) -> Vec<Reason> {
        let (call, now) = (self.call, self.now);
        let mut found = Vec::new();
        if now < call.opens_at {
            let told = FieldError::new("/call_id", "call-not-open-yet");
            found.push(plain(told.with("opens_at", call.opens_at)));
        }
        if now >= call.closes_at {
            let told = FieldError::new("/call_id", "call-closed");
            let mut reason = plain(told.with("closes_at", call.closes_at));
            let late = self.late.as_ref().filter(|late| now < late.expires_at);
            reason.overridden = late
                .filter(|_| self.rules.late_entry)
                .map(|late| Overridden {
                    by: Some(late.made_by),
                    reason: late.reason.clone(),
                });
            found.push(reason);
        }
        found
    }

    /// Sector, region and language.
    fn scope(&self) -> Vec<Reason> {
        let (project, rules) = (self.project, self.rules);
        let mut found = Vec::new();
        let excluded = rules.excluded_sectors.as_ref();
        let excluded = excluded.unwrap_or(&self.programme.excluded_sectors);
        let listed = rules.sectors.as_ref();
        let sector = &project.sector;
        if excluded.contains(sector) || listed.is_some_and(|all| !all.contains(sector)) {
            let told = FieldError::new("/project/sector", "sector-out-of-scope");
            found.push(self.waivable(WaivableRule::Sector, told.with("sector", sector)));
        }
        let served = rules.regions.as_ref().unwrap_or(&self.programme.regions);
        match &project.region {
            None => found.push(plain(FieldError::new(
                "/project/postal_code",
                "region-unknown",
            ))),
            Some(region) if !served.contains(region) => {
                let told = FieldError::new("/project/postal_code", "region-not-served");
                found.push(self.waivable(WaivableRule::Region, told.with("region", region)));
            }
            Some(_) => {}
        }
        let spoken = rules.languages.as_ref();
        if spoken.is_some_and(|all| !all.contains(&project.language)) {
            let told = FieldError::new("/project/language", "language-not-offered");
            found.push(self.waivable(
                WaivableRule::Language,
                told.with("language", project.language),
            ));
        }
        found
    }

    /// Where the project stands in its own journey.
    fn standing(&self) -> Vec<Reason> {
        let takes_part = matches!(self.project.state, State::Active | State::OnHold);
        match &self.rules.pillars {
            None if takes_part => vec![plain(FieldError::new(
                "/project_id",
                "project-not-prospect",
            ))],
            Some(pillars)
                if !self
                    .project
                    .pillar
                    .is_some_and(|own| pillars.contains(&own)) =>
            {
                let told = FieldError::new("/project/pillar", "stage-not-served");
                let words: Vec<&str> = pillars.iter().map(|pillar| pillar.as_str()).collect();
                vec![self.waivable(WaivableRule::Stage, told.with("pillars", words.join(", ")))]
            }
            _ => Vec::new(),
        }
    }

    /// Team, company and room.
    fn means(&self) -> Vec<Reason> {
        let mut found = Vec::new();
        let needed = usize::try_from(self.rules.team_at_least).unwrap_or(0);
        if self.team < needed {
            let told = FieldError::new("/project/team", "team-too-small");
            found.push(self.waivable(WaivableRule::Team, told.with("min", needed)));
        }
        match self.project.enterprise_number.as_deref() {
            None if self.rules.company_needed => {
                let told =
                    FieldError::new("/project/enterprise_number", "enterprise-number-needed");
                found.push(self.waivable(WaivableRule::Company, told));
            }
            Some(number) if self.project.country == "BE" && enterprise_number(number).is_none() => {
                let told =
                    FieldError::new("/project/enterprise_number", "enterprise-number-invalid");
                found.push(plain(told));
            }
            _ => {}
        }
        if let Some(places) = self.room.full {
            let told = FieldError::new("/call_id", "capacity").with("places", places);
            let mut reason = self.waivable(WaivableRule::Capacity, told);
            reason.blocks = self.rules.full_cohort_blocks;
            found.push(reason);
        }
        found
    }

    fn waivable(&self, rule: WaivableRule, told: FieldError) -> Reason {
        let waived = self.overridden.iter().find(|(known, _)| *known == rule);
        Reason {
            overridable: self.rules.overridable.contains(&rule),
            overridden: waived.map(|(_, overridden)| overridden.clone()),
            ..plain(told)
        }
    }
}

/// A reason that keeps an application out whatever anybody says.
#[must_use]
pub fn plain(told: FieldError) -> Reason {
    Reason {
        told,
        overridable: false,
        blocks: true,
        overridden: None,
    }
}

crate::refusals! {
    pub enum Refusal {
        /// The call does not let anybody waive this rule.
        NotOverridable = "rule-not-overridable",
        /// The call takes nothing after its close.
        NoLateEntry = "no-late-entry",
        /// The code is wrong, used, too old, or for another call or project.
        CodeNotValid = "late-entry-code-not-valid",
    }
}
