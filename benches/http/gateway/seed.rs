//! The gateway's rows: calls with a form, and drafts, reviewed applications and staged decisions that answer them.

use std::ops::Range;

use crate::Settings;
use crate::gateway::{DECISIONS, RELEASES, SCORED, form};
use crate::operations::Row;
use crate::seed::{Dialect, numbers};

/// More drafts a second than a server submits.
const MOST_PER_SECOND: u64 = 4_000;
const REVIEWERS: u64 = 40;
/// The three parts of what applies lie so far apart in their numbers.
const APART: u64 = 100_000_000;
const CRITERIA: [&str; 5] = ["need", "novelty", "team", "market", "plan"];

/// How many drafts there are: enough until the last round is over.
pub fn drafts(settings: &Settings) -> u64 {
    settings.round.as_secs() * u64::from(settings.rounds) * MOST_PER_SECOND
}

/// All of it.
pub fn rows(to: Dialect, settings: &Settings) -> String {
    let drafts = Part {
        range: 0..drafts(settings),
        call: "0",
        state: "draft",
        submitted_at: "NULL",
    };
    let reviewed_at = to.moment("-86400");
    let scored = Part {
        range: APART..APART + SCORED,
        call: "1",
        state: "in_review",
        submitted_at: &reviewed_at,
    };
    let staged = Part {
        range: 2 * APART..2 * APART + RELEASES * DECISIONS,
        call: &format!("2 + (n.i - {}) / {DECISIONS}", 2 * APART),
        ..scored.clone()
    };
    let parts = [&drafts, &scored, &staged].map(|part| to.applying(part));
    [
        to.calls_with_forms(),
        parts.concat(),
        to.sessions(&drafts),
        to.reviewers(),
        to.reviews(),
        to.staged(&staged),
    ]
    .concat()
}

/// Projects that apply, each with a founder and one application.
#[derive(Clone)]
struct Part<'a> {
    range: Range<u64>,
    /// The number of the call that they answer.
    call: &'a str,
    state: &'a str,
    submitted_at: &'a str,
}

/// A document as it stands in SQL.
fn document(value: &serde_json::Value) -> String {
    format!("'{}'", value.to_string().replace('\'', "''"))
}

impl Dialect {
    /// The call of the drafts, that of the reviews, and one for each release, where places are offered for two weeks.
    fn calls_with_forms(self) -> String {
        let cohort = self.id(Row::Cohort, "1");
        let calls = self.calls(Row::GateCall, "'gate-' || n.i", 0..2 + RELEASES, &cohort);
        let criteria = CRITERIA.map(|key| {
            let names = serde_json::json!({ "en": key, "nl": key, "fr": key, "de": key });
            serde_json::json!({ "key": key, "names": names, "weight": 1, "scale": { "min": 0, "max": 10 } })
        });
        let rubric = serde_json::json!({ "criteria": criteria, "reviews_per_application": 2 });
        format!(
            "{calls} {all} INSERT INTO forms (id, call_id, number, definition, in_use_since, version, created_at, updated_at)
             SELECT {form}, {call}, 1, {definition}, {now}, 1, {now}, {now} FROM n;
             INSERT INTO rubrics (call_id, content, version, updated_at) VALUES ({scored}, {rubric}, 1, {now});
             {released} INSERT INTO place_settings (call_id, confirm_within_days, reminder_days_before, offer_beyond_capacity,
                version, created_at, updated_at)
             SELECT {call}, 14, '[3]', false, 1, {now}, {now} FROM n;",
            all = numbers(0..2 + RELEASES),
            released = numbers(2..2 + RELEASES),
            form = self.id(Row::Form, "n.i"),
            call = self.id(Row::GateCall, "n.i"),
            scored = self.id(Row::GateCall, "1"),
            definition = document(&form::definition()),
            rubric = document(&rubric),
            now = self.moment("0"),
        )
    }

    fn applying(self, part: &Part<'_>) -> String {
        let Part {
            range,
            call,
            state,
            submitted_at,
        } = part;
        format!(
            "{people} {projects}
             {all} INSERT INTO grants (id, account_id, role, scope_kind, scope_id, valid_from, created_at)
             SELECT {grant}, {founder}, 'owner', 'project', {project}, {at}, {at} FROM n;
             {all} INSERT INTO applications (id, reference, project_id, call_id, form_id, state, answers, region,
                submitted_at, version, created_at, updated_at)
             SELECT {application}, 'A-G' || (10000000 + n.i), {project}, {call}, {form}, '{state}', {answers}, 'BE1',
                {submitted_at}, 1, {at}, {at} FROM n;",
            people = self.accounts(Row::Founder, "founder", range.clone()),
            projects = self.prospects(
                Row::Applicant,
                "'P-G'",
                "'Applicant ' || n.i",
                "'A team that is about to apply.'",
                range.clone(),
            ),
            all = numbers(range.clone()),
            grant = self.id(Row::Ownership, "n.i"),
            founder = self.id(Row::Founder, "n.i"),
            project = self.id(Row::Applicant, "n.i"),
            application = self.id(Row::Entrant, "n.i"),
            call = self.id(Row::GateCall, call),
            form = self.id(Row::Form, call),
            answers = document(&form::answers()),
            at = self.moment("-864000"),
        )
    }

    /// People who never sign in themselves.
    fn accounts(self, kind: Row, name: &str, range: Range<u64>) -> String {
        format!(
            "{} INSERT INTO accounts (id, email, name, language, time_zone, password_hash, verified_at, version, created_at, updated_at)
             SELECT {}, 'gate.{name}.' || n.i || '@example.org', 'A {name}', 'fr', 'Europe/Brussels', 'none', {at}, 1, {at}, {at} FROM n;",
            numbers(range),
            self.id(kind, "n.i"),
            at = self.moment("-864000"),
        )
    }

    /// A session for each founder of a draft, for which the requests carry a token.
    fn sessions(self, drafts: &Part<'_>) -> String {
        format!(
            "{} INSERT INTO sessions (id, account_id, created_at, last_used_at) SELECT {}, {}, {now}, {now} FROM n;",
            numbers(drafts.range.clone()),
            self.id(Row::Session, "n.i"),
            self.id(Row::Founder, "n.i"),
            now = self.moment("0"),
        )
    }

    fn reviewers(self) -> String {
        self.accounts(Row::Reviewer, "reviewer", 0..REVIEWERS)
    }

    /// Two submitted reviews of each application, by two of the reviewers.
    fn reviews(self) -> String {
        let score = |number: usize| format!("(n.i * {} % 11)", 7 + 6 * number);
        let scores = CRITERIA.iter().enumerate();
        let scores = scores.map(|(number, key)| format!("'\"{key}\":' || {}", score(number)));
        let scores: Vec<String> = scores.collect();
        let scores = format!("'{{' || {} || '}}'", scores.join(" || ',' || "));
        let sum: Vec<String> = (0..CRITERIA.len()).map(score).collect();
        let reviewer = format!(
            "(n.i / 2 + n.i % 2 * (1 + n.i / 80 % {})) % {REVIEWERS}",
            REVIEWERS - 1
        );
        format!(
            "{all} INSERT INTO reviews (id, application_id, call_id, account_id, label, state, scores, comment, recommendation,
                weighted, submitted_at, version, created_at, updated_at)
             SELECT {review}, {application}, {call}, {reviewer}, 'Reviewer ' || (1 + n.i % 2), 'submitted', {scores},
                'A clear need, and a team that has seen it.', 'accept', ({sum}) * 20000, {at}, 2, {at}, {at} FROM n;
             {all} INSERT INTO application_readers (id, application_id, account_id, blind, label, since)
             SELECT {review}, {application}, {reviewer}, false, 'Reviewer ' || (1 + n.i % 2), {at} FROM n;",
            all = numbers(0..2 * SCORED),
            review = self.id(Row::Review, "n.i"),
            application = self.id(Row::Entrant, &format!("{APART} + n.i / 2")),
            call = self.id(Row::GateCall, "1"),
            reviewer = self.id(Row::Reviewer, &reviewer),
            scores = self.json(&scores),
            sum = sum.join(" + "),
            at = self.moment("-86400 + n.i"),
        )
    }

    /// A decision for each application of a release: a fifth get a place, a fifth wait, the rest are declined.
    fn staged(self, staged: &Part<'_>) -> String {
        let is_accepted = "n.i % 5 = 0";
        format!(
            "{} INSERT INTO staged_decisions (application_id, project_id, call_id, outcome, cohort_id, pillar, rank, reasons, feedback,
                staged_by, version, created_at, updated_at)
             SELECT {}, {}, {}, CASE n.i % 5 WHEN 0 THEN 'accept' WHEN 1 THEN 'waitlist' ELSE 'decline' END,
                CASE WHEN {is_accepted} THEN {} END, CASE WHEN {is_accepted} THEN 'create_learn' END,
                CASE WHEN n.i % 5 = 1 THEN CAST(n.i % {DECISIONS} AS integer) END, '[]',
                'The committee has read this with care.', (SELECT id FROM accounts WHERE email = 'admin@example.org'),
                1, {at}, {at} FROM n;",
            numbers(staged.range.clone()),
            self.id(Row::Entrant, "n.i"),
            self.id(Row::Applicant, "n.i"),
            self.id(Row::GateCall, staged.call),
            self.id(Row::Cohort, "1"),
            at = self.moment("-3600"),
        )
    }
}
