//! Colonnade: application tracking for accelerators. The modules in reading order.

pub mod app;
pub mod config;
pub mod serve;
pub mod telemetry;

pub mod canonical;
pub mod clock;
pub mod error;
pub mod lang;
pub mod schema;
pub mod secret_file;

pub mod db;
pub mod http;

pub mod auth;
pub mod events;
pub mod files;
pub mod jobs;
pub mod mail;
pub mod throttle;

pub mod accounts;
pub mod api_keys;
pub mod applications;
pub mod bulk;
pub mod coaching;
pub mod dashboards;
pub mod decisions;
pub mod documents;
pub mod eligibility;
pub mod forms;
pub mod gateway;
pub mod invitations;
pub mod journey;
pub mod ledger;
pub mod network;
pub mod notifications;
pub mod projects;
pub mod reviews;
pub mod sessions;

pub mod admin;
pub mod check;
pub mod demo;
pub mod keep;
