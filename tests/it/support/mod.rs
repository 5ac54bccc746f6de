//! The harness: a world of its own for each test, with a real server, a real database and real mail.

pub mod client;
pub mod database;
pub mod mailbox;
pub mod program;
pub mod proxy;
pub mod scale;
pub mod sql;
pub mod volume;
pub mod world;

pub use client::{Answer, Client};
pub use mailbox::{Letter, Sink};
pub use scale::{say, scaled};
pub use world::{Setup, World};
