//! Start-up projects: one identity for life, before and after there is a company, and who works for them.

mod actions;
mod model;
mod routes;
mod store;

pub use actions::{create, hand_to_region, keep_course};
pub use model::{
    ApplicantKind, Assignment, AssignmentId, AssignmentKind, AssignmentRole, Confidence, Conflict,
    ConflictId, ConflictSource, Course, NewAssignment, NewConflict, NewProject, Project, ProjectId,
    State, StayId, at_risk, may_manage, may_represent, plain_title, reference, web_domain,
};
pub use store::{
    Filter, RISK, SHARED_HOSTS, add_assignment, add_conflict, all_conflicts, assignment,
    assignments, close_assignment, conflict, conflicts, count_open_of, end_conflict, find,
    free_of_conflict, in_conflict, insert_with_reference, keep_budget, list, lock, matching,
    may_be_one, one, one_inside, open_assignments, search, visible, working_at,
};

use crate::app::Slice;

pub const SLICE: Slice = Slice {
    name: "projects",
    routes: routes::register,
    jobs: &[],
    codes: &[],
};
