//! The harness: a world of its own for each test, with a real server, a real database and real mail.

pub mod client;
pub mod database;
pub mod mailbox;
pub mod program;
pub mod sql;
pub mod world;

pub use client::{Answer, Client};
pub use mailbox::{Letter, Sink};
pub use world::{Setup, World};
