//! The integration tests: one binary, one file for each concern, the same suite on SQLite and on PostgreSQL.

mod support;

mod access;
mod commands;
mod conventions;
mod crash;
mod dashboards;
mod delivery;
mod docs;
mod journey;
mod migrations;
mod sessions;
mod tidy;
