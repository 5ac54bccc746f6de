//! The integration tests: one binary, one file for each concern, the same suite on SQLite and on PostgreSQL.

mod support;

mod journey;
