//! Answers that are dear to work out, kept for their reader for as long as the data they were worked out from stands.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::Duration;

use super::reply::Reply;
use crate::db::{Moment, Stamp};

/// What follows from the passing of time may be this old; what follows from the data is never old.
const SECONDS: i64 = 60;
/// How many are kept; beyond that all are let go.
const MOST: usize = 1024;

/// By who asked for what.
#[derive(Default)]
pub struct Kept(Mutex<HashMap<String, Answer>>);

struct Answer {
    reply: Reply,
    stamp: Stamp,
    from: Moment,
}

impl Kept {
    /// The answer, if it was worked out from the very data that is there now.
    #[must_use]
    pub fn get(&self, key: &str, stamp: &Stamp, now: Moment) -> Option<Reply> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |answer: &&Answer| {
            let until = answer.from.plus(Duration::seconds(SECONDS));
            answer.stamp == *stamp && answer.from <= now && now < until
        };
        kept.get(key)
            .filter(fresh)
            .map(|answer| answer.reply.clone())
    }

    /// Keeps an answer. The stamp is from before it was worked out.
    pub fn keep(&self, key: String, stamp: Stamp, now: Moment, reply: &Reply) {
        let answer = Answer {
            reply: reply.clone(),
            stamp,
            from: now,
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(key, answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(seconds: i64) -> Moment {
        Moment::new(chrono::DateTime::from_timestamp(seconds, 0).unwrap())
    }

    #[test]
    fn an_answer_is_kept_until_the_data_changes_or_a_minute_has_passed() {
        let kept = Kept::default();
        let stamp = Stamp::Epoch(1);
        kept.keep("a".into(), stamp.clone(), moment(0), &Reply::nothing());
        assert_eq!(kept.get("a", &stamp, moment(59)), Some(Reply::nothing()));
        assert_eq!(kept.get("a", &stamp, moment(60)), None);
        assert_eq!(kept.get("a", &Stamp::Epoch(2), moment(1)), None);
        assert_eq!(kept.get("b", &stamp, moment(1)), None);
    }
}
