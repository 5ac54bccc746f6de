//! Fields of an application by JSON Pointer: what a return opens, and what its founders may then change.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::error::FieldError;
use crate::forms::Form;
use crate::schema::escape;

/// The fields of the project that go into what is submitted.
const OF_PROJECT: [&str; 8] = [
    "title",
    "summary",
    "sector",
    "country",
    "postal_code",
    "enterprise_number",
    "website",
    "language",
];

fn of_answer(key: &str) -> String {
    format!("/answers/{}", escape(key))
}

/// The key of the answer that a pointer names.
#[must_use]
pub fn answer(pointer: &str) -> Option<&str> {
    pointer
        .strip_prefix("/answers/")
        .filter(|key| !key.is_empty() && !key.contains('/'))
}

/// The field of the project that a pointer names.
#[must_use]
pub fn of_project(pointer: &str) -> Option<&str> {
    pointer
        .strip_prefix("/project/")
        .filter(|field| OF_PROJECT.contains(field))
}

/// The pointers that name nothing which can be opened. Without a form any answer can.
#[must_use]
pub fn unknown(pointers: &[String], form: Option<&Form>) -> Vec<FieldError> {
    let is_asked = |key: &str| form.is_none_or(|form| form.definition.question(key).is_some());
    let is_known =
        |pointer: &str| of_project(pointer).is_some() || answer(pointer).is_some_and(is_asked);
    let numbered = pointers.iter().enumerate();
    let wrong = numbered.filter(|(_, pointer)| !is_known(pointer));
    wrong
        .map(|(number, _)| FieldError::new(format!("/fields/{number}"), "unknown-reference"))
        .collect()
}

/// What opens with these fields: they themselves, and the questions that may come to be shown by their answers.
#[must_use]
pub fn opened(pointers: &[String], form: Option<&Form>) -> BTreeSet<String> {
    let mut open: BTreeSet<String> = pointers.iter().cloned().collect();
    let keys = pointers.iter().filter_map(|pointer| answer(pointer));
    let keys = keys.map(str::to_owned).collect();
    let more = form
        .map(|form| form.depending_on(&keys))
        .unwrap_or_default();
    open.extend(more.iter().map(|key| of_answer(key)));
    open
}

/// The questions that have to be answered from a pillar on, not with the submission.
#[must_use]
pub fn asked_later(form: Option<&Form>) -> BTreeSet<String> {
    let questions = form
        .into_iter()
        .flat_map(|form| form.definition.questions());
    let later = questions.filter(|question| question.is_asked_later());
    later.map(|question| of_answer(&question.key)).collect()
}

/// The answers among these that are not open.
#[must_use]
pub fn not_open(open: &BTreeSet<String>, answers: &Map<String, Value>) -> Vec<FieldError> {
    let named = answers.keys().map(|key| of_answer(key));
    let closed = named.filter(|pointer| !open.contains(pointer));
    closed
        .map(|pointer| FieldError::new(pointer, "field-not-open"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_names_an_answer_or_a_field_of_the_project() {
        assert_eq!(answer("/answers/need"), Some("need"));
        assert_eq!(of_project("/project/title"), Some("title"));
        for pointer in [
            "",
            "/answers/",
            "/answers/a/b",
            "answers/a",
            "/project/state",
            "/state",
        ] {
            assert_eq!(
                (answer(pointer), of_project(pointer)),
                (None, None),
                "{pointer}"
            );
        }
    }

    #[test]
    fn only_what_is_open_may_change() {
        let open = opened(&["/answers/need".to_owned()], None);
        let answers = serde_json::json!({ "need": 1, "team": 2 });
        let closed = not_open(&open, answers.as_object().unwrap());
        assert_eq!(closed.len(), 1);
        assert_eq!(closed[0].pointer, "/answers/team");
    }
}
