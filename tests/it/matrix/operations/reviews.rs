//! Rows about reviews: rubrics, committees, profiles, conflicts, plans, scores. Nobody has written a rubric here, so whoever
//! is allowed learns that; what they do when there is one is a deed.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::projects::PEOPLE;
use crate::matrix::cases::{
    Case, Row, applications, forbidden_unless, row, strays, to_see_application,
};
use crate::matrix::facts::{COHORTS, project_named};
use crate::matrix::oracle::{Subject, manages, runs_call};
use crate::matrix::world::Stage;
use crate::reviews::rubric;

pub fn rows(stage: &Stage) -> Vec<Row> {
    let none = |_: &Subject| -> BTreeSet<String> { BTreeSet::new() };
    let mut rows = of_calls(stage);
    rows.extend(of_profiles(stage));
    rows.extend(of_nobody(stage));
    rows.extend([
        row("list_reviews", PEOPLE, vec![Case::plain("all").ids(none)]),
        row("list_conflicts", PEOPLE, vec![Case::plain("all").ids(none)]),
        row("note_conflict", PEOPLE, note_conflict(stage)),
        row("assign_reviewer", "staff", assign(stage)),
        row(
            "vote_on_application",
            PEOPLE,
            applications(stage, to_vote, |case| case.body(json!({ "vote": "for" }))),
        ),
    ]);
    rows
}

/// The calls of the facts, each with what keeps somebody from it, and ids that are none.
fn calls(
    stage: &Stage,
    verdict: fn(&Subject, &'static str) -> Option<u16>,
    shape: impl Fn(Case) -> Case,
) -> Vec<Case> {
    let known = COHORTS.map(|(cohort, call, _)| {
        shape(Case::to(call, &[stage.id(call)])).unless(move |who| verdict(who, cohort))
    });
    let stray = strays(stage).into_iter();
    let stray = stray.map(|(about, id)| shape(Case::to(about, &[id])).unless(|_| Some(404)));
    known.into_iter().chain(stray).collect()
}

fn to_run(who: &Subject, cohort: &'static str) -> Option<u16> {
    forbidden_unless(runs_call(who, cohort))
}

fn of_calls(stage: &Stage) -> Vec<Row> {
    let mut empty = rubric(json!({}));
    empty["criteria"][0]["scale"]["max"] = json!(1);
    let committee = |needed: i32| json!({ "members": [], "needed_per_region": needed });
    let put = |good: Value, bad: Value| {
        calls(stage, to_run, move |case| {
            case.body(good.clone()).harmless(bad.clone(), 422)
        })
    };
    vec![
        row(
            "show_rubric",
            PEOPLE,
            calls(stage, |_, _| Some(404), |case| case),
        ),
        row("put_rubric", "staff", put(rubric(json!({})), empty)),
        row(
            "show_committee",
            "staff",
            calls(stage, |_, _| Some(404), |case| case),
        ),
        row("put_committee", "staff", put(committee(0), committee(1))),
        row(
            "make_review_plan",
            "staff",
            calls(stage, to_run, |case| case.body(json!({})).answers(409)),
        ),
        row(
            "list_scores",
            "staff",
            calls(stage, |_, _| None, |case| case),
        ),
    ]
}

fn of_profiles(stage: &Stage) -> Vec<Row> {
    let profile = json!({ "sectors": [], "languages": ["en"], "region": "XX1", "max_load": 1 });
    let own = Case::plain("own")
        .body(profile.clone())
        .answers(422)
        .unless(|who| (!who.is("reviewer")).then_some(409));
    let of = |name: &str| Case::to(name, &[stage.id(name)]);
    let hidden = |who: &Subject| Some(if who.is_admin() { 409 } else { 404 });
    vec![
        row(
            "show_own_reviewer_profile",
            PEOPLE,
            vec![Case::plain("own").unless(|_| Some(404))],
        ),
        row("put_own_reviewer_profile", PEOPLE, vec![own]),
        row(
            "show_reviewer_profile",
            "staff",
            vec![
                of("rev").unless(|_| Some(404)),
                of("ada").unless(|_| Some(404)),
            ],
        ),
        row(
            "put_reviewer_profile",
            "staff",
            vec![
                of("rev").body(profile.clone()).answers(422),
                of("ada").body(profile).unless(hidden),
            ],
        ),
    ]
}

/// What is nobody's yet: every id is wrong.
fn of_nobody(stage: &Stage) -> Vec<Row> {
    let lost = |body: Option<Value>| -> Vec<Case> {
        let stray = strays(stage).into_iter();
        let stray = stray.chain([("an application's id", stage.id("ac"))]);
        let case = |(about, id): (&str, String)| {
            let case = Case::to(about, &[id]).unless(|_| Some(404));
            match &body {
                Some(body) => case.body(body.clone()),
                None => case,
            }
        };
        stray.map(case).collect()
    };
    let reason = || Some(json!({ "reason": "R" }));
    vec![
        row("show_review", PEOPLE, lost(None)),
        row("list_peer_reviews", PEOPLE, lost(None)),
        row("draft_review", PEOPLE, lost(Some(json!({ "scores": {} })))),
        row("submit_review", PEOPLE, lost(None)),
        row("decline_review", PEOPLE, lost(reason())),
        row("withdraw_review", "staff", lost(None)),
        row("show_conflict", PEOPLE, lost(None)),
        row("end_conflict", "staff", lost(reason())),
        row("show_review_plan", "staff", lost(None)),
        row("apply_review_plan", "staff", lost(None)),
    ]
}

/// What is hidden and what is not there are one, and one thing has to be named.
fn note_conflict(stage: &Stage) -> Vec<Case> {
    let about = |field: &str, id: String| {
        Case::plain(field)
            .body(json!({ field: id, "note": "N" }))
            .answers(422)
    };
    let nothing = uuid::Uuid::now_v7().to_string();
    vec![
        Case::plain("nothing")
            .body(json!({ "note": "N" }))
            .answers(422),
        about("project_id", nothing.clone()),
        about("organisation_id", nothing.clone()),
        about("review_id", nothing),
        about("review_id", stage.id("ac")),
    ]
}

/// Whoever runs an application learns that its call has no rubric.
fn assign(stage: &Stage) -> Vec<Case> {
    let body = json!({ "account_id": stage.id("rev") });
    applications(stage, to_assign, |case| {
        case.body(body.clone()).answers(409)
    })
}

fn to_assign(who: &Subject, project: &str) -> Option<u16> {
    let call = project_named(project).application;
    let runs = call.is_some_and(|(_, cohort)| runs_call(who, cohort));
    to_see_application(who, project).or(forbidden_unless(runs || manages(who, project)))
}

/// Nobody sits on a committee here.
fn to_vote(who: &Subject, project: &str) -> Option<u16> {
    to_see_application(who, project).or(Some(403))
}
