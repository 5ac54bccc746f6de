//! Work that follows from a change: queued in the change's transaction, done by any instance, never lost.

mod queue;
mod runner;

use std::sync::Arc;

use futures_util::future::LocalBoxFuture;
use serde_json::Value;
use uuid::Uuid;

pub use queue::{Hold, dead, end_hold, enqueue, enqueue_at, hold, holds, waiting};
pub use runner::{drain, run};

use crate::app::App;
use crate::db::Moment;

crate::ids! {
    /// One piece of queued work.
    JobId,
}

/// A kind of work and who does it.
pub struct Job {
    pub kind: &'static str,
    pub work: fn(Arc<App>, Task) -> LocalBoxFuture<'static, Outcome>,
}

/// One piece of work in hand.
#[derive(Debug, Clone)]
pub struct Task {
    pub id: JobId,
    pub payload: Value,
    /// How often it was tried before.
    pub attempts: i32,
    /// Until when no other instance takes it.
    pub lease_until: Moment,
}

impl Task {
    #[must_use]
    pub fn noted_id(&self, name: &str) -> Option<Uuid> {
        self.payload.get(name)?.as_str()?.parse().ok()
    }
}

/// How a piece of work ended; the work decides, not the runner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// It may go better later.
    Retry(String),
    /// It will never go.
    Fail(String),
}

/// The wait before the next try: it doubles with each failure, up to a limit.
#[must_use]
pub fn delay(first: i64, last: i64, failures: i32) -> chrono::Duration {
    let doublings = u32::try_from(failures.saturating_sub(1))
        .unwrap_or(0)
        .min(32);
    let seconds = first
        .saturating_mul(2_i64.saturating_pow(doublings))
        .min(last);
    chrono::Duration::seconds(seconds)
}

#[cfg(test)]
mod tests {
    use super::delay;

    #[test]
    fn waits_double_up_to_a_limit() {
        let seconds: Vec<_> = [1, 2, 3, 10, 11, 1000]
            .iter()
            .map(|n| delay(30, 21_600, *n).num_seconds())
            .collect();
        assert_eq!(seconds, [30, 60, 120, 15_360, 21_600, 21_600]);
    }

    #[test]
    fn the_default_schedule_lasts_about_three_days() {
        let config = crate::config::Config::load(None, &[])
            .unwrap()
            .notifications;
        let total: i64 = (1..config.attempts)
            .map(|n| delay(config.first_retry_seconds, config.last_retry_seconds, n).num_seconds())
            .sum();
        assert!((3 * 86_400..5 * 86_400).contains(&total), "{total}");
    }
}
