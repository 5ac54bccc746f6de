//! What strangers can ask for with nothing but an address: an account, or a new password. The request queues the same work
//! for every address; the worker finds out what there is to do. So neither answer nor time tells who has an account.

use std::sync::Arc;

use serde_json::{Value, json};

use super::actions;
use super::model::NewAccount;
use crate::app::{App, Tx};
use crate::auth::Caller;
use crate::error::Result;
use crate::jobs::{self, Job, Outcome, Task};

const SIGN_UP: &str = "sign_up";
const FORGOT_PASSWORD: &str = "forgot_password";

pub const JOBS: &[Job] = &[
    Job {
        kind: SIGN_UP,
        work: |app, task| Box::pin(sign_up(app, task)),
    },
    Job {
        kind: FORGOT_PASSWORD,
        work: |app, task| Box::pin(forgot_password(app, task)),
    },
];

/// Queues a sign-up.
///
/// # Errors
/// The database's.
pub fn ask_for_account(tx: &mut Tx<'_>, new: &NewAccount) -> Result<()> {
    let payload = serde_json::to_value(new).map_err(anyhow::Error::from)?;
    jobs::enqueue(tx, SIGN_UP, payload)
}

/// Queues a mail with a code for a new password.
///
/// # Errors
/// The database's.
pub fn ask_for_password(tx: &mut Tx<'_>, email: &str) -> Result<()> {
    jobs::enqueue(tx, FORGOT_PASSWORD, json!({ "email": email }))
}

async fn sign_up(app: Arc<App>, task: Task) -> Outcome {
    let Ok(new) = serde_json::from_value::<NewAccount>(task.payload) else {
        return Outcome::Fail("the work holds no sign-up".into());
    };
    let done = app.run(Caller::nobody(), move |tx| actions::sign_up(tx, &new));
    outcome(done.await)
}

async fn forgot_password(app: Arc<App>, task: Task) -> Outcome {
    let email = task.payload.get("email").and_then(Value::as_str);
    let Some(email) = email.map(str::to_owned) else {
        return Outcome::Fail("the work names no address".into());
    };
    let done = app.run(Caller::nobody(), move |tx| {
        actions::forgot_password(tx, &email)
    });
    outcome(done.await)
}

fn outcome(done: Result<()>) -> Outcome {
    match done {
        Ok(()) => Outcome::Done,
        Err(error) => Outcome::Retry(error.to_string()),
    }
}
