//! The gateway in the demo: the call is set up, and applications are screened, reviewed and decided; places are confirmed.

use super::answers;
use super::data::{self, COHORT, Person, founder};
use super::plan::released;
use super::play::{Doing, act_as};
use crate::accounts;
use crate::app::Tx;
use crate::applications::{self, Outcome, Return, Screen};
use crate::auth::Role;
use crate::decisions::{self, NewRelease, NewSettings, Reason, ReasonCode, Verdict};
use crate::eligibility;
use crate::error::{OrNotFound, Result};
use crate::forms;
use crate::http::Seen;
use crate::network;
use crate::reviews::{self, Profile, Recommendation};

const ADMIN: &str = "admin@example.org";
const NOT_CONFIRMED: &str = "The founders did not confirm the place.";

impl Doing<'_> {
    /// What the call asks, how it is reviewed, how its places are offered, and what its reviewers know.
    pub fn set_up(&self, tx: &mut Tx<'_>) -> Result<()> {
        let gateway = &self.demo.gateway;
        let call = network::call_by_slug(tx.conn, COHORT)?.id;
        let places = NewSettings {
            confirm_within_days: Some(gateway.places.confirm_within_days),
            reminder_days_before: gateway.places.reminder_days_before.clone(),
            offer_beyond_capacity: false,
        };
        act_as(tx, ADMIN, |tx| {
            forms::put(tx, call, None, &gateway.form)?;
            eligibility::set_rules(tx, call, &Seen::Any, &gateway.rules)?;
            reviews::put_rubric(tx, call, None, &gateway.rubric)?;
            decisions::set_up(tx, call, None, &places)
        })?;
        let people = self.demo.file.people.iter();
        for person in people.filter(|person| person.role == Role::Reviewer) {
            Self::profile(tx, person)?;
        }
        Ok(())
    }

    fn profile(tx: &mut Tx<'_>, person: &Person) -> Result<()> {
        let profile = Profile {
            sectors: person.sectors.clone().unwrap_or_default(),
            languages: person.languages.clone().unwrap_or_default(),
            region: None,
            max_load: 30,
        };
        let account = accounts::find_by_email(tx.conn, &person.email)?.or_not_found()?;
        act_as(tx, &person.email, |tx| {
            reviews::put_profile(tx, account.id, None, &profile)
        })?;
        Ok(())
    }

    pub fn screen(tx: &mut Tx<'_>, number: usize) -> Result<()> {
        Self::screen_by(tx, number, &Screen::Start)
    }

    pub fn pass(tx: &mut Tx<'_>, number: usize) -> Result<()> {
        let pass = Screen::Pass {
            reasons: vec!["complete".to_owned()],
            note: None,
        };
        Self::screen_by(tx, number, &pass)
    }

    pub fn send_back(&self, tx: &mut Tx<'_>, number: usize) -> Result<()> {
        let returned = self.entry(number)?.returned.or_not_found()?;
        let back = Return {
            fields: vec![format!("/answers/{}", returned.field)],
            message: returned.message.clone(),
            reasons: vec![returned.reason.clone()],
            due_on: Some(tx.now.plus(chrono::Duration::days(5)).day()),
        };
        Self::screen_by(tx, number, &Screen::Return { back, note: None })
    }

    fn screen_by(tx: &mut Tx<'_>, number: usize, step: &Screen) -> Result<()> {
        let application = Self::application(tx, number)?;
        let (_, coordinator) = Self::project_and_coordinator(tx, number)?;
        act_as(tx, &coordinator, |tx| {
            applications::screen(tx, application.id, &Seen::Any, step)
        })?;
        Ok(())
    }

    pub fn resubmit(&self, tx: &mut Tx<'_>, number: usize) -> Result<()> {
        let entry = self.entry(number)?;
        let returned = entry.returned.or_not_found()?;
        let mut better = answers::all(&entry, &self.demo.gateway.samples);
        better.retain(|key, _| *key == returned.field);
        let application = Self::application(tx, number)?;
        act_as(tx, &founder(number), |tx| {
            applications::change(tx, application.id, &Seen::Any, &better)?;
            applications::submit(tx, application.id, &Seen::Any)
        })?;
        Ok(())
    }

    pub fn answer_for_test(&self, tx: &mut Tx<'_>, number: usize) -> Result<()> {
        let application = Self::application(tx, number)?;
        let answers = answers::test_site(number, &self.demo.gateway.samples);
        act_as(tx, &founder(number), |tx| {
            applications::change(tx, application.id, &Seen::Any, &answers)
        })?;
        Ok(())
    }

    pub fn plan_reviews(tx: &mut Tx<'_>) -> Result<()> {
        let call = network::call_by_slug(tx.conn, COHORT)?.id;
        act_as(tx, ADMIN, |tx| {
            let plan = reviews::make_plan(tx, call)?;
            reviews::apply_plan(tx, plan.id)
        })?;
        Ok(())
    }

    pub fn review(&self, tx: &mut Tx<'_>, number: usize) -> Result<()> {
        let application = Self::application(tx, number)?;
        let leaning = match self.outcome(number)? {
            Outcome::Accept => Recommendation::Accept,
            Outcome::Waitlist => Recommendation::Discuss,
            Outcome::Decline => Recommendation::Decline,
        };
        let gateway = &self.demo.gateway;
        let own = reviews::of_application(tx.conn, application.id)?;
        for (place, review) in own.iter().enumerate() {
            let email = accounts::find(tx.conn, review.account_id)?.email;
            let draft = answers::review(number, place, leaning, &gateway.rubric, &gateway.samples);
            act_as(tx, &email, |tx| {
                reviews::draft(tx, review.id, &Seen::Any, &draft)?;
                reviews::submit(tx, review.id, &Seen::Any)
            })?;
        }
        Ok(())
    }

    /// What is decided at first.
    fn outcome(&self, number: usize) -> Result<Outcome> {
        if let Ok(planned) = self.planned(number) {
            let waits = planned.rank.is_some();
            return Ok(if waits {
                Outcome::Waitlist
            } else {
                Outcome::Accept
            });
        }
        let other = self.other(number)?;
        Ok(match other.outcome {
            _ if other.offered.is_some() => Outcome::Accept,
            data::Outcome::Declined => Outcome::Decline,
            _ => Outcome::Waitlist,
        })
    }

    /// One of the forty-two others, as the file has it.
    fn other(&self, number: usize) -> Result<&data::Other> {
        let mut others = self.demo.file.others.iter();
        others.find(|one| one.number == number).or_not_found()
    }

    pub fn stage(&self, tx: &mut Tx<'_>, number: usize) -> Result<()> {
        let verdict = match self.outcome(number)? {
            Outcome::Decline => self.refusal(number)?,
            outcome => {
                let cohort = network::cohort_by_slug(tx.conn, COHORT)?;
                let rank = self.planned(number).map(|planned| planned.rank);
                let rank = rank.or_else(|_| self.other(number).map(|other| other.rank))?;
                Verdict {
                    outcome,
                    cohort_id: Some(cohort.id),
                    pillar: Some(self.entry(number)?.pillar),
                    rank,
                    reasons: Vec::new(),
                    feedback: None,
                }
            }
        };
        let application = Self::application(tx, number)?;
        let (_, coordinator) = Self::project_and_coordinator(tx, number)?;
        act_as(tx, &coordinator, |tx| {
            decisions::stage(tx, application.id, None, &verdict)
        })?;
        Ok(())
    }

    /// Why somebody is declined, for those who decide and for the founders.
    fn refusal(&self, number: usize) -> Result<Verdict> {
        let other = self.other(number)?;
        let reason = Reason {
            code: other.reason_code.unwrap_or(ReasonCode::Other),
            text: other.reason.clone(),
        };
        Ok(Verdict {
            outcome: Outcome::Decline,
            cohort_id: None,
            pillar: None,
            rank: None,
            reasons: vec![reason],
            feedback: other.reason.clone(),
        })
    }

    pub fn schedule_release(&self, tx: &mut Tx<'_>) -> Result<()> {
        let call = network::call_by_slug(tx.conn, COHORT)?;
        let release = NewRelease {
            applications: None,
            due_at: Some(released(&self.demo.gateway)),
        };
        let people = self.demo.file.people.iter();
        for coordinator in people.filter(|person| person.role == Role::Coordinator) {
            act_as(tx, &coordinator.email, |tx| {
                decisions::begin(tx, call.id, &release)
            })?;
        }
        Ok(())
    }

    pub fn confirm(tx: &mut Tx<'_>, number: usize) -> Result<()> {
        let application = Self::application(tx, number)?;
        let place = decisions::place_of(tx.conn, application.id)?.or_not_found()?;
        act_as(tx, &founder(number), |tx| {
            decisions::confirm(tx, place.id, &Seen::Any)
        })?;
        Ok(())
    }

    pub fn reverse(&self, tx: &mut Tx<'_>, number: usize) -> Result<()> {
        let application = Self::application(tx, number)?;
        let (_, coordinator) = Self::project_and_coordinator(tx, number)?;
        let next = self.refusal(number)?;
        act_as(tx, &coordinator, |tx| {
            let (id, seen) = (application.id, &Seen::Any);
            decisions::reverse(tx, id, seen, NOT_CONFIRMED, Some(&next))?;
            decisions::release_one(tx, id, seen)
        })?;
        Ok(())
    }
}
