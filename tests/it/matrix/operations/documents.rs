//! Rows about documents, invitations and teams.

use std::collections::BTreeSet;

use serde_json::json;

use super::projects::{PEOPLE, READING};
use crate::matrix::cases::{
    Case, Fresh, Row, applications, forbidden_unless, projects, row, strays, to_change,
    to_change_application, to_look_inside, to_see, to_see_application,
};
use crate::matrix::oracle::{
    Subject, chooses_team, reads_inside, reads_invitations, sees_application,
};
use crate::matrix::world::Stage;

const WITH_PAPER: [&str; 4] = ["pa", "pb", "pe", "pf"];

pub fn rows(stage: &Stage) -> Vec<Row> {
    let remove = |cases: Vec<Case>| {
        let mut cases = cases;
        let verdict = |who: &Subject| {
            let hidden = (!reads_inside(who, "pa")).then_some(404);
            hidden.or(to_change(who, "pa"))
        };
        let own = Case::to("anew in pa", &[stage.id("paper of pa")]);
        cases.push(own.unless(verdict).fresh(Fresh::Document("pa")));
        cases
    };
    vec![
        row("list_project_documents", READING, list_of_projects(stage)),
        row(
            "list_application_documents",
            READING,
            list_of_applications(stage),
        ),
        row(
            "add_project_document",
            PEOPLE,
            projects(stage, to_add, |case, _| case.file("a.pdf").changes(201)),
        ),
        row(
            "add_application_document",
            PEOPLE,
            add_to_applications(stage),
        ),
        row("show_document", READING, one(stage, |case| case, false)),
        row("download_document", READING, one(stage, |case| case, false)),
        row(
            "remove_document",
            PEOPLE,
            remove(one(stage, Case::stale, true)),
        ),
        row("invite_member", PEOPLE, invite(stage)),
        row("list_invitations", PEOPLE, list_invitations(stage)),
        row("withdraw_invitation", PEOPLE, withdraw(stage)),
        row(
            "accept_invitation",
            "public",
            vec![
                Case::plain("a code that is none")
                    .body(json!({ "token": "nonsense" }))
                    .unless(|_| Some(422)),
            ],
        ),
        row("change_member", PEOPLE, change_member(stage)),
        row("remove_member", PEOPLE, remove_member(stage)),
    ]
}

/// Partners, who know a project by its name, may not; nor may those who only read.
fn to_add(who: &Subject, project: &str) -> Option<u16> {
    to_look_inside(who, project).or(to_change(who, project))
}

fn list_of_projects(stage: &Stage) -> Vec<Case> {
    projects(stage, to_look_inside, |case, name| {
        let own = WITH_PAPER
            .contains(&name)
            .then(|| stage.id(&format!("paper of {name}")));
        let own: BTreeSet<String> = own.into_iter().collect();
        case.ids(move |_| own.clone())
    })
}

fn list_of_applications(stage: &Stage) -> Vec<Case> {
    let evidence = stage.id("evidence of pd");
    let draft = stage.id("ad");
    applications(stage, to_see_application, |case| {
        let own: BTreeSet<String> = case
            .path
            .contains(&draft)
            .then(|| evidence.clone())
            .into_iter()
            .collect();
        case.ids(move |_| own.clone())
    })
}

/// Only the draft takes more.
fn add_to_applications(stage: &Stage) -> Vec<Case> {
    let draft = stage.id("ad");
    applications(stage, to_change_application, |case| {
        let is_draft = case.path.contains(&draft);
        let case = case.file("a.pdf");
        if is_draft {
            case.changes(201)
        } else {
            case.answers(409)
        }
    })
}

/// Every document there is, and what is none. Whoever does not look inside does not learn that it is there.
fn one(stage: &Stage, shape: fn(Case) -> Case, writing: bool) -> Vec<Case> {
    let papers = WITH_PAPER.iter().map(|project| {
        let name = format!("paper of {project}");
        let case = Case::to(&name, &[stage.id(&name)]);
        shape(case).unless(move |who| {
            let hidden = (!reads_inside(who, project)).then_some(404);
            hidden.or(if writing {
                to_change(who, project)
            } else {
                None
            })
        })
    });
    let evidence = Case::to("evidence of pd", &[stage.id("evidence of pd")]);
    let evidence = shape(evidence).unless(move |who| {
        let hidden = (!sees_application(who, "pd")).then_some(404);
        hidden.or(if writing {
            to_change_application(who, "pd")
        } else {
            None
        })
    });
    let stray = strays(stage)
        .into_iter()
        .map(|(about, id)| shape(Case::to(about, &[id])).unless(|_| Some(404)));
    papers.chain([evidence]).chain(stray).collect()
}

fn to_choose(who: &Subject, project: &str) -> Option<u16> {
    to_see(who, project).or(forbidden_unless(chooses_team(who, project)))
}

/// The guest is asked in already, so those who may are told so; a good one is among the deeds.
fn invite(stage: &Stage) -> Vec<Case> {
    projects(stage, to_choose, |case, name| {
        let email = format!("cnry-{name}-guest@example.org");
        let case = case.body(json!({ "email": email, "role": "viewer" }));
        if ["pa", "pb"].contains(&name) {
            case.answers(409)
        } else {
            case.harmless(json!({ "email": email, "role": "king" }), 422)
        }
    })
}

fn list_invitations(stage: &Stage) -> Vec<Case> {
    let verdict = |who: &Subject, project: &str| {
        to_look_inside(who, project).or(forbidden_unless(reads_invitations(who, project)))
    };
    projects(stage, verdict, |case, name| {
        let own = ["pa", "pb"]
            .contains(&name)
            .then(|| stage.id(&format!("invitation to {name}")));
        let own: BTreeSet<String> = own.into_iter().collect();
        case.ids(move |_| own.clone())
    })
}

fn withdraw(stage: &Stage) -> Vec<Case> {
    let mut cases = Vec::new();
    for project in ["pa", "pb", "pc"] {
        for of in ["pa", "pb"] {
            let path = [stage.id(project), stage.id(&format!("invitation to {of}"))];
            let case = Case::to(&format!("to {of} in {project}"), &path);
            cases.push(if project == of {
                case.unless(move |who| to_choose(who, project))
                    .fresh(Fresh::Invitation(project))
            } else {
                case.unless(move |who| to_choose(who, project).or(Some(404)))
            });
        }
        for (about, id) in strays(stage) {
            let case = Case::to(&format!("{about} in {project}"), &[stage.id(project), id]);
            cases.push(case.unless(move |who| {
                if about == "no id" {
                    Some(404)
                } else {
                    to_choose(who, project).or(Some(404))
                }
            }));
        }
    }
    cases
}

fn change_member(stage: &Stage) -> Vec<Case> {
    let body = json!({ "role": "viewer" });
    let mut cases = Vec::new();
    for (project, member, status) in [("pa", "vic", 200), ("pb", "bob", 409), ("pa", "eva", 404)] {
        let case = Case::to(
            &format!("{member} in {project}"),
            &[stage.id(project), stage.id(member)],
        )
        .body(body.clone());
        cases.push(match status {
            200 => case.changes(200).unless(move |who| to_choose(who, project)),
            404 => case.unless(move |who| to_choose(who, project).or(Some(404))),
            other => case
                .answers(other)
                .unless(move |who| to_choose(who, project)),
        });
    }
    cases
}

fn remove_member(stage: &Stage) -> Vec<Case> {
    let own = |who: &Subject, project: &str, member: &str| {
        let may = chooses_team(who, project) || who.name == member;
        to_see(who, project).or(forbidden_unless(may))
    };
    let of = |project: &str, member: &str| {
        Case::to(
            &format!("{member} of {project}"),
            &[stage.id(project), stage.id(member)],
        )
    };
    vec![
        of("pb", "bob")
            .answers(409)
            .unless(move |who| own(who, "pb", "bob")),
        of("pc", "bob").unless(move |who| to_choose(who, "pc").or(Some(404))),
        of("pa", "sita")
            .unless(move |who| to_choose(who, "pa"))
            .fresh(Fresh::Member("pa")),
    ]
}
