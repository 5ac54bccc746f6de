//! A receipt as a page to print: what was submitted, as people read it, in their language.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;
use serde_json::{Value, json};

use super::model::{Application, Receipt};
use crate::error::Result;
use crate::forms::{Form, Question, QuestionKind};
use crate::lang::{Lang, Names};

const PAGE: &str = include_str!("../../config/receipt/page.html");
const STYLE: &str = include_str!("../../config/receipt/style.css");

/// What the page may load and run: its own style, and nothing else.
pub static POLICY: LazyLock<String> = LazyLock::new(|| {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, STYLE.as_bytes());
    let digest = STANDARD.encode(digest.as_ref());
    format!("default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'")
});

/// The page's own words.
static WORDS: LazyLock<BTreeMap<String, Names>> = LazyLock::new(|| {
    toml::from_str(include_str!("../../config/receipt/words.toml")).unwrap_or_default()
});

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    // A template that doesn't parse is missing here, and the test that prints a receipt says so.
    let _ = environment.add_template("page", PAGE);
    environment
});

/// What is printed.
pub struct Paper<'a> {
    pub application: &'a Application,
    pub receipt: &'a Receipt,
    /// The form that was answered, if the call has one.
    pub form: Option<&'a Form>,
    pub network: &'a str,
}

#[derive(Serialize)]
struct Part {
    label: String,
    lines: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    label: String,
    text: String,
}

impl Paper<'_> {
    /// The page, in a reader's language.
    ///
    /// # Errors
    /// When the template doesn't fit, which a test finds.
    pub fn page(&self, lang: Lang) -> Result<String> {
        let content = &self.receipt.content.0;
        let words = WORDS
            .iter()
            .map(|(name, names)| (name.as_str(), names.get(lang)));
        let words: BTreeMap<&str, &str> = words.collect();
        let submitted_at = self.receipt.submitted_at.utc();
        let template = ENVIRONMENT
            .get_template("page")
            .map_err(anyhow::Error::from)?;
        let values = json!({
            "lang": lang, "words": words, "style": STYLE, "network": self.network,
            "reference": self.application.reference, "number": self.receipt.number,
            "call": content["call"], "sha256": self.receipt.sha256,
            "submitted_at": submitted_at.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
            "project": project(&content["project"], lang),
            "parts": self.parts(&content["answers"], lang),
        });
        let page = template.render(minijinja::value::Serde(&values));
        Ok(page.map_err(anyhow::Error::from)?)
    }

    /// The answers: by the form's sections, or as they are where there is no form.
    fn parts(&self, answers: &Value, lang: Lang) -> Vec<Part> {
        let Some(form) = self.form else {
            let lines = answers.as_object().into_iter().flatten();
            let lines = lines.map(|(key, value)| Line {
                label: key.clone(),
                text: plain(value),
            });
            return vec![Part {
                label: word("answers", lang),
                lines: lines.collect(),
            }];
        };
        let sections = form.definition.sections.iter();
        sections
            .map(|section| Part {
                label: section.label.get(lang).to_owned(),
                lines: section
                    .questions
                    .iter()
                    .filter_map(|question| {
                        Some(Line {
                            label: question.label.get(lang).to_owned(),
                            text: answer(question, answers.get(&question.key)?, lang),
                        })
                    })
                    .collect(),
            })
            .filter(|part| !part.lines.is_empty())
            .collect()
    }
}

fn word(name: &str, lang: Lang) -> String {
    let names = WORDS.get(name);
    names.map_or_else(|| name.to_owned(), |names| names.get(lang).to_owned())
}

fn project(project: &Value, lang: Lang) -> Vec<Line> {
    let fields = project.as_object().into_iter().flatten();
    let given = fields.filter(|(_, value)| !value.is_null());
    given
        .map(|(name, value)| Line {
            label: word(&format!("project_{name}"), lang),
            text: plain(value),
        })
        .collect()
}

fn answer(question: &Question, value: &Value, lang: Lang) -> String {
    let option = |key: &Value| {
        let known = question
            .options
            .iter()
            .find(|option| key.as_str() == Some(option.key.as_str()));
        known.map_or_else(|| plain(key), |option| option.label.get(lang).to_owned())
    };
    match (question.kind, value) {
        (QuestionKind::Choices, Value::Array(keys)) => {
            keys.iter().map(option).collect::<Vec<_>>().join(", ")
        }
        (QuestionKind::Choice, key) => option(key),
        (QuestionKind::Money, money) => {
            let cents = money["amount_cents"].as_i64().unwrap_or_default();
            let currency = money["currency"].as_str().unwrap_or_default();
            format!("{currency} {}.{:02}", cents / 100, cents % 100)
        }
        (QuestionKind::Agreement, Value::Bool(true)) => word("agreed", lang),
        (_, value) => plain(value),
    }
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
