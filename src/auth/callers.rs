//! Callers found a moment ago, so that most requests don't ask the database who sends them. Kept for as long as nobody
//! has changed the data: a right that is taken away is gone with the next request. Rights also begin and end with time,
//! so a caller is never kept for more than a second.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::Duration;

use super::Caller;
use crate::db::Moment;

/// How many are kept; beyond that all are let go, which costs each of them one look into the database.
const MOST: usize = 4096;

/// By the token or key that they showed, whole.
#[derive(Default)]
pub struct Callers(Mutex<HashMap<String, Found>>);

struct Found {
    caller: Arc<Caller>,
    /// `Db::epoch` from before the caller was looked for.
    epoch: u64,
    from: Moment,
    until: Moment,
}

impl Callers {
    /// The caller who showed this, if that is still what the database would say.
    #[must_use]
    pub fn get(&self, shown: &str, epoch: u64, now: Moment) -> Option<Arc<Caller>> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        found
            .get(shown)
            .filter(|found| found.epoch == epoch && found.from <= now && now < found.until)
            .map(|found| found.caller.clone())
    }

    /// Keeps a caller, at most until what they showed runs out.
    pub fn keep(
        &self,
        shown: &str,
        caller: &Arc<Caller>,
        epoch: u64,
        now: Moment,
        expiry: Option<Moment>,
    ) {
        let second = now.plus(Duration::seconds(1));
        let until = expiry.map_or(second, |expiry| expiry.min(second));
        let caller = caller.clone();
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if found.len() >= MOST {
            found.clear();
        }
        found.insert(
            shown.to_owned(),
            Found {
                caller,
                epoch,
                from: now,
                until,
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(seconds: i64) -> Moment {
        Moment::new(chrono::DateTime::from_timestamp(seconds, 0).unwrap())
    }

    #[test]
    fn a_caller_is_kept_for_a_second_and_until_something_is_written() {
        let callers = Callers::default();
        callers.keep("token", &Arc::new(Caller::nobody()), 7, moment(10), None);
        assert!(callers.get("token", 7, moment(10)).is_some());
        assert!(
            callers.get("token", 8, moment(10)).is_none(),
            "written since"
        );
        assert!(callers.get("token", 7, moment(11)).is_none(), "too old");
        assert!(
            callers.get("token", 7, moment(9)).is_none(),
            "the clock went back"
        );
        assert!(callers.get("tokem", 7, moment(10)).is_none());
        callers.keep(
            "token",
            &Arc::new(Caller::nobody()),
            7,
            moment(10),
            Some(moment(10)),
        );
        assert!(
            callers.get("token", 7, moment(10)).is_none(),
            "it has run out"
        );
    }

    #[test]
    fn no_more_than_so_many_are_kept() {
        let callers = Callers::default();
        for number in 0..=MOST {
            callers.keep(
                &number.to_string(),
                &Arc::new(Caller::nobody()),
                0,
                moment(0),
                None,
            );
        }
        assert_eq!(callers.0.lock().unwrap().len(), 1);
    }
}
