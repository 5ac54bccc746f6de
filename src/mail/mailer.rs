//! Where mail leaves: an SMTP server, or a folder that takes each message as an `.eml` file.

use std::path::PathBuf;

use anyhow::Context;
use lettre::message::header::{self, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart};

use super::Recipient;
use super::render::Rendered;
use super::smtp::Server;
use crate::config::{self, Transport};
use crate::db::Moment;

/// One way out, made once at the start.
pub struct Mailer {
    from: Mailbox,
    way: Way,
}

enum Way {
    Smtp(Box<Server>),
    Folder(PathBuf),
}

/// Why a mail did not leave.
#[derive(Debug)]
pub enum Failure {
    /// The server says that this mail will never be taken.
    Never(String),
    Later(String),
}

impl Mailer {
    /// # Errors
    /// When the settings make no transport, or the folder can't be made.
    pub fn new(settings: &config::Mail) -> anyhow::Result<Self> {
        let from = settings.from.parse().context("mail.from")?;
        let way = match settings.transport {
            Transport::Folder => {
                std::fs::create_dir_all(&settings.folder)
                    .with_context(|| format!("creating {}", settings.folder))?;
                Way::Folder(PathBuf::from(&settings.folder))
            }
            Transport::Smtp => Way::Smtp(Box::new(Server::new(settings)?)),
        };
        Ok(Self { from, way })
    }

    /// Sends one mail. The id is the same at every try, so that a receiver can tell a copy.
    ///
    /// # Errors
    /// Whether it is worth trying again.
    pub async fn send(
        &self,
        to: &Recipient,
        mail: Rendered,
        id: &str,
        at: Moment,
    ) -> Result<(), Failure> {
        let message = self
            .message(to, mail, id, at)
            .map_err(|e| Failure::Never(format!("{e:#}")))?;
        match &self.way {
            Way::Smtp(server) => server.send(message).await,
            Way::Folder(folder) => write(folder, id, &message.formatted())
                .await
                .map_err(|e| Failure::Later(e.to_string())),
        }
    }

    /// Whether the way out is open.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn test(&self) -> Result<(), String> {
        match &self.way {
            Way::Smtp(server) => server.test().await,
            Way::Folder(folder) => {
                let probe = folder.join(".probe");
                tokio::fs::write(&probe, b"")
                    .await
                    .map_err(|e| format!("{}: {e}", folder.display()))?;
                tokio::fs::remove_file(&probe)
                    .await
                    .map_err(|e| e.to_string())
            }
        }
    }

    fn message(
        &self,
        to: &Recipient,
        mail: Rendered,
        id: &str,
        at: Moment,
    ) -> anyhow::Result<Message> {
        let address = to.address.parse().context("the recipient's address")?;
        let host = self.from.email.domain();
        let mut message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(Some(to.name.clone()), address))
            .subject(mail.subject)
            .date(at.utc().into())
            .message_id(Some(format!("<{id}@{host}>")))
            .multipart(MultiPart::alternative_plain_html(mail.text, mail.html))?;
        let headers = message.headers_mut();
        headers.insert_raw(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".into(),
        ));
        headers.insert_raw(HeaderValue::new(
            HeaderName::new_from_ascii_str("Content-Language"),
            to.language.to_string(),
        ));
        debug_assert!(headers.get::<header::MessageId>().is_some());
        Ok(message)
    }
}

/// Writes beside and renames, so that whoever looks into the folder sees whole mails only; a copy replaces itself.
async fn write(folder: &std::path::Path, id: &str, message: &[u8]) -> std::io::Result<()> {
    let beside = folder.join(format!(".{id}"));
    tokio::fs::write(&beside, message).await?;
    tokio::fs::rename(&beside, folder.join(format!("{id}.eml"))).await
}
