//! The integration tests: one binary, one file for each concern, the same suite on SQLite and on PostgreSQL.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::assigning_clones,
    clippy::cloned_ref_to_slice_refs,
    reason = "what a test expects and does not find is its failure"
)]

mod support;

mod access;
mod answers;
mod coaching;
mod commands;
mod conventions;
mod dashboards;
mod decisions;
mod delivery;
mod docs;
mod documents;
mod eligibility;
mod faults;
mod forged;
mod forms;
mod gateway;
mod journey;
mod keep;
mod ledger;
mod ledger_chain;
mod machine;
mod mail_tls;
mod matrix;
mod migrations;
mod passwords;
mod reviews;
mod screening;
mod sessions;
mod tables;
mod team;
mod throttle;
mod tidy;
mod uploads;
