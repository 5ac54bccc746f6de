//! What a form is made of: sections, questions with their limits, and the rules that show them.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::lang::Names;
use crate::network::Pillar;

crate::words! {
    /// What kind of answer a question takes.
    pub enum QuestionKind {
        ShortText = "short_text",
        LongText = "long_text",
        Number = "number",
        Money = "money",
        Date = "date",
        Choice = "choice",
        Choices = "choices",
        File = "file",
        Link = "link",
        Agreement = "agreement",
    }
}

crate::words! {
    /// From when on a question has to be answered: with the submission, or from a pillar on.
    pub enum Need {
        Now = "now",
        CreateLearn = "create_learn",
        Test = "test",
        Grow = "grow",
        Scale = "scale",
    }
}

impl Need {
    /// Whether it holds for a project that is in a pillar, or in none yet.
    #[must_use]
    pub fn holds_in(self, pillar: Option<Pillar>) -> bool {
        let from = match self {
            Self::Now => return true,
            Self::CreateLearn => Pillar::CreateLearn,
            Self::Test => Pillar::Test,
            Self::Grow => Pillar::Grow,
            Self::Scale => Pillar::Scale,
        };
        pillar.is_some_and(|pillar| pillar >= from)
    }
}

/// Everything that a call asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FormIn)]
pub struct Definition {
    #[schema(min_items = 1, max_items = 30)]
    pub sections: Vec<Section>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Section {
    #[schema(max_length = 60, pattern = "^[a-z][a-z0-9_]*$")]
    pub key: String,
    pub label: Names,
    pub help: Option<Names>,
    #[schema(min_items = 1, max_items = 100)]
    pub questions: Vec<Question>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The name of its answer; no two questions of a form have the same.
    #[schema(max_length = 60, pattern = "^[a-z][a-z0-9_]*$")]
    pub key: String,
    pub kind: QuestionKind,
    pub label: Names,
    pub help: Option<Names>,
    /// From when on it has to be answered, where it is shown; never if left out.
    pub required: Option<Need>,
    /// When it is shown; always if left out.
    pub shown_if: Option<Rule>,
    #[serde(default)]
    pub limits: Limits,
    /// For `choice` and `choices`.
    #[serde(default)]
    #[schema(max_items = 100)]
    pub options: Vec<Choice>,
    /// Whether reviewers see the answer.
    #[serde(default)]
    pub for_reviewers: bool,
    /// Whether the answer is about a person; such an answer is never shown to reviewers.
    #[serde(default)]
    pub personal: bool,
}

/// One of the options of a question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    #[schema(max_length = 60, pattern = "^[a-z0-9][a-z0-9_-]*$")]
    pub key: String,
    pub label: Names,
}

/// How long, large or many an answer may be. Each kind of question knows its own limits.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Of texts, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 20000)]
    pub min_length: Option<u32>,
    /// Of texts; 200 for short ones and 5000 for long ones if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 20000)]
    pub max_length: Option<u32>,
    /// Of long texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 5000)]
    pub max_words: Option<u32>,
    /// Of numbers, and of money in cents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// Whether a number has no decimals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whole: Option<bool>,
    /// Of dates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub earliest: Option<NaiveDate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest: Option<NaiveDate>,
    /// How many of several options.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 100)]
    pub min_choices: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 100)]
    pub max_choices: Option<u32>,
}

/// When a question is shown: `all` or `any` of some rules, or what an earlier question was answered. A question that is
/// not shown counts as one without an answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rule {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion, min_items = 1, max_items = 20)]
    pub all: Option<Vec<Rule>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion, min_items = 1, max_items = 20)]
    pub any: Option<Vec<Rule>>,
    /// The key of an earlier question; with one of the three below.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 60)]
    pub question: Option<String>,
    /// The answer is this; of several options, this is among those chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equals: Option<Value>,
    /// The answer is one of these; of several options, one of these is among those chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 100)]
    pub one_of: Option<Vec<Value>>,
    /// Whether there is an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered: Option<bool>,
}

impl Definition {
    /// Every question, in order.
    pub fn questions(&self) -> impl Iterator<Item = &Question> {
        self.sections.iter().flat_map(|section| &section.questions)
    }

    #[must_use]
    pub fn question(&self, key: &str) -> Option<&Question> {
        self.questions().find(|question| question.key == key)
    }
}

impl Question {
    /// Whether it has to be answered, but not with the submission.
    #[must_use]
    pub fn is_asked_later(&self) -> bool {
        self.required.is_some_and(|need| need != Need::Now)
    }
}

impl Rule {
    /// The keys of the questions that it asks about.
    #[must_use]
    pub fn asks_about(&self) -> Vec<&str> {
        let inner = self.all.iter().chain(&self.any).flatten();
        let mut keys: Vec<&str> = inner.flat_map(Self::asks_about).collect();
        keys.extend(self.question.as_deref());
        keys
    }

    /// What it wants to find as an answer: `equals` and `one_of` alike.
    pub fn wanted(&self) -> impl Iterator<Item = &Value> {
        self.equals.iter().chain(self.one_of.iter().flatten())
    }
}
