//! The worker: leases work, does it, settles it; woken by the bell, looking by itself now and then.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use tokio::time::MissedTickBehavior;

use super::{Outcome, Task, delay, queue};
use crate::app::App;
use crate::db::Moment;
use crate::error::Result;

/// Works until the instance stops.
pub async fn run(app: Arc<App>) {
    let worker = format!("worker-{}", app.new_id());
    let pause = Duration::from_millis(app.config.notifications.poll_milliseconds);
    // It goes on by itself when the bell rings without end, so that a hold is noticed then too.
    let mut looks = tokio::time::interval(pause);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = false;
    let mut seen = None;
    while !app.is_stopping() {
        let now = app.clock.now();
        if seen.is_none_or(|seen| now < seen) {
            expect_no_future(&app, now).await;
        }
        seen = Some(now);
        match round(&app, &worker).await {
            Ok(0) => {
                tokio::select! {
                    () = app.bell.notified() => {}
                    _ = looks.tick() => told = tell_of_holds(&app, told).await,
                }
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(error = %error, "the worker could not look for work");
                tokio::time::sleep(pause).await;
            }
        }
    }
}

/// Shows in the metrics which work is on hold, and once in the log. Says whether there is any.
async fn tell_of_holds(app: &App, told: bool) -> bool {
    let Ok(holds) = app.db.read(|conn| Ok(queue::holds(conn)?)).await else {
        return told;
    };
    for job in crate::app::jobs() {
        let held = holds.iter().any(|hold| hold.kind == job.kind);
        metrics::gauge!("jobs_held", "kind" => job.kind).set(if held { 1.0 } else { 0.0 });
    }
    for hold in holds.iter().filter(|_| !told) {
        tracing::warn!(kind = hold.kind, since = %hold.held_at, reason = hold.reason, "work is on hold");
    }
    !holds.is_empty()
}

/// At the start, and when the clock has gone back: nothing waits for a time that was only ever a mistake.
async fn expect_no_future(app: &Arc<App>, now: Moment) {
    let settings = &app.config.notifications;
    let last_try = now.plus(chrono::Duration::seconds(settings.last_retry_seconds));
    // Clocks of instances differ a little, so twice what a lease can be.
    let last_lease = now.plus(chrono::Duration::seconds(settings.lease_seconds * 2));
    let done = app
        .db
        .write(move |conn| Ok(queue::bring_forward(conn, now, last_try, last_lease)?))
        .await;
    match done {
        Ok(0) => {}
        Ok(count) => tracing::warn!(count, "work of a clock that was ahead is due now"),
        Err(error) => tracing::warn!(error = %error, "the worker could not look for work"),
    }
}

/// Works until nothing is due; for tests, the demo and a stop.
///
/// # Errors
/// The database's.
pub async fn drain(app: &Arc<App>) -> Result<usize> {
    let worker = format!("drain-{}", app.new_id());
    let mut total = 0;
    loop {
        match round(app, &worker).await? {
            0 => return Ok(total),
            done => total += done,
        }
    }
}

/// Takes a batch and does it, a few pieces at a time. Says how many there were.
async fn round(app: &Arc<App>, worker: &str) -> Result<usize> {
    let settings = &app.config.notifications;
    let (now, worker, most) = (app.clock.now(), worker.to_owned(), settings.batch);
    let until = now.plus(chrono::Duration::seconds(settings.lease_seconds));
    let leased = app
        .db
        .write(move |conn| Ok(queue::lease(conn, &worker, now, until, most)?))
        .await?;
    let count = leased.len();
    let at_once = usize::try_from(app.config.mail.connections).unwrap_or(1);
    stream::iter(leased)
        .for_each_concurrent(at_once, |(kind, task)| one(app, kind, task))
        .await;
    Ok(count)
}

async fn one(app: &Arc<App>, kind: String, task: Task) {
    // A piece whose lease is about to end may be taken by another instance while we are at it.
    let margin =
        chrono::Duration::seconds(i64::try_from(app.config.mail.timeout_seconds).unwrap_or(20));
    let settled = if app.is_stopping() || app.clock.now().plus(margin) >= task.lease_until {
        let id = task.id;
        app.db
            .write(move |conn| Ok(queue::release(conn, id)?))
            .await
    } else {
        let outcome = match crate::app::jobs().find(|job| job.kind == kind) {
            Some(job) => (job.work)(app.clone(), task.clone()).await,
            None => Outcome::Fail(format!("no work is known as {kind}")),
        };
        settle(app, &kind, task, outcome).await
    };
    if let Err(error) = settled {
        // The lease runs out and the work is done again; everything that it does bears that.
        tracing::warn!(kind, error = %error, "work was not settled");
    }
}

async fn settle(app: &Arc<App>, kind: &str, task: Task, outcome: Outcome) -> Result<()> {
    metrics::counter!("jobs_total", "kind" => kind.to_owned(), "outcome" => word(&outcome))
        .increment(1);
    let now = app.clock.now();
    let (error, next) = match outcome {
        Outcome::Settled => return Ok(()),
        Outcome::Done => {
            return app
                .db
                .write(move |conn| Ok(queue::finish(conn, task.id)?))
                .await;
        }
        Outcome::Retry(error) => (error, next_try(app, &task, now)),
        Outcome::Fail(error) => (error, None),
    };
    tracing::warn!(kind, job = %task.id, attempts = task.attempts + 1, dead = next.is_none(), error, "work failed");
    app.db
        .write(move |conn| Ok(queue::postpone(conn, &task, &error, next, now)?))
        .await
}

fn next_try(app: &App, task: &Task, now: Moment) -> Option<Moment> {
    let settings = &app.config.notifications;
    let failures = task.attempts + 1;
    (failures < settings.attempts).then(|| {
        now.plus(delay(
            settings.first_retry_seconds,
            settings.last_retry_seconds,
            failures,
        ))
    })
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Done | Outcome::Settled => "done",
        Outcome::Retry(_) => "retry",
        Outcome::Fail(_) => "fail",
    }
}
