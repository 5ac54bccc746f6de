//! The single gateway: what stands against an application, which projects may be one, every initiative that suits, and the
//! way of an application to another call or region.

mod actions;
mod likeness;
mod matches;
mod model;
mod routes;
mod store;

pub use actions::{NewRouting, Target, answer, destination, enter_late, propose};
pub use model::{Answer, Routing, RoutingId, RoutingState};
pub use store::find;

use crate::app::Slice;

pub const SLICE: Slice = Slice {
    name: "gateway",
    routes: routes::register,
    jobs: &[],
    codes: model::Refusal::CODES,
};
