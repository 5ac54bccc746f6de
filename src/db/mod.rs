//! The data layer: one connection type over two databases, and the only ways in: `read`, `write`, and `look_up` for rows by key.

pub mod connection;
pub mod dialect;
mod executor;
mod here;
mod line;
pub mod migrate;
mod post;
pub mod schema;
pub mod sql;
mod written;

pub use connection::{AnyConnection as Conn, MultiBackend, MultiRawValue, Place};
pub use executor::{Db, Sizes, Stamp};
pub use sql::{Json, Moment};
pub use written::Written;

/// A query whose filters are put together at run time.
pub type Boxed<'a, Table, Type> =
    diesel::dsl::IntoBoxed<'a, diesel::dsl::Select<Table, Type>, MultiBackend>;
