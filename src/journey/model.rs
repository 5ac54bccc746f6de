//! The steps of the journey: who may take which, from where to where, and what must hold.

use chrono::NaiveDate;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::gate::{self, Open};
use crate::auth::AccountId;
use crate::db::schema::{milestones, stays, transitions};
use crate::db::{Json, Moment};
use crate::error::{Blocker, FieldError};
use crate::network::{CohortId, Pillar};
use crate::projects::{Course, Project, ProjectId, State};

crate::ids! {
    /// One uninterrupted period in one pillar.
    StayId,
    /// One recorded step.
    TransitionId,
    MilestoneId,
}

crate::words! {
    /// A step of the journey.
    pub enum Kind {
        Enter = "enter",
        Advance = "advance",
        Return = "return",
        Hold = "hold",
        Resume = "resume",
        Exit = "exit",
        Graduate = "graduate",
    }
}

impl Kind {
    /// The event that tells of the step.
    #[must_use]
    pub fn event(self) -> &'static str {
        match self {
            Self::Enter => "project.entered",
            Self::Advance => "project.advanced",
            Self::Return => "project.returned",
            Self::Hold => "project.held",
            Self::Resume => "project.resumed",
            Self::Exit => "project.exited",
            Self::Graduate => "project.graduated",
        }
    }
}

crate::words! {
    /// Why a project stops. Quick start, fail fast, no blame.
    pub enum ExitReason {
        NeedNotConfirmed = "need-not-confirmed",
        NoClinicalChampion = "no-clinical-champion",
        Market = "market",
        Regulatory = "regulatory",
        Technical = "technical",
        Funding = "funding",
        Team = "team",
        Withdrawn = "withdrawn",
        Other = "other",
    }
}

/// A requirement that somebody answers for instead of meeting it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// As a blocker names it, such as `test.milestones_done`.
    #[schema(format = "line", min_length = 1, max_length = 100)]
    pub requirement: String,
    #[schema(min_length = 1, max_length = 2000)]
    pub reason: String,
}

/// A step that somebody wants to take.
#[derive(Debug, Clone)]
pub struct Step {
    pub kind: Kind,
    pub to: Option<Pillar>,
    pub cohort_id: Option<CohortId>,
    pub reason_code: Option<ExitReason>,
    pub reason: Option<String>,
    pub lesson: Option<String>,
    pub waivers: Vec<Waiver>,
}

impl Step {
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            to: None,
            cohort_id: None,
            reason_code: None,
            reason: None,
            lesson: None,
            waivers: Vec::new(),
        }
    }

    /// What is missing in the step, or does not belong to it.
    #[must_use]
    pub fn mistakes(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let mut need = |given: bool, pointer: &str, code: &'static str| {
            if !given {
                errors.push(FieldError::new(pointer, code));
            }
        };
        let kind = self.kind;
        match kind {
            Kind::Enter | Kind::Return | Kind::Hold | Kind::Resume => {
                need(self.reason.is_some(), "/reason", "reason-needed");
            }
            Kind::Exit => {
                need(
                    self.reason_code.is_some(),
                    "/reason_code",
                    "reason-code-needed",
                );
                need(self.lesson.is_some(), "/lesson", "lesson-needed");
            }
            Kind::Advance | Kind::Graduate => {}
        }
        need(
            kind != Kind::Enter || self.to.is_some(),
            "/to",
            "pillar-needed",
        );
        let moving = matches!(kind, Kind::Enter | Kind::Advance | Kind::Return);
        need(moving || self.to.is_none(), "/to", "not-for-this-step");
        need(
            kind == Kind::Enter || self.cohort_id.is_none(),
            "/cohort_id",
            "not-for-this-step",
        );
        need(
            kind == Kind::Exit || self.reason_code.is_none(),
            "/reason_code",
            "not-for-this-step",
        );
        need(
            kind == Kind::Exit || self.lesson.is_none(),
            "/lesson",
            "not-for-this-step",
        );
        let gated = matches!(kind, Kind::Advance | Kind::Graduate);
        need(
            gated || self.waivers.is_empty(),
            "/waivers",
            "not-for-this-step",
        );
        errors
    }

    /// Waivers that name no open requirement.
    #[must_use]
    pub fn idle_waivers(&self, open: &[Open]) -> Vec<FieldError> {
        let known = |waiver: &Waiver| open.iter().any(|one| one.requirement == waiver.requirement);
        let idle = self
            .waivers
            .iter()
            .enumerate()
            .filter(|(_, waiver)| !known(waiver));
        idle.map(|(at, _)| {
            FieldError::new(format!("/waivers/{at}/requirement"), "unknown-requirement")
        })
        .collect()
    }
}

/// What a decision about a step rests on.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The caller runs the part of the network that the project is in.
    pub manages: bool,
    /// The caller speaks for the project.
    pub represents: bool,
    /// The open requirements of every gate that the step passes.
    pub open: Vec<Open>,
    /// What keeps the project out of the cohort.
    pub room: Vec<Blocker>,
}

/// The pillar that a step leads to, given or by default.
#[must_use]
pub fn destination(project: &Project, kind: Kind, to: Option<Pillar>) -> Option<Pillar> {
    let here = project.pillar;
    match kind {
        Kind::Enter => to,
        Kind::Advance => to.or_else(|| here?.next()),
        Kind::Return => to.or_else(|| {
            Pillar::ALL
                .iter()
                .copied()
                .rfind(|pillar| Some(*pillar) < here)
        }),
        Kind::Hold | Kind::Resume => here,
        Kind::Exit | Kind::Graduate => None,
    }
}

/// Everything that stands in the way of a step. Empty: it may be taken.
#[must_use]
pub fn blockers(project: &Project, step: &Step, facts: &Facts) -> Vec<Blocker> {
    let withdrawing = step.kind == Kind::Exit && facts.represents;
    if !facts.manages && !withdrawing {
        return vec![Blocker::new("not-your-right")];
    }
    let mut found: Vec<Blocker> = state_blocker(project, step)
        .map(Blocker::new)
        .into_iter()
        .collect();
    if let Some(to) = wrong_direction(project, step) {
        found.push(Blocker::new("wrong-direction").with("pillar", to));
    }
    if step.kind == Kind::Enter {
        if project.region.is_none() {
            found.push(Blocker::new("no-region"));
        }
        found.extend(facts.room.iter().cloned());
    }
    if found.is_empty() {
        let waived: Vec<&str> = step
            .waivers
            .iter()
            .map(|waiver| waiver.requirement.as_str())
            .collect();
        found.extend(gate::unwaived(&facts.open, &waived));
    }
    found
}

/// What the project's state says against the step.
fn state_blocker(project: &Project, step: &Step) -> Option<&'static str> {
    let (state, pillar) = (project.state, project.pillar);
    match (step.kind, state) {
        (Kind::Enter, State::Active | State::OnHold) => Some("project-already-active"),
        (Kind::Advance, State::Active) if pillar == Some(Pillar::Scale) => Some("last-pillar"),
        (Kind::Return, State::Active) if pillar == Some(Pillar::CreateLearn) => {
            Some("first-pillar")
        }
        (Kind::Graduate, State::Active) if pillar != Some(Pillar::Scale) => Some("not-in-scale"),
        (Kind::Enter, State::Prospect | State::Exited | State::Graduated)
        | (Kind::Advance | Kind::Return | Kind::Hold | Kind::Graduate, State::Active)
        | (Kind::Resume, State::OnHold)
        | (Kind::Exit, State::Active | State::OnHold) => None,
        (Kind::Resume, _) => Some("project-not-on-hold"),
        (_, State::OnHold) => Some("project-on-hold"),
        (_, State::Exited | State::Graduated) => Some("project-already-ended"),
        (_, State::Prospect) => Some("project-not-active"),
    }
}

fn wrong_direction(project: &Project, step: &Step) -> Option<Pillar> {
    let (here, to) = (project.pillar?, step.to?);
    let wrong = match step.kind {
        Kind::Advance => to <= here,
        Kind::Return => to >= here,
        _ => false,
    };
    wrong.then_some(to)
}

crate::refusals! {
    pub enum Refusal {
        /// The project is not where the step begins.
        TransitionNotPossible = "transition-not-possible",
        /// Requirements of the gate are open.
        GateNotMet = "gate-not-met",
        CohortFull = "cohort-full",
        RegionQuotaFull = "region-quota-full",
        RegionNotServed = "region-not-served",
        /// The milestone is done already.
        MilestoneAlreadyDone = "milestone-already-done",
    }
}

/// The refusal that some blockers amount to.
#[must_use]
pub fn refusal(blockers: &[Blocker]) -> &'static str {
    let all = |test: fn(&Blocker) -> bool| blockers.iter().all(test);
    if blockers.iter().any(|one| one.code == "not-your-right") {
        "not-allowed"
    } else if all(|one| one.requirement.is_some()) {
        Refusal::GateNotMet.code()
    } else if all(|one| one.code == "cohort-full") {
        Refusal::CohortFull.code()
    } else if all(|one| one.code == "region-quota-full") {
        Refusal::RegionQuotaFull.code()
    } else if all(|one| one.code == "no-region") {
        Refusal::RegionNotServed.code()
    } else {
        Refusal::TransitionNotPossible.code()
    }
}

/// One uninterrupted period of a project in one pillar.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = stays)]
pub struct Stay {
    pub id: StayId,
    pub project_id: ProjectId,
    pub cohort_id: Option<CohortId>,
    pub pillar: Pillar,
    pub entered_at: Moment,
    pub left_at: Option<Moment>,
    pub left_by: Option<Kind>,
    pub held_seconds: i64,
    pub held_since: Option<Moment>,
    pub target_days: i32,
}

impl Stay {
    /// The seconds that count, holds left out.
    #[must_use]
    pub fn seconds(&self, now: Moment) -> i64 {
        let until = self.left_at.or(self.held_since).unwrap_or(now);
        until.since(self.entered_at).num_seconds() - self.held_seconds
    }

    /// When the stay passes its target; none where it has none.
    #[must_use]
    pub fn target_at(&self) -> Option<Moment> {
        let span = chrono::Duration::days(i64::from(self.target_days))
            + chrono::Duration::seconds(self.held_seconds);
        (self.target_days > 0).then(|| self.entered_at.plus(span))
    }
}

/// One recorded step. It is never changed; a mistake is corrected by a further one.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = transitions)]
pub struct Transition {
    pub id: TransitionId,
    pub project_id: ProjectId,
    pub number: i32,
    pub kind: Kind,
    pub from_state: State,
    pub to_state: State,
    pub from_pillar: Option<Pillar>,
    pub to_pillar: Option<Pillar>,
    pub cohort_id: Option<CohortId>,
    pub application_id: Option<TransitionId>,
    pub reason_code: Option<ExitReason>,
    pub reason: Option<String>,
    pub lesson: Option<String>,
    pub waivers: Json,
    pub actor_id: Option<AccountId>,
    pub at: Moment,
}

/// A dated deliverable of a stay.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = milestones)]
pub struct Milestone {
    pub id: MilestoneId,
    pub project_id: ProjectId,
    pub stay_id: StayId,
    pub key: Option<String>,
    pub titles: Json,
    pub due_on: NaiveDate,
    pub required: bool,
    pub done_at: Option<Moment>,
    pub done_by: Option<AccountId>,
    pub version: i64,
    pub created_at: Moment,
    pub updated_at: Moment,
}

/// The state in which a step leaves the project.
#[must_use]
pub fn state_after(kind: Kind) -> State {
    match kind {
        Kind::Enter | Kind::Advance | Kind::Return | Kind::Resume => State::Active,
        Kind::Hold => State::OnHold,
        Kind::Exit => State::Exited,
        Kind::Graduate => State::Graduated,
    }
}

/// The course after a project has left the journey, or before it began.
#[must_use]
pub fn ended(state: State, cohort_id: Option<CohortId>) -> Course {
    Course {
        state,
        pillar: None,
        cohort_id,
        stay_id: None,
        quiet_since: None,
        last_confidence: None,
        next_due_on: None,
        target_at: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::Lang;
    use crate::network::Sector;

    fn moment() -> Moment {
        Moment::new("2018-02-01T09:00:00Z".parse().unwrap())
    }

    fn project(state: State, pillar: Option<Pillar>) -> Project {
        Project {
            id: ProjectId(uuid::Uuid::nil()),
            reference: "P-1".into(),
            title: "t".into(),
            summary: "s".into(),
            sector: Sector::Medtech,
            country: "BE".into(),
            postal_code: None,
            region: Some("BE1".into()),
            province: None,
            enterprise_number: None,
            website: None,
            language: Lang::Fr,
            state,
            pillar,
            cohort_id: None,
            stay_id: None,
            shared_with_partners: false,
            quiet_since: None,
            last_confidence: None,
            next_due_on: None,
            target_at: None,
            created_by: AccountId(uuid::Uuid::nil()),
            version: 1,
            created_at: moment(),
            updated_at: moment(),
            applicant_kind: crate::projects::ApplicantKind::Team,
        }
    }

    fn managing() -> Facts {
        Facts {
            manages: true,
            ..Facts::default()
        }
    }

    fn codes(project: &Project, step: &Step, facts: &Facts) -> Vec<String> {
        blockers(project, step, facts)
            .into_iter()
            .map(|one| one.code.into_owned())
            .collect()
    }

    /// The table of DOMAIN §4, written down apart from the code that decides.
    #[test]
    fn each_step_is_possible_exactly_where_the_domain_says() {
        use Kind::*;
        for state in State::ALL {
            let pillars = if matches!(state, State::Active | State::OnHold) {
                Pillar::ALL
            } else {
                &[Pillar::CreateLearn][..]
            };
            for pillar in pillars {
                let in_pillar = matches!(state, State::Active | State::OnHold).then_some(*pillar);
                for kind in Kind::ALL {
                    let active = *state == State::Active;
                    let expected = match kind {
                        Enter => {
                            matches!(state, State::Prospect | State::Exited | State::Graduated)
                        }
                        Advance => active && *pillar != Pillar::Scale,
                        Return => active && *pillar != Pillar::CreateLearn,
                        Hold => active,
                        Resume => *state == State::OnHold,
                        Exit => active || *state == State::OnHold,
                        Graduate => active && *pillar == Pillar::Scale,
                    };
                    let found =
                        blockers(&project(*state, in_pillar), &Step::new(*kind), &managing());
                    assert_eq!(
                        found.is_empty(),
                        expected,
                        "{kind} from {state} in {pillar}: {found:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn only_those_who_manage_move_but_a_founder_may_withdraw() {
        let active = project(State::Active, Some(Pillar::Test));
        for kind in Kind::ALL {
            assert_eq!(
                codes(&active, &Step::new(*kind), &Facts::default()),
                ["not-your-right"],
                "{kind}"
            );
            let founder = Facts {
                represents: true,
                ..Facts::default()
            };
            let allowed = codes(&active, &Step::new(*kind), &founder).is_empty();
            assert_eq!(allowed, *kind == Kind::Exit, "{kind}");
        }
    }

    #[test]
    fn directions_are_kept() {
        let active = project(State::Active, Some(Pillar::Test));
        let step = |kind, to| Step {
            to: Some(to),
            ..Step::new(kind)
        };
        assert_eq!(
            codes(&active, &step(Kind::Advance, Pillar::Test), &managing()),
            ["wrong-direction"]
        );
        assert_eq!(
            codes(
                &active,
                &step(Kind::Advance, Pillar::CreateLearn),
                &managing()
            ),
            ["wrong-direction"]
        );
        assert_eq!(
            codes(&active, &step(Kind::Return, Pillar::Grow), &managing()),
            ["wrong-direction"]
        );
        assert!(codes(&active, &step(Kind::Advance, Pillar::Scale), &managing()).is_empty());
        assert!(
            codes(
                &active,
                &step(Kind::Return, Pillar::CreateLearn),
                &managing()
            )
            .is_empty()
        );
    }

    #[test]
    fn steps_name_their_reasons() {
        let mistakes = |step: &Step| -> Vec<String> {
            step.mistakes().into_iter().map(|e| e.pointer).collect()
        };
        assert_eq!(
            mistakes(&Step::new(Kind::Exit)),
            ["/reason_code", "/lesson"]
        );
        assert_eq!(mistakes(&Step::new(Kind::Enter)), ["/reason", "/to"]);
        assert_eq!(mistakes(&Step::new(Kind::Hold)), ["/reason"]);
        assert!(mistakes(&Step::new(Kind::Advance)).is_empty());
        let wrong = Step {
            to: Some(Pillar::Test),
            lesson: Some("l".into()),
            ..Step::new(Kind::Graduate)
        };
        assert_eq!(mistakes(&wrong), ["/to", "/lesson"]);
    }

    #[test]
    fn holds_do_not_count() {
        let day = |n: i64| moment().plus(chrono::Duration::days(n));
        let mut stay = Stay {
            id: StayId(uuid::Uuid::nil()),
            project_id: ProjectId(uuid::Uuid::nil()),
            cohort_id: None,
            pillar: Pillar::Test,
            entered_at: day(0),
            left_at: None,
            left_by: None,
            held_seconds: 0,
            held_since: None,
            target_days: 10,
        };
        assert_eq!(stay.seconds(day(4)), 4 * 86_400);
        assert_eq!(stay.target_at(), Some(day(10)));
        stay.held_since = Some(day(4));
        assert_eq!(stay.seconds(day(9)), 4 * 86_400);
        stay.held_since = None;
        stay.held_seconds = 5 * 86_400;
        assert_eq!(stay.seconds(day(10)), 5 * 86_400);
        assert_eq!(stay.target_at(), Some(day(15)));
    }
}
