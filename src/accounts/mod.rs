//! People: sign-up with proof of the mailbox, passwords, and what each is granted.

mod actions;
mod model;
mod routes;
mod store;
mod strangers;

pub use actions::{
    begin, create_invited, create_verified, give, owner_of_reset_code, recipient, set_password,
    take_back, use_reset_code,
};
pub use model::{
    Account, CodeId, GrantId, GrantRow, NewAccount, Purpose, Refusal, columns, normalise, scope,
};
pub use store::{
    find, find_by_email, forget_old, grants_at, named, one, organisations_of_teams,
    people_of_organisation, people_of_project, people_with_role, projects_of, renew_hash,
    team_grants,
};
pub use strangers::ask_for_password;

use crate::app::Slice;

pub const SLICE: Slice = Slice {
    name: "accounts",
    routes: routes::register,
    jobs: strangers::JOBS,
    codes: model::Refusal::CODES,
};
