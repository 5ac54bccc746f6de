//! Rows about forms, screening, returns, receipts and tags.

use serde_json::{Value, json};

use super::projects::READING;
use crate::forms::{form, question};
use crate::matrix::cases::{
    Case, Row, applications, forbidden_unless, row, strays, to_decide, to_see_application,
};
use crate::matrix::facts::COHORTS;
use crate::matrix::oracle::runs_call;
use crate::matrix::world::Stage;

pub fn rows(stage: &Stage) -> Vec<Row> {
    let reading = |case: Case| case;
    let start = json!({ "step": "start" });
    let tags = json!({ "tags": ["visit"] });
    vec![
        row("list_screening_reasons", "public", vec![Case::plain("all")]),
        row("show_call_form", "public", of_calls(stage)),
        row("show_form_schema", "public", of_calls(stage)),
        row("show_form", "public", show_form(stage)),
        row("put_call_form", "staff", put_call_form(stage)),
        row(
            "list_receipts",
            READING,
            applications(stage, to_see_application, reading),
        ),
        row(
            "screen_application",
            "staff",
            applications(stage, to_decide, |case| case.body(start.clone()).stale()),
        ),
        row(
            "list_screenings",
            "staff",
            applications(stage, to_decide, reading),
        ),
        row(
            "return_application",
            "staff",
            applications(stage, to_decide, |case| case.body(back()).stale()),
        ),
        row(
            "list_returns",
            READING,
            applications(stage, to_see_application, reading),
        ),
        row(
            "show_tags",
            "staff",
            applications(stage, to_decide, reading),
        ),
        row(
            "put_tags",
            "staff",
            applications(stage, to_decide, |case| case.body(tags.clone()).stale()),
        ),
    ]
}

/// What an application is sent back with.
pub fn back() -> Value {
    json!({ "fields": ["/answers/need"], "message": "More.", "reasons": ["other"] })
}

/// A form with the one question that everybody answers here.
pub fn one_question() -> Value {
    form(&[question("need", "long_text", json!({ "required": "now" }))])
}

/// Only the third call has a form.
fn of_calls(stage: &Stage) -> Vec<Case> {
    let known = COHORTS.iter().map(|(_, call, _)| {
        let none = (*call != "k3").then_some(404);
        Case::to(call, &[stage.id(call)]).unless(move |_| none)
    });
    known.chain(stray(stage)).collect()
}

fn stray(stage: &Stage) -> Vec<Case> {
    let stray = strays(stage).into_iter();
    stray
        .map(|(about, id)| Case::to(about, &[id]).unless(|_| Some(404)))
        .collect()
}

fn show_form(stage: &Stage) -> Vec<Case> {
    let known = Case::to("the form of k3", &[stage.id("form of k3")]);
    let mut cases = stray(stage);
    cases.push(known);
    cases
}

fn put_call_form(stage: &Stage) -> Vec<Case> {
    let twice = question("need", "long_text", json!({}));
    let wrong = form(&[twice.clone(), twice]);
    let known = COHORTS.iter().map(|(cohort, call, _)| {
        let case = Case::to(call, &[stage.id(call)]);
        let verdict = move |who: &_| forbidden_unless(runs_call(who, cohort));
        case.unless(verdict)
    });
    let all = known.chain(stray(stage));
    all.map(|case| case.body(one_question()).harmless(wrong.clone(), 422))
        .collect()
}
