//! The plan of the demo's months: every command with its moment, in order.

use std::collections::BTreeMap;

use chrono::{Duration, NaiveDate};

use super::data::{DemoFile, Other, Outcome, Project, begins};
use crate::db::Moment;
use crate::journey::Kind;
use crate::network::Pillar;
use crate::projects::Confidence;

/// One thing that somebody does; projects are known by their number, 1 to 58.
#[derive(Debug, Clone)]
pub enum Command {
    Start(usize),
    Submit(usize),
    Withdraw(usize),
    Accept(usize),
    Waitlist(usize),
    Decline(usize),
    Assign(usize),
    Report {
        number: usize,
        by_coach: bool,
        confidence: Confidence,
    },
    /// The coach books a meeting for this day.
    Book {
        number: usize,
        on: NaiveDate,
    },
    /// The meeting that was booked for today is held.
    Meet(usize),
    /// Finishes the required milestones of the stay, but for those that are waived.
    Finish {
        number: usize,
        all: bool,
    },
    /// The step at this place in the project's list.
    Step {
        number: usize,
        at: usize,
    },
}

type Day = Vec<(Moment, Command)>;

/// Every day with what happens on it.
#[must_use]
pub fn plan(file: &DemoFile) -> BTreeMap<NaiveDate, Day> {
    let mut commands: Day = Vec::new();
    for project in &file.projects {
        application(project, &mut commands);
        journey(project, &mut commands);
    }
    for other in &file.others {
        other_application(other, &mut commands);
    }
    commands.sort_by_key(|(at, _)| *at);
    let mut days: BTreeMap<NaiveDate, Day> = BTreeMap::new();
    for (at, command) in commands {
        days.entry(at.day()).or_default().push((at, command));
    }
    days
}

/// A time of day that differs from project to project, so that no two things happen at the same moment.
fn at(day: NaiveDate, hour: i64, number: usize) -> Moment {
    let minutes = i64::try_from(number).unwrap_or(0);
    Moment::start_of(day).plus(Duration::hours(hour) + Duration::minutes(minutes))
}

fn application(project: &Project, commands: &mut Day) {
    let n = project.number;
    commands.push((at(project.created_on, 9, n), Command::Start(n)));
    commands.push((at(project.submitted_on, 14, n), Command::Submit(n)));
    commands.push((at(begins(), 8, n), Command::Accept(n)));
    commands.push((at(begins(), 10, n), Command::Assign(n)));
}

/// Between two steps a coach reports now and then, and before a step forward the pillar's milestones are done.
fn journey(project: &Project, commands: &mut Day) {
    let n = project.number;
    let mut since = begins();
    let mut held = false;
    for (place, step) in project.steps.iter().enumerate() {
        if !held {
            reports(project, since, step.on, step.kind, commands);
        }
        if matches!(step.kind, Kind::Advance | Kind::Graduate) {
            let all = step.reason.is_none();
            commands.push((at(step.on, 7, n), Command::Finish { number: n, all }));
        }
        commands.push((
            at(step.on, 15, n),
            Command::Step {
                number: n,
                at: place,
            },
        ));
        held = step.kind == Kind::Hold;
        since = step.on;
    }
    if !matches!(
        project.steps.last().map(|step| step.kind),
        Some(Kind::Exit | Kind::Graduate)
    ) {
        let end = NaiveDate::from_ymd_opt(2018, 7, 31).unwrap_or(since);
        reports(project, since, end, Kind::Hold, commands);
        let on = end + Duration::days(14);
        commands.push((at(end, 12, n), Command::Book { number: n, on }));
    }
}

fn reports(project: &Project, from: NaiveDate, to: NaiveDate, next: Kind, commands: &mut Day) {
    let n = project.number;
    let pause = 11 + i64::try_from(n % 5).unwrap_or(0);
    let mut on = from + Duration::days(6);
    let mut by_coach = true;
    while on < to {
        let last = on + Duration::days(pause) >= to;
        let confidence = match next {
            Kind::Exit if last => Confidence::Red,
            Kind::Exit | Kind::Hold | Kind::Return => Confidence::Amber,
            _ => Confidence::Green,
        };
        if by_coach {
            let booked = at(on - Duration::days(4), 11, n);
            commands.push((booked, Command::Book { number: n, on }));
            commands.push((at(on, 14, n), Command::Meet(n)));
        }
        commands.push((
            at(on, 16, n),
            Command::Report {
                number: n,
                by_coach,
                confidence,
            },
        ));
        by_coach = !by_coach;
        on += Duration::days(pause);
    }
    if from + Duration::days(6) >= to {
        commands.push((
            at(to, 6, n),
            Command::Report {
                number: n,
                by_coach: true,
                confidence: Confidence::Green,
            },
        ));
    }
}

fn other_application(other: &Other, commands: &mut Day) {
    let n = other.number;
    let submitted = other
        .submitted_on
        .unwrap_or_else(|| begins() - Duration::days(60));
    commands.push((at(submitted - Duration::days(9), 9, n), Command::Start(n)));
    if other.outcome != Outcome::Incomplete {
        commands.push((at(submitted, 13, n), Command::Submit(n)));
    }
    match (other.outcome, other.decided_on, other.withdrawn_on) {
        (Outcome::Waitlisted, Some(on), _) => commands.push((at(on, 11, n), Command::Waitlist(n))),
        (Outcome::Declined, Some(on), _) => commands.push((at(on, 11, n), Command::Decline(n))),
        (Outcome::Withdrawn, _, Some(on)) => commands.push((at(on, 11, n), Command::Withdraw(n))),
        _ => {}
    }
}

/// The gate whose requirement a step with a reason of its own waives.
#[must_use]
pub fn waived(from: Pillar) -> String {
    format!("{from}.milestones_done")
}
