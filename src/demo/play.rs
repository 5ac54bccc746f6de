//! Plays the plan: each command is done by the person who would do it, through the function that the API calls.

use std::sync::Arc;

use chrono::{Duration, NaiveDate};

use super::data::{self, COHORT, Demo, Person, founder};
use super::plan::{Command, waived};
use super::{PASSWORD, answers};
use crate::accounts::{self, NewAccount};
use crate::app::{App, Tx};
use crate::applications::{self, Application};
use crate::auth::{AccountId, Actor, Caller, Grant, Role, Scope};
use crate::coaching::{self, Action, Booking, NewUpdate, SessionChange, SessionState};
use crate::db::Moment;
use crate::eligibility::WaivableRule;
use crate::error::{OrNotFound, Result};
use crate::http::Seen;
use crate::jobs;
use crate::journey::{self, Kind, Step, Waiver};
use crate::lang::{Lang, Names};
use crate::network::files::{CallPart, CohortPart, Files, NetworkFile};
use crate::network::{self, Pillar};
use crate::projects::{self, AssignmentKind, AssignmentRole, NewAssignment, NewProject, Project};

/// Loads the network, gives everybody an account, and sets the call up.
pub async fn people_and_network(app: &Arc<App>, demo: &Arc<Demo>) -> anyhow::Result<()> {
    let password_hash = app.passwords.hash(PASSWORD.to_owned()).await?;
    let mut files = Files::belgium()?;
    files.networks.push(demo.file.network());
    let demo = Arc::clone(demo);
    app.run(Caller::system(), move |tx| {
        let file = &demo.file;
        network::load(tx, &files)?;
        for person in &file.people {
            let account = account(
                tx,
                &person.email,
                &person.name,
                person.language,
                &password_hash,
            )?;
            let scope = scope(tx, person)?;
            accounts::give(
                tx,
                account,
                &Grant {
                    role: person.role,
                    scope,
                },
            )?;
        }
        for project in &file.projects {
            account(
                tx,
                &founder(project.number),
                &project.founder,
                project.language,
                &password_hash,
            )?;
        }
        for other in &file.others {
            let name = data::applicant(other.number);
            account(
                tx,
                &founder(other.number),
                &name,
                other.language,
                &password_hash,
            )?;
        }
        let doing = Doing { demo: &demo };
        doing.set_up(tx)
    })
    .await?;
    Ok(())
}

fn account(
    tx: &mut Tx<'_>,
    email: &str,
    name: &str,
    language: Lang,
    password_hash: &str,
) -> Result<AccountId> {
    let new = NewAccount {
        email: email.to_owned(),
        name: name.to_owned(),
        language,
        password_hash: password_hash.to_owned(),
    };
    Ok(accounts::create_verified(tx, &new)?.id)
}

fn scope(tx: &mut Tx<'_>, person: &Person) -> Result<Scope> {
    Ok(match person.scope.split_once(':') {
        Some(("region", code)) => Scope::Region {
            region: code.to_owned(),
        },
        Some(("organisation", slug)) => Scope::Organisation {
            id: network::organisation_by_slug(tx.conn, slug)?.id.0,
        },
        Some(("cohort", slug)) => Scope::Cohort {
            id: network::cohort_by_slug(tx.conn, slug)?.id.0,
        },
        Some(("programme", slug)) => {
            let all = network::all_programmes(tx.conn)?;
            let programme = all.into_iter().find(|one| one.slug == slug);
            Scope::Programme {
                id: programme.or_not_found()?.id.0,
            }
        }
        _ => Scope::Network,
    })
}

/// Does one command of the plan.
pub async fn play(app: &Arc<App>, demo: &Arc<Demo>, command: Command) -> Result<()> {
    if matches!(command, Command::Work) {
        return jobs::drain(app).await.map(|_| ());
    }
    let demo = Arc::clone(demo);
    app.run(Caller::system(), move |tx| {
        let doing = Doing { demo: &demo };
        doing.command(tx, &command)
    })
    .await
}

pub(super) struct Doing<'a> {
    pub demo: &'a Demo,
}

/// Who a project of the plan is, whichever of the two lists it stands in.
pub(super) struct Entry<'a> {
    pub number: usize,
    pub title: &'a str,
    pub summary: &'a str,
    pub sector: network::Sector,
    pub postal_code: &'a str,
    pub enterprise_number: Option<&'a str>,
    pub language: Lang,
    /// Who is asked for.
    pub contact: String,
    /// Where it begins, if it is accepted.
    pub pillar: Pillar,
    pub returned: Option<&'a data::Returned>,
    pub override_reason: Option<&'a str>,
    pub is_complete: bool,
}

impl Doing<'_> {
    fn command(&self, tx: &mut Tx<'_>, command: &Command) -> Result<()> {
        match *command {
            Command::Start(number) => self.start(tx, number),
            Command::Submit(number) => self.submit(tx, number),
            Command::Withdraw(number) => Self::withdraw(tx, number),
            Command::Screen(number) => Self::screen(tx, number),
            Command::Return(number) => self.send_back(tx, number),
            Command::Resubmit(number) => self.resubmit(tx, number),
            Command::Pass(number) => Self::pass(tx, number),
            Command::PlanReviews => Self::plan_reviews(tx),
            Command::Review(number) => self.review(tx, number),
            Command::Stage(number) => self.stage(tx, number),
            Command::ScheduleRelease => self.schedule_release(tx),
            Command::Confirm(number) => Self::confirm(tx, number),
            Command::Reverse(number) => self.reverse(tx, number),
            Command::AnswerForTest(number) => self.answer_for_test(tx, number),
            Command::Work => Ok(()),
            Command::Assign(number) => self.assign(tx, number),
            Command::Report {
                number,
                by_coach,
                confidence,
            } => self.report(tx, number, by_coach, confidence),
            Command::Book { number, on } => self.book(tx, number, on),
            Command::Meet(number) => self.meet(tx, number),
            Command::Finish { number, all } => self.finish(tx, number, all),
            Command::Step { number, at } => self.step(tx, number, at),
        }
    }

    pub fn entry(&self, number: usize) -> Result<Entry<'_>> {
        let sixteen = self.demo.file.projects.iter();
        let sixteen = sixteen.filter(|one| one.number == number);
        let others = self.demo.file.others.iter();
        let others = others.filter(|one| one.number == number);
        let mut found = sixteen.map(of_sixteen).chain(others.map(of_others));
        found.next().or_not_found()
    }

    fn start(&self, tx: &mut Tx<'_>, number: usize) -> Result<()> {
        let entry = self.entry(number)?;
        let new = NewProject {
            title: entry.title.to_owned(),
            summary: entry.summary.to_owned(),
            sector: entry.sector,
            country: "BE".to_owned(),
            postal_code: Some(entry.postal_code.to_owned()),
            enterprise_number: entry.enterprise_number.map(str::to_owned),
            website: None,
            language: Some(entry.language),
            applicant_kind: projects::ApplicantKind::Team,
        };
        let call = network::call_by_slug(tx.conn, COHORT)?;
        let answers = answers::first(&entry, &self.demo.gateway.samples);
        act_as(tx, &founder(number), |tx| projects::create(tx, &new))?;
        act_as(tx, &founder(number), |tx| {
            let project = own_project(tx)?;
            applications::create(tx, project.id, call.id, &answers)
        })?;
        Ok(())
    }

    fn submit(&self, tx: &mut Tx<'_>, number: usize) -> Result<()> {
        let application = Self::application(tx, number)?;
        let (_, coordinator) = Self::project_and_coordinator(tx, number)?;
        if let Some(reason) = self.entry(number)?.override_reason {
            let rule = WaivableRule::Sector;
            act_as(tx, &coordinator, |tx| {
                applications::override_rule(tx, application.id, &Seen::Any, rule, reason)
            })?;
        }
        act_as(tx, &founder(number), |tx| {
            applications::submit(tx, application.id, &Seen::Any)
        })?;
        Ok(())
    }

    fn withdraw(tx: &mut Tx<'_>, number: usize) -> Result<()> {
        let application = Self::application(tx, number)?;
        act_as(tx, &founder(number), |tx| {
            applications::withdraw(tx, application.id, &Seen::Any)
        })?;
        Ok(())
    }

    fn assign(&self, tx: &mut Tx<'_>, number: usize) -> Result<()> {
        let (project, coordinator) = Self::project_and_coordinator(tx, number)?;
        let planned = self.planned(number)?;
        let coaches = [
            (Some(&planned.coach), AssignmentKind::Lead),
            (planned.expert.as_ref(), AssignmentKind::Expert),
        ];
        for (email, kind) in coaches {
            let Some(email) = email else { continue };
            let coach = accounts::find_by_email(tx.conn, email)?.or_not_found()?;
            let lead = kind == AssignmentKind::Lead;
            let new = NewAssignment {
                account: coach.id,
                role: AssignmentRole::Coach,
                kind,
                pillar: None,
                hours_budget: Some(if lead { 24 } else { 8 }),
            };
            act_as(tx, &coordinator, |tx| {
                coaching::assign(tx, project.id, &new)
            })?;
        }
        Ok(())
    }

    fn report(
        &self,
        tx: &mut Tx<'_>,
        number: usize,
        by_coach: bool,
        confidence: projects::Confidence,
    ) -> Result<()> {
        let planned = self.planned(number)?;
        let author = if by_coach {
            planned.coach.clone()
        } else {
            founder(number)
        };
        let (project, _) = Self::project_and_coordinator(tx, number)?;
        let pillar = project.pillar.map_or("prospect", Pillar::as_str);
        let (note, blockers) = match confidence {
            projects::Confidence::Green => (
                format!("On course in {pillar}; the open points of the last meeting are done."),
                None,
            ),
            projects::Confidence::Amber => (
                format!("Slower than planned in {pillar}."),
                Some("Waiting for an answer of the institution."),
            ),
            projects::Confidence::Red => (
                format!("In doubt whether {pillar} can be finished."),
                Some("Nobody at the institution carries the project."),
            ),
        };
        let new = NewUpdate {
            note,
            confidence,
            blockers: blockers.map(str::to_owned),
            next_step: Some("Meet again in two weeks.".to_owned()),
        };
        act_as(tx, &author, |tx| {
            coaching::write_update(tx, project.id, &new)
        })?;
        Ok(())
    }

    fn book(&self, tx: &mut Tx<'_>, number: usize, on: NaiveDate) -> Result<()> {
        let planned = self.planned(number)?;
        let (project, _) = Self::project_and_coordinator(tx, number)?;
        let booking = Booking {
            coach: None,
            starts_at: Moment::start_of(on).plus(Duration::hours(13)),
            planned_minutes: if number.is_multiple_of(2) { 60 } else { 90 },
            place: Some(planned.place.clone()),
            link: None,
            agenda: "What was agreed on last time, and what stands in the way.".to_owned(),
            private_notes: None,
        };
        act_as(tx, &planned.coach, |tx| {
            coaching::book_session(tx, project.id, &booking)
        })?;
        Ok(())
    }

    fn meet(&self, tx: &mut Tx<'_>, number: usize) -> Result<()> {
        let planned = self.planned(number)?;
        let (project, _) = Self::project_and_coordinator(tx, number)?;
        let sessions = coaching::booked_sessions(tx.conn, project.id)?;
        let session = sessions.first().or_not_found()?;
        let agreed = Action {
            what: "Write down what the institution answered.".to_owned(),
            due_on: Some(tx.now.plus(Duration::days(10)).day()),
        };
        let held = SessionChange {
            state: Some(SessionState::Held),
            held_minutes: Some(if number.is_multiple_of(3) { 75 } else { 60 }),
            notes: Some(Some("The open points were gone through.".to_owned())),
            actions: Some(vec![agreed]),
            ..SessionChange::default()
        };
        act_as(tx, &planned.coach, |tx| {
            coaching::change_session(tx, project.id, session.id, &Seen::Any, &held)
        })?;
        Ok(())
    }

    /// One of the sixteen, as the file has it.
    pub fn planned(&self, number: usize) -> Result<&data::Project> {
        let mut sixteen = self.demo.file.projects.iter();
        sixteen.find(|one| one.number == number).or_not_found()
    }

    fn finish(&self, tx: &mut Tx<'_>, number: usize, all: bool) -> Result<()> {
        let planned = self.planned(number)?;
        let (project, _) = Self::project_and_coordinator(tx, number)?;
        let stay = project.stay_id.or_not_found()?;
        let open = journey::milestones_of_stay(tx.conn, stay.0)?
            .into_iter()
            .filter(|one| one.done_at.is_none());
        for milestone in open {
            let waived = !all && milestone.key.as_deref() == Some("regulatory-plan");
            if milestone.required && !waived {
                act_as(tx, &planned.coach, |tx| {
                    journey::finish_milestone(tx, project.id, milestone.id, &Seen::Any)
                })?;
            }
        }
        Ok(())
    }

    fn step(&self, tx: &mut Tx<'_>, number: usize, at: usize) -> Result<()> {
        let planned = self.planned(number)?;
        let step = planned.steps.get(at).or_not_found()?;
        let (project, coordinator) = Self::project_and_coordinator(tx, number)?;
        let gated = matches!(step.kind, Kind::Advance | Kind::Graduate);
        let waiver = step.reason.clone().zip(project.pillar).filter(|_| gated);
        let waivers = waiver.map(|(reason, from)| Waiver {
            requirement: waived(from),
            reason,
        });
        let taken = Step {
            to: step.to,
            reason: step.reason.clone(),
            reason_code: step.reason_code,
            lesson: step.lesson.clone(),
            waivers: waivers.into_iter().collect(),
            ..Step::new(step.kind)
        };
        act_as(tx, &coordinator, |tx| {
            journey::step(tx, project.id, &Seen::Any, &taken)
        })?;
        Ok(())
    }

    pub fn application(tx: &mut Tx<'_>, number: usize) -> Result<Application> {
        act_as(tx, &founder(number), |tx| {
            let project = own_project(tx)?;
            applications::of_project(tx.conn, project.id)
        })
    }

    /// The project, and the address of the coordinator of its region.
    pub fn project_and_coordinator(tx: &mut Tx<'_>, number: usize) -> Result<(Project, String)> {
        let project = act_as(tx, &founder(number), own_project)?;
        let region = project.region.clone().unwrap_or_default().to_lowercase();
        Ok((project, format!("coordinator.{region}@example.org")))
    }
}

fn of_sixteen(one: &data::Project) -> Entry<'_> {
    Entry {
        number: one.number,
        title: &one.title,
        summary: &one.summary,
        sector: one.sector,
        postal_code: &one.postal_code,
        enterprise_number: Some(&one.enterprise_number),
        language: one.language,
        contact: one.founder.clone(),
        pillar: one.pillar,
        returned: one.returned.as_ref(),
        override_reason: one.override_reason.as_deref(),
        is_complete: true,
    }
}

fn of_others(one: &data::Other) -> Entry<'_> {
    Entry {
        number: one.number,
        title: &one.title,
        summary: &one.summary,
        sector: one.sector,
        postal_code: &one.postal_code,
        enterprise_number: None,
        language: one.language,
        contact: data::applicant(one.number),
        pillar: one.offered.unwrap_or(Pillar::CreateLearn),
        returned: one.returned.as_ref(),
        override_reason: one.override_reason.as_deref(),
        is_complete: one.outcome != data::Outcome::Incomplete,
    }
}

/// Does something as the person with this address, with the rights they have at that moment.
pub(super) fn act_as<T>(
    tx: &mut Tx<'_>,
    email: &str,
    work: impl FnOnce(&mut Tx<'_>) -> Result<T>,
) -> Result<T> {
    let account = accounts::find_by_email(tx.conn, email)?.or_not_found()?;
    let caller = Caller {
        actor: Actor::Account(account.id),
        grants: accounts::grants_at(tx.conn, account.id, tx.now)?,
        language: Some(account.language),
        ..Caller::nobody()
    };
    work(&mut Tx {
        conn: tx.conn,
        app: tx.app,
        now: tx.now,
        caller: &caller,
        request_id: tx.request_id,
    })
}

/// The one project that a demo founder has.
fn own_project(tx: &mut Tx<'_>) -> Result<Project> {
    let own = tx
        .caller
        .grants
        .iter()
        .find_map(|grant| match (grant.role, &grant.scope) {
            (Role::Owner, Scope::Project { id }) => Some(projects::ProjectId(*id)),
            _ => None,
        });
    projects::find(tx.conn, own.or_not_found()?)
}

/// What the demo says of itself when it starts.
pub struct Summary {
    pub projects: usize,
    pub applications: usize,
    pub cohort: String,
    pub accounts: Vec<(String, String)>,
}

/// Opens a call for today, so that visitors can apply, and sums up.
pub async fn open_call(app: &Arc<App>) -> anyhow::Result<Summary> {
    let file = data::read()?.file;
    let today = app.clock.now();
    let slug = "medtech-accelerator-next".to_owned();
    let names = Names::same("MedTech Accelerator, next cohort (demo)");
    let cohort = CohortPart {
        slug: slug.clone(),
        programme: "medtech-accelerator".into(),
        names: names.clone(),
        starts_on: today.plus(Duration::days(90)).day(),
        ends_on: today.plus(Duration::days(270)).day(),
        capacity: 16,
        quota: std::collections::BTreeMap::new(),
    };
    let call = CallPart {
        slug: slug.clone(),
        programme: "medtech-accelerator".into(),
        cohort: Some(slug),
        names,
        opens_at: today.minus(Duration::days(30)),
        closes_at: today.plus(Duration::days(60)),
    };
    let files = Files {
        networks: vec![NetworkFile {
            cohorts: vec![cohort],
            calls: vec![call],
            ..NetworkFile::default()
        }],
        postal: Vec::new(),
    };
    let cohort = app
        .run(Caller::system(), move |tx| {
            network::load(tx, &files)?;
            network::cohort_by_slug(tx.conn, COHORT)
        })
        .await?;
    let mut accounts: Vec<(String, String)> = file
        .people
        .iter()
        .map(|person| {
            (
                person.email.clone(),
                format!("{}, {}", person.role, person.scope),
            )
        })
        .collect();
    accounts.extend(
        file.projects
            .iter()
            .map(|one| (founder(one.number), format!("founder of {}", one.title))),
    );
    Ok(Summary {
        projects: file.projects.len() + file.others.len(),
        applications: file.projects.len() + file.others.len(),
        cohort: cohort.id.to_string(),
        accounts,
    })
}
