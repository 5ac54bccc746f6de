//! Whether a form is in order: every mistake in it at once, each with its place.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::definition::{Definition, Limits, Question, QuestionKind, Rule};
use crate::error::FieldError;
use crate::lang::{Lang, Names};

const LONGEST_LABEL: usize = 300;
const LONGEST_HELP: usize = 2000;
const MOST_QUESTIONS: usize = 200;

/// Every mistake in a form, by JSON Pointer.
#[must_use]
pub fn mistakes(form: &Definition) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let (mut sections, mut earlier) = (BTreeSet::new(), BTreeMap::new());
    if form.questions().count() > MOST_QUESTIONS {
        errors.push(FieldError::new("/sections", "too-many-items").with("max", MOST_QUESTIONS));
    }
    for (number, section) in form.sections.iter().enumerate() {
        let at = format!("/sections/{number}");
        if !sections.insert(&section.key) {
            errors.push(FieldError::new(format!("{at}/key"), "repeated-key"));
        }
        texts(&at, &section.label, section.help.as_ref(), &mut errors);
        for (number, question) in section.questions.iter().enumerate() {
            let at = format!("{at}/questions/{number}");
            Place {
                form,
                earlier: &earlier,
                question,
            }
            .check(&at, &mut errors);
            earlier.insert(question.key.as_str(), question);
        }
    }
    errors
}

/// One question, and those before it.
struct Place<'a> {
    form: &'a Definition,
    earlier: &'a BTreeMap<&'a str, &'a Question>,
    question: &'a Question,
}

impl Place<'_> {
    fn check(&self, at: &str, errors: &mut Vec<FieldError>) {
        let question = self.question;
        if self.earlier.contains_key(question.key.as_str()) {
            errors.push(FieldError::new(format!("{at}/key"), "repeated-key"));
        }
        texts(at, &question.label, question.help.as_ref(), errors);
        options(question, at, errors);
        limits(question, &format!("{at}/limits"), errors);
        if let Some(rule) = &question.shown_if {
            self.rule(rule, &format!("{at}/shown_if"), errors);
        }
    }

    /// A rule says one thing: all, any, or something about an earlier question.
    fn rule(&self, rule: &Rule, at: &str, errors: &mut Vec<FieldError>) {
        let about = [
            rule.equals.is_some(),
            rule.one_of.is_some(),
            rule.answered.is_some(),
        ];
        let about = about.into_iter().filter(|is_there| *is_there).count();
        let (all, any, question) = (&rule.all, &rule.any, &rule.question);
        match (all, any, question, about) {
            (Some(inner), None, None, 0) => self.rules(inner, &format!("{at}/all"), errors),
            (None, Some(inner), None, 0) => self.rules(inner, &format!("{at}/any"), errors),
            (None, None, Some(key), 1) => self.about(rule, key, at, errors),
            _ => errors.push(FieldError::new(at, "rule-unclear")),
        }
    }

    fn rules(&self, inner: &[Rule], at: &str, errors: &mut Vec<FieldError>) {
        for (number, rule) in inner.iter().enumerate() {
            self.rule(rule, &format!("{at}/{number}"), errors);
        }
    }

    fn about(&self, rule: &Rule, key: &str, at: &str, errors: &mut Vec<FieldError>) {
        let Some(asked) = self.earlier.get(key) else {
            let code = match self.form.question(key) {
                Some(_) => "later-question",
                None => "unknown-question",
            };
            errors.push(FieldError::new(format!("{at}/question"), code));
            return;
        };
        for (number, wanted) in rule.wanted().enumerate() {
            if !can_be_answered(asked, wanted) {
                let at = match rule.equals {
                    Some(_) => format!("{at}/equals"),
                    None => format!("{at}/one_of/{number}"),
                };
                errors.push(FieldError::new(at, "never-an-answer").with("question", key));
            }
        }
    }
}

/// Whether a question can have this answer. What is long, or more than one value, is no matter for a rule.
fn can_be_answered(question: &Question, wanted: &Value) -> bool {
    match question.kind {
        QuestionKind::Choice | QuestionKind::Choices => question
            .options
            .iter()
            .any(|option| wanted.as_str() == Some(option.key.as_str())),
        QuestionKind::ShortText => wanted.is_string(),
        QuestionKind::Number => wanted.is_number(),
        QuestionKind::Agreement => *wanted == Value::Bool(true),
        _ => false,
    }
}

/// Names have to be there in all four languages.
fn texts(at: &str, label: &Names, help: Option<&Names>, errors: &mut Vec<FieldError>) {
    let label = (label, "label", LONGEST_LABEL);
    let help = help.map(|help| (help, "help", LONGEST_HELP));
    for (names, field, longest) in std::iter::once(label).chain(help) {
        for lang in Lang::ALL {
            let (text, at) = (names.get(*lang), format!("{at}/{field}/{lang}"));
            if text.is_empty() {
                errors.push(FieldError::new(at, "empty"));
            } else if text.chars().count() > longest {
                errors.push(FieldError::new(at, "too-long").with("max", longest));
            }
        }
    }
}

fn options(question: &Question, at: &str, errors: &mut Vec<FieldError>) {
    let takes_options = matches!(question.kind, QuestionKind::Choice | QuestionKind::Choices);
    match (takes_options, question.options.is_empty()) {
        (true, true) => errors.push(FieldError::new(format!("{at}/options"), "options-needed")),
        (false, false) => {
            errors.push(FieldError::new(
                format!("{at}/options"),
                "not-for-this-kind",
            ));
        }
        _ => {}
    }
    let mut keys = BTreeSet::new();
    for (number, option) in question.options.iter().enumerate() {
        let at = format!("{at}/options/{number}");
        if !keys.insert(&option.key) {
            errors.push(FieldError::new(format!("{at}/key"), "repeated-key"));
        }
        texts(&at, &option.label, None, errors);
    }
}

/// The limits that are given, those that a kind of question knows, and pairs that leave nothing between them.
fn limits(question: &Question, at: &str, errors: &mut Vec<FieldError>) {
    use QuestionKind::{Choices, Date, LongText, Money, Number, ShortText};
    let limits = &question.limits;
    let texts: &[QuestionKind] = &[ShortText, LongText];
    let given: [(&str, bool, &[QuestionKind]); 10] = [
        ("min_length", limits.min_length.is_some(), texts),
        ("max_length", limits.max_length.is_some(), texts),
        ("max_words", limits.max_words.is_some(), &[LongText]),
        ("min", limits.min.is_some(), &[Number, Money]),
        ("max", limits.max.is_some(), &[Number, Money]),
        ("whole", limits.whole.is_some(), &[Number]),
        ("earliest", limits.earliest.is_some(), &[Date]),
        ("latest", limits.latest.is_some(), &[Date]),
        ("min_choices", limits.min_choices.is_some(), &[Choices]),
        ("max_choices", limits.max_choices.is_some(), &[Choices]),
    ];
    for (name, is_given, kinds) in given {
        if is_given && !kinds.contains(&question.kind) {
            errors.push(FieldError::new(format!("{at}/{name}"), "not-for-this-kind"));
        }
    }
    for name in contradictions(question, limits) {
        errors.push(FieldError::new(format!("{at}/{name}"), "limits-contradict"));
    }
}

fn contradictions(question: &Question, limits: &Limits) -> Vec<&'static str> {
    let longest = question.longest();
    let options = u32::try_from(question.options.len()).unwrap_or(u32::MAX);
    let fewest = limits.min_choices.unwrap_or(1);
    let most = limits.max_choices.unwrap_or(options).min(options);
    let pairs = [
        (
            "min_length",
            limits.min_length.is_some_and(|min| min > longest),
        ),
        (
            "min",
            limits
                .min
                .zip(limits.max)
                .is_some_and(|(min, max)| min > max),
        ),
        (
            "earliest",
            limits
                .earliest
                .zip(limits.latest)
                .is_some_and(|(from, to)| from > to),
        ),
        ("min_choices", options > 0 && fewest > most),
        (
            "max_choices",
            limits
                .max_choices
                .is_some_and(|max| options > 0 && max > options),
        ),
    ];
    let wrong = pairs.into_iter().filter(|(_, is_wrong)| *is_wrong);
    wrong.map(|(name, _)| name).collect()
}
