//! What happens to a review: assigned, drafted, submitted, declined, withdrawn, reminded of.

use std::sync::Arc;

use chrono::Duration;
use serde_json::{Value, json};

use super::conflicts::{self, Notice};
use super::model::{
    Draft, Recommendation, Refusal, Review, ReviewId, ReviewState, RubricRow, is_under_review, kept,
};
use super::planner::Exclusion;
use super::{plans, store};
use crate::app::{App, Tx};
use crate::applications::{self, Application, ApplicationId, Reader};
use crate::auth::{AccountId, Caller};
use crate::db::{Conn, Moment};
use crate::error::{Error, Result};
use crate::events::{self, Fact};
use crate::http::Seen;
use crate::jobs::{self, Outcome, Task};
use crate::network::{self, CallId};
use crate::projects::{self, may_manage};

/// The job that reminds a reviewer.
pub const REMIND: &str = "remind_reviewer";
/// So long before a review is due.
const BEFORE: Duration = Duration::days(3);

/// The rubric of a call.
///
/// # Errors
/// `rubric-missing`.
pub fn needed_rubric(conn: &mut Conn, call: CallId) -> Result<RubricRow> {
    Ok(store::rubric(conn, call)?.ok_or(Refusal::RubricMissing)?)
}

/// An application that the caller runs: as its region's or cohort's coordinator, or as who sets up its call.
fn run(tx: &mut Tx<'_>, id: ApplicationId) -> Result<Application> {
    let application = applications::lock(tx.conn, tx.caller, id)?;
    may_run(tx, &application)?;
    Ok(application)
}

fn may_run(tx: &mut Tx<'_>, application: &Application) -> Result<()> {
    let project = projects::find(tx.conn, application.project_id)?;
    let call = network::call(tx.conn, application.call_id)?;
    if may_manage(tx.caller, &project) || network::may_run(tx.caller, &call) {
        Ok(())
    } else {
        Err(Error::refused("not-allowed"))
    }
}

/// Gives an application to a reviewer whom staff chose.
///
/// # Errors
/// `not-allowed`, `rubric-missing`, `review-closed`, `already-reviewing`, `no-such-role`, `in-conflict`, `sees-by-name`.
pub fn assign(tx: &mut Tx<'_>, id: ApplicationId, account: AccountId) -> Result<Review> {
    let application = run(tx, id)?;
    let rubric = needed_rubric(tx.conn, application.call_id)?;
    if !is_under_review(application.state) {
        return Err(Refusal::ReviewClosed.into());
    }
    let facts = plans::facts_of_pair(tx, &application, account)?;
    let pair = facts.candidates.first().zip(facts.items.first());
    let (who, item) = pair.ok_or_else(|| Error::refused("no-such-role"))?;
    if let Some(why) = facts.forbids(who, item) {
        return Err(refusal(why));
    }
    give(tx, &application, account, &rubric)
}

fn refusal(why: Exclusion) -> Error {
    match why {
        Exclusion::Already => Refusal::AlreadyReviewing.into(),
        Exclusion::SeesByName => Refusal::SeesByName.into(),
        Exclusion::Conflict | Exclusion::OwnTeam => Error::refused("in-conflict"),
        _ => Error::refused("no-such-role"),
    }
}

/// Begins a review and lets its reviewer read.
pub fn give(
    tx: &mut Tx<'_>,
    application: &Application,
    account: AccountId,
    rubric: &RubricRow,
) -> Result<Review> {
    let id: ReviewId = tx.new_id();
    let label = projects::reference('R', tx.app.chance.as_ref());
    let review = store::insert(tx, id, application, account, &label)?;
    let reader = Reader {
        id: id.0.into(),
        application_id: application.id,
        account_id: account,
        blind: rubric.content.blind,
        label,
        since: tx.now,
    };
    applications::add_reader(tx, &reader)?;
    record(tx, "review.assigned", application, None, &review)?;
    if let Some(due) = rubric.content.due_at {
        let payload = json!({ "review": id });
        jobs::enqueue_at(tx, REMIND, payload, due.minus(BEFORE).max(tx.now))?;
    }
    Ok(review)
}

/// A review of the caller's own, with its application locked.
fn own(tx: &mut Tx<'_>, id: ReviewId) -> Result<(Review, Application)> {
    let review = store::one(tx.conn, tx.caller, id)?;
    if Some(review.account_id) != tx.caller.account() {
        return Err(Error::refused("not-allowed"));
    }
    let application = applications::lock(tx.conn, &Caller::system(), review.application_id)?;
    let review = store::review(tx.conn, id)?;
    if projects::in_conflict(tx.conn, review.account_id, application.project_id)? {
        return Err(Error::refused("in-conflict"));
    }
    Ok((review, application))
}

/// Writes down what a reviewer has so far. It takes the place of what was there.
///
/// # Errors
/// `not-allowed`, `review-over`, `review-closed`, `stale-version`, `invalid` with every score that does not fit.
pub fn draft(tx: &mut Tx<'_>, id: ReviewId, seen: &Seen, draft: &Draft) -> Result<Review> {
    let (review, application) = open(tx, id, seen)?;
    let rubric = needed_rubric(tx.conn, review.call_id)?;
    let faults = rubric.content.faults(&draft.scores, false);
    if !faults.is_empty() {
        return Err(Error::invalid(faults));
    }
    let kept = store::keep_draft(tx, &review, draft)?;
    record(tx, "review.changed", &application, Some(&review), &kept)?;
    Ok(kept)
}

fn open(tx: &mut Tx<'_>, id: ReviewId, seen: &Seen) -> Result<(Review, Application)> {
    let (review, application) = own(tx, id)?;
    seen.check(review.version)?;
    review.expect_open()?;
    if !is_under_review(application.state) {
        return Err(Refusal::ReviewClosed.into());
    }
    Ok((review, application))
}

/// Submits a review: from now on it counts and stays as it is.
///
/// # Errors
/// As for [`draft`]; `invalid` with everything that is missing.
pub fn submit(tx: &mut Tx<'_>, id: ReviewId, seen: &Seen) -> Result<Review> {
    let (review, application) = open(tx, id, seen)?;
    let rubric = needed_rubric(tx.conn, review.call_id)?.content;
    review.expect_complete(&rubric)?;
    let weighted = kept(rubric.weighted(&review.scores()));
    let submitted = store::end(tx, &review, ReviewState::Submitted, Some(weighted), None)?;
    record(
        tx,
        "review.submitted",
        &application,
        Some(&review),
        &submitted,
    )?;
    let all = store::of_application(tx.conn, application.id)?;
    let with = |state| all.iter().filter(|one| one.state == state).count();
    let wanted = usize::try_from(rubric.reviews_per_application).unwrap_or(1);
    if with(ReviewState::Open) == 0 && with(ReviewState::Submitted) == wanted {
        // Within no project: its founders do not hear of it.
        let mut fact = Fact::new("reviews.complete", "application", application.id.0)
            .data(json!({ "reviews": wanted }));
        fact.region.clone_from(&application.region);
        events::record(tx, fact)?;
    }
    Ok(submitted)
}

/// Gives a review back, with a conflict of interest where that is the reason.
///
/// # Errors
/// `not-allowed`, `review-over`, `stale-version`.
pub fn decline(
    tx: &mut Tx<'_>,
    id: ReviewId,
    seen: &Seen,
    reason: &str,
    in_conflict: bool,
) -> Result<Review> {
    let (review, application) = own(tx, id)?;
    seen.check(review.version)?;
    review.expect_open()?;
    if in_conflict {
        let notice = Notice {
            account: None,
            project: None,
            organisation: None,
            review: Some(id),
            note: reason.to_owned(),
        };
        conflicts::note(tx, &notice)?;
    }
    let declined = store::end(tx, &review, ReviewState::Declined, None, Some(reason))?;
    applications::end_reader(tx, id.0.into())?;
    record(
        tx,
        "review.declined",
        &application,
        Some(&review),
        &declined,
    )?;
    Ok(declined)
}

/// Takes a review back from its reviewer. What was submitted stays.
///
/// # Errors
/// `not-allowed`, `review-over`.
pub fn withdraw(tx: &mut Tx<'_>, id: ReviewId) -> Result<()> {
    let review = store::one(tx.conn, tx.caller, id)?;
    let application = applications::lock(tx.conn, &Caller::system(), review.application_id)?;
    may_run(tx, &application)?;
    let review = store::review(tx.conn, id)?;
    review.expect_open()?;
    let withdrawn = store::end(tx, &review, ReviewState::Withdrawn, None, None)?;
    applications::end_reader(tx, id.0.into())?;
    record(
        tx,
        "review.withdrawn",
        &application,
        Some(&review),
        &withdrawn,
    )
}

/// Writes a review's step into the ledger, within the region and within no project: the founders' team reads the entries
/// of their project, and hears nothing of reviews.
fn record(
    tx: &mut Tx<'_>,
    kind: &'static str,
    application: &Application,
    before: Option<&Review>,
    after: &Review,
) -> Result<()> {
    let before = before.map_or(Value::Null, |review| noted(tx, review));
    let data = json!({ "account_id": after.account_id, "about_application": application.id });
    let mut fact = Fact::new(kind, "review", after.id.0).data(data);
    fact.region.clone_from(&application.region);
    let fact = fact.changed(before, noted(tx, after));
    match kind {
        "review.assigned" => events::record(tx, fact),
        _ => events::note(tx, fact),
    }
    .map(|_| ())
}

/// What the ledger notes of a review: what was written, and the scores until all may know them, by fingerprint only.
fn noted(tx: &Tx<'_>, review: &Review) -> Value {
    json!({
        "state": review.state, "scores": events::fingerprint(tx, review.scores.0.clone()),
        "comment": events::fingerprint(tx, review.comment.as_deref()),
        "private_note": events::fingerprint(tx, review.private_note.as_deref()),
        "recommendation": events::fingerprint(tx, review.recommendation.map(Recommendation::as_str)),
        "reason": events::fingerprint(tx, review.reason.as_deref()),
    })
}

/// Reminds a reviewer, if there is still something to remind them of. The worker may come early; then it comes again.
pub async fn remind(app: Arc<App>, task: Task) -> Outcome {
    let Some(id) = task.noted_id("review") else {
        return Outcome::Fail("the work names no review".into());
    };
    match app
        .run(Caller::system(), move |tx| remind_of(tx, ReviewId(id)))
        .await
    {
        Ok(()) => Outcome::Done,
        Err(error) if error.code() == Some("not-found") => {
            Outcome::Fail("the review is gone".into())
        }
        Err(error) => Outcome::Retry(error.to_string()),
    }
}

fn remind_of(tx: &mut Tx<'_>, id: ReviewId) -> Result<()> {
    let review = store::review(tx.conn, id)?;
    let application = applications::find(tx.conn, review.application_id)?;
    let due = store::rubric(tx.conn, review.call_id)?.and_then(|row| row.content.due_at);
    let Some(due) = due.filter(|_| is_waited_for(&review, &application)) else {
        return Ok(());
    };
    if due.minus(BEFORE) > tx.now {
        return jobs::enqueue_at(tx, REMIND, json!({ "review": id }), due.minus(BEFORE));
    }
    if projects::in_conflict(tx.conn, review.account_id, application.project_id)? {
        return Ok(());
    }
    let fact = Fact::new("review.reminded", "review", id.0);
    let mut fact = fact.data(json!({ "account_id": review.account_id }));
    fact.region.clone_from(&application.region);
    events::record(tx, fact).map(|_| ())
}

fn is_waited_for(review: &Review, application: &Application) -> bool {
    review.state == ReviewState::Open && is_under_review(application.state)
}

/// What a reviewer has in hand for a mail: the call, what the application is called to them, and when it is due.
///
/// # Errors
/// `not-found`.
pub fn told(conn: &mut Conn, id: ReviewId) -> Result<(CallId, String, Option<Moment>)> {
    let review = store::review(conn, id)?;
    let rubric = store::rubric(conn, review.call_id)?;
    let (blind, due) = rubric.map_or((true, None), |row| (row.content.blind, row.content.due_at));
    let label = if blind {
        review.label
    } else {
        applications::find(conn, review.application_id)?.reference
    };
    Ok((review.call_id, label, due))
}
