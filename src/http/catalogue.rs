//! The texts of problems and field errors in four languages, and the status of each problem code.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::error::{Blocker, FieldError};
use crate::lang::{Lang, Names};

/// Compiled-in data: every code with its status, titles, cause and cure.
pub const SOURCE: &str = include_str!("../../config/problems.toml");

/// The parsed catalogue. It is a constant; that it parses is tested.
pub static CATALOGUE: LazyLock<Catalogue> =
    LazyLock::new(|| toml::from_str(SOURCE).unwrap_or_default());

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    pub problem: BTreeMap<String, Problem>,
    pub field: BTreeMap<String, Names>,
    pub blocker: BTreeMap<String, Names>,
    /// Why something suits, and why two projects may be one.
    pub hint: BTreeMap<String, Names>,
}

/// One kind of problem.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Problem {
    pub status: u16,
    pub title: Names,
    /// When it is answered.
    pub cause: String,
    /// What to do about it.
    pub cure: String,
}

impl Catalogue {
    #[must_use]
    pub fn problem(&self, code: &str) -> Option<&Problem> {
        self.problem.get(code)
    }

    /// The reference of all codes, as `docs/problems.md` has it.
    #[must_use]
    pub fn reference(&self) -> String {
        let mut text = String::from(
            "# Problems\n\nEvery answer from 400 on is `application/problem+json` (RFC 9457). `code` is one of these and never changes;\n\
             `title` and messages are in the caller's language. Written by `colonnade problems`; a test keeps it current.\n",
        );
        for (code, problem) in &self.problem {
            let (status, title) = (problem.status, &problem.title.en);
            text.push_str(&format!(
                "\n## {code}\n\n{status}: {title}\n\n{} {}\n",
                problem.cause, problem.cure
            ));
        }
        for (heading, about, texts) in [
            (
                "Field errors",
                "The `code` of an entry of `errors`; `pointer` is a JSON Pointer (RFC 6901) to the field.",
                &self.field,
            ),
            (
                "Blockers",
                "The `code` of an entry of `blockers`: what stands in the way of a step.",
                &self.blocker,
            ),
            (
                "Hints",
                "The `code` of a reason why an initiative suits or does not, or why two projects may be one.",
                &self.hint,
            ),
        ] {
            text.push_str(&format!(
                "\n# {heading}\n\n{about}\n\n| code | message |\n|---|---|\n"
            ));
            for (code, names) in texts {
                text.push_str(&format!("| `{code}` | {} |\n", names.en));
            }
        }
        text
    }

    /// Puts the message in.
    pub fn fill_field(&self, error: &mut FieldError, lang: Lang) {
        error.message = message(&self.field, &error.code, &error.values, lang);
    }

    /// The text of a hint, or of a mistake in a field that serves as one.
    #[must_use]
    pub fn hint(
        &self,
        code: &str,
        values: &[(&'static str, String)],
        names: &[(&'static str, Names)],
        lang: Lang,
    ) -> String {
        let texts = if self.hint.contains_key(code) {
            &self.hint
        } else {
            &self.field
        };
        let mut all = values.to_vec();
        all.extend(
            names
                .iter()
                .map(|(name, names)| (*name, names.get(lang).to_owned())),
        );
        message(texts, code, &all, lang)
    }

    pub fn fill_blocker(&self, blocker: &mut Blocker, lang: Lang) {
        let mut values = blocker.values.clone();
        values.extend(
            blocker
                .names
                .iter()
                .map(|(name, names)| (*name, names.get(lang).to_owned())),
        );
        blocker.message = message(&self.blocker, &blocker.code, &values, lang);
    }
}

fn message(
    texts: &BTreeMap<String, Names>,
    code: &str,
    values: &[(&str, String)],
    lang: Lang,
) -> String {
    texts
        .get(code)
        .map_or_else(|| code.to_owned(), |names| fill(names.get(lang), values))
}

/// Puts values into a text's `{placeholders}`.
#[must_use]
pub fn fill(text: &str, values: &[(&str, String)]) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| {
        text.replace(&format!("{{{name}}}"), value)
    })
}
