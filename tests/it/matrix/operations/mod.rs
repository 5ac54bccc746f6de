//! The table: a row for each operation of the OpenAPI document.

mod accounts;
mod coaching;
mod decisions;
mod documents;
pub mod forms;
mod gateway;
pub mod network;
mod projects;
mod reviews;

use super::cases::Row;
use super::world::Stage;

pub fn rows(stage: &Stage) -> Vec<Row> {
    let mut rows = accounts::rows(stage);
    rows.extend(network::rows(stage));
    rows.extend(projects::rows(stage));
    rows.extend(coaching::rows(stage));
    rows.extend(documents::rows(stage));
    rows.extend(reviews::rows(stage));
    rows.extend(forms::rows(stage));
    rows.extend(gateway::rows(stage));
    rows.extend(decisions::rows(stage));
    rows
}
