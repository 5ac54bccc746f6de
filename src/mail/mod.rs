//! Mail: rows in an outbox, rendered in the reader's language when they leave, sent by SMTP or put in a folder.

pub mod mailer;
pub mod outbox;
pub mod render;
mod smtp;

pub use mailer::Mailer;
pub use outbox::{MailId, Order, queue};

use crate::lang::Lang;

/// Where a person's mail goes.
#[derive(Debug, Clone)]
pub struct Recipient {
    pub address: String,
    pub name: String,
    pub language: Lang,
}
