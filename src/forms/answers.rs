//! Answers to a form: which questions are shown, what fits, what is missing, and what reviewers see.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::definition::{Definition, Question, QuestionKind, Rule};
use super::json_schema;
use super::model::Form;
use crate::error::{FieldError, Result};
use crate::network::Pillar;
use crate::schema::{Shape, Shapes};

type Answers = Map<String, Value>;

impl Form {
    /// What is wrong with answers as far as they go: what is not there may still come.
    ///
    /// # Errors
    /// When the form's schema is no schema.
    pub fn misfits(&self, shapes: &Shapes, answers: &Answers) -> Result<Vec<FieldError>> {
        let shape = self.shape(shapes, "each", || json_schema::of_each(&self.definition))?;
        Ok(self.wrong(&shape, answers))
    }

    /// Everything that is wrong with answers or missing from them, for a project that is in a pillar or in none yet.
    /// What is hidden is neither.
    ///
    /// # Errors
    /// When the form's schema is no schema.
    pub fn faults(
        &self,
        shapes: &Shapes,
        answers: &Value,
        pillar: Option<Pillar>,
    ) -> Result<Vec<FieldError>> {
        let of = pillar.map_or("all", Pillar::as_str);
        let shape = self.shape(shapes, of, || json_schema::of_all(&self.definition, pillar))?;
        let hidden = self.hidden(answers);
        let mut standing = answers.as_object().cloned().unwrap_or_default();
        standing.retain(|key, _| !hidden.contains(key.as_str()));
        Ok(self.wrong(&shape, &standing))
    }

    /// The answers to what is shown: the content of a submission. Answers that no question asks for stay, to be reported.
    #[must_use]
    pub fn shown(&self, answers: &Value) -> Value {
        let hidden = self.hidden(answers);
        kept(answers, |key| !hidden.contains(key))
    }

    /// The documents that answers name, each with its question's key, as far as the questions are shown.
    #[must_use]
    pub fn files<'a>(&'a self, answers: &'a Value) -> Vec<(&'a str, Uuid)> {
        let hidden = self.hidden(answers);
        let asked = self.definition.questions().filter(|question| {
            question.kind == QuestionKind::File && !hidden.contains(question.key.as_str())
        });
        let named = asked.filter_map(|question| {
            let id = answers.get(&question.key)?.as_str()?.parse().ok()?;
            Some((question.key.as_str(), id))
        });
        named.collect()
    }

    /// The answers that reviewers see: to questions that are shown, meant for them, and not about a person.
    #[must_use]
    pub fn for_reviewers(&self, answers: &Value) -> Value {
        let hidden = self.hidden(answers);
        kept(answers, |key| {
            let question = self.definition.question(key);
            !hidden.contains(key) && question.is_some_and(|one| one.for_reviewers && !one.personal)
        })
    }

    /// The questions whose being shown depends on some others, on whatever way.
    #[must_use]
    pub fn depending_on(&self, keys: &BTreeSet<String>) -> BTreeSet<String> {
        let mut found = keys.clone();
        for question in self.definition.questions() {
            let rule = question.shown_if.as_ref();
            if rule.is_some_and(|rule| rule.asks_about().iter().any(|key| found.contains(*key))) {
                found.insert(question.key.clone());
            }
        }
        &found - keys
    }

    /// The keys of the questions that these answers hide. Rules look back only, so one walk is enough.
    fn hidden(&self, answers: &Value) -> BTreeSet<&str> {
        let mut hidden = BTreeSet::new();
        for question in self.definition.questions() {
            let rule = question.shown_if.as_ref();
            if rule.is_some_and(|rule| !holds(rule, answers, &hidden)) {
                hidden.insert(question.key.as_str());
            }
        }
        hidden
    }

    fn shape(
        &self,
        shapes: &Shapes,
        of: &str,
        schema: impl FnOnce() -> Value,
    ) -> Result<std::sync::Arc<Shape>> {
        let name = format!("form {} {} {of}", self.id, self.version);
        Ok(shapes.named(name, || Shape::from_schema(schema()))?)
    }

    fn wrong(&self, shape: &Shape, answers: &Answers) -> Vec<FieldError> {
        let mut errors: Vec<FieldError> = Vec::new();
        let found = shape.check(&Value::Object(answers.clone()));
        for mut error in found
            .into_iter()
            .chain(beyond_schema(&self.definition, answers))
        {
            let is_answer = error.pointer.matches('/').count() == 1;
            if is_answer && error.code == "required" {
                error.code = "answer-missing".into();
            }
            error.pointer = format!("/answers{}", error.pointer);
            let known = |one: &FieldError| one.pointer == error.pointer && one.code == error.code;
            if !errors.iter().any(known) {
                errors.push(error);
            }
        }
        errors
    }
}

/// The answers to some questions.
fn kept(answers: &Value, wanted: impl Fn(&str) -> bool) -> Value {
    let all = answers.as_object().into_iter().flatten();
    let kept = all.filter(|(key, _)| wanted(key));
    Value::Object(
        kept.map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
    )
}

/// What JSON Schema has no words for: how many words, and between which days.
fn beyond_schema(form: &Definition, answers: &Answers) -> Vec<FieldError> {
    let answered = form.questions().filter_map(|question| {
        let text = answers.get(&question.key)?.as_str()?;
        Some((question, text))
    });
    answered
        .filter_map(|(question, text)| out_of_limits(question, text))
        .collect()
}

fn out_of_limits(question: &Question, text: &str) -> Option<FieldError> {
    let (at, limits) = (format!("/{}", question.key), &question.limits);
    if question.kind == QuestionKind::Date {
        let day: NaiveDate = text.parse().ok()?;
        return match (limits.earliest, limits.latest) {
            (Some(from), _) if day < from => {
                Some(FieldError::new(at, "too-early").with("min", from))
            }
            (_, Some(to)) if day > to => Some(FieldError::new(at, "too-late").with("max", to)),
            _ => None,
        };
    }
    let most = limits
        .max_words
        .filter(|_| question.kind == QuestionKind::LongText)?;
    let words = text.split_whitespace().count();
    (words > usize::try_from(most).unwrap_or(usize::MAX))
        .then(|| FieldError::new(at, "too-many-words").with("max", most))
}

fn holds(rule: &Rule, answers: &Value, hidden: &BTreeSet<&str>) -> bool {
    if let Some(all) = &rule.all {
        return all.iter().all(|one| holds(one, answers, hidden));
    }
    if let Some(any) = &rule.any {
        return any.iter().any(|one| holds(one, answers, hidden));
    }
    let key = rule.question.as_deref().unwrap_or_default();
    let answer = answers.get(key).filter(|_| !hidden.contains(key));
    if let Some(wanted) = rule.answered {
        return answer.is_some() == wanted;
    }
    let given: Vec<&Value> = match answer {
        Some(Value::Array(several)) => several.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    };
    rule.wanted()
        .any(|wanted| given.iter().any(|one| is_same(one, wanted)))
}

/// 2 and 2.0 are one number, as they are for JSON Schema.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => (one - other).abs() == 0.0,
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::db::Moment;
    use crate::forms::FormId;
    use crate::lang::Names;
    use crate::network::CallId;

    const KEYS: [&str; 6] = ["q0", "q1", "q2", "q3", "q4", "q5"];

    fn form(rules: &[Option<Rule>]) -> Form {
        let question = |(number, rule): (usize, &Option<Rule>)| {
            let mut question = json!({
                "key": KEYS[number], "kind": "number", "label": Names::same("L"), "required": "now",
            });
            question["shown_if"] = json!(rule);
            question
        };
        let questions: Vec<Value> = rules.iter().enumerate().map(question).collect();
        let section = json!({ "key": "s", "label": Names::same("S"), "questions": questions });
        Form {
            id: FormId(uuid::Uuid::now_v7()),
            call_id: CallId(uuid::Uuid::nil()),
            number: 1,
            definition: serde_json::from_value(json!({ "sections": [section] })).unwrap(),
            in_use_since: None,
            version: 1,
            created_at: Moment::start_of(NaiveDate::MIN),
            updated_at: Moment::start_of(NaiveDate::MIN),
        }
    }

    /// Rules about the questions before a number.
    fn rule(before: usize) -> BoxedStrategy<Rule> {
        let about = (0..before, 0..4_u8).prop_map(|(asked, how)| {
            let question = Some(KEYS[asked].to_owned());
            let rule = Rule {
                question,
                ..Rule::default()
            };
            match how {
                0 => Rule {
                    equals: Some(json!(1)),
                    ..rule
                },
                1 => Rule {
                    one_of: Some(vec![json!(2), json!(3.0)]),
                    ..rule
                },
                one => Rule {
                    answered: Some(one == 2),
                    ..rule
                },
            }
        });
        let several = |inner: BoxedStrategy<Rule>| {
            let several = prop::collection::vec(inner, 1..3);
            (several, any::<bool>()).prop_map(|(rules, all)| {
                let (all, any) = if all {
                    (Some(rules), None)
                } else {
                    (None, Some(rules))
                };
                Rule {
                    all,
                    any,
                    ..Rule::default()
                }
            })
        };
        about.prop_recursive(3, 8, 2, several).boxed()
    }

    fn rules() -> impl Strategy<Value = Vec<Option<Rule>>> {
        let one = |before: usize| match before {
            0 => Just(None).boxed(),
            before => prop::option::of(rule(before)).boxed(),
        };
        (0..KEYS.len()).map(one).collect::<Vec<_>>()
    }

    proptest! {
        /// The schema that is served asks for what the rules show, and for nothing else.
        #[test]
        fn schema_and_rules_agree(
            rules in rules(),
            given in prop::collection::vec(prop::option::of(1..4_u8), KEYS.len()),
        ) {
            let form = form(&rules);
            prop_assert_eq!(crate::forms::check::mistakes(&form.definition).len(), 0);
            let pairs = KEYS.iter().zip(&given).filter_map(|(key, one)| Some(((*key).to_owned(), json!((*one)?))));
            let answers = Value::Object(pairs.collect());
            let schema = Shape::from_schema(json_schema::of_all(&form.definition, None)).unwrap();
            let mut asked: Vec<String> = schema.check(&answers).into_iter().map(|error| error.pointer).collect();
            asked.sort();
            let hidden = form.hidden(&answers);
            let missing = KEYS.iter().filter(|key| !hidden.contains(**key) && answers.get(**key).is_none());
            let missing: Vec<String> = missing.map(|key| format!("/{key}")).collect();
            prop_assert_eq!(asked, missing);
        }
    }
}
