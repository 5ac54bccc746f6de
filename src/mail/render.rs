//! From a template and its context to subject, text and HTML. The HTML is made from the text, so they can't differ.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use anyhow::{Context, bail};
use minijinja::{Environment, UndefinedBehavior};
use serde::Deserialize;
use serde_json::Value;

use crate::lang::{Lang, Names};

/// What a mail says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// Names that texts use for words of the domain.
#[derive(Debug, Default, Deserialize)]
pub struct WordNames {
    pub pillar: BTreeMap<String, Names>,
    pub reason_code: BTreeMap<String, Names>,
    pub assignment: BTreeMap<String, Names>,
    pub team_role: BTreeMap<String, Names>,
    /// The fields of a project that an application shows.
    pub project_field: BTreeMap<String, Names>,
}

pub static WORDS: LazyLock<WordNames> = LazyLock::new(|| {
    toml::from_str(include_str!("../../config/mails/names.toml")).unwrap_or_default()
});

macro_rules! templates {
    ($($name:literal),* $(,)?) => {
        /// Every mail, by name, in the four languages.
        pub const TEMPLATES: &[(&str, [&str; 4])] = &[$((
            $name,
            [
                include_str!(concat!("../../config/mails/", $name, "/en.txt")),
                include_str!(concat!("../../config/mails/", $name, "/nl.txt")),
                include_str!(concat!("../../config/mails/", $name, "/fr.txt")),
                include_str!(concat!("../../config/mails/", $name, "/de.txt")),
            ],
        )),*];
    };
}
templates! {
    "verify_mailbox", "already_registered", "reset_password", "password_changed", "session_reuse",
    "application_submitted", "application_received", "application_waitlisted", "application_declined",
    "application_withdrawn", "application_returned", "application_resubmitted", "project_entered", "project_advanced", "project_returned", "project_held",
    "project_resumed", "project_exited", "project_graduated", "assignment_started", "assignment_ended",
    "routing_proposed", "routing_consented", "routing_refused",
    "update_written", "milestone_done", "coaching_session_booked", "coaching_session_cancelled",
    "team_invitation", "invitation_accepted",
    "review_assigned", "review_reminder", "reviews_complete",
    "place_offered", "place_reminder", "place_expired", "place_given_up", "decision_reversed", "release_refused",
}

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    for (name, texts) in TEMPLATES {
        for (lang, text) in Lang::ALL.iter().zip(texts) {
            // A template that doesn't parse is missing here, and the test that renders them all says so.
            let _ =
                environment.add_template_owned(format!("{name}/{lang}.txt"), (*text).to_owned());
        }
    }
    let _ = environment.add_template(
        "layout.html",
        include_str!("../../config/mails/layout.html"),
    );
    environment
});

/// The subject line alone, which also serves as the in-app message.
///
/// # Errors
/// When the template or a value is missing.
pub fn subject(template: &str, lang: Lang, context: &Value) -> anyhow::Result<String> {
    Ok(parts(template, lang, context)?.0)
}

/// # Errors
/// When the template or a value is missing.
pub fn render(template: &str, lang: Lang, context: &Value) -> anyhow::Result<Rendered> {
    let (subject, text) = parts(template, lang, context)?;
    let link = context["link"].as_str().unwrap_or_default();
    let network = context["network"].as_str().unwrap_or_default();
    let body = paragraphs(&text, link);
    let html = ENVIRONMENT.get_template("layout.html")?.render(
        minijinja::context! { language => lang.as_str(), subject => &subject, body, network },
    )?;
    Ok(Rendered {
        subject,
        text,
        html,
    })
}

fn parts(template: &str, lang: Lang, context: &Value) -> anyhow::Result<(String, String)> {
    let name = format!("{template}/{lang}.txt");
    let rendered = ENVIRONMENT
        .get_template(&name)?
        .render(minijinja::value::Serde(context))
        .with_context(|| format!("rendering {name}"))?;
    let Some((first, rest)) = rendered.split_once('\n') else {
        bail!("{name} has no body");
    };
    let subject = first
        .strip_prefix("Subject:")
        .with_context(|| format!("{name} has no subject"))?;
    // Whatever a title holds, a subject is one line.
    let subject: String = subject.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok((subject, rest.trim().to_owned() + "\n"))
}

fn paragraphs(text: &str, link: &str) -> String {
    text.split("\n\n").map(str::trim).filter(|p| !p.is_empty()).fold(String::new(), |mut html, paragraph| {
        let escaped = escape(paragraph);
        if !link.is_empty() && paragraph == link {
            html.push_str(&format!(
                "<p><a class=\"button\" style=\"display:inline-block;padding:12px 20px;border-radius:6px;\
                 background:#0b5c6b;color:#ffffff;text-decoration:none;font-weight:bold\" href=\"{escaped}\">{escaped}</a></p>\n"
            ));
        } else {
            html.push_str(&format!("<p>{}</p>\n", escaped.replace('\n', "<br>")));
        }
        html
    })
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A value for everything that any template may use.
    fn sample(filled: bool) -> Value {
        let optional = |text: &'static str| if filled { text } else { "" };
        let mut values = json!({
            "name": "Ada <b>Lovelace</b>", "network": "HealthTech.Belgium", "base_url": "https://c.example.org",
            "link": "https://c.example.org/v1/projects/1?a=1&b=2", "hours": 48, "token": "abc",
            "project": "Sangalux <demo>", "reference": "P-2K7QX", "actor": optional("Bea"),
            "application": "A-7Q2", "call": "2018", "submitted_at": "2018-01-01", "sha256": "00ff", "region": "Brussels",
            "feedback": optional("Well\n\ndone & more"), "pillar": "Test", "from_pillar": "Create & Learn",
            "cohort": optional("2018"), "reason": optional("Because"), "reason_text": "team", "lesson": optional("Ask first"),
            "role_text": "lead coach", "milestone": "Need confirmed", "confidence": "green",
            "destination": "Spring call <2>",
        });
        let more = json!({
            "coach": "Bea", "starts_at": "2018-03-01 09:00 UTC", "minutes": 60, "place": optional("Rue <1>"),
            "inviter": "Ada <b>Lovelace</b>", "days": 14, "member": "Bea",
            "message": "Tell more <please>", "fields": "Need; Team", "reasons": optional("Answers are unclear"),
            "due_on": optional("2018-04-01"), "meeting_link": optional("https://meet.example.org/1"), "agenda": "Need & team",
            "expires_at": "2018-03-15 09:00 UTC", "label": "R-7Q2", "application_link": "https://c.example.org/v1/applications/1", "due_at": optional("2018-03-15 09:00 UTC"),
        });
        if let (Value::Object(values), Value::Object(more)) = (&mut values, more) {
            values.extend(more);
        }
        values
    }

    #[test]
    fn every_mail_renders_in_every_language_filled_or_not() {
        for (name, _) in TEMPLATES {
            for lang in Lang::ALL {
                for filled in [true, false] {
                    let mail = render(name, *lang, &sample(filled))
                        .unwrap_or_else(|e| panic!("{name}/{lang}: {e:#}"));
                    assert!(
                        !mail.subject.is_empty() && !mail.subject.contains('\n'),
                        "{name}/{lang}"
                    );
                    assert!(
                        mail.text.len() > 20 && !mail.text.contains("{{"),
                        "{name}/{lang}"
                    );
                    assert!(
                        !mail.html.contains("<b>Lovelace"),
                        "{name}/{lang} must escape"
                    );
                    assert!(
                        mail.html.contains(&format!("lang=\"{lang}\"")),
                        "{name}/{lang}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_missing_value_is_an_error_not_a_gap() {
        assert!(render("verify_mailbox", Lang::En, &json!({ "name": "Ada" })).is_err());
    }

    #[test]
    fn the_words_of_the_domain_have_names() {
        assert_eq!(WORDS.pillar.len(), 4);
        assert_eq!(WORDS.reason_code.len(), 9);
        assert!(WORDS.assignment.contains_key("coach-lead"));
        assert_eq!(WORDS.team_role.len(), 3);
    }
}
