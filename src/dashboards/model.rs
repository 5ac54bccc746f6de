//! What the figures are, and which of them a partner may not see.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::applications::ApplicationState;
use crate::journey::ExitReason;
use crate::network::Pillar;
use crate::projects::State;

/// The figures as they are counted.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    pub states: BTreeMap<State, i64>,
    pub funnel: BTreeMap<Pillar, Flow>,
    pub times: BTreeMap<Pillar, Time>,
    pub risks: Risks,
    pub load: Vec<Load>,
    pub applications: BTreeMap<ApplicationState, i64>,
    pub days_to_decision: Option<f64>,
    pub exits: Vec<(ExitReason, Pillar, i64)>,
    pub days_to_stop: Option<f64>,
}

/// How many projects went through one pillar.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flow {
    pub entered: i64,
    pub now: i64,
    pub on_hold: i64,
    pub left_forward: i64,
    pub stopped: i64,
}

/// How long projects were in one pillar, in days, holds left out.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Time {
    pub projects: i64,
    pub median: f64,
    pub p90: f64,
    pub target_days: Option<i32>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Risks {
    pub projects: i64,
    pub no_update: i64,
    pub milestone_overdue: i64,
    pub past_target: i64,
    pub confidence_red: i64,
}

#[derive(Debug, Clone)]
pub struct Load {
    pub account_id: Uuid,
    pub name: String,
    pub open_assignments: i64,
    pub minutes_booked: i64,
    pub minutes_held: i64,
    pub hours_budget: Option<i64>,
}

/// Figures of a cohort, a region or the network.
#[derive(Debug, Serialize, ToSchema)]
pub struct Dashboard {
    pub cohort_id: Option<Uuid>,
    /// The region, where it is one region's dashboard.
    pub region: Option<String>,
    /// The regions that the figures cover; null for all.
    pub regions: Option<Vec<String>>,
    /// The day of the figures.
    pub on: NaiveDate,
    /// Whether anything was left out because it would count too few (partners only). What is left out is null.
    pub suppressed: bool,
    pub projects: ProjectCounts,
    /// For each pillar, in order.
    pub funnel: Vec<FunnelRow>,
    pub time_in_pillar: Vec<TimeRow>,
    pub at_risk: RiskCounts,
    pub coach_load: Vec<LoadRow>,
    pub selection: Selection,
    pub outcome: OutcomeCounts,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ProjectCounts {
    pub total: Option<i64>,
    pub active: Option<i64>,
    pub on_hold: Option<i64>,
    pub exited: Option<i64>,
    pub graduated: Option<i64>,
    pub suppressed: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct FunnelRow {
    pub pillar: Pillar,
    /// Projects that have been in the pillar.
    pub entered: Option<i64>,
    /// Active in it.
    pub now: Option<i64>,
    pub on_hold: Option<i64>,
    /// Advanced or graduated out of it.
    pub left_forward: Option<i64>,
    /// Exited while in it.
    pub stopped: Option<i64>,
    /// `left_forward` / `entered`; null where nobody entered.
    pub conversion: Option<f64>,
    pub suppressed: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TimeRow {
    pub pillar: Pillar,
    pub projects: Option<i64>,
    pub median_days: Option<f64>,
    /// 90th percentile, linear between closest ranks.
    pub p90_days: Option<f64>,
    pub target_days: Option<i32>,
    pub suppressed: bool,
}

/// Active projects at risk, and why; one project may have several causes.
#[derive(Debug, Serialize, ToSchema)]
pub struct RiskCounts {
    pub projects: Option<i64>,
    pub no_update: Option<i64>,
    pub milestone_overdue: Option<i64>,
    pub past_target: Option<i64>,
    pub confidence_red: Option<i64>,
    pub suppressed: bool,
}

/// A coach who works for a project of the scope now, or has booked sessions with one.
#[derive(Debug, Serialize, ToSchema)]
pub struct LoadRow {
    pub account_id: Uuid,
    pub name: String,
    pub open_assignments: i64,
    /// Planned hours of all coaching sessions that were not cancelled.
    pub hours_booked: f64,
    /// Hours of the sessions that were held.
    pub hours_held: f64,
    /// The budgets of the open assignments; null where none has one.
    pub hours_budget: Option<i64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Selection {
    pub applications: Option<i64>,
    /// By state, states without applications included.
    pub by_state: BTreeMap<String, Option<i64>>,
    /// accepted / (accepted + waitlisted + declined); null where none was decided.
    pub acceptance_rate: Option<f64>,
    /// Median days from submission to the decision's release.
    pub median_days_to_decision: Option<f64>,
    pub suppressed: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct OutcomeCounts {
    pub graduated: Option<i64>,
    pub exited: Option<i64>,
    pub exits: Vec<ExitRow>,
    pub median_days_to_stop: Option<f64>,
    pub suppressed: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ExitRow {
    pub reason_code: ExitReason,
    pub pillar: Pillar,
    pub projects: Option<i64>,
}

/// Names of counts, so that rules can speak of them.
type Key = String;

/// Counts, those that may not be shown marked.
struct Cells {
    values: BTreeMap<Key, i64>,
    hidden: std::collections::BTreeSet<Key>,
}

impl Cells {
    fn show(&self, key: &str) -> Option<i64> {
        if self.hidden.contains(key) {
            None
        } else {
            self.values.get(key).copied()
        }
    }

    fn hides_any(&self, keys: &[&str]) -> bool {
        keys.iter().any(|key| self.hidden.contains(*key))
    }
}

/// Hides counts from 1 to the threshold, and whatever would give one of them away: where all counts of a sum but
/// one are shown, the one could be worked out, so another is hidden with it.
fn suppress(values: BTreeMap<Key, i64>, sums: &[Vec<Key>], threshold: Option<i64>) -> Cells {
    let mut hidden = std::collections::BTreeSet::new();
    let Some(threshold) = threshold else {
        return Cells { values, hidden };
    };
    hidden.extend(
        values
            .iter()
            .filter(|(_, count)| (1..=threshold).contains(*count))
            .map(|(key, _)| key.clone()),
    );
    loop {
        let before = hidden.len();
        for sum in sums {
            let (out, shown): (Vec<&Key>, Vec<&Key>) =
                sum.iter().partition(|key| hidden.contains(*key));
            if out.len() == 1 {
                // The smallest count that is not nothing is the least loss; nothing itself is the last resort.
                let next = shown.into_iter().min_by_key(|key| match values.get(*key) {
                    Some(0) | None => i64::MAX,
                    Some(count) => *count,
                });
                hidden.extend(next.cloned());
            }
        }
        if hidden.len() == before {
            return Cells { values, hidden };
        }
    }
}

/// Counts, and the sums in which they stand; of each sum's counts any one can be worked out from the others.
#[derive(Default)]
struct Counts {
    values: BTreeMap<Key, i64>,
    sums: Vec<Vec<Key>>,
}

impl Counts {
    /// Adds counts that make up a sum with `whole`.
    fn sum(&mut self, whole: &str, parts: Vec<(Key, i64)>) {
        let mut keys = vec![whole.to_owned()];
        keys.extend(parts.iter().map(|(key, _)| key.clone()));
        self.values.extend(parts);
        self.sums.push(keys);
    }

    /// Notes that counts which are there already make up `whole`.
    fn also(&mut self, whole: &str, parts: impl Iterator<Item = Key>) {
        self.sums
            .push(std::iter::once(whole.to_owned()).chain(parts).collect());
    }
}

/// The counts that can be worked out from one another. Those named `rest` or `not` are shown nowhere, but they
/// complete the sums.
fn counts(figures: &Figures) -> Counts {
    let mut counts = Counts::default();
    let state = |state: State| {
        (
            state.to_string(),
            figures.states.get(&state).copied().unwrap_or(0),
        )
    };
    counts
        .values
        .insert("projects".into(), figures.states.values().sum());
    counts.sum(
        "projects",
        [
            State::Active,
            State::OnHold,
            State::Exited,
            State::Graduated,
        ]
        .map(state)
        .to_vec(),
    );
    for pillar in Pillar::ALL {
        flow_counts(&mut counts, figures, *pillar);
    }
    let each = |name: &'static str| {
        Pillar::ALL
            .iter()
            .map(move |pillar| format!("{pillar}.{name}"))
    };
    counts.also("active", each("now"));
    counts.also("on_hold", each("on_hold"));
    counts.values.insert(
        "exits".into(),
        figures.exits.iter().map(|(_, _, count)| count).sum(),
    );
    counts.also("exits", each("stopped"));
    counts.also("exits", std::iter::once("exited".to_owned()));
    counts.also(
        "graduated",
        std::iter::once("scale.left_forward".to_owned()),
    );
    risk_counts(figures, &mut counts.values, &mut counts.sums);
    selection_counts(figures, &mut counts.values, &mut counts.sums);
    counts
}

fn flow_counts(counts: &mut Counts, figures: &Figures, pillar: Pillar) {
    let flow = figures.funnel.get(&pillar).copied().unwrap_or_default();
    let rest = flow.entered - flow.now - flow.on_hold - flow.left_forward - flow.stopped;
    let parts = [
        ("now", flow.now),
        ("on_hold", flow.on_hold),
        ("left_forward", flow.left_forward),
        ("stopped", flow.stopped),
        ("rest", rest.max(0)),
    ];
    counts
        .values
        .insert(format!("{pillar}.entered"), flow.entered);
    let parts = parts.map(|(name, count)| (format!("{pillar}.{name}"), count));
    counts.sum(&format!("{pillar}.entered"), parts.to_vec());
    let here = figures.exits.iter().filter(|(_, at, _)| *at == pillar);
    let here = here.map(|(reason, at, count)| (format!("exit.{reason}.{at}"), *count));
    counts.sum(&format!("{pillar}.stopped"), here.collect());
}

fn risk_counts(figures: &Figures, values: &mut BTreeMap<Key, i64>, sums: &mut Vec<Vec<Key>>) {
    let active = figures.states.get(&State::Active).copied().unwrap_or(0);
    let risks = figures.risks;
    let causes = [
        ("no_update", risks.no_update),
        ("milestone_overdue", risks.milestone_overdue),
        ("past_target", risks.past_target),
        ("confidence_red", risks.confidence_red),
        ("projects", risks.projects),
    ];
    for (name, count) in causes {
        values.insert(format!("risk.{name}"), count);
        // Those that are not at risk can be counted by subtraction from the active ones.
        values.insert(format!("risk.not.{name}"), active - count);
        sums.push(vec![
            "active".to_owned(),
            format!("risk.{name}"),
            format!("risk.not.{name}"),
        ]);
    }
}

fn selection_counts(figures: &Figures, values: &mut BTreeMap<Key, i64>, sums: &mut Vec<Vec<Key>>) {
    let mut all = vec!["applications".to_owned()];
    for state in ApplicationState::ALL {
        let key = format!("application.{state}");
        values.insert(
            key.clone(),
            figures.applications.get(state).copied().unwrap_or(0),
        );
        all.push(key);
    }
    values.insert(
        "applications".to_owned(),
        figures.applications.values().sum(),
    );
    sums.push(all);
}

/// What a dashboard is about.
#[derive(Debug, Clone)]
pub struct About {
    pub cohort_id: Option<Uuid>,
    pub region: Option<String>,
    pub regions: Option<Vec<String>>,
    pub on: NaiveDate,
}

/// The dashboard as the caller may see it: with a threshold, small counts and what would reveal them are left out.
#[must_use]
pub fn dashboard(about: About, figures: &Figures, threshold: Option<i64>) -> Dashboard {
    let Counts { values, sums } = counts(figures);
    let cells = suppress(values, &sums, threshold);
    let About {
        cohort_id,
        region,
        regions,
        on,
    } = about;
    let partner = threshold.is_some();
    let load = figures.load.iter().filter(|_| !partner).map(|one| LoadRow {
        account_id: one.account_id,
        name: one.name.clone(),
        open_assignments: one.open_assignments,
        hours_booked: hours(one.minutes_booked),
        hours_held: hours(one.minutes_held),
        hours_budget: one.hours_budget,
    });
    Dashboard {
        cohort_id,
        region,
        regions,
        on,
        suppressed: !cells.hidden.is_empty(),
        projects: ProjectCounts {
            total: cells.show("projects"),
            active: cells.show("active"),
            on_hold: cells.show("on_hold"),
            exited: cells.show("exited"),
            graduated: cells.show("graduated"),
            suppressed: cells.hides_any(&["projects", "active", "on_hold", "exited", "graduated"]),
        },
        funnel: Pillar::ALL
            .iter()
            .map(|pillar| funnel_row(&cells, *pillar))
            .collect(),
        time_in_pillar: Pillar::ALL
            .iter()
            .map(|pillar| time_row(&cells, figures, *pillar))
            .collect(),
        at_risk: RiskCounts {
            projects: cells.show("risk.projects"),
            no_update: cells.show("risk.no_update"),
            milestone_overdue: cells.show("risk.milestone_overdue"),
            past_target: cells.show("risk.past_target"),
            confidence_red: cells.show("risk.confidence_red"),
            suppressed: cells.hides_any(&[
                "risk.projects",
                "risk.no_update",
                "risk.milestone_overdue",
                "risk.past_target",
                "risk.confidence_red",
            ]),
        },
        coach_load: load.collect(),
        selection: selection(&cells, figures),
        outcome: outcome(&cells, figures),
    }
}

fn funnel_row(cells: &Cells, pillar: Pillar) -> FunnelRow {
    let show = |name: &str| cells.show(&format!("{pillar}.{name}"));
    let (entered, left_forward) = (show("entered"), show("left_forward"));
    let row = [
        entered,
        show("now"),
        show("on_hold"),
        left_forward,
        show("stopped"),
    ];
    FunnelRow {
        pillar,
        entered,
        now: show("now"),
        on_hold: show("on_hold"),
        left_forward,
        stopped: show("stopped"),
        conversion: ratio(left_forward, entered),
        suppressed: row.iter().any(Option::is_none),
    }
}

/// As many projects were in a pillar as entered it, so the one count is hidden with the other.
fn time_row(cells: &Cells, figures: &Figures, pillar: Pillar) -> TimeRow {
    let time = figures.times.get(&pillar).copied().unwrap_or_default();
    let hidden = cells.hides_any(&[&format!("{pillar}.entered")]);
    let shown = !hidden && time.projects > 0;
    TimeRow {
        pillar,
        projects: (!hidden).then_some(time.projects),
        median_days: shown.then(|| tenths(time.median)),
        p90_days: shown.then(|| tenths(time.p90)),
        target_days: time.target_days,
        suppressed: hidden,
    }
}

fn selection(cells: &Cells, figures: &Figures) -> Selection {
    let state = |state: ApplicationState| cells.show(&format!("application.{state}"));
    let (accepted, waitlisted, declined) = (
        state(ApplicationState::Accepted),
        state(ApplicationState::Waitlisted),
        state(ApplicationState::Declined),
    );
    let decided = accepted
        .zip(waitlisted)
        .zip(declined)
        .map(|((a, w), d)| a + w + d);
    let suppressed = cells
        .hidden
        .iter()
        .any(|key| key.starts_with("application"));
    Selection {
        applications: cells.show("applications"),
        by_state: ApplicationState::ALL
            .iter()
            .map(|one| (one.to_string(), state(*one)))
            .collect(),
        acceptance_rate: ratio(accepted, decided),
        median_days_to_decision: figures
            .days_to_decision
            .filter(|_| decided.is_some())
            .map(tenths),
        suppressed,
    }
}

fn outcome(cells: &Cells, figures: &Figures) -> OutcomeCounts {
    let exits = figures.exits.iter().map(|(reason, pillar, _)| ExitRow {
        reason_code: *reason,
        pillar: *pillar,
        projects: cells.show(&format!("exit.{reason}.{pillar}")),
    });
    let exits: Vec<ExitRow> = exits.collect();
    let exited = cells.show("exits");
    OutcomeCounts {
        graduated: cells.show("graduated"),
        exited,
        suppressed: cells.hides_any(&["graduated", "exits"])
            || exits.iter().any(|one| one.projects.is_none()),
        // Where the rows are hidden, that there is a row for a reason and pillar says as much as its count.
        exits: if exits.iter().any(|one| one.projects.is_none()) {
            Vec::new()
        } else {
            exits
        },
        median_days_to_stop: figures
            .days_to_stop
            .filter(|_| exited.is_some())
            .map(tenths),
    }
}

fn ratio(part: Option<i64>, whole: Option<i64>) -> Option<f64> {
    let (part, whole) = (i32::try_from(part?).ok()?, i32::try_from(whole?).ok()?);
    (whole != 0).then(|| (f64::from(part) / f64::from(whole) * 10_000.0).round() / 10_000.0)
}

/// Minutes as hours, to a hundredth.
fn hours(minutes: i64) -> f64 {
    let minutes = i32::try_from(minutes).unwrap_or(i32::MAX);
    (f64::from(minutes) / 60.0 * 100.0).round() / 100.0
}

fn tenths(days: f64) -> f64 {
    (days * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(names: &[&str]) -> Vec<Key> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn hidden(values: &[(&str, i64)], sums: &[&[&str]], threshold: i64) -> Vec<String> {
        let values = values
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect();
        let sums: Vec<Vec<Key>> = sums.iter().map(|sum| keys(sum)).collect();
        suppress(values, &sums, Some(threshold))
            .hidden
            .into_iter()
            .collect()
    }

    #[test]
    fn a_small_count_takes_another_with_it() {
        assert_eq!(
            hidden(
                &[("all", 20), ("a", 3), ("b", 7), ("c", 10)],
                &[&["all", "a", "b", "c"]],
                4
            ),
            ["a", "b"]
        );
        assert_eq!(
            hidden(
                &[("all", 20), ("a", 3), ("b", 2), ("c", 15)],
                &[&["all", "a", "b", "c"]],
                4
            ),
            ["a", "b"]
        );
        assert_eq!(
            hidden(
                &[("all", 20), ("a", 10), ("b", 10)],
                &[&["all", "a", "b"]],
                4
            ),
            [""; 0]
        );
        assert_eq!(
            hidden(&[("all", 0), ("a", 0)], &[&["all", "a"]], 4),
            [""; 0],
            "nothing is not few"
        );
        assert_eq!(
            hidden(&[("all", 4), ("a", 4), ("b", 0)], &[&["all", "a", "b"]], 4),
            ["a", "all"]
        );
        assert_eq!(
            hidden(&[("all", 5), ("a", 5), ("b", 0)], &[&["all", "a", "b"]], 4),
            [""; 0]
        );
    }

    proptest::proptest! {
        /// Whoever knows the shown counts and the sums can't work out a hidden one.
        #[test]
        fn no_sum_has_exactly_one_hidden_count(
            counts in proptest::collection::vec(0_i64..12, 6), threshold in 1_i64..6,
        ) {
            let values: BTreeMap<Key, i64> = counts.iter().enumerate().map(|(at, count)| (at.to_string(), *count))
                .chain([("left".to_owned(), counts[..3].iter().sum()), ("right".to_owned(), counts[3..].iter().sum()), ("all".to_owned(), counts.iter().sum())])
                .collect();
            let sums = [keys(&["left", "0", "1", "2"]), keys(&["right", "3", "4", "5"]), keys(&["all", "left", "right"])];
            let cells = suppress(values.clone(), &sums, Some(threshold));
            for sum in &sums {
                assert_ne!(sum.iter().filter(|key| cells.hidden.contains(*key)).count(), 1, "{values:?}");
            }
            for (key, count) in &values {
                assert!(!(1..=threshold).contains(count) || cells.hidden.contains(key));
            }
        }
    }

    #[test]
    fn those_who_run_the_network_see_everything() {
        let figures = Figures {
            states: [(State::Active, 1)].into(),
            ..Figures::default()
        };
        let about = About {
            cohort_id: None,
            region: None,
            regions: None,
            on: "2018-06-01".parse().unwrap(),
        };
        let seen = dashboard(about.clone(), &figures, None);
        assert_eq!((seen.projects.active, seen.suppressed), (Some(1), false));
        let seen = dashboard(about, &figures, Some(4));
        assert_eq!(
            (seen.projects.active, seen.projects.total, seen.suppressed),
            (None, None, true)
        );
    }

    #[test]
    fn conversion_is_null_where_nobody_entered() {
        assert_eq!(ratio(Some(0), Some(0)), None);
        assert_eq!(ratio(Some(1), Some(3)), Some(0.3333));
        assert_eq!(ratio(None, Some(3)), None);
    }
}
