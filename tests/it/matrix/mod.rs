//! The access matrix: every operation, by everybody, on everything, against an oracle that shares no code with the
//! product; and what no answer, mail or log line may hold.

mod cases;
mod deeds;
mod facts;
mod inspect;
mod logs;
mod operations;
mod oracle;
mod papers;
mod run;
mod story;
mod world;

use std::collections::BTreeSet;

use colonnade::auth::policy;
use reqwest::Method;
use serde_json::Value;

use self::cases::Row;
use self::run::{Findings, Operation, operations};
use self::world::Stage;

#[actix_web::test]
async fn everybody_gets_what_is_theirs_and_nothing_else() {
    logs::start();
    let mut stage = Stage::new().await;
    let document = stage
        .world
        .stranger
        .get("/openapi.json")
        .await
        .expect(200)
        .json();
    let known = operations(&document);
    let rows = operations::rows(&stage);
    every_operation_has_its_row(&known, &rows);
    let mut findings = Findings::default();
    for row in &rows {
        run::look(&stage, &known[row.id], row, &mut findings).await;
    }
    mails(&stage, &mut findings).await;
    log(&stage, &mut findings);
    // Where a refusal was missing, the world may no longer be what the facts say.
    nothing_is_wrong(&findings);
    for row in &rows {
        run::act(&mut stage, &known[row.id], row, &mut findings).await;
    }
    let deeds = deeds::all(&stage).await;
    findings.done.extend(deeds);
    let idle: Vec<_> = known
        .keys()
        .filter(|id| !findings.done.contains(id.as_str()))
        .collect();
    assert!(idle.is_empty(), "never did what they are for: {idle:?}");
    every_canary_was_read(&findings);
    verbs(&stage, &known, &mut findings).await;
    log(&stage, &mut findings);
    nothing_is_wrong(&findings);
    assert!(findings.asked > 10_000, "{}", findings.asked);
}

/// Each field that holds a canary came before the eyes of somebody who may see it.
fn every_canary_was_read(findings: &Findings) {
    let of_project = [
        "title",
        "summary",
        "website",
        "answer",
        "override",
        "feedback",
        "note",
        "blockers",
        "next",
        "milestone",
        "reason",
        "agenda",
        "place",
        "said",
        "action",
        "private",
        "aside",
        "cancelled",
        "paper",
    ];
    let of_project = of_project.map(|field| ("pa", field)).into_iter();
    let others = [
        ("pc", "routing"),
        ("pc", "verdict"),
        ("pe", "lesson"),
        ("pd", "evidence"),
        ("pa", "guest"),
        ("ada", "name"),
        ("coco", "name"),
        ("orla", "email"),
        ("una", "email"),
        ("kcarl", "name"),
        ("c3", "name"),
        ("k3", "name"),
    ];
    for (object, field) in of_project.chain(others) {
        let read = findings
            .read
            .contains(&(object.to_owned(), field.to_owned()));
        assert!(read, "nobody read {object}'s {field}");
    }
}

#[track_caller]
fn nothing_is_wrong(findings: &Findings) {
    let (asked, wrong) = (findings.asked, &findings.wrong);
    assert!(
        wrong.is_empty(),
        "{} of {asked} are wrong:\n{}",
        wrong.len(),
        shown(wrong)
    );
}

/// The first few of many.
fn shown(wrong: &[String]) -> String {
    let short = wrong
        .iter()
        .take(60)
        .map(|line| line.chars().take(400).collect::<String>());
    short.collect::<Vec<_>>().join("\n")
}

/// The table and the document know the same operations, under the same policies; no policy is left over.
fn every_operation_has_its_row(
    known: &std::collections::BTreeMap<String, Operation>,
    rows: &[Row],
) {
    let names: BTreeSet<&str> = rows.iter().map(|row| row.id).collect();
    let documented: BTreeSet<&str> = known.keys().map(String::as_str).collect();
    let without: Vec<_> = documented.difference(&names).collect();
    let stale: Vec<_> = names.difference(&documented).collect();
    assert!(
        without.is_empty(),
        "operations that the matrix does not know: {without:?}"
    );
    assert!(stale.is_empty(), "rows without an operation: {stale:?}");
    assert_eq!(names.len(), rows.len(), "an operation has two rows");
    for row in rows {
        let policy = &known[row.id].policy;
        assert_eq!(policy, row.policy, "the x-policy of {}", row.id);
        assert!(!row.cases.is_empty(), "{} is asked nothing", row.id);
    }
    let used: BTreeSet<&str> = known.values().map(|one| one.policy.as_str()).collect();
    let all: BTreeSet<&str> = policy::ALL.iter().map(|one| one.name).collect();
    assert_eq!(used, all, "policies in use, and policies there are");
}

/// A verb that the document does not have is refused, and the answer says which there are.
async fn verbs(
    stage: &Stage,
    known: &std::collections::BTreeMap<String, Operation>,
    findings: &mut Findings,
) {
    let paths: BTreeSet<&str> = known.values().map(|one| one.path.as_str()).collect();
    for path in paths {
        let id = uuid::Uuid::now_v7().to_string();
        let real = path.split('/').map(|part| {
            if part.starts_with('{') {
                id.as_str()
            } else {
                part
            }
        });
        let real = real.collect::<Vec<_>>().join("/");
        let here = known.values().filter(|one| fits(&one.path, &real));
        let mut verbs: BTreeSet<&str> = here.map(|one| one.method.as_str()).collect();
        if verbs.contains("GET") {
            verbs.insert("HEAD");
        }
        let allow = verbs.iter().copied().collect::<Vec<_>>().join(", ");
        for method in [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ] {
            for name in ["stranger", "adam"] {
                let (who, client) = stage
                    .asking
                    .iter()
                    .find(|(who, _)| who.name == name)
                    .expect("them");
                if verbs.contains(method.as_str()) {
                    continue;
                }
                let ask = client.ask(method.clone(), &real);
                let answer = ask.header("X-HTTP-Method-Override", "GET").send().await;
                let wrong = inspect::complaints(who, &answer, &stage.secrets);
                findings.wrong.extend(
                    wrong
                        .into_iter()
                        .map(|why| format!("{method} {path}: {why}")),
                );
                if answer.status != 405 || answer.header("allow") != allow {
                    let got = (answer.status, answer.header("allow"));
                    findings
                        .wrong
                        .push(format!("{method} {path}: {got:?}, not 405 and {allow}"));
                }
            }
        }
    }
}

fn fits(pattern: &str, path: &str) -> bool {
    let (wanted, given): (Vec<&str>, Vec<&str>) =
        (pattern.split('/').collect(), path.split('/').collect());
    let same = |(wanted, given): (&&str, &&str)| wanted.starts_with('{') || wanted == given;
    wanted.len() == given.len() && wanted.iter().zip(&given).all(same)
}

/// No mail tells anybody more than they may hear.
async fn mails(stage: &Stage, findings: &mut Findings) {
    let letters = stage.world.mails().await;
    assert!(letters.len() > 20, "{}", letters.len());
    for letter in &letters {
        findings.wrong.extend(inspect::told_too_much(letter));
        let text = format!("{}{}", letter.subject, letter.text);
        // Codes stand in the mails that they are sent in, and only there.
        let own_code = letter.text.contains("one-time code");
        let secret = stage
            .secrets
            .iter()
            .any(|secret| text.contains(secret.as_str()));
        if secret && !own_code {
            findings
                .wrong
                .push(format!("LEAK of a secret in a mail to {}", letter.to));
        }
    }
}

/// The log names requests and what became of them, nobody and nothing else.
fn log(stage: &Stage, findings: &mut Findings) {
    let lines = logs::lines();
    assert!(lines.len() > findings.asked, "{} lines", lines.len());
    for line in &lines {
        let is_json = serde_json::from_str::<Value>(line).is_ok();
        let secret = stage
            .secrets
            .iter()
            .any(|secret| line.contains(secret.as_str()));
        if !is_json || secret || line.contains("cnry-") {
            findings.wrong.push(format!("LEAK in the log: {line}"));
        }
    }
}
