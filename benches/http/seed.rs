//! The rows that the demo lacks for a benchmark, as SQL for either database.

use crate::Settings;
use crate::operations::{ACTIVE, ENDED, PROSPECTS, Row, TEXTS};
use crate::words;

/// More applications a second than either server creates.
const MOST_PER_SECOND: u64 = 12_000;
/// Projects of each cohort beside the measured one.
const OTHERS: u64 = 200;

/// How many calls there are: enough for each project to answer another one until the last round is over.
pub fn calls(settings: &Settings) -> u64 {
    (settings.round.as_secs() * u64::from(settings.rounds) * MOST_PER_SECOND).div_ceil(PROSPECTS)
}

/// The cohort of 200 with its people, stays, steps and applications.
pub fn cohort(to: Dialect) -> String {
    let measured = to.id(Row::Cohort, "1");
    let active = Batch {
        kind: Row::Active,
        reference: "'P-B'",
        title: "'Bench project ' || (n.i * 7919 % 1000)",
        count: ACTIVE,
        cohort: &measured,
        region: "'BE1'",
        stay: Row::Stay,
        has_left: false,
    };
    let ended = Batch {
        kind: Row::Ended,
        reference: "'P-E'",
        title: "'Ended project ' || n.i",
        count: ENDED,
        stay: Row::EndedStay,
        has_left: true,
        ..active
    };
    [
        to.cohorts(Row::Cohort, "'bench'", 1..2),
        to.projects(&active),
        to.projects(&ended),
        to.stays(&active),
        to.stays(&ended),
        to.entries(Row::Entry, &active),
        to.exits(&ended),
        to.people(&active),
        to.own_applications(&active),
    ]
    .concat()
}

/// What is asked for beside the cohort: prospects, calls, and texts to search.
pub fn stock(to: Dialect, settings: &Settings) -> String {
    let prospect = "'Bench prospect ' || n.i";
    let team = "'A team that is about to apply.'";
    [
        to.calls_of(calls(settings)),
        to.prospects(Row::Prospect, "'P-C'", prospect, team, 0..PROSPECTS),
        to.prospects(
            Row::Text,
            "'P-T'",
            &words::title_sql("n.i"),
            &words::summary_sql("n.i"),
            0..TEXTS,
        ),
    ]
    .concat()
}

/// Projects of other cohorts, in all three regions.
pub fn others(to: Dialect, count: u64) -> String {
    if count == 0 {
        return String::new();
    }
    let batch = Batch {
        kind: Row::Other,
        reference: "'P-O'",
        title: "'Other project ' || (n.i * 7919 % 1000003)",
        count,
        cohort: &to.id(Row::OtherCohort, &format!("n.i / {OTHERS}")),
        region: "'BE' || (1 + n.i % 3)",
        stay: Row::OtherStay,
        has_left: false,
    };
    let cohorts = 0..count.div_ceil(OTHERS);
    [
        to.cohorts(Row::OtherCohort, "'other-' || n.i", cohorts),
        to.projects(&batch),
        to.stays(&batch),
        to.entries(Row::OtherEntry, &batch),
    ]
    .concat()
}

/// Which database the SQL is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Sqlite,
    Pg,
}

/// Projects that are alike, with a stay each.
#[derive(Clone, Copy)]
struct Batch<'a> {
    kind: Row,
    reference: &'a str,
    title: &'a str,
    count: u64,
    cohort: &'a str,
    region: &'a str,
    stay: Row,
    has_left: bool,
}

const PILLAR: &str = "CASE n.i % 4 WHEN 0 THEN 'create_learn' WHEN 1 THEN 'test' WHEN 2 THEN 'grow' ELSE 'scale' END";
const PERSON: &str = "(SELECT id FROM accounts WHERE email = 'admin@example.org')";
const MODEL: &str = "slug = 'medtech-accelerator-2018'";

/// Counts `n.i` over a range.
pub fn numbers(range: std::ops::Range<u64>) -> String {
    format!(
        "WITH RECURSIVE n(i) AS (SELECT CAST({} AS bigint) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {})",
        range.start, range.end
    )
}

impl Dialect {
    pub fn id(self, row: Row, number: &str) -> String {
        let prefix = row.prefix();
        match self {
            Self::Sqlite => format!("unhex(printf('{prefix}%012x', {number}))"),
            Self::Pg => format!("CAST('{prefix}' || lpad(to_hex({number}), 12, '0') AS uuid)"),
        }
    }

    /// The present moment, moved by some seconds.
    pub fn moment(self, seconds: &str) -> String {
        match self {
            Self::Sqlite => format!("((unixepoch() + ({seconds})) * 1000000)"),
            Self::Pg => format!("(now() + ({seconds}) * interval '1 second')"),
        }
    }

    /// A text that is JSON.
    pub fn json(self, text: &str) -> String {
        match self {
            Self::Sqlite => text.to_owned(),
            Self::Pg => format!("CAST({text} AS jsonb)"),
        }
    }

    fn day(self, days: i32) -> String {
        match self {
            Self::Sqlite => format!("date('now', '{days:+} days')"),
            Self::Pg => format!("(current_date + ({days}))"),
        }
    }

    fn cohorts(self, kind: Row, slug: &str, range: std::ops::Range<u64>) -> String {
        format!(
            "{} INSERT INTO cohorts (id, slug, programme_id, names, starts_on, ends_on, capacity, version, created_at, updated_at)
             SELECT {}, {slug}, programme_id, names, {}, {}, 100000, 1, {now}, {now} FROM n, cohorts WHERE {MODEL};",
            numbers(range),
            self.id(kind, "n.i"),
            self.day(-90),
            self.day(90),
            now = self.moment("0")
        )
    }

    fn projects(self, batch: &Batch<'_>) -> String {
        let Batch {
            kind,
            reference,
            title,
            count,
            cohort,
            region,
            stay,
            has_left,
        } = *batch;
        let (state, pillar, stay) = if has_left {
            ("exited", "NULL", "NULL".to_owned())
        } else {
            ("active", PILLAR, self.id(stay, "n.i"))
        };
        format!(
            "{} INSERT INTO projects (id, reference, title, summary, sector, country, postal_code, region, language, state, pillar,
                cohort_id, stay_id, shared_with_partners, quiet_since, last_confidence, next_due_on, target_at,
                created_by, version, created_at, updated_at)
             SELECT {}, {reference} || (10000000 + n.i), {title},
                'A wearable that tells the ward when a patient is about to fall, tried in two hospitals.',
                'medtech', 'BE', '1000', {region}, 'fr', '{state}', {pillar}, {cohort}, {stay}, false, {}, 'green', {}, {},
                {PERSON}, 1, {at}, {at} FROM n;",
            numbers(0..count),
            self.id(kind, "n.i"),
            self.moment("0"),
            self.day(30),
            self.moment("5184000"),
            at = self.moment("n.i - 2000000"),
        )
    }

    pub fn prospects(
        self,
        kind: Row,
        reference: &str,
        title: &str,
        summary: &str,
        range: std::ops::Range<u64>,
    ) -> String {
        format!(
            "{} INSERT INTO projects (id, reference, title, summary, sector, country, postal_code, region, language, state,
                shared_with_partners, created_by, version, created_at, updated_at)
             SELECT {}, {reference} || (10000000 + n.i), {title}, {summary}, 'medtech', 'BE', '1000', 'BE1', 'fr',
                'prospect', false, {PERSON}, 1, {at}, {at} FROM n;",
            numbers(range),
            self.id(kind, "n.i"),
            at = self.moment("n.i - 1000000"),
        )
    }

    fn stays(self, batch: &Batch<'_>) -> String {
        let (left_at, left_by) = if batch.has_left {
            (self.moment("-86400"), "'exit'")
        } else {
            ("NULL".to_owned(), "NULL")
        };
        format!(
            "{} INSERT INTO stays (id, project_id, cohort_id, region, pillar, entered_at, left_at, left_by, held_seconds, target_days)
             SELECT {}, {}, {}, {}, {PILLAR}, {}, {left_at}, {left_by}, 0, 90 FROM n;",
            numbers(0..batch.count),
            self.id(batch.stay, "n.i"),
            self.id(batch.kind, "n.i"),
            batch.cohort,
            batch.region,
            self.moment("-864000 - n.i % 7 * 86400"),
        )
    }

    fn entries(self, kind: Row, batch: &Batch<'_>) -> String {
        format!(
            "{} INSERT INTO transitions (id, project_id, number, kind, from_state, to_state, to_pillar, cohort_id, reason, waivers, at)
             SELECT {}, {}, 1, 'enter', 'prospect', 'active', {PILLAR}, {}, 'Admitted.', '[]', {} FROM n;",
            numbers(0..batch.count),
            self.id(kind, "n.i"),
            self.id(batch.kind, "n.i"),
            batch.cohort,
            self.moment("-864000"),
        )
    }

    fn exits(self, batch: &Batch<'_>) -> String {
        format!(
            "{} INSERT INTO transitions (id, project_id, number, kind, from_state, to_state, from_pillar, cohort_id,
                reason_code, lesson, waivers, at)
             SELECT {}, {}, 1, 'exit', 'active', 'exited', {PILLAR}, {}, 'market', 'Nobody pays for it.', '[]', {} FROM n;",
            numbers(0..batch.count),
            self.id(Row::Exit, "n.i"),
            self.id(batch.kind, "n.i"),
            batch.cohort,
            self.moment("-86400"),
        )
    }

    /// A founder and a coach for each active project, from those that the demo has.
    fn people(self, batch: &Batch<'_>) -> String {
        let founder = "(SELECT id FROM accounts WHERE email = 'founder.0' || (1 + n.i % 9) || '@example.org')";
        let coach = "(SELECT id FROM accounts WHERE email = CASE n.i % 2 WHEN 0 THEN 'coach.clinical@example.org' ELSE 'coach.business@example.org' END)";
        format!(
            "{numbers} INSERT INTO grants (id, account_id, role, scope_kind, scope_id, valid_from, created_at)
             SELECT {}, {founder}, 'owner', 'project', {project}, {began}, {began} FROM n;
             {numbers} INSERT INTO assignments (id, project_id, account_id, role, kind, started_at, version, updated_at)
             SELECT {}, {project}, {coach}, 'coach', 'lead', {began}, 1, {began} FROM n;",
            self.id(Row::Grant, "n.i"),
            self.id(Row::Assignment, "n.i"),
            numbers = numbers(0..batch.count),
            project = self.id(batch.kind, "n.i"),
            began = self.moment("-864000"),
        )
    }

    fn calls_of(self, count: u64) -> String {
        self.calls(Row::Call, "'bench-' || n.i", 0..count, "calls.cohort_id")
    }

    pub fn calls(self, kind: Row, slug: &str, range: std::ops::Range<u64>, cohort: &str) -> String {
        format!(
            "{} INSERT INTO calls (id, slug, programme_id, cohort_id, names, opens_at, closes_at, version, created_at, updated_at)
             SELECT {}, {slug}, programme_id, {cohort}, names, {now}, {}, 1, {now}, {now} FROM n, calls WHERE {MODEL};",
            numbers(range),
            self.id(kind, "n.i"),
            self.moment("2592000"),
            now = self.moment("0"),
        )
    }

    /// The cohort's own call, and the accepted application of each active project.
    fn own_applications(self, batch: &Batch<'_>) -> String {
        let call = self.calls(Row::OwnCall, "'bench-own'", 1..2, batch.cohort);
        format!(
            "{call} {} INSERT INTO applications (id, reference, project_id, call_id, state, answers, region, cohort_id, pillar,
                submitted_at, decided_at, version, created_at, updated_at)
             SELECT {}, 'A-B' || (10000000 + n.i), {}, {}, 'accepted', '{{}}', 'BE1', {cohort}, {PILLAR},
                {}, {at}, 3, {at}, {at} FROM n;",
            numbers(0..batch.count),
            self.id(Row::Application, "n.i"),
            self.id(batch.kind, "n.i"),
            self.id(Row::OwnCall, "1"),
            self.moment("-2592000"),
            cohort = batch.cohort,
            at = self.moment("-1728000 - n.i % 5 * 86400"),
        )
    }
}
