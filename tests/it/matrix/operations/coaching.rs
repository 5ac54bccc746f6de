//! Rows about the coaching of projects: assignments, reports, coaching sessions.

use serde_json::{Value, json};

use super::projects::{PEOPLE, READING, pages};
use crate::matrix::cases::{
    Case, Fresh, Row, forbidden_unless, projects, row, strays, to_look_inside, to_manage, to_see,
};
use crate::matrix::facts::SESSIONS;
use crate::matrix::oracle::{Subject, coordinates, manages, owns_session, represents};
use crate::matrix::world::Stage;

pub fn rows(stage: &Stage) -> Vec<Row> {
    let sessions = pages(stage, Some("coaching_sessions"));
    vec![
        row(
            "list_assignments",
            READING,
            pages(stage, Some("assignments")),
        ),
        row("show_assignment", READING, show_assignment(stage)),
        row("assign_person", PEOPLE, assign(stage)),
        row("change_assignment", PEOPLE, change_assignment(stage)),
        row("end_assignment", PEOPLE, end_assignment(stage)),
        row("list_updates", READING, pages(stage, Some("updates"))),
        row("write_update", PEOPLE, write_update(stage)),
        row("list_coaching_sessions", READING, sessions),
        row("show_coaching_session", READING, show_session(stage)),
        row("book_coaching_session", PEOPLE, book_session(stage)),
        row("change_coaching_session", PEOPLE, change_session(stage)),
    ]
}

fn assign(stage: &Stage) -> Vec<Case> {
    let body =
        |name: &str| json!({ "account_id": stage.id(name), "role": "coach", "kind": "expert" });
    projects(stage, to_manage, |case, _| {
        case.body(body("forma")).harmless(body("ada"), 409)
    })
}

fn end_assignment(stage: &Stage) -> Vec<Case> {
    let pair = |project: &str, work: &str| [stage.id(project), stage.id(work)];
    let open = [
        ("pa", "work of coco"),
        ("pa", "coordination of pa"),
        ("pb", "work of kim"),
        ("pe", "coordination of pe"),
    ];
    let open = open.into_iter().map(|(project, work)| {
        let case = Case::to(&format!("{work} in {project}"), &pair(project, work));
        case.unless(move |who| to_manage(who, project))
            .fresh(Fresh::Assignment(project))
    });
    let gone = [
        ("pa", "work of forma"),
        ("pa", "work of kim"),
        ("pb", "work of coco"),
        ("pe", "coordination of pa"),
        ("pa", "ada"),
    ];
    let gone = gone.into_iter().map(|(project, work)| {
        let case = Case::to(&format!("{work} in {project}"), &pair(project, work));
        case.unless(move |who| to_manage(who, project).or(Some(404)))
    });
    open.chain(gone).collect()
}

/// Who reports: whoever works for it, speaks for it or runs it.
fn to_report(who: &Subject, project: &str) -> Option<u16> {
    let reports =
        who.works_for.contains(&project) || manages(who, project) || represents(who, project);
    to_see(who, project).or(forbidden_unless(reports))
}

fn write_update(stage: &Stage) -> Vec<Case> {
    let body = json!({ "note": "All is well.", "confidence": "green" });
    projects(stage, to_report, |case, _| {
        case.body(body.clone()).changes(201)
    })
}

/// Assignments, ended ones too, with the project that each belongs to.
const WORK: [(&str, &str); 5] = [
    ("work of coco", "pa"),
    ("work of forma", "pa"),
    ("coordination of pa", "pa"),
    ("work of kim", "pb"),
    ("coordination of pe", "pe"),
];

/// Each of these things within each project, and ids that are none of them; `shape` hears whether the thing is there.
fn within(
    stage: &Stage,
    things: &[(&'static str, &'static str)],
    shape: impl Fn(Case, &'static str, Option<&'static str>) -> Case,
) -> Vec<Case> {
    let mut cases = Vec::new();
    for project in ["pa", "pb", "pc", "pe"] {
        for (thing, of) in things {
            let case = Case::to(
                &format!("{thing} in {project}"),
                &[stage.id(project), stage.id(thing)],
            );
            cases.push(shape(case, project, (*of == project).then_some(*thing)));
        }
    }
    for (about, id) in strays(stage) {
        let case = Case::to(&format!("{about} in pa"), &[stage.id("pa"), id.clone()]);
        let case = shape(case, "pa", None);
        cases.push(if about == "no id" {
            case.unless(|_| Some(404))
        } else {
            case
        });
        let case = Case::to(&format!("in {about}"), &[id, stage.id(things[0].0)]);
        cases.push(shape(case, "pa", None).unless(|_| Some(404)));
    }
    cases
}

fn show_assignment(stage: &Stage) -> Vec<Case> {
    within(stage, &WORK, |case, project, thing| {
        let absent = thing.is_none().then_some(404);
        case.unless(move |who| to_look_inside(who, project).or(absent))
    })
}

fn change_assignment(stage: &Stage) -> Vec<Case> {
    within(stage, &WORK, |case, project, thing| {
        let absent = thing.is_none().then_some(404);
        case.body(json!({ "hours_budget": 1 }))
            .stale()
            .unless(move |who| to_manage(who, project).or(absent))
    })
}

fn sessions() -> [(&'static str, &'static str); 3] {
    SESSIONS.each_ref().map(|one| (one.name, one.project))
}

fn show_session(stage: &Stage) -> Vec<Case> {
    within(stage, &sessions(), |case, project, thing| {
        let absent = thing.is_none().then_some(404);
        let notes = SESSIONS.iter().find(|one| Some(one.name) == thing);
        case.unless(move |who| to_look_inside(who, project).or(absent))
            .check(move |who, answer| {
                let Some(fact) = notes else {
                    return Ok(());
                };
                let found = answer.json()["private_notes"].is_string();
                let own = owns_session(who, project, fact.coach);
                if found == own {
                    Ok(())
                } else {
                    Err(format!("private notes shown: {found}, not {own}"))
                }
            })
    })
}

/// Who books: whoever coaches the project now, and those who run its coaching.
fn to_book(who: &Subject, project: &str) -> Option<u16> {
    let books = who.coaches.contains(&project) || coordinates(who, project);
    to_see(who, project).or(forbidden_unless(books))
}

fn booking(coach: String) -> Value {
    json!({ "coach_id": coach, "starts_at": "2026-04-01T09:00:00Z", "planned_minutes": 30, "agenda": "A" })
}

fn book_session(stage: &Stage) -> Vec<Case> {
    let mut cases = projects(stage, to_book, |case, name| match name {
        "pa" => case.body(booking(stage.id("coco"))).changes(201),
        "pb" => case.body(booking(stage.id("kim"))).changes(201),
        _ => case.body(booking(stage.id("coco"))).answers(409),
    });
    // A coach books for nobody else; whoever runs the coaching names somebody who coaches the project now.
    let to_name = |who: &Subject, project: &str| {
        to_see(who, project).or(forbidden_unless(coordinates(who, project)))
    };
    cases.extend(projects(stage, to_name, |case, _| {
        case.body(booking(stage.id("forma"))).answers(409)
    }));
    cases
}

fn change_session(stage: &Stage) -> Vec<Case> {
    within(stage, &sessions(), |case, project, thing| {
        let fact = SESSIONS.iter().find(|one| Some(one.name) == thing);
        let case = case.body(json!({ "private_notes": "Taken over" })).stale();
        case.unless(move |who| {
            let owns = fact.is_some_and(|one| owns_session(who, project, one.coach));
            let absent = fact.is_none().then_some(404);
            to_see(who, project).or(absent).or(forbidden_unless(owns))
        })
    })
}
