//! Start-up projects: one identity for life, before and after there is a company, and who works for them.

mod actions;
mod model;
mod routes;
mod store;

pub use actions::{create, hand_to_region, keep_course};
pub use model::{
    ApplicantKind, Assignment, AssignmentId, AssignmentKind, AssignmentRole, Confidence, Course,
    NewAssignment, NewProject, Project, ProjectId, State, StayId, at_risk, may_manage,
    may_represent, plain_title, reference, web_domain,
};
pub use store::{
    Filter, RISK, SHARED_HOSTS, add_assignment, assignment, assignments, close_assignment,
    count_open_of, find, insert_with_reference, keep_budget, list, lock, matching, may_be_one, one,
    one_inside, open_assignments, search, visible, working_at,
};

use crate::app::Slice;

pub const SLICE: Slice = Slice {
    name: "projects",
    routes: routes::register,
    jobs: &[],
    codes: &[],
};
