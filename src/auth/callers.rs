//! Callers found a moment ago, so that most requests don't ask the database who sends them. Kept for as long as nobody
//! has changed the data: a right that is taken away is gone with the next request. Rights also begin and end with time,
//! so a caller is never kept for more than a second. What a token proves by itself stands until it runs out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::Duration;

use super::Caller;
use super::guard::Credentials;
use crate::db::Moment;

/// How many are kept; beyond that all are let go, which costs each of them one look into the database.
const MOST: usize = 4096;

/// By the token or key that they showed, whole.
#[derive(Default)]
pub struct Callers(Mutex<HashMap<String, Found>>);

struct Found {
    caller: Arc<Caller>,
    proof: Proof,
    /// `Db::epoch` from before the caller was looked for; none where that can't be told.
    epoch: Option<u64>,
    from: Moment,
}

/// What a token or key proves by itself, and until when if it says that itself.
#[derive(Debug, Clone)]
pub struct Proof {
    pub credentials: Credentials,
    pub expiry: Option<Moment>,
}

impl Found {
    fn is_still_true(&self, epoch: Option<u64>, now: Moment) -> bool {
        epoch.is_some() && self.epoch == epoch && now < self.from.plus(Duration::seconds(1))
    }
}

/// What is known of somebody who shows a token or key.
pub enum Known {
    /// Who they are, as the database would say it now.
    Caller(Arc<Caller>),
    /// What they have proved; what rights that gives has to be asked.
    Proof(Proof),
}

impl Callers {
    /// What is known of whoever shows this.
    #[must_use]
    pub fn get(&self, shown: &str, epoch: Option<u64>, now: Moment) -> Option<Known> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = found.get(shown).filter(|found| {
            let expiry = found.proof.expiry;
            found.from <= now && expiry.is_none_or(|expiry| now < expiry)
        })?;
        Some(if found.is_still_true(epoch, now) {
            Known::Caller(found.caller.clone())
        } else {
            Known::Proof(found.proof.clone())
        })
    }

    /// Keeps a caller.
    pub fn keep(
        &self,
        shown: &str,
        caller: &Arc<Caller>,
        proof: Proof,
        epoch: Option<u64>,
        now: Moment,
    ) {
        let caller = caller.clone();
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if found.len() >= MOST {
            found.clear();
        }
        found.insert(
            shown.to_owned(),
            Found {
                caller,
                proof,
                epoch,
                from: now,
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

    fn proof(expiry: Option<i64>) -> Proof {
        Proof {
            credentials: Credentials::ApiKey("digest".into()),
            expiry: expiry.map(moment),
        }
    }

    fn keep(callers: &Callers, shown: &str, epoch: Option<u64>, expiry: Option<i64>) {
        let caller = Arc::new(Caller::nobody());
        callers.keep(shown, &caller, proof(expiry), epoch, moment(10));
    }

    fn known(callers: &Callers, shown: &str, epoch: Option<u64>, now: i64) -> &'static str {
        match callers.get(shown, epoch, moment(now)) {
            Some(Known::Caller(_)) => "caller",
            Some(Known::Proof(_)) => "proof",
            None => "nothing",
        }
    }

    #[test]
    fn a_caller_is_kept_for_a_second_and_until_something_is_written() {
        let callers = Callers::default();
        keep(&callers, "token", Some(7), Some(12));
        assert_eq!(known(&callers, "token", Some(7), 10), "caller");
        assert_eq!(
            known(&callers, "token", Some(8), 10),
            "proof",
            "written since"
        );
        assert_eq!(known(&callers, "token", Some(7), 11), "proof", "too old");
        assert_eq!(
            known(&callers, "token", Some(7), 12),
            "nothing",
            "it has run out"
        );
        assert_eq!(
            known(&callers, "token", Some(7), 9),
            "nothing",
            "the clock went back"
        );
        assert_eq!(known(&callers, "tokem", Some(7), 10), "nothing");
    }

    #[test]
    fn without_an_epoch_rights_are_asked_for_each_time() {
        let callers = Callers::default();
        keep(&callers, "token", None, None);
        assert_eq!(known(&callers, "token", None, 10), "proof");
    }

    #[test]
    fn no_more_than_so_many_are_kept() {
        let callers = Callers::default();
        for number in 0..=MOST {
            keep(&callers, &number.to_string(), Some(0), None);
        }
        assert_eq!(callers.0.lock().unwrap().len(), 1);
    }
}
