//! Lists as tables: what a spreadsheet shows is what the JSON says, and nothing of it is a formula.

use std::io::Cursor;

use calamine::{Data, Reader, Xlsx};
use reqwest::Method;
use serde_json::Value;

use crate::support::{Answer, Client, World};

const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// The cells of a workbook's one sheet, which is called so; none of them is a formula.
fn sheet(answer: &Answer, name: &str) -> Vec<Vec<Data>> {
    assert_eq!(answer.header("content-type"), XLSX);
    let file = format!("attachment; filename=\"{name}.xlsx\"");
    assert_eq!(answer.header("content-disposition"), file);
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(answer.bytes.clone())).expect("a workbook");
    assert_eq!(book.sheet_names(), [name]);
    let formulas = book.worksheet_formula(name).expect("the sheet");
    assert!(formulas.cells().all(|(_, _, formula)| formula.is_empty()));
    let range = book.worksheet_range(name).expect("the sheet");
    range.rows().map(<[Data]>::to_vec).collect()
}

/// What a cell of a workbook must be for a value of the JSON.
fn cell(value: &Value) -> Data {
    match value {
        Value::Null => Data::Empty,
        Value::Bool(truth) => Data::Bool(*truth),
        Value::Number(number) => Data::Float(number.as_f64().expect("a number")),
        Value::String(text) => Data::String(text.clone()),
        other => Data::String(other.to_string()),
    }
}

async fn ask(client: &Client, path: &str, accept: &str) -> Answer {
    let ask = client.ask(Method::GET, path).header("Accept", accept);
    ask.send().await.expect(200)
}

const TITLES: [&str; 6] = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "{=HYPERLINK(\"x\")}",
    "_x0041_ & <b> \"é\" 🩺",
];

#[actix_web::test]
async fn a_workbook_shows_what_the_json_says_and_text_stays_text() {
    let world = World::new().await;
    let founder = world.founder("Ada").await;
    for title in TITLES {
        world.project(&founder, title).await;
    }
    let rows = founder.list("/v1/projects").await;
    let shown = founder.get("/v1/projects?format=xlsx&limit=100").await;
    let cells = sheet(&shown.expect(200), "projects");
    let (head, lines) = cells.split_first().expect("a head");
    assert_eq!(lines.len(), rows.len());
    let csv = founder.get("/v1/projects?format=csv&limit=100").await;
    let file = "attachment; filename=\"projects.csv\"";
    assert_eq!(csv.header("content-disposition"), file);
    let mut csv = csv::Reader::from_reader(csv.bytes.as_slice());
    let head: Vec<String> = head.iter().map(ToString::to_string).collect();
    assert_eq!(csv.headers().expect("a head"), head);
    for (row, line) in rows.iter().zip(lines) {
        for (name, found) in head.iter().zip(line) {
            let value = &row[name];
            assert_eq!(*found, cell(value), "{name} of {row}");
        }
    }
    for title in TITLES {
        let text = Data::String(title.into());
        assert_eq!(lines.iter().filter(|one| one.contains(&text)).count(), 1);
    }
    let version = head.iter().position(|name| name == "version");
    let version = version.expect("a column of numbers");
    assert_eq!(lines[0][version], Data::Float(1.0));
}

#[actix_web::test]
async fn pages_of_workbooks_follow_one_another() {
    let world = World::new().await;
    let founder = world.founder("Ada").await;
    for number in 0..5 {
        world.project(&founder, &format!("Project {number}")).await;
    }
    let mut path = "/v1/projects?limit=2".to_owned();
    let (mut titles, mut pages) = (Vec::new(), 0);
    loop {
        let answer = ask(&founder, &path, XLSX).await;
        let cells = sheet(&answer, "projects");
        let title = cells[0].contains(&Data::String("title".into()));
        assert!(title, "{:?}", cells[0]);
        titles.extend(cells[1..].iter().map(|line| line[2].to_string()));
        pages += 1;
        let link = answer.header("link");
        let Some((next, _)) = link.trim_start_matches('<').split_once('>') else {
            break;
        };
        next.clone_into(&mut path);
    }
    titles.sort();
    assert_eq!(pages, 3);
    assert_eq!(
        titles,
        [0, 1, 2, 3, 4].map(|number| format!("Project {number}"))
    );
}

#[actix_web::test]
async fn the_form_is_the_one_that_is_asked_for() {
    let world = World::new().await;
    let founder = world.founder("Ada").await;
    let project = world.project(&founder, "Sangalux").await;
    let path = "/v1/projects";
    for (accept, expected) in [
        ("*/*", "application/json"),
        (
            "text/csv;q=0.9, application/json;q=0.8",
            "text/csv; charset=utf-8; header=present",
        ),
        ("application/json;q=0.1, text/*;q=0.2", "text/csv"),
        (&format!("application/json;q=0.9, {XLSX}"), XLSX),
    ] {
        let answer = ask(&founder, path, accept).await;
        let kind = answer.header("content-type");
        assert!(kind.starts_with(expected), "{accept}: {kind}");
    }
    // A wish in the URL comes before the header's.
    let wished = format!("{path}?format=json");
    let answer = ask(&founder, &wished, XLSX).await;
    assert_eq!(answer.json()["data"][0]["title"], "Sangalux");
    assert_eq!(answer.header("content-disposition"), "");
    let unknown = format!("{path}?format=ods");
    founder.get(&unknown).await.refused(422, "invalid");
    let none = format!("/v1/projects/{project}/updates?format=xlsx");
    let answer = founder.get(&none).await.expect(200);
    assert_eq!(sheet(&answer, "updates"), Vec::<Vec<Data>>::new());
    let error = founder.ask(Method::GET, "/v1/projects/nothing");
    let error = error.header("Accept", XLSX).send().await;
    error.refused(404, "not-found");
}

#[actix_web::test]
async fn the_head_of_a_workbook_is_bold_and_frozen() {
    let world = World::new().await;
    let answer = world.stranger.get("/v1/organisations?format=xlsx").await;
    let parts = parts(&answer.expect(200).bytes);
    let sheet = &parts["xl/worksheets/sheet1.xml"];
    assert!(
        sheet.contains("<pane ySplit=\"1\" topLeftCell=\"A2\""),
        "{sheet}"
    );
    assert!(sheet.contains("state=\"frozen\""), "{sheet}");
    let bold = |cell: &str| sheet.contains(&format!("<c r=\"{cell}\" s=\"1\" t=\"s\">"));
    assert!(bold("A1") && bold("B1") && !bold("A2"), "{sheet}");
    assert!(parts["xl/styles.xml"].contains("<b/>"));
    // The clock of the world, not the machine's.
    assert!(parts["docProps/core.xml"].contains("2026-03-02T09:00:00Z"));
}

/// The files in a workbook.
fn parts(bytes: &[u8]) -> std::collections::BTreeMap<String, String> {
    use std::io::Read;
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).expect("an archive");
    let mut parts = std::collections::BTreeMap::new();
    for at in 0..archive.len() {
        let mut file = archive.by_index(at).expect("a file");
        let (name, mut text) = (file.name().expect("a name").into_owned(), String::new());
        file.read_to_string(&mut text).expect("text");
        parts.insert(name, text);
    }
    parts
}
