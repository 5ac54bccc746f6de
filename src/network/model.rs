//! The words of the network, and the Belgian rules for postal codes and enterprise numbers.

use chrono::NaiveDate;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::{Caller, Role};
use crate::db::schema::{
    calls, cohort_quotas, cohorts, mandates, organisations, postal_codes, programmes, provinces,
    regions,
};
use crate::db::{Json, Moment};
use crate::lang::{Lang, Names};

crate::ids! {
    OrganisationId,
    /// Who leads what, where.
    MandateId,
    ProgrammeId,
    CohortId,
    CallId,
    /// One row of the postal-code rules.
    RuleId,
}

crate::words! {
    /// The four pillars, in this order.
    pub enum Pillar {
        CreateLearn = "create_learn",
        Test = "test",
        Grow = "grow",
        Scale = "scale",
    }
}

impl Pillar {
    #[must_use]
    pub fn next(self) -> Option<Self> {
        Self::ALL.iter().copied().find(|pillar| *pillar > self)
    }

    /// The pillars left and skipped on the way to a later one.
    #[must_use]
    pub fn up_to(self, later: Self) -> Vec<Self> {
        Self::ALL
            .iter()
            .copied()
            .filter(|pillar| *pillar >= self && *pillar < later)
            .collect()
    }
}

crate::words! {
    /// What a project works in.
    pub enum Sector {
        DigitalHealth = "digital_health",
        Medtech = "medtech",
        Biotech = "biotech",
        Pharma = "pharma",
        Other = "other",
    }
}

crate::words! {
    /// What kind of body an organisation is.
    pub enum OrganisationKind {
        Partner = "partner",
        Institution = "institution",
        Agency = "agency",
        City = "city",
        University = "university",
        Incubator = "incubator",
        Investor = "investor",
        Company = "company",
    }
}

crate::words! {
    pub enum Responsibility {
        Lead = "lead",
        Support = "support",
    }
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = regions)]
pub struct Region {
    pub code: String,
    pub iso: String,
    pub names: Json,
    pub languages: Json,
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = provinces)]
pub struct Province {
    pub iso: String,
    pub region: String,
    pub nuts2: String,
    pub names: Json,
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = organisations)]
pub struct Organisation {
    pub id: OrganisationId,
    pub slug: String,
    pub name: String,
    pub kind: OrganisationKind,
    pub region: Option<String>,
    pub website: Option<String>,
    pub roles: Json,
    pub valid_from: NaiveDate,
    pub valid_to: Option<NaiveDate>,
    pub succeeded_by: Option<OrganisationId>,
    pub version: i64,
    pub created_at: Moment,
    pub updated_at: Moment,
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = mandates)]
pub struct Mandate {
    pub id: MandateId,
    pub organisation_id: OrganisationId,
    pub pillar: Pillar,
    pub region: String,
    pub responsibility: Responsibility,
    pub valid_from: NaiveDate,
    pub valid_to: Option<NaiveDate>,
    pub created_at: Moment,
    pub updated_at: Moment,
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = programmes)]
pub struct ProgrammeRow {
    pub id: ProgrammeId,
    pub slug: String,
    pub names: Json,
    pub summary: Json,
    pub organisation_id: Option<OrganisationId>,
    pub regions: Json,
    pub languages: Json,
    pub sectors: Json,
    pub excluded_sectors: Json,
    pub pillars: Json,
    pub version: i64,
    pub created_at: Moment,
    pub updated_at: Moment,
}

/// Something that projects can be admitted to.
#[derive(Debug, Clone)]
pub struct Programme {
    pub id: ProgrammeId,
    pub slug: String,
    pub names: Names,
    pub summary: Names,
    pub organisation_id: Option<OrganisationId>,
    pub regions: Vec<String>,
    pub languages: Vec<Lang>,
    pub sectors: Vec<Sector>,
    pub excluded_sectors: Vec<Sector>,
    pub pillars: Vec<PillarPlan>,
    pub version: i64,
    pub created_at: Moment,
    pub updated_at: Moment,
}

impl Programme {
    /// What the programme plans for a pillar.
    #[must_use]
    pub fn plan(&self, pillar: Pillar) -> Option<&PillarPlan> {
        self.pillars.iter().find(|plan| plan.pillar == pillar)
    }
}

impl TryFrom<ProgrammeRow> for Programme {
    type Error = serde_json::Error;

    fn try_from(row: ProgrammeRow) -> Result<Self, Self::Error> {
        Ok(Self {
            id: row.id,
            slug: row.slug,
            names: serde_json::from_value(row.names.0)?,
            summary: serde_json::from_value(row.summary.0)?,
            organisation_id: row.organisation_id,
            regions: serde_json::from_value(row.regions.0)?,
            languages: serde_json::from_value(row.languages.0)?,
            sectors: serde_json::from_value(row.sectors.0)?,
            excluded_sectors: serde_json::from_value(row.excluded_sectors.0)?,
            pillars: serde_json::from_value(row.pillars.0)?,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// What a programme plans for one pillar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PillarPlan {
    pub pillar: Pillar,
    /// How many days a project should need.
    pub target_days: i32,
    /// What must be true to leave the pillar.
    #[serde(default)]
    pub requirements: Gate,
    /// What is laid out when a project enters the pillar.
    #[serde(default)]
    pub milestones: Vec<MilestoneTemplate>,
}

/// What must be true to leave a pillar.
pub type Gate = Vec<Requirement>;

/// One requirement of a gate, as data of the programme.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Requirement {
    /// Every required milestone of the stay is done.
    MilestonesDone,
    /// Coaches have written so many updates in this pillar.
    CoachUpdates { at_least: i64 },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MilestoneTemplate {
    pub key: String,
    pub titles: Names,
    /// Days after the stay begins.
    pub due_days: i64,
    pub required: bool,
}

/// The group admitted together.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = cohorts)]
pub struct Cohort {
    pub id: CohortId,
    pub slug: String,
    pub programme_id: ProgrammeId,
    pub names: Json,
    pub starts_on: NaiveDate,
    pub ends_on: NaiveDate,
    pub capacity: i32,
    pub version: i64,
    pub created_at: Moment,
    pub updated_at: Moment,
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = cohort_quotas)]
pub struct Quota {
    pub region: String,
    pub places: i32,
}

/// One intake window of a programme.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = calls)]
pub struct Call {
    pub id: CallId,
    pub slug: String,
    pub programme_id: ProgrammeId,
    pub cohort_id: Option<CohortId>,
    pub names: Json,
    pub opens_at: Moment,
    pub closes_at: Moment,
    pub version: i64,
    pub created_at: Moment,
    pub updated_at: Moment,
}

/// Whether the caller sets up the call: its form, rubric, places. Its network's, programme's and cohort's coordinators do.
#[must_use]
pub fn may_run(caller: &Caller, call: &Call) -> bool {
    caller.everywhere(Role::Coordinator)
        || caller
            .programmes(Role::Coordinator)
            .contains(&call.programme_id.0)
        || call
            .cohort_id
            .is_some_and(|cohort| caller.cohorts(Role::Coordinator).contains(&cohort.0))
}

/// Names out of a column.
#[must_use]
pub fn names(json: &Json) -> Names {
    serde_json::from_value(json.0.clone()).unwrap_or_else(|_| Names::same(""))
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = postal_codes)]
pub struct PostalRule {
    pub low: String,
    pub high: String,
    pub region: String,
    pub province: String,
    pub languages: Json,
    pub is_exception: bool,
    pub valid_from: Option<NaiveDate>,
    pub valid_to: Option<NaiveDate>,
}

/// Where a postal code lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Place {
    pub region: String,
    pub province: String,
    /// The official languages there; where it is one, it is the default.
    pub languages: Vec<Lang>,
}

/// Picks the rule for a code on a day: an exception that holds wins over the block around it.
#[must_use]
pub fn place(rules: &[PostalRule], code: &str, on: NaiveDate) -> Option<Place> {
    let holds = |rule: &&PostalRule| {
        rule.low.as_str() <= code
            && code <= rule.high.as_str()
            && rule.low.len() == code.len()
            && rule.valid_from.is_none_or(|from| from <= on)
            && rule.valid_to.is_none_or(|to| on < to)
    };
    let rule = rules
        .iter()
        .filter(holds)
        .max_by_key(|rule| rule.is_exception)?;
    Some(Place {
        region: rule.region.clone(),
        province: rule.province.clone(),
        languages: serde_json::from_value(rule.languages.0.clone()).unwrap_or_default(),
    })
}

/// Brings a Belgian enterprise number into its ten digits and checks it: the first digit is 0 or 1, and the last two
/// are 97 minus the remainder of the first eight by 97.
#[must_use]
pub fn enterprise_number(text: &str) -> Option<String> {
    let upper = text.trim().to_uppercase();
    let bare = upper
        .strip_prefix("BE")
        .unwrap_or(&upper)
        .replace("(0)", "0");
    if bare
        .chars()
        .any(|c| !c.is_ascii_digit() && !matches!(c, ' ' | '.' | '-' | '/'))
    {
        return None;
    }
    let mut digits: String = bare.chars().filter(char::is_ascii_digit).collect();
    if digits.len() == 9 {
        digits.insert(0, '0');
    }
    if digits.len() != 10 || !digits.starts_with(['0', '1']) {
        return None;
    }
    let (number, check) = digits.split_at(8);
    let (number, check): (u64, u64) = (number.parse().ok()?, check.parse().ok()?);
    (number != 0 && check == 97 - number % 97).then_some(digits)
}

crate::refusals! {
    pub enum Refusal {
        /// Another row has this slug.
        SlugTaken = "slug-taken",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_test_vectors_of_enterprise_numbers() {
        for (input, valid) in [
            ("0428759497", true),
            ("BE 428759497", true),
            ("BE0428.759.497", true),
            ("(0)428.759.497", true),
            ("0440966354", true),
            ("1000000021", true),
            ("2428759442", false),
            ("0400008697", true),
            ("0400008600", false),
            ("0431150351", false),
            ("0000000097", false),
            ("", false),
            ("abc0428759497", false),
            ("04287594970", false),
        ] {
            assert_eq!(enterprise_number(input).is_some(), valid, "{input}");
        }
        assert_eq!(
            enterprise_number("BE 428.759.497").as_deref(),
            Some("0428759497")
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_may_come_as_an_enterprise_number(text in ".*") {
            if let Some(digits) = enterprise_number(&text) {
                assert_eq!(digits.len(), 10);
                assert_eq!(enterprise_number(&digits), Some(digits));
            }
        }

        #[test]
        fn every_number_has_exactly_one_check(number in 1_u64..20_000_000) {
            let valid: Vec<u64> = (0..100).filter(|check| enterprise_number(&format!("{number:08}{check:02}")).is_some()).collect();
            assert_eq!(valid, [97 - number % 97]);
        }
    }

    #[test]
    fn pillars_follow_each_other() {
        assert_eq!(Pillar::CreateLearn.next(), Some(Pillar::Test));
        assert_eq!(Pillar::Scale.next(), None);
        assert_eq!(
            Pillar::CreateLearn.up_to(Pillar::Grow),
            [Pillar::CreateLearn, Pillar::Test]
        );
        assert!(Pillar::Grow.up_to(Pillar::Test).is_empty());
    }
}
