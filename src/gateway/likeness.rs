//! Whether two projects may be one: by number, web address, title or people. Nothing else about people is compared.

use std::collections::BTreeSet;

use crate::network::enterprise_number;
use crate::projects::{Project, ProjectId, plain_title, web_domain};

/// From this likeness on two titles are nearly the same.
const NEARLY: f64 = 0.85;

/// Another project that may be the same one, and why.
#[derive(Debug, Clone)]
pub struct Alike {
    pub project: Project,
    pub codes: Vec<&'static str>,
    /// How like the titles are, in hundredths.
    pub likeness: i32,
}

/// Compares a project with candidates; the most reasons first, then the most like title.
#[must_use]
pub fn alike(
    project: &Project,
    candidates: Vec<Project>,
    of_founders: &BTreeSet<ProjectId>,
) -> Vec<Alike> {
    let mut found: Vec<Alike> = candidates
        .into_iter()
        .filter_map(|other| compare(project, other, of_founders))
        .collect();
    found.sort_by(|a, b| {
        let key = |one: &Alike| (one.codes.len(), one.likeness);
        let by_weight = key(b).cmp(&key(a));
        by_weight.then_with(|| a.project.reference.cmp(&b.project.reference))
    });
    found
}

fn compare(project: &Project, other: Project, of_founders: &BTreeSet<ProjectId>) -> Option<Alike> {
    let likeness = likeness(&project.title, &other.title);
    let host = |one: &Project| one.website.as_deref().and_then(web_domain);
    let codes: Vec<&'static str> = [
        (
            same(number(project), number(&other)),
            "same-enterprise-number",
        ),
        (
            same(host(project), host(&other)) && !is_shared(project),
            "same-web-domain",
        ),
        (likeness >= NEARLY, "similar-title"),
        (of_founders.contains(&other.id), "same-founder"),
    ]
    .into_iter()
    .filter_map(|(holds, code)| holds.then_some(code))
    .collect();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a likeness is between 0 and 1"
    )]
    let hundredths = (likeness * 100.0).round() as i32;
    (!codes.is_empty()).then_some(Alike {
        project: other,
        codes,
        likeness: hundredths,
    })
}

fn is_shared(project: &Project) -> bool {
    let host = project.website.as_deref().and_then(web_domain);
    host.is_some_and(|host| crate::projects::SHARED_HOSTS.contains(&host.as_str()))
}

fn same<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    one.is_some() && one == other
}

/// Country and number: a number says something in its country only.
fn number(project: &Project) -> Option<(String, String)> {
    let given = project.enterprise_number.as_deref()?;
    let number = enterprise_number(given).filter(|_| project.country == "BE");
    Some((
        project.country.clone(),
        number.unwrap_or_else(|| given.to_owned()),
    ))
}

/// How like two titles are, from 0 to 1, whatever the order of their words.
fn likeness(one: &str, other: &str) -> f64 {
    let (one, other) = (plain_title(one), plain_title(other));
    if one.is_empty() || other.is_empty() {
        return 0.0;
    }
    let sorted = |title: &str| {
        let mut words: Vec<&str> = title.split(' ').collect();
        words.sort_unstable();
        words.join(" ")
    };
    let as_written = strsim::normalized_damerau_levenshtein(&one, &other);
    as_written.max(strsim::normalized_damerau_levenshtein(
        &sorted(&one),
        &sorted(&other),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_accents_and_the_order_of_words_do_not_part_titles() {
        for (one, other) in [
            ("Sangalux Lamp", "Sangálux  lamp"),
            ("Sangalux Lamp", "Lamp Sangalux"),
            ("Fall detector for wards", "Fall detecter for wards"),
        ] {
            assert!(likeness(one, other) >= NEARLY, "{one}, {other}");
        }
        for (one, other) in [
            ("Fall detector", "Wound camera"),
            ("Health", "Health at home"),
            ("", ""),
        ] {
            assert!(likeness(one, other) < NEARLY, "{one}, {other}");
        }
    }
}
