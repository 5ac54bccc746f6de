//! What is looked at in every single answer: its headers, its form, and that it holds nothing it should not.

use reqwest::header::HeaderMap;

use super::oracle::{Kind, Subject, may_know};
use crate::support::{Answer, Letter};

const MARK: &str = "cnry-";

/// Object and field of every canary in a text.
pub fn canaries(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for part in text.split(MARK).skip(1) {
        let mut words = part.split(|c: char| !c.is_ascii_alphanumeric());
        if let (Some(object), Some(field)) = (words.next(), words.next()) {
            found.push((object.to_owned(), field.to_owned()));
        }
    }
    found.sort();
    found.dedup();
    found
}

/// Everything that came, as one text.
fn whole(answer: &Answer) -> String {
    let mut text = String::new();
    for (name, value) in &answer.headers {
        text.push_str(&format!(
            "{name}: {}\n",
            String::from_utf8_lossy(value.as_bytes())
        ));
    }
    text + &answer.text
}

/// What is wrong with an answer, whoever gets it.
pub fn complaints(who: &Subject, answer: &Answer, secrets: &[String]) -> Vec<String> {
    let mut wrong = headers(answer, who.kind != Kind::Stranger);
    let text = whole(answer);
    for (object, field) in canaries(&text) {
        let refused = answer.status.as_u16() >= 400;
        if refused || !may_know(who, &object, &field) {
            wrong.push(format!("LEAK of {object}'s {field}"));
        }
    }
    if secrets.iter().any(|secret| text.contains(secret.as_str())) {
        wrong.push("LEAK of a secret".into());
    }
    wrong
}

/// The headers that every answer of the API has, and the form of a refusal.
fn headers(answer: &Answer, authenticated: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut want = |name: &str, holds: bool| {
        if !holds {
            wrong.push(format!("{name} is {:?}", answer.header(name)));
        }
    };
    want(
        "x-content-type-options",
        answer.header("x-content-type-options") == "nosniff",
    );
    let policy = answer.header("content-security-policy");
    want(
        "content-security-policy",
        policy.starts_with("default-src 'none'"),
    );
    want(
        "cache-control",
        !authenticated || answer.header("cache-control") == "no-store",
    );
    want("server", !answer.headers.contains_key("server"));
    want("x-powered-by", !answer.headers.contains_key("x-powered-by"));
    if answer.status.as_u16() >= 400 {
        want(
            "content-type",
            answer.header("content-type") == "application/problem+json",
        );
        want("x-request-id", is_problem(&answer.text, &answer.headers));
    }
    if answer.status == 401 {
        want(
            "www-authenticate",
            answer.header("www-authenticate").starts_with("Bearer"),
        );
    }
    wrong
}

/// A problem document that says which request it answers.
fn is_problem(text: &str, headers: &HeaderMap) -> bool {
    let json: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let id = headers.get("x-request-id").and_then(|id| id.to_str().ok());
    json["request_id"].as_str() == id && json["code"].is_string() && json["status"].is_u64()
}

/// What a mail tells its reader that it should not.
pub fn told_too_much(letter: &Letter) -> Vec<String> {
    let reader = canaries(&letter.to);
    let Some((name, _)) = reader.first() else {
        return Vec::new();
    };
    let text = format!("{}\n{}\n{}", letter.subject, letter.text, letter.html);
    let told = canaries(&text).into_iter();
    told.filter(|(object, field)| !super::oracle::may_be_written(name, object, field))
        .map(|(object, field)| format!("LEAK of {object}'s {field} in a mail to {name}"))
        .collect()
}
