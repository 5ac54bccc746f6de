//! People: sign-up with proof of the mailbox, passwords, and what each is granted.

mod actions;
mod model;
mod routes;
mod store;

pub use actions::{
    create_verified, forgot_password, give, recipient, set_password, use_reset_code,
};
pub use model::{
    Account, CodeId, GrantId, NewAccount, Purpose, Refusal, columns, normalise, scope,
};
pub use store::{
    find, find_by_email, forget_old, grants_at, named, people_of_organisation, people_of_project,
    people_with_role,
};

use crate::app::Slice;

pub const SLICE: Slice = Slice {
    name: "accounts",
    routes: routes::register,
    jobs: &[],
    codes: model::Refusal::CODES,
};
