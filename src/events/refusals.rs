//! What somebody known asked for and was refused, as an entry on their own chain: whoever lacks a right to a project can
//! write nothing onto the project's.

use chrono::Duration;
use serde_json::json;
use uuid::Uuid;

use super::model::{EventId, Fact};
use super::store;
use crate::app::Tx;
use crate::auth::Actor;
use crate::error::Result;

const ATTEMPT_REFUSED: &str = "attempt.refused";
const SESSION_REFUSED: &str = "session.refused";

/// The kinds that only admins see, and whoever they are about.
pub const REFUSALS: [&str; 2] = [ATTEMPT_REFUSED, SESSION_REFUSED];

/// How many refusals of one caller are written down in a minute, so that nobody can fill the disk by asking.
const MOST_A_MINUTE: i64 = 60;

/// A request that would change something: which operation, on which things.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Method and pattern of the path.
    operation: String,
    /// The ids in the path, in order.
    path_ids: Vec<Uuid>,
}

impl Attempt {
    /// Takes nothing from the path but what is an id: the rest could be any text.
    #[must_use]
    pub fn new(method: &str, pattern: &str, path: &str) -> Self {
        Self {
            operation: format!("{method} {pattern}"),
            path_ids: path
                .split('/')
                .filter_map(|part| part.parse().ok())
                .collect(),
        }
    }
}

/// Writes down that the caller was refused, by which code. Strangers leave no entry: there is nobody to name. The last
/// entry that a minute has room for says so.
///
/// # Errors
/// The database's.
pub fn refuse(tx: &mut Tx<'_>, attempt: &Attempt, code: &str) -> Result<()> {
    let (kind, id) = match tx.caller.actor {
        Actor::Account(id) => ("account", id.0),
        Actor::ApiKey(id) => ("api_key", id.0),
        Actor::Nobody | Actor::System => return Ok(()),
    };
    let since = tx.now.minus(Duration::minutes(1));
    let known = store::count_lately(tx.conn, EventId(id), ATTEMPT_REFUSED, since, MOST_A_MINUTE)?;
    if known >= MOST_A_MINUTE {
        return Ok(());
    }
    let data = json!({
        "operation": attempt.operation, "path_ids": attempt.path_ids, "code": code,
        "last_of_this_minute": known + 1 == MOST_A_MINUTE,
    });
    store::note(tx, Fact::new(ATTEMPT_REFUSED, kind, id).data(data)).map(|_| ())
}

/// Writes down that somebody failed to sign in: to an account, or as an address that has none.
///
/// # Errors
/// The database's.
pub fn refuse_sign_in(tx: &mut Tx<'_>, kind: &'static str, id: Uuid, code: &str) -> Result<()> {
    let fact = Fact::new(SESSION_REFUSED, kind, id);
    store::note(tx, fact.data(json!({ "code": code }))).map(|_| ())
}
