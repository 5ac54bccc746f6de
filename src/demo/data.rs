//! The demo's files: people, the cohort of 2018, its sixteen projects, the forty-two other applications, and the gateway.

use anyhow::Context;
use chrono::NaiveDate;
use serde::Deserialize;

use crate::decisions::ReasonCode;
use crate::eligibility::EligibilityRules;
use crate::forms::Definition;
use crate::journey::{ExitReason, Kind};
use crate::lang::Lang;
use crate::network::files::{
    CallPart, CohortPart, NetworkFile, OrganisationPart, day, optional_day,
};
use crate::network::{Pillar, Sector};
use crate::reviews::Rubric;

const SOURCE: &str = include_str!("../../config/demo/healthtech-2018.toml");
const GATEWAY: &str = include_str!("../../config/demo/gateway-2018.toml");

/// The slug of the cohort that the demo is about.
pub const COHORT: &str = "medtech-accelerator-2018";

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DemoFile {
    pub organisations: Vec<OrganisationPart>,
    pub people: Vec<Person>,
    pub cohorts: Vec<CohortPart>,
    pub calls: Vec<CallPart>,
    pub projects: Vec<Project>,
    pub others: Vec<Other>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "expertise is told to people who read the file")]
pub struct Person {
    pub email: String,
    pub name: String,
    pub language: Lang,
    pub role: crate::auth::Role,
    pub scope: String,
    pub expertise: Option<String>,
    pub languages: Option<Vec<Lang>>,
    pub sectors: Option<Vec<Sector>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "maturity is told to people who read the file")]
pub struct Project {
    pub number: usize,
    pub title: String,
    pub summary: String,
    pub sector: Sector,
    pub postal_code: String,
    pub place: String,
    pub enterprise_number: String,
    pub language: Lang,
    pub founder: String,
    #[serde(deserialize_with = "day")]
    pub created_on: NaiveDate,
    #[serde(deserialize_with = "day")]
    pub submitted_on: NaiveDate,
    pub pillar: Pillar,
    pub coach: String,
    pub expert: Option<String>,
    pub maturity_start: u8,
    pub maturity_end: u8,
    /// On the waiting list, for one that is not accepted at once.
    pub rank: Option<i32>,
    pub override_reason: Option<String>,
    pub returned: Option<Returned>,
    #[serde(default)]
    pub steps: Vec<Step>,
}

/// How an application was sent back once: one answer, which says too little at first.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Returned {
    pub field: String,
    pub first: String,
    /// One of the network's screening reasons.
    pub reason: String,
    pub message: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    #[serde(deserialize_with = "day")]
    pub on: NaiveDate,
    pub kind: Kind,
    pub to: Option<Pillar>,
    pub reason: Option<String>,
    pub reason_code: Option<ExitReason>,
    pub lesson: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Other {
    pub number: usize,
    pub title: String,
    pub summary: String,
    pub sector: Sector,
    pub postal_code: String,
    pub language: Lang,
    pub outcome: Outcome,
    #[serde(default, deserialize_with = "optional_day")]
    pub submitted_on: Option<NaiveDate>,
    #[serde(default, deserialize_with = "optional_day")]
    pub withdrawn_on: Option<NaiveDate>,
    pub reason: Option<String>,
    pub reason_code: Option<ReasonCode>,
    pub rank: Option<i32>,
    /// The pillar of a place that was offered and not confirmed.
    pub offered: Option<Pillar>,
    pub override_reason: Option<String>,
    pub returned: Option<Returned>,
}

/// What the call asks, and how it decides.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    pub days: Days,
    pub places: Places,
    pub rules: EligibilityRules,
    pub form: Definition,
    pub rubric: Rubric,
    pub samples: Samples,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Days {
    #[serde(deserialize_with = "day")]
    pub reviews_planned: NaiveDate,
    #[serde(deserialize_with = "day")]
    pub reviews_begin: NaiveDate,
    #[serde(deserialize_with = "day")]
    pub staged: NaiveDate,
    #[serde(deserialize_with = "day")]
    pub released: NaiveDate,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Places {
    pub confirm_within_days: i32,
    pub reminder_days_before: Vec<i32>,
}

/// Answers and comments to pick from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Samples {
    pub novelty: Vec<String>,
    pub used_in: Vec<Vec<String>>,
    pub test_sites: Vec<String>,
    pub comments: Comments,
}

/// What reviewers write beside each recommendation.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comments {
    pub accept: String,
    pub discuss: String,
    pub decline: String,
}

/// Both files.
#[derive(Debug, Clone)]
pub struct Demo {
    pub file: DemoFile,
    pub gateway: Gateway,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Waitlisted,
    Declined,
    Withdrawn,
    Incomplete,
}

impl DemoFile {
    /// The part that the network's own loader takes.
    #[must_use]
    pub fn network(&self) -> NetworkFile {
        NetworkFile {
            organisations: self.organisations.clone(),
            cohorts: self.cohorts.clone(),
            calls: self.calls.clone(),
            ..NetworkFile::default()
        }
    }
}

/// # Errors
/// When a compiled-in file does not parse, which a test finds.
pub fn read() -> anyhow::Result<Demo> {
    Ok(Demo {
        file: toml::from_str(SOURCE).context("config/demo/healthtech-2018.toml")?,
        gateway: toml::from_str(GATEWAY).context("config/demo/gateway-2018.toml")?,
    })
}

/// The day on which the demo's people get their accounts.
#[must_use]
pub fn founded() -> NaiveDate {
    NaiveDate::from_ymd_opt(2017, 10, 2).unwrap_or_default()
}

/// The day on which the cohort begins.
#[must_use]
pub fn begins() -> NaiveDate {
    NaiveDate::from_ymd_opt(2018, 2, 1).unwrap_or_default()
}

/// The name of one of the other applicants.
#[must_use]
pub fn applicant(number: usize) -> String {
    format!("Applicant {number} (demo)")
}

/// A founder's address.
#[must_use]
pub fn founder(number: usize) -> String {
    if number <= 16 {
        format!("founder.{number:02}@example.org")
    } else {
        format!("applicant.{number:02}@example.org")
    }
}
