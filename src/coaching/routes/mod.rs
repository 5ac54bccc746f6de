//! Coaching over HTTP: assignments, updates and coaching sessions.

mod assignments;
mod sessions;
mod updates;

use serde::Deserialize;
use utoipa::IntoParams;

use crate::db::Moment;
use crate::http::Routes;
use crate::http::page::{Format, Paging};

pub fn register(routes: &mut Routes) {
    assignments::register(routes);
    sessions::register(routes);
    updates::register(routes);
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListOfProject {
    #[param(inline)]
    updated_since: Option<Moment>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    cursor: Option<String>,
    /// The time of the beginning, with - for the newest first (the default).
    sort: Option<String>,
    #[param(inline)]
    format: Option<Format>,
}

impl ListOfProject {
    fn split(self) -> (Paging, Option<Moment>) {
        let Self {
            updated_since,
            limit,
            cursor,
            sort,
            format,
        } = self;
        let paging = Paging {
            limit,
            cursor,
            sort,
            format,
        };
        (paging, updated_since)
    }
}
