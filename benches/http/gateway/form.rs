//! The form that the gateway's calls have: four sections with a question of each of the ten kinds, and the forty answers.

use serde_json::{Map, Value, json};

const SECTIONS: [&str; 4] = ["need", "team", "market", "plan"];
const KINDS: [&str; 10] = [
    "short_text",
    "long_text",
    "number",
    "money",
    "date",
    "choice",
    "choices",
    "file",
    "link",
    "agreement",
];
const PARAGRAPH: &str = "Nurses lose an hour of each shift to samples that are carried by hand. We have followed forty of \
                         them through two hospitals, and what we propose brings that hour back to the patient. ";

/// What the calls ask: everything is required, and a link is asked for where the section's choice says so.
pub fn definition() -> Value {
    let sections = SECTIONS.map(|section| {
        let questions = KINDS.map(|kind| question(section, kind));
        json!({ "key": section, "label": names(section), "questions": questions })
    });
    json!({ "sections": sections })
}

/// An answer to each question.
pub fn answers() -> Value {
    let pairs = SECTIONS.into_iter().flat_map(|section| {
        let answers = KINDS.map(|kind| (key(section, kind), answer(kind)));
        answers.into_iter()
    });
    Value::Object(pairs.collect::<Map<_, _>>())
}

fn key(section: &str, kind: &str) -> String {
    format!("{section}_{kind}")
}

fn names(text: &str) -> Value {
    json!({ "en": text, "nl": text, "fr": text, "de": text })
}

fn question(section: &str, kind: &str) -> Value {
    let key = key(section, kind);
    let options = match kind {
        "choice" | "choices" => {
            { ["early", "tried", "sold"].map(|one| json!({ "key": one, "label": names(one) })) }
                .to_vec()
        }
        _ => Vec::new(),
    };
    let shown_if = match kind {
        "link" => json!({ "question": format!("{section}_choice"), "equals": "tried" }),
        _ => Value::Null,
    };
    json!({
        "key": key, "kind": kind, "label": names(&key), "required": "now", "shown_if": shown_if,
        "limits": limits(kind), "options": options, "for_reviewers": true,
    })
}

fn limits(kind: &str) -> Value {
    match kind {
        "short_text" => json!({ "min_length": 5, "max_length": 120 }),
        "long_text" => json!({ "max_length": 3000, "max_words": 400 }),
        "number" => json!({ "min": 0, "max": 1000, "whole": true }),
        "money" => json!({ "max": 500_000_000 }),
        "date" => json!({ "earliest": "2020-01-01", "latest": "2099-12-31" }),
        "choices" => json!({ "min_choices": 1, "max_choices": 3 }),
        _ => json!({}),
    }
}

fn answer(kind: &str) -> Value {
    match kind {
        "short_text" => json!("A shorter way from the ward to the laboratory"),
        "long_text" => json!(PARAGRAPH.repeat(4).trim_end()),
        "number" => json!(42),
        "money" => json!({ "amount_cents": 2_500_000, "currency": "EUR" }),
        "date" => json!("2030-03-01"),
        "choice" => json!("tried"),
        "choices" => json!(["early", "tried"]),
        "file" => json!("01900000-0000-7000-8000-00000000f11e"),
        "link" => json!("https://example.org/plan"),
        _ => json!(true),
    }
}
