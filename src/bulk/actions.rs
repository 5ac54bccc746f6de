//! Runs a command for each application of a list, each in a savepoint of its own: one refusal stops none of the others.

use crate::app::Tx;
use crate::applications::{self, ApplicationId, Decision, Return, Screen};
use crate::auth::AccountId;
use crate::db::dialect;
use crate::decisions::{self, Verdict};
use crate::error::{Error, Refused, Result};
use crate::events::{self, Attempt};
use crate::http::Seen;
use crate::reviews;

/// What is done to each application.
#[derive(Debug, Clone)]
pub enum Deed {
    Screen(Screen),
    Return(Return),
    Assign(AccountId),
    Tag(Vec<String>),
    Stage(Verdict),
    Unstage,
    Release,
    Decide(Decision),
    Reverse(String),
}

/// An application, and the version of what the command changes.
#[derive(Debug, Clone)]
pub struct Item {
    pub id: ApplicationId,
    pub seen: Seen,
}

/// What became of one application: the version of what was changed, where there is still something.
pub type Done = std::result::Result<Option<i64>, Box<Refused>>;

/// Does it to all of them. A dry run does the same and takes all of it back.
///
/// # Errors
/// The database's; then nothing was done.
pub fn run(tx: &mut Tx<'_>, deed: &Deed, items: &[Item], dry_run: bool) -> Result<Vec<Done>> {
    if !dry_run {
        return each(tx, deed, items);
    }
    let (app, now, caller, request_id) = (tx.app, tx.now, tx.caller, tx.request_id);
    dialect::rehearse(tx.conn, |conn| {
        let tx = &mut Tx {
            conn,
            app,
            now,
            caller,
            request_id,
        };
        each(tx, deed, items)
    })
}

fn each(tx: &mut Tx<'_>, deed: &Deed, items: &[Item]) -> Result<Vec<Done>> {
    let (app, now, caller, request_id) = (tx.app, tx.now, tx.caller, tx.request_id);
    let mut results = Vec::with_capacity(items.len());
    for item in items {
        let done = dialect::savepoint(tx.conn, |conn| {
            let tx = &mut Tx {
                conn,
                app,
                now,
                caller,
                request_id,
            };
            one(tx, deed, item)
        });
        results.push(match done {
            Ok(version) => Ok(version),
            Err(Error::Refused(refused)) if !is_passing(refused.code) => {
                let path = format!("/{}", item.id);
                let attempt = Attempt::new("POST", "/v1/bulk/applications", &path);
                events::refuse(tx, &attempt, refused.code)?;
                Err(refused)
            }
            Err(error) => return Err(error),
        });
    }
    Ok(results)
}

/// Says nothing about the item: the whole may be tried again.
fn is_passing(code: &str) -> bool {
    matches!(code, "busy" | "database-unavailable")
}

fn one(tx: &mut Tx<'_>, deed: &Deed, item: &Item) -> Result<Option<i64>> {
    let (id, seen) = (item.id, &item.seen);
    let version = match deed {
        Deed::Screen(step) => applications::screen(tx, id, seen, step)?.version,
        Deed::Return(back) => applications::send_back(tx, id, seen, back)?.version,
        Deed::Assign(account) => reviews::assign(tx, id, *account)?.version,
        Deed::Tag(tags) => {
            applications::tag(tx, id, seen, tags)?;
            return Ok(None);
        }
        Deed::Stage(verdict) => decisions::stage(tx, id, Some(seen), verdict)?.version,
        Deed::Unstage => {
            decisions::unstage(tx, id, seen)?;
            return Ok(None);
        }
        Deed::Release => decisions::release_one(tx, id, seen)?.version,
        Deed::Decide(decision) => decisions::decide(tx, id, seen, decision)?.version,
        Deed::Reverse(reason) => decisions::reverse(tx, id, seen, reason, None)?.version,
    };
    Ok(Some(version))
}
