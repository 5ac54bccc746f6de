//! One request of the matrix: what it asks for, and what somebody should get.

use std::collections::BTreeSet;

use serde_json::Value;

use super::facts::PROJECTS;
use super::oracle::{Subject, manages, reads_inside, represents, sees, sees_application};
use super::world::Stage;
use crate::support::Answer;

type Verdict = Box<dyn Fn(&Subject) -> Option<u16>>;
type Check = Box<dyn Fn(&Subject, &Answer) -> Result<(), String>>;

/// What has to be there anew for each who is allowed to end it.
#[derive(Debug, Clone, Copy)]
pub enum Fresh {
    /// An assignment of somebody to this project.
    Assignment(&'static str),
    /// A role of an account in a place.
    Grant(&'static str, &'static str, super::facts::Place),
    /// A key of this maker.
    Key(&'static str),
    /// A session of the one who asks.
    Session,
    /// The session that the request itself comes with.
    OwnSession,
    DeadMail,
    /// A document of this project.
    Document(&'static str),
    /// An invitation into this project's team.
    Invitation(&'static str),
    /// Somebody without other rights in this project's team.
    Member(&'static str),
}

/// One row of the matrix's table: an operation, its door, and what it is asked for.
pub struct Row {
    pub id: &'static str,
    pub policy: &'static str,
    pub cases: Vec<Case>,
}

pub fn row(id: &'static str, policy: &'static str, cases: Vec<Case>) -> Row {
    Row { id, policy, cases }
}

pub struct Case {
    pub about: String,
    /// What stands for the parameters of the path, in order.
    pub path: Vec<String>,
    pub query: String,
    /// Good for whoever is allowed.
    pub body: Option<Value>,
    /// A file to send instead of a body, by its name; each time another one.
    pub file: Option<String>,
    /// What those who are allowed send, where that leaves things as they are.
    pub harmless: Option<Value>,
    /// The status for whoever is allowed.
    pub allowed: u16,
    /// Whether it changes something when it is allowed.
    pub changes: bool,
    pub fresh: Option<Fresh>,
    /// The status of a refusal; none for those who are allowed.
    pub verdict: Verdict,
    /// What an answer to those who are allowed must be like.
    pub check: Option<Check>,
}

impl Case {
    /// A request that everybody behind the door may make.
    pub fn to(about: &str, path: &[String]) -> Self {
        Self {
            about: about.to_owned(),
            path: path.to_vec(),
            query: String::new(),
            body: None,
            file: None,
            harmless: None,
            allowed: 200,
            changes: false,
            fresh: None,
            verdict: Box::new(|_| None),
            check: None,
        }
    }

    /// The same without parameters in the path.
    pub fn plain(about: &str) -> Self {
        Self::to(about, &[])
    }

    pub fn unless(mut self, verdict: impl Fn(&Subject) -> Option<u16> + 'static) -> Self {
        self.verdict = Box::new(verdict);
        self
    }

    pub fn query(mut self, query: &str) -> Self {
        query.clone_into(&mut self.query);
        self
    }

    pub fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    pub fn file(mut self, name: &str) -> Self {
        self.file = Some(name.to_owned());
        self
    }

    /// Those who are allowed send something that the rules refuse.
    pub fn harmless(mut self, body: Value, status: u16) -> Self {
        self.harmless = Some(body);
        self.allowed = status;
        self
    }

    /// Those who are allowed have seen a version that is long gone.
    pub fn stale(mut self) -> Self {
        self.allowed = 412;
        self
    }

    pub fn answers(mut self, status: u16) -> Self {
        self.allowed = status;
        self
    }

    pub fn changes(mut self, status: u16) -> Self {
        self.allowed = status;
        self.changes = true;
        self
    }

    pub fn fresh(mut self, fresh: Fresh) -> Self {
        self.fresh = Some(fresh);
        self.changes(204)
    }

    pub fn check(
        mut self,
        check: impl Fn(&Subject, &Answer) -> Result<(), String> + 'static,
    ) -> Self {
        self.check = Some(Box::new(check));
        self
    }

    /// The list holds exactly these ids.
    pub fn ids(mut self, expected: impl Fn(&Subject) -> BTreeSet<String> + 'static) -> Self {
        let glue = if self.query.is_empty() { "" } else { "&" };
        self.query = format!("{}{glue}limit=100", self.query);
        self.check(move |who, answer| {
            let found: BTreeSet<String> = column(answer, "id").into_iter().collect();
            same(&found, &expected(who))
        })
    }
}

/// One field of every row of a list.
pub fn column(answer: &Answer, field: &str) -> Vec<String> {
    let json = answer.json();
    let rows = json["data"].as_array().cloned().unwrap_or_default();
    let text = |row: &Value| match &row[field] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    rows.iter().map(text).collect()
}

/// Says what is there too much and what is missing.
pub fn same(found: &BTreeSet<String>, expected: &BTreeSet<String>) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    let (more, less) = (found - expected, expected - found);
    Err(format!(
        "LEAK of rows {more:?}, TOO TIGHT for rows {less:?}"
    ))
}

/// Ids that are nobody's, or another kind of thing's.
pub fn strays(stage: &Stage) -> Vec<(&'static str, String)> {
    vec![
        ("a random id", uuid::Uuid::now_v7().to_string()),
        ("an account's id", stage.id("ada")),
        ("a cohort's id", stage.id("c1")),
        ("no id", "nonsense".to_owned()),
    ]
}

type ProjectVerdict = fn(&Subject, &str) -> Option<u16>;

/// The same request for every project, and for what is none.
pub fn projects(
    stage: &Stage,
    verdict: ProjectVerdict,
    shape: impl Fn(Case, &'static str) -> Case,
) -> Vec<Case> {
    let known = PROJECTS.iter().map(|fact| {
        let case = Case::to(fact.name, &[stage.id(fact.name)]);
        shape(case.unless(move |who| verdict(who, fact.name)), fact.name)
    });
    let stray = strays(stage).into_iter().map(|(about, id)| {
        let case = shape(Case::to(about, &[id]), "none");
        case.unless(|_| Some(404))
    });
    known.chain(stray).collect()
}

/// The same request for every application, and for what is none.
pub fn applications(
    stage: &Stage,
    verdict: ProjectVerdict,
    shape: impl Fn(Case) -> Case,
) -> Vec<Case> {
    let known = PROJECTS.iter().filter_map(|fact| {
        let (name, _) = fact.application?;
        let case = Case::to(name, &[stage.id(name)]);
        Some(shape(case).unless(move |who| verdict(who, fact.name)))
    });
    let stray = strays(stage)
        .into_iter()
        .map(|(about, id)| shape(Case::to(about, &[id])).unless(|_| Some(404)));
    let project = shape(Case::to("a project's id", &[stage.id("pa")])).unless(|_| Some(404));
    known.chain(stray).chain([project]).collect()
}

pub fn hidden_unless(visible: bool) -> Option<u16> {
    (!visible).then_some(404)
}

pub fn forbidden_unless(allowed: bool) -> Option<u16> {
    (!allowed).then_some(403)
}

pub fn to_see(who: &Subject, project: &str) -> Option<u16> {
    hidden_unless(sees(who, project))
}

/// Partners know a project that consented by its name, and nothing of what happens in it.
pub fn to_look_inside(who: &Subject, project: &str) -> Option<u16> {
    to_see(who, project).or(forbidden_unless(reads_inside(who, project)))
}

pub fn to_manage(who: &Subject, project: &str) -> Option<u16> {
    to_see(who, project).or(forbidden_unless(manages(who, project)))
}

pub fn to_change(who: &Subject, project: &str) -> Option<u16> {
    to_see(who, project).or(forbidden_unless(
        manages(who, project) || represents(who, project),
    ))
}

pub fn to_see_application(who: &Subject, project: &str) -> Option<u16> {
    hidden_unless(sees_application(who, project))
}

pub fn to_change_application(who: &Subject, project: &str) -> Option<u16> {
    to_see_application(who, project).or(forbidden_unless(
        manages(who, project) || represents(who, project),
    ))
}

pub fn to_represent_application(who: &Subject, project: &str) -> Option<u16> {
    to_see_application(who, project).or(forbidden_unless(represents(who, project)))
}

pub fn to_decide(who: &Subject, project: &str) -> Option<u16> {
    to_see_application(who, project).or(forbidden_unless(manages(who, project)))
}
