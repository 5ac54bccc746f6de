//! Who reads an application as its reviewer, and what they read of it: nothing here is in scope for anything else.

mod store;

use serde_json::{Value, json};

use super::model::{Application, ApplicationId};
use crate::db::{Conn, Moment};
use crate::error::Result;
use crate::forms;

pub use store::{Reader, add, as_reviewer, assigned, end, mine, set_blind, shown_as, shown_at};

/// An application as somebody sees it: in their own right, or as its reviewer.
pub struct Shown {
    pub application: Application,
    /// Present where the caller sees it as a reviewer only.
    pub reader: Option<Reader>,
    /// What a reviewer reads of the answers.
    pub answers: Value,
}

impl Shown {
    /// Puts together what a reviewer may read.
    ///
    /// # Errors
    /// The database's.
    pub fn to(conn: &mut Conn, application: Application, reader: Option<Reader>) -> Result<Self> {
        let answers = match reader {
            None => Value::Null,
            Some(_) => answers(conn, &application)?,
        };
        Ok(Self {
            application,
            reader,
            answers,
        })
    }

    /// The id and the time of beginning under which the caller knows it.
    #[must_use]
    pub fn known_as(&self) -> (ApplicationId, Moment) {
        match &self.reader {
            Some(reader) if reader.blind => (ApplicationId(reader.id.0), reader.since),
            _ => (self.application.id, self.application.created_at),
        }
    }

    /// When it last changed, as far as the caller may know.
    #[must_use]
    pub fn changed_at(&self) -> Moment {
        match &self.reader {
            Some(reader) if reader.blind => reader.since,
            _ => self.application.updated_at,
        }
    }
}

/// The answers to questions that are meant for reviewers and are no personal data. Without a form none are marked.
fn answers(conn: &mut Conn, application: &Application) -> Result<Value> {
    let Some(form) = application.form_id else {
        return Ok(json!({}));
    };
    Ok(forms::find(conn, form)?.for_reviewers(&application.answers.0))
}
