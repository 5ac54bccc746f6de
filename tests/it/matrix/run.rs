//! Asks everything of everybody, and compares what comes with what the oracle says.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::cases::{Case, Fresh, Row};
use super::facts::Place;
use super::inspect::{canaries, complaints};
use super::oracle::{Kind, Subject, door};
use super::world::{Stage, address};
use crate::support::world::PASSWORD;
use crate::support::{Answer, Client};

/// One operation of the document that the server shows.
pub struct Operation {
    pub method: Method,
    pub path: String,
    pub policy: String,
}

/// Every operation by its id.
pub fn operations(document: &Value) -> BTreeMap<String, Operation> {
    let mut all = BTreeMap::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let text = |name: &str| operation[name].as_str().unwrap_or_default().to_owned();
            let one = Operation {
                method: method.to_uppercase().parse().expect("a method"),
                path: path.clone(),
                policy: text("x-policy"),
            };
            assert!(
                all.insert(text("operationId"), one).is_none(),
                "{path} has an id twice"
            );
        }
    }
    all
}

/// What was asked and what was wrong about it.
#[derive(Default)]
pub struct Findings {
    pub asked: usize,
    pub wrong: Vec<String>,
    /// The operations that did what they are for at least once.
    pub done: BTreeSet<&'static str>,
    /// Every canary that anybody read, so that none is only looked for where it never is.
    pub read: BTreeSet<(String, String)>,
}

impl Operation {
    /// The path with its parameters filled in.
    pub fn filled(&self, values: &[String]) -> String {
        let mut values = values.iter();
        let parts = self.path.split('/').map(|part| {
            if part.starts_with('{') {
                values.next().map_or("", String::as_str)
            } else {
                part
            }
        });
        parts.collect::<Vec<_>>().join("/")
    }

    async fn ask(&self, client: &Client, case: &Case, path: &[String], allowed: bool) -> Answer {
        let mut url = self.filled(path);
        if !case.query.is_empty() {
            url = format!("{url}?{}", case.query);
        }
        let ask = client.ask(self.method.clone(), &url);
        if self.method == Method::GET {
            return ask.send().await;
        }
        // Those who are allowed have seen what is long gone, so that nothing changes.
        let seen = if allowed && case.allowed == 412 {
            "\"0\""
        } else {
            "*"
        };
        let harmless = case.harmless.as_ref().filter(|_| allowed);
        let ask = ask.header("If-Match", seen);
        if let Some(name) = &case.file {
            return ask.file(name, crate::documents::PDF).send().await;
        }
        match harmless.or(case.body.as_ref()) {
            Some(body) => ask.json(body).send().await,
            None => ask.send().await,
        }
    }
}

/// The refusal that somebody should get; none: they are allowed.
fn refusal(row: &Row, case: &Case, who: &Subject) -> Option<u16> {
    door(row.policy, who).or_else(|| (case.verdict)(who))
}

impl Findings {
    fn note(&mut self, row: &Row, case: &Case, who: &Subject, answer: &Answer, secrets: &[String]) {
        self.asked += 1;
        let expected = refusal(row, case, who);
        let status = answer.status.as_u16();
        let about = format!("{} ({}) as {}", row.id, case.about, who.name);
        let right = expected.unwrap_or(case.allowed);
        if status != right {
            let word = match expected {
                Some(_) if status < 400 || status == case.allowed => "LEAK",
                None if [401, 403, 404].contains(&status) => "TOO TIGHT",
                _ => "WRONG",
            };
            self.wrong.push(format!(
                "{word}: {about}: {status}, not {right}: {}",
                answer.text
            ));
        } else if expected.is_none() && status < 300 {
            self.done.insert(row.id);
            if let Some(Err(why)) = case.check.as_ref().map(|check| check(who, answer)) {
                self.wrong.push(format!("{about}: {why}"));
            }
        }
        self.read.extend(canaries(&answer.text));
        let complaints = complaints(who, answer, secrets);
        self.wrong
            .extend(complaints.into_iter().map(|why| format!("{about}: {why}")));
    }
}

/// Everything that changes nothing: all reads, all refusals, and what the rules refuse to those who are allowed.
pub async fn look(stage: &Stage, operation: &Operation, row: &Row, findings: &mut Findings) {
    let before = digest(stage);
    for (at, case) in row.cases.iter().enumerate() {
        let asks = |who: &Subject| refusal(row, case, who).is_some() || !case.changes;
        // What is worth nothing gets no further than the door, whatever is asked for.
        let enough = |who: &Subject| at < 6 || who.kind != Kind::Out;
        let asking = stage.asking.iter();
        let asking = asking.filter(|(who, _)| asks(who) && enough(who));
        let answers = asking.map(|(who, client)| async move {
            let allowed = refusal(row, case, who).is_none();
            (who, operation.ask(client, case, &case.path, allowed).await)
        });
        for (who, answer) in join_all(answers).await {
            findings.note(row, case, who, &answer, &stage.secrets);
        }
    }
    if digest(stage) != before {
        findings
            .wrong
            .push(format!("LEAK: {}: a refused request was kept", row.id));
    }
}

/// What changes something when it is allowed, by everybody who is.
pub async fn act(stage: &mut Stage, operation: &Operation, row: &Row, findings: &mut Findings) {
    for case in row.cases.iter().filter(|case| case.changes) {
        for (who, client) in stage.asking.clone() {
            if refusal(row, case, &who).is_some() {
                continue;
            }
            let (path, client) = match case.fresh {
                Some(fresh) => again(stage, &who, client, case, fresh).await,
                None => (case.path.clone(), client),
            };
            let answer = operation.ask(&client, case, &path, true).await;
            findings.note(row, case, &who, &answer, &stage.secrets);
            if let Some(key) = answer
                .status
                .is_success()
                .then(|| secret(&answer))
                .flatten()
            {
                stage.secrets.push(key);
            }
        }
    }
}

/// The secret that an answer gives to whom it belongs.
fn secret(answer: &Answer) -> Option<String> {
    let json: Value = serde_json::from_str(&answer.text).ok()?;
    let found = json.get("key").or_else(|| json.get("access_token"))?;
    found.as_str().map(ToOwned::to_owned)
}

/// Puts there again what is to be ended; gives its path and who ends it.
async fn again(
    stage: &Stage,
    who: &Subject,
    client: Client,
    case: &Case,
    fresh: Fresh,
) -> (Vec<String>, Client) {
    let mut path = case.path.clone();
    let id = match fresh {
        Fresh::Assignment(project) => assignment(stage, project).await,
        Fresh::Grant(account, role, place) => grant(stage, account, role, place).await,
        Fresh::Key(maker) => key(stage, maker).await,
        Fresh::Session | Fresh::OwnSession => {
            let new = stage.world.sign_in(&address(who.name), PASSWORD, "").await;
            if matches!(fresh, Fresh::OwnSession) {
                return (path, new);
            }
            let sessions = new.get("/v1/sessions").await.expect(200).json();
            let all = sessions["data"].as_array().cloned().unwrap_or_default();
            let own = all.into_iter().find(|one| one["current"] == true);
            own.unwrap_or_default()["id"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        }
        Fresh::DeadMail => {
            let back = "UPDATE mails SET state = 'dead' WHERE template = 'reset_password'";
            stage.world.database.execute(back);
            return (path, client);
        }
        Fresh::Document(project) => document(stage, project).await,
        Fresh::Invitation(project) => invitation(stage, project).await,
        Fresh::Member(project) => {
            grant(stage, "sita", "viewer", Place::Project(project)).await;
            stage.id("sita")
        }
    };
    if let Some(last) = path.last_mut() {
        *last = id;
    }
    (path, client)
}

async fn assignment(stage: &Stage, project: &str) -> String {
    let path = format!("/v1/projects/{}/assignments", stage.id(project));
    let body = json!({ "account_id": stage.id("forma"), "role": "coach", "kind": "expert" });
    stage.post("adam", &path, body).await.text_at("/id")
}

async fn grant(stage: &Stage, account: &str, role: &str, place: Place) -> String {
    let path = format!("/v1/accounts/{}/grants", stage.id(account));
    let body = json!({ "role": role, "scope": stage.scope(place) });
    stage.post("adam", &path, body).await.text_at("/id")
}

async fn document(stage: &Stage, project: &str) -> String {
    let path = format!("/v1/projects/{}/documents", stage.id(project));
    let adam = stage.client("adam");
    let made = adam.upload(&path, "new.pdf", crate::documents::PDF).await;
    made.expect(201).text_at("/id")
}

async fn invitation(stage: &Stage, project: &str) -> String {
    let path = format!("/v1/projects/{}/invitations", stage.id(project));
    let email = format!("{}@example.org", uuid::Uuid::now_v7().simple());
    let body = json!({ "email": email, "role": "viewer" });
    stage.post("adam", &path, body).await.text_at("/id")
}

async fn key(stage: &Stage, maker: &str) -> String {
    let place = match maker {
        "carl" => Place::Region("BE1"),
        "cora" => Place::Region("BE2"),
        _ => Place::Network,
    };
    let body = json!({
        "name": "New", "role": "partner", "scope": stage.scope(place), "actions": ["read:events"], "expires_in_days": 9,
    });
    stage.post(maker, "/v1/api-keys", body).await.text_at("/id")
}

/// The entries of the ledger that are no refusals.
const MEANT: &str = "kind NOT IN ('attempt.refused', 'session.refused')";

/// Tables whose rows have versions, and the others.
const VERSIONED: &str = "\
    accounts api_keys applications assignments calls coaching_sessions cohorts committees conflicts documents \
    eligibility_rules forms invitations mails milestones notifications place_settings places projects releases \
    review_plans reviewer_profiles reviews routings rubrics staged_decisions";
const COUNTED: &str = "\
    application_readers application_receipts application_returns application_screenings application_tags \
    committee_votes decisions eligibility_overrides grants held_work idempotency_keys jobs known_places \
    late_entry_codes one_time_codes refresh_tokens stays superseded_events transitions updates";

/// How much every table holds, and how often its rows were changed. The note of a refusal is none of it, nor are the
/// buckets that count wrong guesses.
fn digest(stage: &Stage) -> Vec<String> {
    let sum = |table| {
        format!(
            "SELECT '{table} ' || count(*) || ' ' || coalesce(sum(version), 0) AS t FROM {table}"
        )
    };
    let count = |table| format!("SELECT '{table} ' || count(*) AS t FROM {table}");
    let mut parts: Vec<String> = VERSIONED.split_whitespace().map(sum).collect();
    parts.extend(COUNTED.split_whitespace().map(count));
    for (table, condition) in [
        ("events", MEANT),
        ("grants", "valid_to IS NULL"),
        ("late_entry_codes", "used_at IS NULL"),
        ("sessions", "ended_at IS NULL"),
    ] {
        parts.push(format!(
            "SELECT '{table} if ' || count(*) AS t FROM {table} WHERE {condition}"
        ));
    }
    // A chain may have grown by refusals only.
    parts.push(format!(
        "SELECT 'heads ' || ((SELECT sum(length) FROM ledger_heads) - count(*)) AS t FROM events WHERE NOT ({MEANT})"
    ));
    stage.world.database.texts(&parts.join(" UNION ALL "))
}
