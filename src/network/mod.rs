//! The network as data: regions, postal codes, organisations and their mandates, programmes, cohorts, calls.

mod actions;
pub mod files;
mod model;
mod routes;
mod store;

pub use actions::{load, place_of};
pub use model::{
    Call, CallId, Cohort, CohortId, Gate, Mandate, MilestoneTemplate, Organisation, OrganisationId,
    Pillar, PillarPlan, Place, Programme, ProgrammeId, Requirement, Responsibility, Sector,
    enterprise_number, may_run, names,
};
pub use store::{
    all_programmes, call, call_by_slug, cohort, cohort_by_slug, has_organisation, leads,
    lock_cohort, mandates_on, open_calls, organisation_by_slug, places_of, programme, region_names,
    screening_reasons,
};

use crate::app::Slice;

pub const SLICE: Slice = Slice {
    name: "network",
    routes: routes::register,
    jobs: &[],
    codes: model::Refusal::CODES,
};
