//! The plan of the demo's months: every command with its moment, in order.

use std::collections::BTreeMap;

use chrono::{Datelike, Duration, NaiveDate, Weekday};

use super::data::{Demo, Gateway, Other, Outcome, Project, begins};
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
    /// The region's coordinator begins the screening.
    Screen(usize),
    /// The coordinator sends it back for a reason.
    Return(usize),
    /// The founder changes what was open and submits again.
    Resubmit(usize),
    /// The screening ends: on to the reviewers.
    Pass(usize),
    /// Who reviews what is planned, and the plan is applied.
    PlanReviews,
    /// Those who review it write and submit their reviews.
    Review(usize),
    /// The coordinator notes the decision, which is not out yet.
    Stage(usize),
    /// Each coordinator sets the time at which their decisions go out.
    ScheduleRelease,
    /// The founder takes the place.
    Confirm(usize),
    /// The coordinator takes back the acceptance of a place that nobody confirmed, and declines.
    Reverse(usize),
    /// The worker does what is due.
    Work,
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
    /// The founder answers what has to be answered before Test.
    AnswerForTest(usize),
    /// The step at this place in the project's list.
    Step {
        number: usize,
        at: usize,
    },
}

type Day = Vec<(Moment, Command)>;

/// Every day with what happens on it.
#[must_use]
pub fn plan(demo: &Demo) -> BTreeMap<NaiveDate, Day> {
    let mut commands: Day = Vec::new();
    for project in &demo.file.projects {
        application(project, &demo.gateway, &mut commands);
        journey(project, &mut commands);
    }
    for other in &demo.file.others {
        other_application(other, &demo.gateway, &mut commands);
    }
    call(&demo.gateway, &mut commands);
    commands.sort_by_key(|(at, _)| *at);
    let mut days: BTreeMap<NaiveDate, Day> = BTreeMap::new();
    for (at, command) in commands {
        days.entry(at.day()).or_default().push((at, command));
    }
    days
}

/// What happens to the call as a whole; and the worker's turns at the moments at which places have something due.
fn call(gateway: &Gateway, commands: &mut Day) {
    let days = &gateway.days;
    commands.push((at(days.reviews_planned, 10, 0), Command::PlanReviews));
    commands.push((at(days.staged, 17, 0), Command::ScheduleRelease));
    commands.push((released(gateway), Command::Work));
    let kept = i64::from(gateway.places.confirm_within_days);
    let before = gateway.places.reminder_days_before.iter();
    for days_before in before.map(|days| i64::from(*days)).chain([0]) {
        let due = released(gateway).plus(Duration::days(kept - days_before));
        commands.push((due, Command::Work));
    }
}

/// When the decisions go out.
#[must_use]
pub fn released(gateway: &Gateway) -> Moment {
    at(gateway.days.released, 9, 0)
}

/// A time of day that differs from project to project, so that no two things happen at the same moment.
fn at(day: NaiveDate, hour: i64, number: usize) -> Moment {
    let minutes = i64::try_from(number).unwrap_or(0);
    Moment::start_of(day).plus(Duration::hours(hour) + Duration::minutes(minutes))
}

fn application(project: &Project, gateway: &Gateway, commands: &mut Day) {
    let n = project.number;
    commands.push((at(project.created_on, 9, n), Command::Start(n)));
    commands.push((at(project.submitted_on, 14, n), Command::Submit(n)));
    screening(
        n,
        project.submitted_on,
        project.returned.is_some(),
        commands,
    );
    review(n, gateway, commands);
    commands.push((at(gateway.days.staged, 10, n), Command::Stage(n)));
    // Who waits has the place that expires at nine.
    let hour = if project.rank.is_some() { 11 } else { 8 };
    commands.push((at(begins(), hour, n), Command::Confirm(n)));
    commands.push((at(begins(), 12, n), Command::Assign(n)));
}

/// The next working day, a return if there is one, and another look.
fn screening(n: usize, submitted: NaiveDate, returned: bool, commands: &mut Day) {
    let mut on = workday(submitted + Duration::days(1));
    commands.push((at(on, 9, n), Command::Screen(n)));
    if returned {
        commands.push((at(on, 11, n), Command::Return(n)));
        commands.push((at(on + Duration::days(2), 20, n), Command::Resubmit(n)));
        on = workday(on + Duration::days(3));
    }
    commands.push((at(on, 15, n), Command::Pass(n)));
}

fn review(n: usize, gateway: &Gateway, commands: &mut Day) {
    commands.push((at(reviewed(n, gateway), 10, n), Command::Review(n)));
}

fn reviewed(n: usize, gateway: &Gateway) -> NaiveDate {
    let days = i64::try_from(n % 7).unwrap_or(0);
    workday(gateway.days.reviews_begin + Duration::days(days))
}

fn workday(day: NaiveDate) -> NaiveDate {
    match day.weekday() {
        Weekday::Sat => day + Duration::days(2),
        Weekday::Sun => day + Duration::days(1),
        _ => day,
    }
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
        if step.kind == Kind::Advance && step.to == Some(Pillar::Test) {
            commands.push((at(step.on, 6, n), Command::AnswerForTest(n)));
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

fn other_application(other: &Other, gateway: &Gateway, commands: &mut Day) {
    let n = other.number;
    let submitted = other
        .submitted_on
        .unwrap_or_else(|| begins() - Duration::days(60));
    commands.push((at(submitted - Duration::days(9), 9, n), Command::Start(n)));
    if other.outcome == Outcome::Incomplete {
        return;
    }
    commands.push((at(submitted, 13, n), Command::Submit(n)));
    screening(n, submitted, other.returned.is_some(), commands);
    let withdrawn = other.withdrawn_on;
    if withdrawn.is_none_or(|on| on > reviewed(n, gateway)) {
        review(n, gateway, commands);
    }
    match withdrawn {
        Some(on) => commands.push((at(on, 11, n), Command::Withdraw(n))),
        None => commands.push((at(gateway.days.staged, 10, n), Command::Stage(n))),
    }
    if other.offered.is_some() {
        commands.push((at(begins(), 14, n), Command::Reverse(n)));
    }
}

/// The gate whose requirement a step with a reason of its own waives.
#[must_use]
pub fn waived(from: Pillar) -> String {
    format!("{from}.milestones_done")
}
