//! The gate engine: which requirements of a pillar are open, and what waives them. It will grow; it lives here.

use crate::error::Blocker;
use crate::lang::Names;
use crate::network::{Gate, Pillar, Requirement};

/// What is known of a project's time in one pillar.
#[derive(Debug, Clone)]
pub struct Evidence {
    pub pillar: Pillar,
    pub gate: Gate,
    /// The required milestones that are not done. For a pillar that is skipped: all that its template has.
    pub open_milestones: Vec<Names>,
    pub coach_updates: i64,
    /// Whether the project was ever in the pillar.
    pub entered: bool,
}

/// A requirement that is not met, under the name by which it can be waived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    pub requirement: String,
    pub blockers: Vec<Blocker>,
}

/// The name of a requirement, such as `test.milestones_done`.
#[must_use]
pub fn name(pillar: Pillar, requirement: &Requirement) -> String {
    let kind = match requirement {
        Requirement::MilestonesDone => "milestones_done",
        Requirement::CoachUpdates { .. } => "coach_updates",
    };
    format!("{pillar}.{kind}")
}

/// Every open requirement of one gate.
#[must_use]
pub fn open(evidence: &Evidence) -> Vec<Open> {
    evidence
        .gate
        .iter()
        .filter_map(|requirement| check(evidence, requirement))
        .collect()
}

fn check(evidence: &Evidence, requirement: &Requirement) -> Option<Open> {
    let pillar = evidence.pillar;
    let requirement_name = name(pillar, requirement);
    let about = |code: &'static str| {
        Blocker::new(code)
            .with("pillar", pillar)
            .requirement(&requirement_name)
    };
    let blockers: Vec<Blocker> = match requirement {
        Requirement::MilestonesDone
            if !evidence.entered && !evidence.open_milestones.is_empty() =>
        {
            vec![about("milestone-not-laid-out")]
        }
        Requirement::MilestonesDone => {
            let open = evidence.open_milestones.iter();
            open.map(|titles| about("milestone-open").named("milestone", titles))
                .collect()
        }
        Requirement::CoachUpdates { at_least } => {
            let missing = at_least - evidence.coach_updates;
            if missing > 0 {
                vec![about("coach-updates-missing").with("missing", missing)]
            } else {
                Vec::new()
            }
        }
    };
    (!blockers.is_empty()).then_some(Open {
        requirement: requirement_name,
        blockers,
    })
}

/// What is still in the way once the waivers are taken into account.
#[must_use]
pub fn unwaived(open: &[Open], waived: &[&str]) -> Vec<Blocker> {
    let left = open
        .iter()
        .filter(|one| !waived.contains(&one.requirement.as_str()));
    left.flat_map(|one| one.blockers.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(open: &[&str], coach_updates: i64, entered: bool) -> Evidence {
        Evidence {
            pillar: Pillar::Test,
            gate: vec![
                Requirement::MilestonesDone,
                Requirement::CoachUpdates { at_least: 2 },
            ],
            open_milestones: open.iter().map(|title| Names::same(title)).collect(),
            coach_updates,
            entered,
        }
    }

    fn codes(evidence: &Evidence) -> Vec<(String, Vec<String>)> {
        let codes = |one: Open| {
            (
                one.requirement,
                one.blockers
                    .into_iter()
                    .map(|b| b.code.into_owned())
                    .collect(),
            )
        };
        open(evidence).into_iter().map(codes).collect()
    }

    #[test]
    fn a_gate_is_met_when_everything_is_done() {
        assert!(open(&evidence(&[], 2, true)).is_empty());
        assert!(open(&evidence(&[], 3, true)).is_empty());
    }

    #[test]
    fn each_open_milestone_is_named() {
        let open = codes(&evidence(&["a", "b"], 1, true));
        assert_eq!(open.len(), 2);
        assert_eq!(
            open[0],
            (
                "test.milestones_done".into(),
                vec!["milestone-open".into(), "milestone-open".into()]
            )
        );
        assert_eq!(
            open[1],
            (
                "test.coach_updates".into(),
                vec!["coach-updates-missing".into()]
            )
        );
    }

    #[test]
    fn a_pillar_that_was_skipped_is_open() {
        assert_eq!(
            codes(&evidence(&["a", "b"], 0, false))[0].1,
            ["milestone-not-laid-out"]
        );
    }

    #[test]
    fn a_waiver_takes_one_requirement_out_of_the_way() {
        let open = open(&evidence(&["a"], 0, true));
        assert_eq!(unwaived(&open, &[]).len(), 2);
        assert_eq!(
            unwaived(&open, &["test.milestones_done"])[0].code,
            "coach-updates-missing"
        );
        assert!(unwaived(&open, &["test.milestones_done", "test.coach_updates"]).is_empty());
    }
}
