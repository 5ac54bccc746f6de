//! When a refresh token may be used, and what its second use means.

use chrono::Duration;
use diesel::prelude::*;

use crate::auth::{AccountId, SessionId};
use crate::db::Moment;
use crate::db::schema::{refresh_tokens, sessions};

/// A reply that was lost on the way may be asked for again this long; after that, a second use is theft.
pub const LOST_REPLY_SECONDS: i64 = 10;

/// A signed-in device.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = sessions)]
pub struct Session {
    pub id: SessionId,
    pub account_id: AccountId,
    pub created_at: Moment,
    pub last_used_at: Moment,
    pub ended_at: Option<Moment>,
    pub device: Option<String>,
}

/// One link of a session's chain of tokens. Only its digest is kept.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = refresh_tokens)]
pub struct RefreshToken {
    pub digest: String,
    pub session_id: SessionId,
    pub expires_at: Moment,
    pub spent_at: Option<Moment>,
}

/// What to do about a refresh token that somebody shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Rotate,
    /// Shown twice: one of the two is not the owner.
    Reuse,
    Expired,
}

/// `successor_used` says that the token issued in its place was itself spent: then the reply was not lost.
#[must_use]
pub fn judge(token: &RefreshToken, successor_used: bool, now: Moment) -> Verdict {
    match token.spent_at {
        // A successor that was taken back when the reply that carried it seemed lost, and is used all the same.
        Some(at) if token.expires_at <= at => Verdict::Reuse,
        Some(at) if successor_used || now.since(at) > Duration::seconds(LOST_REPLY_SECONDS) => {
            Verdict::Reuse
        }
        _ if token.expires_at <= now => Verdict::Expired,
        _ => Verdict::Rotate,
    }
}

crate::refusals! {
    pub enum Refusal {
        /// The address or the password is wrong, or the mailbox is not proven.
        WrongCredentials = "wrong-credentials",
        /// Too many failed sign-ins for this address, or from this place, lately.
        TooManyFailures = "too-many-failures",
        /// The refresh token is unknown, has run out, or its session has ended.
        RefreshNotAccepted = "refresh-not-accepted",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Moment {
        Moment::new(chrono::DateTime::from_timestamp(seconds, 0).unwrap())
    }

    #[test]
    fn a_token_rotates_once_and_a_lost_reply_can_be_repaired() {
        let token = |spent: Option<i64>| RefreshToken {
            digest: String::new(),
            session_id: SessionId(uuid::Uuid::nil()),
            expires_at: at(1_000),
            spent_at: spent.map(at),
        };
        assert_eq!(judge(&token(None), false, at(10)), Verdict::Rotate);
        assert_eq!(judge(&token(None), false, at(1_000)), Verdict::Expired);
        assert_eq!(
            judge(&token(Some(10)), false, at(20)),
            Verdict::Rotate,
            "the reply was lost"
        );
        assert_eq!(judge(&token(Some(10)), false, at(21)), Verdict::Reuse);
        assert_eq!(judge(&token(Some(10)), true, at(11)), Verdict::Reuse);
        let taken_back = RefreshToken {
            expires_at: at(10),
            ..token(Some(10))
        };
        assert_eq!(judge(&taken_back, false, at(11)), Verdict::Reuse);
        assert_eq!(
            judge(&token(Some(10)), false, at(2_000)),
            Verdict::Reuse,
            "theft before expiry"
        );
    }
}
