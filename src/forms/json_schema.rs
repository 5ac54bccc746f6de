//! A form as JSON Schema (2020-12): what answers are checked with, and what clients are served.

use serde_json::{Map, Value, json};

use super::definition::{Definition, Question, QuestionKind, Rule};
use crate::lang::Lang;
use crate::network::Pillar;

const SHORT: u32 = 200;
const LONG: u32 = 5000;
/// A file is named by the id of its document.
const LONGEST_LINK: u32 = 2000;

impl Question {
    /// How long a text may be.
    #[must_use]
    pub fn longest(&self) -> u32 {
        let usual = match self.kind {
            QuestionKind::LongText => LONG,
            _ => SHORT,
        };
        self.limits.max_length.unwrap_or(usual)
    }

    /// What an answer must be like.
    fn schema(&self) -> Value {
        let limits = &self.limits;
        match self.kind {
            QuestionKind::ShortText | QuestionKind::LongText => {
                let shortest = limits.min_length.unwrap_or(1);
                let mut schema =
                    json!({ "type": "string", "minLength": shortest, "maxLength": self.longest() });
                if self.kind == QuestionKind::ShortText {
                    add(&mut schema, "format", Some("line"));
                }
                add(&mut schema, "x-max-words", limits.max_words);
                schema
            }
            QuestionKind::Number => {
                let kind = if limits.whole == Some(true) {
                    "integer"
                } else {
                    "number"
                };
                let mut schema = json!({ "type": kind });
                add(&mut schema, "minimum", limits.min);
                add(&mut schema, "maximum", limits.max);
                schema
            }
            QuestionKind::Money => self.money(),
            QuestionKind::Date => {
                let mut schema = json!({ "type": "string", "format": "date" });
                add(&mut schema, "x-earliest", limits.earliest);
                add(&mut schema, "x-latest", limits.latest);
                schema
            }
            QuestionKind::Choice => json!({ "type": "string", "enum": self.option_keys() }),
            QuestionKind::Choices => {
                let one = json!({ "type": "string", "enum": self.option_keys() });
                let fewest = limits.min_choices.unwrap_or(1);
                let mut schema = json!({ "type": "array", "items": one, "minItems": fewest, "uniqueItems": true });
                add(&mut schema, "maxItems", limits.max_choices);
                schema
            }
            QuestionKind::File => json!({ "type": "string", "format": "uuid" }),
            QuestionKind::Link => {
                json!({ "type": "string", "format": "uri", "pattern": "^https://[^/?#@\\s]+([/?#]|$)", "maxLength": LONGEST_LINK })
            }
            QuestionKind::Agreement => json!({ "type": "boolean", "const": true }),
        }
    }

    fn money(&self) -> Value {
        let mut cents = json!({ "type": "integer", "minimum": self.limits.min.unwrap_or(0.0) });
        add(&mut cents, "maximum", self.limits.max);
        json!({
            "type": "object",
            "properties": { "amount_cents": cents, "currency": { "type": "string", "enum": ["EUR"] } },
            "required": ["amount_cents", "currency"],
            "additionalProperties": false,
        })
    }

    fn option_keys(&self) -> Vec<&str> {
        self.options
            .iter()
            .map(|option| option.key.as_str())
            .collect()
    }
}

fn add(schema: &mut Value, name: &str, value: Option<impl serde::Serialize>) {
    if let (Some(schema), Some(value)) = (schema.as_object_mut(), value) {
        schema.insert(name.to_owned(), json!(value));
    }
}

/// What each answer must be like, whichever of them are there.
#[must_use]
pub fn of_each(form: &Definition) -> Value {
    let each = form.questions().map(|one| (one.key.clone(), one.schema()));
    let properties: Map<String, Value> = each.collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object", "properties": properties, "additionalProperties": false,
    })
}

/// What all answers together must be like: also those that are required of a project in a pillar, or in none yet, are there.
#[must_use]
pub fn of_all(form: &Definition, pillar: Option<Pillar>) -> Value {
    let mut schema = of_each(form);
    let needed = |question: &&Question| question.required.is_some_and(|need| need.holds_in(pillar));
    let is_ruled = |question: &&Question| question.shown_if.is_some();
    let always = form.questions().filter(needed).filter(|one| !is_ruled(one));
    let always: Vec<&str> = always.map(|one| one.key.as_str()).collect();
    let conditional = form.questions().filter(needed).filter(is_ruled);
    let conditional: Vec<Value> = conditional
        .map(|one| json!({ "if": shown(&one.key), "then": { "required": [one.key] } }))
        .collect();
    add(&mut schema, "required", Some(always));
    if !conditional.is_empty() {
        add(&mut schema, "allOf", Some(conditional));
    }
    let rules: Map<String, Value> = form
        .questions()
        .filter_map(|one| Some((name(&one.key), condition(one.shown_if.as_ref()?, form))))
        .collect();
    if !rules.is_empty() {
        add(&mut schema, "$defs", Some(rules));
    }
    schema
}

/// The same with names and help in a language, for clients.
#[must_use]
pub fn served(form: &Definition, pillar: Option<Pillar>, lang: Lang) -> Value {
    let mut schema = of_all(form, pillar);
    for question in form.questions() {
        let Some(own) = schema.pointer_mut(&format!("/properties/{}", question.key)) else {
            continue;
        };
        add(own, "title", Some(question.label.get(lang)));
        let help = question.help.as_ref();
        add(own, "description", help.map(|help| help.get(lang)));
    }
    schema
}

fn name(key: &str) -> String {
    format!("shown-{key}")
}

fn shown(key: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{}", name(key)) })
}

/// A rule as a schema that holds where the rule does. Each stands in `$defs` once, so that rules upon rules stay small.
fn condition(rule: &Rule, form: &Definition) -> Value {
    let inner = |rules: &Vec<Rule>| {
        rules
            .iter()
            .map(|one| condition(one, form))
            .collect::<Vec<_>>()
    };
    if let Some(all) = &rule.all {
        return json!({ "allOf": inner(all) });
    }
    if let Some(any) = &rule.any {
        return json!({ "anyOf": inner(any) });
    }
    let key = rule.question.as_deref().unwrap_or_default();
    let asked = form.question(key);
    let mut holds = vec![json!({ "required": [key] })];
    if asked.is_some_and(|asked| asked.shown_if.is_some()) {
        holds.push(shown(key));
    }
    let wanted: Vec<&Value> = rule.wanted().collect();
    if !wanted.is_empty() {
        let several = asked.is_some_and(|asked| asked.kind == QuestionKind::Choices);
        let one = json!({ "enum": wanted });
        let answer = if several {
            json!({ "contains": one })
        } else {
            one
        };
        holds.push(json!({ "properties": { key: answer } }));
    }
    let holds = json!({ "allOf": holds });
    if rule.answered == Some(false) {
        json!({ "not": holds })
    } else {
        holds
    }
}
