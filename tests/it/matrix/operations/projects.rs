//! Rows about projects and what hangs on them: team, journey, applications, the ledger.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::matrix::cases::{
    Case, Row, applications, column, forbidden_unless, projects, row, same, strays, to_change,
    to_change_application, to_decide, to_look_inside, to_manage, to_represent_application, to_see,
    to_see_application,
};
use crate::matrix::facts::{PROJECTS, ProjectFact};
use crate::matrix::oracle::{
    EventFact, Kind, Subject, manages, represents, sees, sees_application, sees_event,
};
use crate::matrix::world::{Stage, canary};
use crate::support::Answer;

pub const READING: &str = "read-projects";
pub const PEOPLE: &str = "signed-in";

pub fn rows(stage: &Stage) -> Vec<Row> {
    let mut rows = vec![
        row("list_projects", READING, list_projects(stage)),
        row(
            "show_project",
            READING,
            projects(stage, to_see, |case, _| case),
        ),
        row("create_project", PEOPLE, vec![create_project()]),
        row("change_project", PEOPLE, change_project(stage)),
        row("list_team", PEOPLE, pages(stage, None)),
        row("list_actions", PEOPLE, pages(stage, None)),
        row(
            "list_transitions",
            READING,
            pages(stage, Some("transitions")),
        ),
        row("list_stays", READING, pages(stage, Some("stays"))),
        row("list_milestones", READING, pages(stage, Some("milestones"))),
        row("show_milestone", READING, show_milestone(stage)),
        row("add_milestone", PEOPLE, add_milestone(stage)),
        row("change_milestone", PEOPLE, change_milestone(stage)),
        row("move_project", PEOPLE, move_project(stage)),
        row("list_events", "events", list_events(stage)),
    ];
    rows.extend(of_applications(stage));
    rows
}

/// The visible ones among the projects that a filter leaves.
fn visible(
    stage: &Stage,
    wanted: impl Fn(&ProjectFact) -> bool,
) -> impl Fn(&Subject) -> BTreeSet<String> + 'static {
    let left = PROJECTS.iter().filter(|fact| wanted(fact));
    let ids: Vec<_> = left.map(|fact| (fact.name, stage.id(fact.name))).collect();
    move |who| {
        let seen = ids.iter().filter(|(name, _)| sees(who, name));
        seen.map(|(_, id)| id.clone()).collect()
    }
}

fn list_projects(stage: &Stage) -> Vec<Case> {
    let by = |about: &str, query: &str, wanted: fn(&ProjectFact) -> bool| {
        Case::plain(about).query(query).ids(visible(stage, wanted))
    };
    let of = |name: &str, field: &str| format!("{field}={}", stage.id(name));
    vec![
        by("all", "", |_| true),
        by("by words", "q=cnry", |_| true),
        by(
            "by another's words",
            &format!("q={}", canary("pa", "title")),
            |one| one.name == "pa",
        ),
        by("of BE1", "region=BE1", |one| one.region == Some("BE1")),
        by("of BE2", "region=BE2", |one| one.region == Some("BE2")),
        by("of a cohort", &of("c2", "cohort_id"), |one| {
            one.cohort == Some("c2")
        }),
        by("of coco", &of("coco", "coach"), |one| one.name == "pa"),
        by(
            "of forma, who coaches no more",
            &of("forma", "coach"),
            |_| false,
        ),
        by(
            "of nobody",
            &format!("coach={}", uuid::Uuid::now_v7()),
            |_| false,
        ),
        by("prospects", "state=prospect", |one| one.cohort.is_none()),
        by("oldest first", "sort=title", |_| true),
    ]
}

fn create_project() -> Case {
    let body = |code: &str| json!({ "title": "T", "summary": "S", "sector": "medtech", "country": "BE", "postal_code": code, "language": "en" });
    Case::plain("new")
        .body(body("1000"))
        .harmless(body("0000"), 422)
}

fn change_project(stage: &Stage) -> Vec<Case> {
    let body = json!({ "title": "Taken over", "shared_with_partners": true });
    projects(stage, to_change, |case, _| case.body(body.clone()).stale())
}

/// The pages inside a project. As many rows as the table has of it, and only those.
pub fn pages(stage: &Stage, table: Option<&str>) -> Vec<Case> {
    projects(stage, to_look_inside, |case, name| {
        let Some(table) = table else {
            return case;
        };
        let query = format!(
            "SELECT projects.title AS t FROM {table} JOIN projects ON projects.id = {table}.project_id"
        );
        let titles = stage.world.database.texts(&query);
        let rows = titles
            .iter()
            .filter(|title| **title == canary(name, "title"))
            .count();
        case.query("limit=100").check(move |_, answer| {
            let found = column(answer, "id").len();
            if found == rows {
                Ok(())
            } else {
                Err(format!("LEAK: {found} rows, not {rows}"))
            }
        })
    })
}

/// Who looks after the milestones: coordinators, and coaches as long as they coach.
fn to_work(who: &Subject, project: &str) -> Option<u16> {
    let works = who.coaches.contains(&project) || manages(who, project);
    to_see(who, project).or(forbidden_unless(works))
}

fn add_milestone(stage: &Stage) -> Vec<Case> {
    let body = json!({ "title": "One more", "due_on": "2026-05-01", "required": false });
    projects(stage, to_work, |case, name| {
        let case = case.body(body.clone());
        if ["pa", "pb"].contains(&name) {
            case.changes(201)
        } else {
            case.answers(409)
        }
    })
}

/// Projects with milestones, each with its own and with those of others.
fn milestones(
    stage: &Stage,
    own: impl Fn(Case, &'static str) -> Case,
    others: impl Fn(Case, &'static str) -> Case,
) -> Vec<Case> {
    let mut cases = Vec::new();
    for project in ["pa", "pb", "pe"] {
        for of in ["pa", "pb", "pe"] {
            for name in ["done", "open"] {
                let thing = format!("{name} milestone of {of}");
                let case = Case::to(
                    &format!("{thing} in {project}"),
                    &[stage.id(project), stage.id(&thing)],
                );
                cases.push(if project == of {
                    own(case, project)
                } else {
                    others(case, project)
                });
            }
        }
        for (about, id) in strays(stage).into_iter().take(3) {
            cases.push(others(
                Case::to(&format!("{about} in {project}"), &[stage.id(project), id]),
                project,
            ));
        }
    }
    let milestone = stage.id("open milestone of pa");
    for (about, path) in [
        ("no id", [stage.id("pa"), "nonsense".to_owned()]),
        (
            "in a random project",
            [uuid::Uuid::now_v7().to_string(), milestone],
        ),
    ] {
        cases.push(others(Case::to(about, &path), "pa").unless(|_| Some(404)));
    }
    cases
}

fn show_milestone(stage: &Stage) -> Vec<Case> {
    milestones(
        stage,
        |case, project| case.unless(move |who| to_look_inside(who, project)),
        |case, project| case.unless(move |who| to_look_inside(who, project).or(Some(404))),
    )
}

fn to_finish(who: &Subject, project: &str) -> Option<u16> {
    let may = represents(who, project) || to_work(who, project).is_none();
    to_see(who, project).or(forbidden_unless(may))
}

fn change_milestone(stage: &Stage) -> Vec<Case> {
    let body = json!({ "done": true });
    milestones(
        stage,
        |case, project| {
            case.body(body.clone())
                .stale()
                .unless(move |who| to_finish(who, project))
        },
        |case, _| case.body(body.clone()).unless(|_| Some(404)),
    )
}

fn move_project(stage: &Stage) -> Vec<Case> {
    let step =
        |verdict, body: Value| projects(stage, verdict, |case, _| case.body(body.clone()).stale());
    let exit = json!({ "kind": "exit", "reason_code": "market", "lesson": "None." });
    let enter = |cohort: String| json!({ "kind": "enter", "to": "test", "reason": "R", "cohort_id": cohort });
    let mut cases = step(to_change, exit);
    cases.extend(step(to_manage, json!({ "kind": "hold", "reason": "R" })));
    cases.extend(step(to_manage, enter(stage.id("c3"))));
    // Whoever may not move a project does not learn which cohorts there are.
    let unknown = enter(uuid::Uuid::now_v7().to_string());
    cases.extend(step(to_manage, unknown));
    cases
}

fn of_applications(stage: &Stage) -> Vec<Row> {
    let reading = |case: Case| case;
    let change = json!({ "answers": { "need": "other" } });
    let reason = json!({ "reason": "R" });
    let accept = json!({ "outcome": "accept", "cohort_id": stage.id("c1"), "pillar": "test", "feedback": "F" });
    let mut decisions = applications(stage, to_decide, |case| case.body(accept.clone()).stale());
    let unknown =
        json!({ "outcome": "accept", "cohort_id": uuid::Uuid::now_v7(), "pillar": "test" });
    decisions.extend(applications(stage, to_decide, |case| {
        case.body(unknown.clone()).stale()
    }));
    vec![
        row("list_applications", READING, list_applications(stage)),
        row(
            "show_application",
            READING,
            applications(stage, to_see_application, reading),
        ),
        row(
            "show_receipt",
            READING,
            applications(stage, receipt, reading),
        ),
        row("create_application", PEOPLE, create_application(stage)),
        row(
            "change_application",
            PEOPLE,
            applications(stage, to_change_application, |case| {
                case.body(change.clone()).stale()
            }),
        ),
        row(
            "override_scope",
            "staff",
            applications(stage, to_decide, |case| case.body(reason.clone()).stale()),
        ),
        row(
            "submit_application",
            PEOPLE,
            applications(stage, to_represent_application, |case| {
                case.body(json!({})).stale()
            }),
        ),
        row(
            "withdraw_application",
            PEOPLE,
            applications(stage, to_represent_application, |case| {
                case.body(json!({})).stale()
            }),
        ),
        row("decide_application", "staff", decisions),
    ]
}

/// A draft has no receipt.
fn receipt(who: &Subject, project: &str) -> Option<u16> {
    let draft = (project == "pd").then_some(404);
    to_see_application(who, project).or(draft)
}

fn list_applications(stage: &Stage) -> Vec<Case> {
    let by = |about: &str, query: &str, wanted: fn(&ProjectFact) -> bool| {
        let left = PROJECTS.iter().filter(|fact| wanted(fact));
        let ids: Vec<_> = left
            .filter_map(|fact| Some((fact.name, stage.id(fact.application?.0))))
            .collect();
        Case::plain(about).query(query).ids(move |who| {
            let seen = ids
                .iter()
                .filter(|(project, _)| sees_application(who, project));
            seen.map(|(_, id)| id.clone()).collect()
        })
    };
    let of = |name: &str, field: &str| format!("{field}={}", stage.id(name));
    vec![
        by("all", "", |_| true),
        by("by words", "q=cnry", |_| true),
        by("of pa", &of("pa", "project_id"), |one| one.name == "pa"),
        by("of pc", &of("pc", "project_id"), |one| one.name == "pc"),
        by("of a call", &of("k3", "call_id"), |one| {
            one.application.is_some_and(|(_, cohort)| cohort == "c3")
        }),
        by("of a cohort", &of("c2", "cohort_id"), |one| {
            one.cohort == Some("c2")
        }),
        by("of BE2", "region=BE2", |one| one.region == Some("BE2")),
        by("accepted", "state=accepted", |one| one.has_moved),
    ]
}

/// An id in a body is looked for as one in a path is: what is hidden and what is not there are one.
fn create_application(stage: &Stage) -> Vec<Case> {
    let body = |project: String, call: &str| json!({ "project_id": project, "call_id": stage.id(call), "answers": {} });
    let known = PROJECTS.iter().filter_map(|fact| {
        let (_, cohort) = fact.application?;
        let applied = cohort.replace('c', "k");
        let other = if cohort == "c2" { "k1" } else { "k2" };
        let id = stage.id(fact.name);
        let verdict = |who: &Subject| {
            to_change(who, fact.name).map(|status| if status == 404 { 422 } else { status })
        };
        let case = Case::plain(fact.name).body(body(id.clone(), other));
        Some(case.harmless(body(id, &applied), 409).unless(verdict))
    });
    let stray = strays(stage).into_iter().map(|(about, id)| {
        Case::plain(about)
            .body(body(id, "k1"))
            .unless(|_| Some(422))
    });
    known.chain(stray).collect()
}

/// The positions of the rows that were there before anybody asked. What came since are refusals.
fn up_to(last: i64, answer: &Answer) -> BTreeSet<String> {
    let all = column(answer, "position").into_iter();
    all.filter(|position| position.parse::<i64>().is_ok_and(|one| one <= last))
        .collect()
}

/// The whole ledger in windows, each the first hundred rows after a number.
fn list_events(stage: &Stage) -> Vec<Case> {
    let events = &stage.events;
    let last = events.last().map_or(0, |(position, _)| *position);
    let windows = (0..=last).step_by(100);
    let cases = windows.map(|after| {
        let mine: Vec<(String, EventFact)> = events
            .iter()
            .filter(|(position, _)| *position > after)
            .map(|(position, fact)| (position.to_string(), fact.clone()))
            .collect();
        let ids = stage.people_ids();
        Case::plain(&format!("after {after}"))
            .query(&format!("after={after}&limit=100"))
            .check(move |who, answer| {
                let own = ids.get(who.name).cloned().unwrap_or_default();
                let seen = mine.iter().filter(|(_, fact)| sees_event(who, &own, fact));
                let expected = seen
                    .take(100)
                    .map(|(position, _)| position.clone())
                    .collect();
                same(&up_to(last, answer), &expected)
            })
    });
    let ids = stage.people_ids();
    let refused = Case::plain("what was refused since")
        .query(&format!("after={last}&limit=100"))
        .check(move |who, answer| {
            let own = ids.get(who.name).filter(|_| who.kind == Kind::Person);
            let theirs = |about: &String| who.is_admin() || Some(about) == own;
            match column(answer, "subject_id").iter().find(|id| !theirs(id)) {
                None => Ok(()),
                Some(id) => Err(format!("LEAK of what was refused to {id}")),
            }
        });
    cases.chain([refused]).collect()
}
