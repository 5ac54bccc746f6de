//! Rows about the network: its public data, cohorts, calls and figures.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::matrix::cases::{Case, Row, hidden_unless, row, strays};
use crate::matrix::facts::{COHORTS, PROGRAMMES, PROJECTS};
use crate::matrix::oracle::{Subject, sees_cohort, sees_network, sees_region};
use crate::matrix::world::Stage;
use crate::support::Answer;

/// Up to so many are not shown to partners.
const SMALL: usize = 4;

pub fn rows(stage: &Stage) -> Vec<Row> {
    let public = |id| row(id, "public", vec![Case::plain("all")]);
    let place = Case::to("Antwerp", &["BE".to_owned(), "2000".to_owned()]);
    let (call, cohort) = (call("k1", "c1"), cohort("c1"));
    let (new_call, new_cohort) = (self::call("new", "c1"), self::cohort("new"));
    let calls = ["k1", "k2", "k3"];
    vec![
        public("list_regions"),
        public("list_organisations"),
        public("list_mandates"),
        public("list_programmes"),
        row("show_postal_code", "public", vec![place]),
        row("list_calls", "public", vec![list_calls(stage)]),
        row("show_call", "public", things(stage, &calls, |case| case)),
        row(
            "create_call",
            "admin",
            vec![
                Case::plain("new")
                    .body(new_call)
                    .harmless(call.clone(), 409),
            ],
        ),
        row(
            "change_call",
            "admin",
            things(stage, &calls, |case| case.body(call.clone()).stale()),
        ),
        row("list_cohorts", "dashboards", list_cohorts(stage)),
        row("show_cohort", "dashboards", show_cohort(stage)),
        row(
            "create_cohort",
            "admin",
            vec![
                Case::plain("new")
                    .body(new_cohort)
                    .harmless(cohort.clone(), 409),
            ],
        ),
        row(
            "change_cohort",
            "admin",
            things(stage, &["c1", "c2", "c3"], |case| {
                case.body(cohort.clone()).stale()
            }),
        ),
        row("show_cohort_dashboard", "dashboards", cohort_figures(stage)),
        row("show_region_dashboard", "dashboards", region_figures()),
        row("show_dashboard", "dashboards", vec![network_figures()]),
    ]
}

fn names() -> Value {
    json!({ "en": "Name", "nl": "Name", "fr": "Name", "de": "Name" })
}

pub fn call(slug: &str, cohort: &str) -> Value {
    json!({
        "slug": slug, "programme": PROGRAMMES[0], "cohort": cohort, "names": names(),
        "opens_at": "2026-02-01T00:00:00Z", "closes_at": "2026-06-01T00:00:00Z",
    })
}

pub fn cohort(slug: &str) -> Value {
    json!({
        "slug": slug, "programme": PROGRAMMES[0], "names": names(), "capacity": 20,
        "starts_on": "2026-03-01", "ends_on": "2026-12-01",
    })
}

/// The named things, which everybody behind the door reaches, and what is none of them.
pub fn things(stage: &Stage, names: &[&str], shape: impl Fn(Case) -> Case) -> Vec<Case> {
    let known = names
        .iter()
        .map(|name| shape(Case::to(name, &[stage.id(name)])));
    known
        .chain(
            others(stage, names)
                .into_iter()
                .map(|case| shape(case).unless(|_| Some(404))),
        )
        .collect()
}

/// Ids that are none of the named things'.
pub fn others(stage: &Stage, names: &[&str]) -> Vec<Case> {
    let own: Vec<String> = names.iter().map(|name| stage.id(name)).collect();
    let stray = strays(stage)
        .into_iter()
        .filter(|(_, id)| !own.contains(id));
    let stray = stray.map(|(about, id)| Case::to(about, &[id]));
    stray
        .chain([Case::to("a project's id", &[stage.id("pa")])])
        .collect()
}

fn list_calls(stage: &Stage) -> Case {
    let all: BTreeSet<String> = COHORTS.iter().map(|(_, call, _)| stage.id(call)).collect();
    Case::plain("all").ids(move |_| all.clone())
}

fn list_cohorts(stage: &Stage) -> Vec<Case> {
    let of = |programme: Option<usize>| {
        let wanted = COHORTS
            .iter()
            .filter(move |(_, _, of)| programme.is_none_or(|one| one == *of));
        let ids: Vec<_> = wanted.map(|(name, _, _)| (*name, stage.id(name))).collect();
        move |who: &Subject| {
            let seen = ids.iter().filter(|(name, _)| sees_cohort(who, name));
            seen.map(|(_, id)| id.clone()).collect::<BTreeSet<String>>()
        }
    };
    let query = format!("programme_id={}", stage.id(PROGRAMMES[1]));
    vec![
        Case::plain("all").ids(of(None)),
        Case::plain("of a programme").query(&query).ids(of(Some(1))),
    ]
}

fn show_cohort(stage: &Stage) -> Vec<Case> {
    let known = COHORTS.iter().map(|(name, _, _)| {
        Case::to(name, &[stage.id(name)]).unless(|who| hidden_unless(sees_cohort(who, name)))
    });
    let none = others(stage, &["c1"])
        .into_iter()
        .map(|case| case.unless(|_| Some(404)));
    known.chain(none).collect()
}

/// The total of a dashboard counts the projects that it is about, and nothing of partners' small cells.
fn total(
    who: &Subject,
    answer: &Answer,
    counts: impl Fn(Option<&str>, Option<&str>) -> bool,
) -> Result<(), String> {
    let counted = PROJECTS
        .iter()
        .filter(|one| counts(one.region, one.cohort))
        .count();
    let full = who.runs_all() || who.is("coordinator");
    let hidden = !full && (1..=SMALL).contains(&counted);
    let expected = if hidden {
        "null".to_owned()
    } else {
        counted.to_string()
    };
    let found = answer.text_at("/projects/total");
    let names = answer.json()["coach_load"].as_array().map_or(0, Vec::len);
    match (found == expected, full || names == 0) {
        (true, true) => Ok(()),
        (false, _) => Err(format!("LEAK: a total of {found}, not {expected}")),
        (_, false) => Err("LEAK: a partner sees the names of coaches".into()),
    }
}

/// The regions in which somebody works, if those are what lets them see a cohort's figures.
fn own_regions(who: &Subject, cohort: &'static str) -> Option<Vec<&'static str>> {
    use crate::matrix::facts::Place;
    let region = |(_, place): &(&str, Place)| match place {
        Place::Region(code) => Some(*code),
        _ => None,
    };
    let regions: Vec<&'static str> = who.rights.iter().filter_map(region).collect();
    let without = Subject {
        rights: who
            .rights
            .iter()
            .copied()
            .filter(|right| region(right).is_none())
            .collect(),
        ..who.clone()
    };
    (!sees_cohort(&without, cohort)).then_some(regions)
}

fn cohort_figures(stage: &Stage) -> Vec<Case> {
    let known = COHORTS.iter().map(|(name, _, _)| {
        let case = Case::to(name, &[stage.id(name)]);
        case.unless(|who| hidden_unless(sees_cohort(who, name)))
            .check(|who, answer| {
                let regions = own_regions(who, name);
                total(who, answer, |region, cohort| {
                    let here = regions
                        .as_ref()
                        .is_none_or(|own| region.is_some_and(|code| own.contains(&code)));
                    here && cohort == Some(*name)
                })
            })
    });
    let none = others(stage, &["c1"])
        .into_iter()
        .map(|case| case.unless(|_| Some(404)));
    known.chain(none).collect()
}

fn region_figures() -> Vec<Case> {
    let known = ["BE1", "BE2", "BE3"].into_iter().map(|code| {
        let case = Case::to(code, &[code.to_owned()]);
        case.unless(move |who| hidden_unless(sees_region(who, code)))
            .check(move |who, answer| total(who, answer, |region, _| region == Some(code)))
    });
    let none = ["XX", "be1", "BE1' OR '1'='1"].into_iter();
    known
        .chain(none.map(|code| Case::to(code, &[code.to_owned()]).unless(|_| Some(404))))
        .collect()
}

fn network_figures() -> Case {
    Case::plain("all")
        .unless(|who| hidden_unless(sees_network(who)))
        .check(|who, answer| total(who, answer, |_, _| true))
}
