//! What would be told if decisions went out: the release is rehearsed, everybody is told, and all of it is taken back. So
//! a preview can't differ from what is sent.

use super::actions::fan_out;
use crate::app::Tx;
use crate::applications::ApplicationId;
use crate::auth::AccountId;
use crate::db::dialect;
use crate::decisions::{self, Staged};
use crate::error::{Error, FieldError, Result};
use crate::events;
use crate::lang::Lang;
use crate::mail::outbox;
use crate::network::{self, CallId};

/// A mail that would leave.
#[derive(Debug, Clone)]
pub struct Told {
    pub account: AccountId,
    pub name: String,
    pub language: Lang,
    pub subject: String,
    pub text: String,
}

/// A decision that could go out.
#[derive(Debug, Clone)]
pub struct Prospect {
    pub staged: Staged,
    pub offers_place: bool,
    pub problems: Vec<FieldError>,
    pub mails: Vec<Told>,
}

/// What would happen if a call's staged decisions, or some of them, were released now. Only a part of them is rehearsed
/// at a time. Says whether there are more.
///
/// # Errors
/// `not-found`, and `invalid` for a cursor that is none.
pub fn look(
    tx: &mut Tx<'_>,
    call: CallId,
    wanted: Option<&[ApplicationId]>,
    after: Option<ApplicationId>,
    limit: usize,
) -> Result<(Vec<Prospect>, bool)> {
    let call = network::call(tx.conn, call)?.id;
    let (offers_place, all) = decisions::outlook(tx, call, wanted)?;
    let from = match after {
        None => 0,
        Some(last) => {
            let at = all.iter().position(|(one, _)| one.application_id == last);
            let wrong = || Error::invalid(vec![FieldError::new("/cursor", "wrong-cursor")]);
            at.ok_or_else(wrong)? + 1
        }
    };
    let more = all.len() > from + limit;
    let part = all.into_iter().skip(from).take(limit);
    let prospects = part.map(|(staged, problems)| {
        Ok(Prospect {
            mails: rehearse(tx, &staged)?,
            offers_place,
            problems,
            staged,
        })
    });
    Ok((prospects.collect::<Result<_>>()?, more))
}

/// The mails that one decision would cause; none where a rule stands against it.
fn rehearse(tx: &mut Tx<'_>, staged: &Staged) -> Result<Vec<Told>> {
    let (app, now, caller, request_id) = (tx.app, tx.now, tx.caller, tx.request_id);
    let before = events::last_position(tx.conn)?;
    let told = dialect::rehearse(tx.conn, |conn| {
        let tx = &mut Tx {
            conn,
            app,
            now,
            caller,
            request_id,
        };
        decisions::go_out(tx, staged)?;
        let caused = events::made_by(tx.conn, request_id, before)?;
        for seq in &caused {
            fan_out(tx, *seq)?;
        }
        letters(tx, &caused)
    });
    match told {
        Err(Error::Refused(refused))
            if !matches!(refused.code, "busy" | "database-unavailable") =>
        {
            Ok(Vec::new())
        }
        other => other,
    }
}

fn letters(tx: &mut Tx<'_>, events: &[i64]) -> Result<Vec<Told>> {
    let mut told = Vec::new();
    for mail in outbox::telling_of(tx.conn, events)? {
        let Some(reader) = (tx.app.recipient)(tx.conn, mail.account_id)? else {
            continue;
        };
        let letter = outbox::letter(tx.app, &mail, &reader)?;
        told.push(Told {
            account: mail.account_id,
            name: reader.name,
            language: reader.language,
            subject: letter.subject,
            text: letter.text,
        });
    }
    Ok(told)
}
