//! The conventions of the API (docs/API.md), made once for all slices.

pub mod body;
pub mod catalogue;
pub mod context;
pub mod idempotency;
pub mod kept;
pub mod middleware;
pub mod openapi;
pub mod page;
pub mod pages;
pub mod problem;
pub mod reply;
pub mod routes;
pub mod source;
pub mod stream;
pub mod version;

pub use body::{Query, Valid};
pub use context::Ctx;
pub use page::{Keyset, Page};
pub use reply::Reply;
pub use routes::Routes;
pub use version::Seen;
