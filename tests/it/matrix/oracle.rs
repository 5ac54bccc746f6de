//! What may be seen and done, worked out from the facts alone: sets and conditions, no code of the product.

use super::facts::{
    COHORTS, KEYS, PEOPLE, PROGRAMMES, PROJECTS, Place, ProjectFact, Right, SESSIONS,
};
use super::facts::{person_named, project_named};

/// What stands behind a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Comes with something that is worth nothing.
    Out,
    /// Comes with nothing.
    Stranger,
    Person,
    Key,
}

/// Somebody or something that asks.
#[derive(Debug, Clone)]
pub struct Subject {
    pub name: &'static str,
    pub kind: Kind,
    pub rights: Vec<Right>,
    pub actions: Vec<&'static str>,
    pub works_for: Vec<&'static str>,
    pub coaches: Vec<&'static str>,
}

const TEAM: [&str; 3] = ["owner", "editor", "viewer"];

impl Subject {
    pub fn plain(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            rights: Vec::new(),
            actions: Vec::new(),
            works_for: Vec::new(),
            coaches: Vec::new(),
        }
    }

    pub fn is(&self, role: &str) -> bool {
        self.rights.iter().any(|(own, _)| *own == role)
    }

    fn at(&self, role: &str, place: Place) -> bool {
        self.rights.contains(&(roles(role), place))
    }

    pub fn is_admin(&self) -> bool {
        self.is("admin")
    }

    /// Everything in the network is theirs to look at.
    pub fn runs_all(&self) -> bool {
        self.is_admin() || self.at("coordinator", Place::Network)
    }

    pub fn is_staff(&self) -> bool {
        self.is_admin() || self.is("coordinator")
    }
}

/// The role's own word, so that it can be compared.
fn roles(role: &str) -> &'static str {
    match role {
        "coordinator" => "coordinator",
        "partner" => "partner",
        "owner" => "owner",
        "editor" => "editor",
        "viewer" => "viewer",
        _ => "",
    }
}

/// The status with which the door itself turns somebody away; none: they come in.
pub fn door(policy: &str, who: &Subject) -> Option<u16> {
    let key_for = match policy {
        "read-projects" => "read:projects",
        "dashboards" => "read:dashboards",
        "events" => "read:events",
        _ => "",
    };
    let enough = match policy {
        "staff" => who.is_staff(),
        "admin" => who.is_admin(),
        "dashboards" => who.is_staff() || who.is("partner"),
        _ => true,
    };
    match who.kind {
        Kind::Out => Some(401),
        _ if policy == "public" => None,
        Kind::Stranger => Some(401),
        Kind::Key if !who.actions.contains(&key_for) => Some(403),
        Kind::Person | Kind::Key => (!enough).then_some(403),
    }
}

fn programme_of(cohort: &str) -> &'static str {
    let known = COHORTS.iter().find(|(name, _, _)| *name == cohort);
    PROGRAMMES[known.expect("a cohort of the facts").2]
}

/// Whether the role reaches the cohort, directly or by its programme.
fn reaches_cohort(who: &Subject, role: &str, cohort: &'static str) -> bool {
    who.at(role, Place::Cohort(cohort)) || who.at(role, Place::Programme(programme_of(cohort)))
}

fn reaches(who: &Subject, role: &str, project: &ProjectFact) -> bool {
    who.at(role, Place::Network)
        || project
            .region
            .is_some_and(|region| who.at(role, Place::Region(region)))
        || project
            .cohort
            .is_some_and(|cohort| reaches_cohort(who, role, cohort))
}

pub fn on_team(who: &Subject, project: &str) -> bool {
    let here = |(role, place): &Right| TEAM.contains(role) && is_project(*place, project);
    who.rights.iter().any(here)
}

fn is_project(place: Place, project: &str) -> bool {
    matches!(place, Place::Project(name) if name == project)
}

/// Sees a project with all that happens in it.
pub fn reads_inside(who: &Subject, project: &str) -> bool {
    who.is_admin()
        || reaches(who, "coordinator", project_named(project))
        || on_team(who, project)
        || who.works_for.contains(&project)
}

/// Sees a project at least by its name.
pub fn sees(who: &Subject, project: &str) -> bool {
    let fact = project_named(project);
    reads_inside(who, project) || (fact.shared && reaches(who, "partner", fact))
}

/// Decides about a project. A programme's coordinators look on (docs/API.md, "Known quirks").
pub fn manages(who: &Subject, project: &str) -> bool {
    let fact = project_named(project);
    let in_region = |region| who.at("coordinator", Place::Region(region));
    let in_cohort = |cohort| who.at("coordinator", Place::Cohort(cohort));
    who.runs_all() || fact.region.is_some_and(in_region) || fact.cohort.is_some_and(in_cohort)
}

/// Speaks for a project.
pub fn represents(who: &Subject, project: &str) -> bool {
    let speaks =
        |(role, place): &Right| ["owner", "editor"].contains(role) && is_project(*place, project);
    who.rights.iter().any(speaks)
}

/// Decides who is in the team of a project.
pub fn chooses_team(who: &Subject, project: &str) -> bool {
    let owns = |(role, place): &Right| *role == "owner" && is_project(*place, project);
    who.is_admin() || who.rights.iter().any(owns)
}

/// Reads who was asked into the team of a project, with their addresses.
pub fn reads_invitations(who: &Subject, project: &str) -> bool {
    chooses_team(who, project) || manages(who, project)
}

/// Sees the application of a project.
pub fn sees_application(who: &Subject, project: &str) -> bool {
    let fact = project_named(project);
    let Some((_, cohort)) = fact.application else {
        return false;
    };
    let in_region = |region| who.at("coordinator", Place::Region(region));
    who.runs_all()
        || on_team(who, project)
        || fact.region.is_some_and(in_region)
        || reaches_cohort(who, "coordinator", cohort)
}

/// Runs the call that fills a cohort: sets it up, sees every release.
pub fn runs_call(who: &Subject, cohort: &'static str) -> bool {
    who.runs_all() || reaches_cohort(who, "coordinator", cohort)
}

/// Sees the place of a project in a cohort: its team, and those who decide about either.
pub fn sees_place(who: &Subject, project: &str, cohort: &'static str) -> bool {
    let of_cohort = who.at("coordinator", Place::Cohort(cohort));
    manages(who, project) || on_team(who, project) || of_cohort
}

/// Sees a cohort: cohorts span regions, so whoever works in a region sees them all.
pub fn sees_cohort(who: &Subject, cohort: &'static str) -> bool {
    let wide = |(role, place): &Right| {
        ["coordinator", "partner"].contains(role)
            && matches!(place, Place::Network | Place::Region(_))
    };
    who.is_admin()
        || who.rights.iter().any(wide)
        || reaches_cohort(who, "coordinator", cohort)
        || reaches_cohort(who, "partner", cohort)
}

/// Sees the figures of a region.
pub fn sees_region(who: &Subject, region: &'static str) -> bool {
    sees_network(who)
        || who.at("coordinator", Place::Region(region))
        || who.at("partner", Place::Region(region))
}

/// Sees the figures of the network.
pub fn sees_network(who: &Subject) -> bool {
    who.runs_all() || who.at("partner", Place::Network)
}

/// Runs the coaching of a project: decides about it, or is its coordinator.
pub fn coordinates(who: &Subject, project: &str) -> bool {
    let assigned = who.works_for.contains(&project) && !who.coaches.contains(&project);
    manages(who, project) || assigned
}

/// Who may change a coaching session, and read its private notes: its coach as long as they coach the project, and
/// those who run its coaching. No key.
pub fn owns_session(who: &Subject, project: &str, coach: &str) -> bool {
    let own = who.name == coach && who.coaches.contains(&project);
    who.kind == Kind::Person && (own || coordinates(who, project))
}

/// Somebody who works in the network, so that coordinators see them.
pub fn is_at_work(person: &str) -> bool {
    let rights = person_named(person).map_or(&[][..], |one| one.rights);
    rights.iter().any(|(role, _)| !TEAM.contains(role))
}

pub fn sees_account(who: &Subject, person: &str) -> bool {
    let staff = who.kind == Kind::Person && who.is("coordinator");
    who.is_admin() || (staff && is_at_work(person))
}

/// May give somebody a role in a place, or take it away.
pub fn gives(who: &Subject, role: &str, place: Place) -> bool {
    who.is_admin() || (["coach", "reviewer"].contains(&role) && who.at("coordinator", place))
}

pub fn sees_key(who: &Subject, key: &str) -> bool {
    let own = |one: &super::facts::Key| one.name == key && one.maker == who.name;
    who.is_admin() || KEYS.iter().any(own)
}

/// What an event is about, as far as scope is concerned.
#[derive(Debug, Clone)]
pub struct EventFact {
    /// Something was refused to somebody.
    pub refusal: bool,
    pub project: Option<&'static str>,
    pub region: Option<String>,
    /// The account that it is about.
    pub account: Option<String>,
}

pub fn sees_event(who: &Subject, own_id: &str, event: &EventFact) -> bool {
    let in_region = |(role, place): &Right| {
        let here = matches!(place, Place::Region(code) if Some(*code) == event.region.as_deref());
        *role == "coordinator" && here
    };
    let around = |name| on_team(who, name) || who.works_for.contains(&name);
    who.is_admin()
        || (who.runs_all() && !event.refusal)
        || who.rights.iter().any(in_region)
        || event.project.is_some_and(around)
        || (who.kind == Kind::Person && event.account.as_deref() == Some(own_id))
}

/// Was told of a project at some time, so knows what that message said.
pub fn was_told(who: &str, project: &str) -> bool {
    let Some(person) = person_named(who) else {
        return false;
    };
    let on_team = person
        .rights
        .iter()
        .any(|(role, place)| TEAM.contains(role) && is_project(*place, project));
    let leads = |place| matches!(place, Place::Organisation(slug) if slug == super::facts::LEAD);
    let speaks_for_lead = person.rights.iter().any(|(_, place)| leads(*place));
    on_team
        || person.works_for.contains(&project)
        || person.worked_for.contains(&project)
        || (speaks_for_lead && project_named(project).has_moved)
}

/// Was told of a project's coaching sessions at some time.
fn was_invited(who: &str, project: &str) -> bool {
    person_named(who).is_some_and(|one| {
        let on_team = |(role, place): &Right| TEAM.contains(role) && is_project(*place, project);
        one.rights.iter().any(on_team)
            || one.works_for.contains(&project)
            || one.worked_for.contains(&project)
    })
}

/// Everybody who is or was around a project, so that whoever reads its pages reads their names.
pub fn is_around(person: &str, project: &str) -> bool {
    let known = PEOPLE.iter().find(|one| one.name == person);
    known.is_some_and(|one| {
        one.works_for.contains(&project)
            || one.worked_for.contains(&project)
            || one
                .rights
                .iter()
                .any(|(_, place)| is_project(*place, project))
    })
}

/// Whether somebody may come to know what a field of an object holds, by an answer of the API.
pub fn may_know(who: &Subject, object: &str, field: &str) -> bool {
    if let Some(project) = PROJECTS.iter().find(|one| one.name == object) {
        let name = project.name;
        return match field {
            "answer" | "override" | "evidence" | "routing" => sees_application(who, name),
            "guest" => reads_invitations(who, name),
            "verdict" => manages(who, name),
            "feedback" => sees_application(who, name) || reads_inside(who, name),
            "title" => sees(who, name) || sees_application(who, name) || was_told(who.name, name),
            "summary" | "website" => sees(who, name) || sees_application(who, name),
            "private" | "aside" => {
                let coach = SESSIONS
                    .iter()
                    .find(|one| one.project == name && one.private == field);
                coach.is_some_and(|one| owns_session(who, name, one.coach))
            }
            "agenda" | "place" | "cancelled" => {
                reads_inside(who, name) || was_invited(who.name, name)
            }
            "milestone" => reads_inside(who, name) || was_told(who.name, name),
            _ => reads_inside(who, name),
        };
    }
    if let Some((cohort, _, _)) = COHORTS.iter().find(|(name, _, _)| *name == object) {
        return sees_cohort(who, cohort);
    }
    if KEYS.iter().any(|key| key.name == object) {
        return sees_key(who, object);
    }
    if COHORTS.iter().any(|(_, call, _)| *call == object) {
        return true;
    }
    let together = || {
        let both = |one: &ProjectFact| reads_inside(who, one.name) && is_around(object, one.name);
        PROJECTS.iter().any(both)
    };
    who.name == object || sees_account(who, object) || (field == "name" && together())
}

/// Whether a mail to somebody may hold what a field of an object holds.
pub fn may_be_written(to: &str, object: &str, field: &str) -> bool {
    if PROJECTS.iter().any(|one| one.name == object) {
        let told = [
            "title",
            "feedback",
            "reason",
            "lesson",
            "milestone",
            "routing",
        ];
        let invited = ["agenda", "place", "cancelled"];
        return (told.contains(&field) && was_told(to, object))
            || (invited.contains(&field) && was_invited(to, object));
    }
    let of = |name: &str| was_told(to, name);
    if let Some((cohort, _, _)) = COHORTS.iter().find(|(name, _, _)| *name == object) {
        return PROJECTS
            .iter()
            .any(|one| one.cohort == Some(*cohort) && of(one.name));
    }
    if COHORTS.iter().any(|(_, call, _)| *call == object) {
        return true;
    }
    let acted =
        |one: &ProjectFact| of(one.name) && (is_around(object, one.name) || object == "adam");
    to == object || (field == "name" && PROJECTS.iter().any(acted))
}
