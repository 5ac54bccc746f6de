//! Brakes on guessing and on mail that strangers cause. They lie in the shared database, so that they hold across
//! instances and restarts; without the database nobody gets past them.

mod model;
mod store;

pub use model::{Bucket, Origin, guesses, invitations, mails, wrong_codes};
pub use store::{forget_old, give_back, is_known, know, take};

use crate::error::{Error, Result};
use crate::http::Ctx;

/// Counts a wrong code or token against whoever sent it, and gives the answer: that it was wrong, or that there were
/// too many. Right ones are never counted and never held up, so nobody can be kept out by the wrong ones of others.
///
/// # Errors
/// Always: one of the two.
pub async fn refuse_wrong_code<T>(ctx: &Ctx, refusal: Error) -> Result<T> {
    let source = ctx.source();
    ctx.write_beside(move |tx| take(tx, &wrong_codes(tx.app, &source), "too-many-requests"))
        .await?;
    Err(refusal)
}
