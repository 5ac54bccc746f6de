//! Which buckets there are, and how fast each runs empty.

use crate::app::App;

/// Microseconds: the unit in which a bucket is filled.
pub const HOUR: i64 = 3_600_000_000;

/// No instance fills a bucket beyond this from now, as far as their clocks may differ. What is filled further comes from
/// a clock that was ahead.
pub const FARTHEST: i64 = HOUR + 5_000_000;

/// A leaking bucket for one kind of try by one party. It takes so many tries at once, and as many again with each
/// hour that passes; so no hour sees more than twice as many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    pub kind: &'static str,
    /// A keyed digest: the table tells nobody who was tried, or from where.
    pub key: String,
    pub an_hour: i64,
}

impl Bucket {
    fn new(app: &App, kind: &'static str, whose: &str, an_hour: i64) -> Self {
        Self {
            kind,
            key: app.secrets.mark("throttle", &format!("{kind} {whose}")),
            an_hour,
        }
    }

    /// What one try pours in: its share of the hour that a full bucket needs to run empty.
    #[must_use]
    pub fn drop_size(&self) -> i64 {
        HOUR / self.an_hour.max(1)
    }

    /// After how many seconds a bucket that runs empty at this moment takes one more.
    #[must_use]
    pub fn wait(&self, empty_at: i64, now: i64) -> u64 {
        let micros = empty_at + self.drop_size() - HOUR - now;
        u64::try_from(micros.max(0))
            .unwrap_or(0)
            .div_ceil(1_000_000)
            .max(1)
    }
}

/// Where a guess at a password comes from, as far as the account knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A device or a network that was let in before, with an allowance of its own.
    Known(String),
    Unknown(String),
}

/// What a guess at an account's password is counted in, narrowest first. A known place has a bucket that no stranger can
/// fill; guesses from all the others share one for the account, so that many addresses help nobody.
#[must_use]
pub fn guesses(app: &App, account: &str, from: &Origin) -> Vec<Bucket> {
    let limits = &app.config.throttle;
    let here = |place: &str| {
        let whose = format!("{account} {place}");
        Bucket::new(app, "guesses-here", &whose, limits.guesses_from_one_place)
    };
    match from {
        Origin::Known(place) => vec![here(place)],
        Origin::Unknown(source) => vec![
            here(source),
            Bucket::new(app, "guesses-account", account, limits.guesses_on_account),
            Bucket::new(app, "guesses-address", source, limits.guesses_from_address),
            Bucket::new(app, "guesses-overall", "", limits.guesses_overall),
        ],
    }
}

/// What a request that may cause a mail is counted in.
#[must_use]
pub fn mails(app: &App, source: &str) -> Vec<Bucket> {
    let limits = &app.config.throttle;
    vec![
        Bucket::new(app, "mails-address", source, limits.mails_from_address),
        Bucket::new(app, "mails-overall", "", limits.mails_overall),
    ]
}

/// What an invitation into a team is counted in.
#[must_use]
pub fn invitations(app: &App, account: &str) -> Vec<Bucket> {
    let most = app.config.invitations.of_account;
    vec![Bucket::new(app, "invitations", account, most)]
}

/// What a wrong code or refresh token is counted in.
#[must_use]
pub fn wrong_codes(app: &App, source: &str) -> Vec<Bucket> {
    let limits = &app.config.throttle;
    vec![
        Bucket::new(
            app,
            "codes-address",
            source,
            limits.wrong_codes_from_address,
        ),
        Bucket::new(app, "codes-overall", "", limits.wrong_codes_overall),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_until_there_is_room_for_one_more() {
        let bucket = Bucket {
            kind: "test",
            key: String::new(),
            an_hour: 10,
        };
        assert_eq!(bucket.drop_size(), 360_000_000);
        let now = 5 * HOUR;
        assert_eq!(bucket.wait(now + HOUR, now), 360, "full");
        assert_eq!(bucket.wait(now + HOUR - 359_000_000, now), 1, "nearly room");
        assert_eq!(bucket.wait(now, now), 1, "never nothing");
    }
}
