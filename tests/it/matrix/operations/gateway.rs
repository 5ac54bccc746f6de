//! Rows about eligibility, duplicates, matches and routings.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::network::{others, things};
use super::projects::{PEOPLE, READING};
use crate::matrix::cases::{
    Case, Row, applications, column, forbidden_unless, row, same, strays, to_decide,
    to_represent_application, to_see_application,
};
use crate::matrix::facts::{COHORTS, PROJECTS};
use crate::matrix::oracle::{Subject, manages, reads_inside, runs_call, sees};
use crate::matrix::world::Stage;

const CALLS: [&str; 3] = ["k1", "k2", "k3"];

pub fn rows(stage: &Stage) -> Vec<Row> {
    let waived = json!({ "code": "sector-out-of-scope", "reason": "R" });
    vec![
        row(
            "show_eligibility_rules",
            "public",
            things(stage, &CALLS, |case| case),
        ),
        row(
            "set_eligibility_rules",
            "staff",
            of_calls(stage, |case| {
                let nowhere = json!({ "regions": ["XX"] });
                case.body(json!({})).harmless(nowhere, 422)
            }),
        ),
        row("create_late_entry_code", "staff", late_entry_codes(stage)),
        row(
            "check_eligibility",
            PEOPLE,
            applications(stage, to_see_application, |case| case),
        ),
        row(
            "override_rule",
            "staff",
            applications(stage, to_decide, |case| case.body(waived.clone()).stale()),
        ),
        row("enter_late", PEOPLE, enter_late(stage)),
        row(
            "list_matches",
            READING,
            applications(stage, to_see_application, |case| case),
        ),
        row("list_duplicates", READING, duplicates(stage)),
        row("propose_routing", "staff", propose(stage)),
        row("list_routings", READING, routings(stage)),
        row("consent_to_routing", PEOPLE, answers(stage)),
        row("refuse_routing", PEOPLE, answers(stage)),
    ]
}

/// The same request about every call, for those who set it up.
fn of_calls(stage: &Stage, shape: impl Fn(Case) -> Case) -> Vec<Case> {
    let known = COHORTS.iter().map(|(cohort, call, _)| {
        let case = shape(Case::to(call, &[stage.id(call)]));
        case.unless(move |who| forbidden_unless(runs_call(who, cohort)))
    });
    let none = others(stage, &CALLS).into_iter();
    known
        .chain(none.map(|case| shape(case).unless(|_| Some(404))))
        .collect()
}

/// A code for anybody is for those who set up the call, one for a project for those who decide about it too.
fn late_entry_codes(stage: &Stage) -> Vec<Case> {
    let body =
        |project: Value| json!({ "project_id": project, "reason": "R", "expires_in_days": 9 });
    let random = uuid::Uuid::now_v7().to_string();
    let harmless = body(random.into());
    let mut cases = of_calls(stage, |case| {
        case.body(body(Value::Null)).harmless(harmless.clone(), 422)
    });
    for fact in PROJECTS {
        let verdict = |who: &Subject| {
            let hidden = (!sees(who, fact.name)).then_some(422);
            let is_theirs = runs_call(who, "c1") || manages(who, fact.name);
            hidden.or(forbidden_unless(is_theirs))
        };
        let case = Case::to(fact.name, &[stage.id("k1")]).body(body(stage.id(fact.name).into()));
        cases.push(case.harmless(harmless.clone(), 422).unless(verdict));
    }
    cases
}

/// Every application; what those who are allowed hear depends on how far it is.
fn by_state(
    stage: &Stage,
    verdict: fn(&Subject, &str) -> Option<u16>,
    shape: impl Fn(Case, &'static str) -> Case,
) -> Vec<Case> {
    let known = PROJECTS.iter().filter_map(|fact| {
        let (name, _) = fact.application?;
        let case = shape(Case::to(name, &[stage.id(name)]), fact.name);
        Some(case.unless(move |who| verdict(who, fact.name)))
    });
    let stray = strays(stage).into_iter().map(|(about, id)| {
        let case = shape(Case::to(about, &[id]), "none");
        case.unless(|_| Some(404))
    });
    known.chain(stray).collect()
}

/// A wrong code gets nobody in; only a draft is asked for one at all.
fn enter_late(stage: &Stage) -> Vec<Case> {
    by_state(stage, to_represent_application, |case, project| {
        let status = if project == "pd" { 422 } else { 409 };
        case.body(json!({ "code": "a guess" })).answers(status)
    })
}

/// What was decided goes nowhere; what was not goes to no call that is not there.
fn propose(stage: &Stage) -> Vec<Case> {
    let body = |call: String| json!({ "call_id": call, "reason": "R" });
    let random = uuid::Uuid::now_v7().to_string();
    by_state(stage, to_decide, |case, project| {
        let status = if ["pc", "pd"].contains(&project) {
            422
        } else {
            409
        };
        case.body(body(stage.id("k1")))
            .harmless(body(random.clone()), status)
    })
}

/// All titles here are nearly the same, so that everybody is hinted at all they see from inside.
fn duplicates(stage: &Stage) -> Vec<Case> {
    let ids: Vec<_> = PROJECTS
        .iter()
        .map(|fact| (fact.name, stage.id(fact.name)))
        .collect();
    by_state(stage, to_see_application, |case, project| {
        let ids = ids.clone();
        case.check(move |who, answer| {
            let both = |other: &str| {
                other != project && reads_inside(who, project) && reads_inside(who, other)
            };
            let expected = ids.iter().filter(|(name, _)| both(name));
            let expected: BTreeSet<String> = expected.map(|(_, id)| id.clone()).collect();
            let found = column(answer, "project_id").into_iter().collect();
            same(&found, &expected)
        })
    })
}

fn routings(stage: &Stage) -> Vec<Case> {
    let open = stage.id("routing of pc");
    by_state(stage, to_see_application, |case, project| {
        let own = (project == "pc").then(|| open.clone());
        case.ids(move |_| own.clone().into_iter().collect())
    })
}

/// The team answers; others who see the application look on.
fn answers(stage: &Stage) -> Vec<Case> {
    let open = Case::to("of pc", &[stage.id("routing of pc")]);
    let open = open
        .stale()
        .unless(|who| to_represent_application(who, "pc"));
    let stray = strays(stage).into_iter();
    let none = stray.map(|(about, id)| Case::to(about, &[id]).stale().unless(|_| Some(404)));
    std::iter::once(open).chain(none).collect()
}
