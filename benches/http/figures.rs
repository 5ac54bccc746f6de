//! What was measured of one server and one operation, and the figures that follow from it.

use std::time::Duration;

use crate::operations::Share;

#[derive(Debug, Default)]
pub struct Figures {
    /// Of each good answer, in microseconds, in order.
    pub latencies: Vec<u32>,
    pub elapsed: Duration,
    /// Requests a second, round by round.
    pub rates: Vec<f64>,
    /// CPU time of the server during the rounds.
    pub cpu: Duration,
    /// CPU time after them, until the work that followed was done.
    pub cpu_after: Duration,
    /// Whether that work was done in time.
    pub is_settled: bool,
    /// Answers that were not as they should be, and connections that broke.
    pub wrong: usize,
    pub complaint: Option<String>,
    /// How far each connection has come.
    pub shares: Vec<Share>,
}

impl Figures {
    pub fn rate(&self) -> f64 {
        count(self.latencies.len()) / self.elapsed.as_secs_f64()
    }

    pub fn milliseconds(&self, percent: usize) -> f64 {
        percentile(&self.latencies, percent)
    }

    /// CPU time for each request, in microseconds.
    pub fn cpu_each(&self) -> f64 {
        self.each(self.cpu)
    }

    pub fn cpu_after_each(&self) -> f64 {
        self.each(self.cpu_after)
    }

    fn each(&self, time: Duration) -> f64 {
        time.as_secs_f64() * 1e6 / count(self.latencies.len().max(1))
    }
}

/// A percentile of sorted microseconds, in milliseconds: the exact one, nothing is put into classes.
pub fn percentile(sorted: &[u32], percent: usize) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let micros = sorted
        .get(last * percent / 100)
        .copied()
        .unwrap_or_default();
    f64::from(micros) / 1000.0
}

pub fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

pub fn micros(elapsed: Duration) -> u32 {
    u32::try_from(elapsed.as_micros()).unwrap_or(u32::MAX)
}
