//! Rows about decisions before and after their release, places, and commands for many.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::matrix::cases::{
    Case, Row, applications, column, forbidden_unless, hidden_unless, row, same, strays, to_decide,
};
use crate::matrix::facts::{COHORTS, PROJECTS};
use crate::matrix::oracle::{Subject, manages, represents, runs_call, sees_place};
use crate::matrix::world::Stage;
use crate::support::Answer;

const STAFF: &str = "staff";
const READING: &str = "read-projects";
const PEOPLE: &str = "signed-in";

pub fn rows(stage: &Stage) -> Vec<Row> {
    let mut rows = of_applications(stage);
    rows.extend(of_calls(stage));
    rows.extend(of_places(stage));
    rows
}

/// Only the application of pc has a staged decision.
fn to_see_staged(who: &Subject, project: &str) -> Option<u16> {
    to_decide(who, project).or(hidden_unless(project == "pc"))
}

fn of_applications(stage: &Stage) -> Vec<Row> {
    let decline = json!({ "outcome": "decline", "reasons": [{ "code": "team" }] });
    let reason = json!({ "reason": "R" });
    vec![
        row(
            "stage_decision",
            STAFF,
            applications(stage, to_decide, |case| case.body(decline.clone()).stale()),
        ),
        row(
            "show_staged_decision",
            STAFF,
            applications(stage, to_see_staged, |case| case),
        ),
        row(
            "unstage_decision",
            STAFF,
            applications(stage, to_see_staged, Case::stale),
        ),
        row(
            "list_staged_decisions",
            STAFF,
            vec![listed(stage, Case::plain("all"), &["pc"])],
        ),
        row(
            "reverse_decision",
            STAFF,
            applications(stage, to_decide, |case| case.body(reason.clone()).stale()),
        ),
        row(
            "list_decisions",
            STAFF,
            vec![
                listed(stage, Case::plain("all"), &["pa", "pb", "pe"]),
                listed(
                    stage,
                    Case::plain("of a call").query(&format!("call_id={}", stage.id("k3"))),
                    &["pe"],
                ),
            ],
        ),
        row("bulk_applications", STAFF, bulk(stage)),
    ]
}

/// The list holds the applications of those projects that somebody decides about.
fn listed(stage: &Stage, case: Case, projects: &'static [&'static str]) -> Case {
    let ids: Vec<(&str, String)> = PROJECTS
        .iter()
        .filter(|fact| projects.contains(&fact.name))
        .filter_map(|fact| Some((fact.name, stage.id(fact.application?.0))))
        .collect();
    case.check(move |who, answer| {
        let mine = ids.iter().filter(|(project, _)| manages(who, project));
        let expected: BTreeSet<String> = mine.map(|(_, id)| id.clone()).collect();
        same(
            &column(answer, "application_id").into_iter().collect(),
            &expected,
        )
    })
}

/// Each item is answered as it would be alone.
fn bulk(stage: &Stage) -> Vec<Case> {
    let facts = PROJECTS.iter().filter(|fact| fact.application.is_some());
    let names: Vec<&'static str> = facts.clone().map(|fact| fact.name).collect();
    let ids = facts.filter_map(|fact| Some(stage.id(fact.application?.0)));
    let items: Vec<Value> = ids.map(|id| json!({ "id": id, "version": 9 })).collect();
    let command = json!({ "kind": "unstage" });
    let dry = json!({ "command": command, "items": items, "dry_run": true });
    let none = json!({ "command": command, "items": [] });
    vec![
        Case::plain("a dry run")
            .body(dry)
            .check(move |who, answer| {
                let results = answer.json()["results"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default();
                let found: Vec<u64> = results
                    .iter()
                    .map(|one| one["status"].as_u64().unwrap_or_default())
                    .collect();
                let alone = |name: &&str| u64::from(to_see_staged(who, name).unwrap_or(412));
                let expected: Vec<u64> = names.iter().map(alone).collect();
                if found == expected {
                    Ok(())
                } else {
                    Err(format!("LEAK or TOO TIGHT: {found:?}, not {expected:?}"))
                }
            }),
        Case::plain("nothing").body(none).answers(422),
    ]
}

/// The same request for every call, and for what is none.
fn calls(
    stage: &Stage,
    verdict: fn(&Subject, &'static str) -> Option<u16>,
    shape: impl Fn(Case, &'static str) -> Case,
) -> Vec<Case> {
    let known = COHORTS.iter().map(|(cohort, call, _)| {
        let case = shape(Case::to(call, &[stage.id(call)]), call);
        case.unless(move |who| verdict(who, cohort))
    });
    let stray = strays(stage).into_iter().map(|(about, id)| {
        let case = shape(Case::to(about, &[id]), "none");
        case.unless(|_| Some(404))
    });
    known.chain(stray).collect()
}

fn to_run(who: &Subject, cohort: &'static str) -> Option<u16> {
    forbidden_unless(runs_call(who, cohort))
}

/// Only the second call's places are set up.
fn to_see_settings(_: &Subject, cohort: &'static str) -> Option<u16> {
    hidden_unless(cohort == "c2")
}

fn everybody(_: &Subject, _: &'static str) -> Option<u16> {
    None
}

/// A release is for whoever made it, and for those who run its call.
fn to_see_release(who: &Subject) -> Option<u16> {
    hidden_unless(who.name == "carl" || runs_call(who, "c1"))
}

fn of_calls(stage: &Stage) -> Vec<Row> {
    let settings = json!({ "confirm_within_days": 3 });
    let past = json!({ "at": "2020-01-01T00:00:00Z" });
    let previewed = |case: Case, call: &'static str| {
        let of: &[&str] = if call == "k1" { &["pc"] } else { &[] };
        listed(stage, case, of)
    };
    let release = stage.id("release of carl");
    let releases = |case: Case, call: &'static str| {
        let known: BTreeSet<String> = (call == "k1")
            .then(|| release.clone())
            .into_iter()
            .collect();
        case.ids(move |who| match to_see_release(who) {
            None => known.clone(),
            Some(_) => BTreeSet::new(),
        })
    };
    let one = |body: Option<Value>| {
        let shape = |case: Case| match &body {
            Some(body) => case.body(body.clone()).stale(),
            None => case.stale(),
        };
        let own = shape(Case::to("of carl", &[stage.id("release of carl")]));
        let stray = strays(stage).into_iter();
        let stray = stray.map(|(about, id)| shape(Case::to(about, &[id])).unless(|_| Some(404)));
        std::iter::once(own.unless(to_see_release))
            .chain(stray)
            .collect::<Vec<_>>()
    };
    vec![
        row(
            "set_up_places",
            STAFF,
            calls(stage, to_run, |case, _| case.body(settings.clone()).stale()),
        ),
        row(
            "show_place_settings",
            STAFF,
            calls(stage, to_see_settings, |case, _| case),
        ),
        row("preview_release", STAFF, calls(stage, everybody, previewed)),
        row(
            "release_decisions",
            STAFF,
            calls(stage, everybody, |case, _| {
                case.body(past.clone()).answers(422)
            }),
        ),
        row("list_releases", STAFF, calls(stage, everybody, releases)),
        row(
            "change_release",
            STAFF,
            one(Some(json!({ "at": "2027-03-01T00:00:00Z" }))),
        ),
        row("cancel_release", STAFF, one(None)),
    ]
}

fn to_see_place(who: &Subject) -> Option<u16> {
    hidden_unless(sees_place(who, "pb", "c2"))
}

fn to_answer_place(who: &Subject) -> Option<u16> {
    to_see_place(who).or(forbidden_unless(represents(who, "pb")))
}

fn of_places(stage: &Stage) -> Vec<Row> {
    let place = stage.id("place of pb");
    let one = |verdict: fn(&Subject) -> Option<u16>, shape: fn(Case) -> Case| {
        let own = shape(Case::to("of pb", &[place.clone()])).unless(verdict);
        let stray = strays(stage).into_iter();
        let stray = stray.map(|(about, id)| shape(Case::to(about, &[id])).unless(|_| Some(404)));
        std::iter::once(own).chain(stray).collect::<Vec<_>>()
    };
    let known = BTreeSet::from([place.clone()]);
    let list = Case::plain("all").ids(move |who| match to_see_place(who) {
        None => known.clone(),
        Some(_) => BTreeSet::new(),
    });
    let found = |_: &Subject, answer: &Answer| match answer.json()["state"].as_str() {
        Some("confirmed") => Ok(()),
        other => Err(format!("{other:?}")),
    };
    let mut shown = one(to_see_place, |case| case);
    if let Some(first) = shown.first_mut() {
        first.check = Some(Box::new(found));
    }
    vec![
        row("list_places", READING, vec![list]),
        row("show_place", READING, shown),
        row("confirm_place", PEOPLE, one(to_answer_place, Case::stale)),
        row("give_up_place", PEOPLE, one(to_answer_place, Case::stale)),
    ]
}
