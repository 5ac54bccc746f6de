//! The harness: a world of its own for each test, with a real server, a real database and real mail.

pub mod client;
pub mod database;
pub mod mailbox;
pub mod world;

pub use client::Client;
pub use mailbox::{Letter, Sink};
pub use world::{Setup, World};
