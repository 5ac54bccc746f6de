//! Documents over HTTP: what comes in, who reads it, how it comes out, and how much room there is.

use std::io::Write;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Client, Setup, World};

pub const PDF: &[u8] = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< >>\n%%EOF\n";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0";
const MIB: usize = 1024 * 1024;

/// An archive with these parts.
fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in parts {
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file(*name, options).expect("a part");
        zip.write_all(content).expect("its content");
    }
    zip.finish().expect("an archive").into_inner()
}

const TYPES: (&str, &[u8]) = ("[Content_Types].xml", b"<Types/>");

fn docx() -> Vec<u8> {
    archive(&[TYPES, ("word/document.xml", b"<w:document/>")])
}

fn odt() -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    zip.start_file("mimetype", stored).expect("a part");
    zip.write_all(b"application/vnd.oasis.opendocument.text")
        .expect("its content");
    for name in ["content.xml", "META-INF/manifest.xml"] {
        zip.start_file(name, zip::write::SimpleFileOptions::default())
            .expect("a part");
        zip.write_all(b"<x/>").expect("its content");
    }
    zip.finish().expect("an archive").into_inner()
}

/// Lets every entry of an archive's directory say that it unpacks to so many bytes.
fn claiming(mut archive: Vec<u8>, unpacked: u32) -> Vec<u8> {
    for at in 0..archive.len() - 4 {
        if archive[at..].starts_with(b"PK\x01\x02") {
            archive[at + 24..at + 28].copy_from_slice(&unpacked.to_le_bytes());
        }
    }
    archive
}

/// A founder with a project and a draft application, as `(world, founder, project, application)`.
async fn draft() -> (World, Client, String, String) {
    let world = World::new().await;
    let (call, _) = world.open_call(4, &[]).await;
    let founder = world.founder("Ada").await;
    let project = world.project(&founder, "Sangalux").await;
    let body = json!({ "project_id": project, "call_id": call, "answers": { "need": "falls" } });
    let made = founder.post("/v1/applications", body).await.expect(201);
    let application = made.text_at("/id");
    (world, founder, project, application)
}

fn of_project(id: &str) -> String {
    format!("/v1/projects/{id}/documents")
}

fn of_application(id: &str) -> String {
    format!("/v1/applications/{id}/documents")
}

#[actix_web::test]
async fn a_document_comes_out_as_it_came_in() {
    let (world, founder, project, application) = draft().await;
    let path = of_application(&application);
    let content: Vec<u8> = PDF
        .iter()
        .copied()
        .chain((0..=255).cycle().take(3 * MIB))
        .collect();
    let ask = founder.ask(Method::POST, &path).form(&[
        ("title", None, "Le plan".as_bytes()),
        ("question", None, b"evidence"),
        ("file", Some("Plan d’étude.pdf"), &content),
    ]);
    let made = ask.send().await.expect(201);
    let document = made.json();
    let digest = colonnade::auth::secrets::sha256(&content);
    for (field, value) in [
        ("title", json!("Le plan")),
        ("question", json!("evidence")),
        ("file_name", json!("Plan d’étude.pdf")),
        ("media_type", json!("application/pdf")),
        ("bytes", json!(content.len())),
        ("sha256", json!(digest)),
        ("project_id", json!(project)),
        ("application_id", json!(application)),
        ("added_by", json!(founder.id)),
    ] {
        assert_eq!(document[field], value, "{field}");
    }
    let one = made.header("location");
    let shown = founder.get(&one).await.expect(200);
    assert_eq!(shown.json(), document);
    assert_eq!(shown.header("etag"), "\"1\"");
    let id = document["id"].as_str().expect("an id");
    assert_eq!(world.files(), [id], "the file lies under its id");

    let file = founder.get(&format!("{one}/content")).await.expect(200);
    assert!(file.bytes == content, "the very same bytes");
    for (name, value) in [
        ("content-type", "application/pdf"),
        ("content-length", content.len().to_string().as_str()),
        ("x-content-type-options", "nosniff"),
        (
            "content-security-policy",
            "default-src 'none'; frame-ancestors 'none'; sandbox",
        ),
        ("etag", format!("\"{digest}\"").as_str()),
        ("accept-ranges", "bytes"),
        ("cache-control", "no-store"),
        (
            "content-disposition",
            "attachment; filename=\"Plan d__tude.pdf\"; filename*=UTF-8''Plan%20d%E2%80%99%C3%A9tude.pdf",
        ),
    ] {
        assert_eq!(file.header(name), value, "{name}");
    }
    let listed = founder.list(&path).await;
    assert_eq!(listed, [document]);
    assert_eq!(founder.list(&of_project(&project)).await, [] as [Value; 0]);
    founder.get(&format!("{path}?format=csv")).await.expect(200);
}

#[actix_web::test]
async fn a_part_of_a_file_can_be_asked_for() {
    let (_world, founder, project, _) = draft().await;
    let content = [PDF, &[7; 5000]].concat();
    let made = founder
        .upload(&of_project(&project), "a.pdf", &content)
        .await;
    let path = format!("{}/content", made.expect(201).header("location"));
    let size = content.len();
    for (range, from, to) in [
        ("bytes=0-9", 0, 10),
        ("bytes=10-", 10, size),
        ("bytes=-5", size - 5, size),
        ("bytes=4000-99999", 4000, size),
    ] {
        let ask = founder.ask(Method::GET, &path).header("Range", range);
        let part = ask.send().await.expect(206);
        assert_eq!(part.bytes, &content[from..to], "{range}");
        let said = format!("bytes {from}-{}/{size}", to - 1);
        assert_eq!(part.header("content-range"), said);
    }
    for range in ["bytes=0-1,5-6", "bytes=99999-", "lines=1-2", "nonsense"] {
        let ask = founder.ask(Method::GET, &path).header("Range", range);
        assert_eq!(ask.send().await.expect(200).bytes.len(), size, "{range}");
    }
    let other = founder.ask(Method::GET, &path).header("Range", "bytes=0-9");
    let whole = other.header("If-Range", "\"another\"").send().await;
    assert_eq!(whole.expect(200).bytes.len(), size);
    let tag = founder.get(&path).await.header("etag");
    let ask = founder
        .ask(Method::GET, &path)
        .header("If-None-Match", &tag);
    assert_eq!(ask.send().await.expect(304).bytes.len(), 0);
    let ask = founder
        .ask(Method::GET, &path)
        .header("Accept", "application/pdf");
    ask.send().await.expect(200);
}

#[actix_web::test]
async fn a_file_is_what_its_content_says() {
    let (world, founder, project, _) = draft().await;
    let path = of_project(&project);
    let (docx, odt) = (docx(), odt());
    let xlsx = archive(&[TYPES, ("xl/workbook.xml", b"<x/>")]);
    let pptx = archive(&[TYPES, ("ppt/presentation.xml", b"<x/>")]);
    let office = "application/vnd.openxmlformats-officedocument";
    let accepted: [(&str, &[u8], String); 9] = [
        ("a.pdf", PDF, "application/pdf".into()),
        ("a.png", PNG, "image/png".into()),
        (
            "a.JPEG",
            b"\xff\xd8\xff\xe0\0\x10JFIF\0",
            "image/jpeg".into(),
        ),
        (
            "a.docx",
            &docx,
            format!("{office}.wordprocessingml.document"),
        ),
        ("a.xlsx", &xlsx, format!("{office}.spreadsheetml.sheet")),
        (
            "a.pptx",
            &pptx,
            format!("{office}.presentationml.presentation"),
        ),
        (
            "a.odt",
            &odt,
            "application/vnd.oasis.opendocument.text".into(),
        ),
        (
            "a.csv",
            "naam;één\n1;2\n".as_bytes(),
            "text/csv; charset=utf-8".into(),
        ),
        (
            "a.txt",
            "à lire".as_bytes(),
            "text/plain; charset=utf-8".into(),
        ),
    ];
    for (name, content, kind) in &accepted {
        let made = founder.upload(&path, name, content).await.expect(201);
        assert_eq!(made.text_at("/media_type"), *kind, "{name}");
    }
    let files = world.files().len();
    let plain = archive(&[("readme.txt", b"hello")]);
    let half = archive(&[("word/document.xml", b"<x/>")]);
    let elf = [
        b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0".as_slice(),
        &[0; 64],
    ]
    .concat();
    let exe = [
        b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0".as_slice(),
        &[0; 256],
    ]
    .concat();
    for (name, content) in [
        ("elf.pdf", elf.as_slice()),
        ("exe.pdf", &exe),
        ("exe.docx", &exe),
        ("script.txt", b"#!/bin/sh\nrm -rf /\n"),
        ("page.txt", b"<!DOCTYPE html><script>alert(1)</script>"),
        ("packed.zip", &plain),
        ("packed.docx", &plain),
        ("half.docx", &half),
        ("cut.docx", &docx[..docx.len() - 30]),
        ("gif.png", b"GIF89a\x01\0\x01\0"),
        ("bytes.txt", b"a\0b"),
        ("latin1.csv", b"na\xefve"),
        ("cut.txt", b"abc\xc3"),
    ] {
        let answer = founder.upload(&path, name, content).await;
        answer.refused(415, "file-type-refused");
    }
    for (name, content, code) in [
        ("plan.txt", PDF, "name-does-not-fit"),
        ("plan.pdf.exe", PDF, "name-does-not-fit"),
        ("../../x", PDF, "name-is-a-path"),
        ("..\\x.pdf", PDF, "name-is-a-path"),
        ("plan.pdf", b"", "empty"),
    ] {
        let answer = founder
            .upload(&path, name, content)
            .await
            .refused(422, "invalid");
        assert_eq!(
            answer.errors(),
            [("/file".to_owned(), code.to_owned())],
            "{name}"
        );
    }
    assert_eq!(
        world.files().len(),
        files,
        "nothing of what was refused is kept"
    );
}

#[actix_web::test]
async fn an_archive_is_looked_into_and_not_unpacked() {
    let (world, founder, project, _) = draft().await;
    let path = of_project(&project);
    let bomb = archive(&[TYPES, ("word/document.xml", &vec![0; 40 * MIB])]);
    assert!(bomb.len() < MIB, "{}", bomb.len());
    let numbered: Vec<String> = (0..10_001).map(|number| format!("{number}")).collect();
    let parts: Vec<(&str, &[u8])> = numbered
        .iter()
        .map(|name| (name.as_str(), &[][..]))
        .collect();
    for (name, content) in [
        ("bomb.docx", bomb),
        ("claim.docx", claiming(docx(), u32::MAX - 1)),
        ("parts.docx", archive(&parts)),
        (
            "macro.docx",
            archive(&[
                TYPES,
                ("word/document.xml", b""),
                ("word/vbaProject.bin", b""),
            ]),
        ),
        (
            "slip.docx",
            archive(&[TYPES, ("../../etc/passwd", b""), ("word/document.xml", b"")]),
        ),
    ] {
        let answer = founder.upload(&path, name, &content).await;
        answer.refused(422, "archive-not-safe");
    }
    assert_eq!(world.files(), [] as [String; 0]);
    founder
        .upload(&path, "fine.docx", &docx())
        .await
        .expect(201);
}

#[actix_web::test]
async fn a_form_is_read_with_all_its_mistakes() {
    let (_world, founder, project, application) = draft().await;
    for path in [of_project(&project), of_application(&application)] {
        let errors = async |fields: &[(&str, Option<&str>, &[u8])]| {
            let ask = founder.ask(Method::POST, &path).form(fields);
            let errors = ask.send().await.refused(422, "invalid").errors();
            let errors = errors.into_iter().map(|(at, code)| format!("{at} {code}"));
            errors.collect::<Vec<_>>()
        };
        let long = "é".repeat(201);
        let title = ("title", None, long.as_bytes());
        assert_eq!(errors(&[]).await, ["/file required"]);
        assert_eq!(
            errors(&[title]).await,
            ["/file required", "/title too-long"]
        );
        let endless = vec![b'x'; 20_000];
        assert_eq!(
            errors(&[("title", None, &endless)]).await,
            ["/title too-long"]
        );
        let all = [
            title,
            ("question", None, b"a\x07b"),
            ("file", Some("x/y"), PDF),
        ];
        let said = [
            "/file name-is-a-path",
            "/question control-character",
            "/title too-long",
        ];
        assert_eq!(errors(&all).await, said);
        let twice = [("file", Some("a.pdf"), PDF), ("file", Some("b.pdf"), PDF)];
        assert_eq!(errors(&twice).await, ["/file repeated"]);
        assert_eq!(
            errors(&[("colour", None, b"red")]).await,
            ["/colour unknown-field"]
        );
        founder
            .post(&path, json!({ "file": "x" }))
            .await
            .refused(415, "unsupported-media-type");
        for kind in ["multipart/form-data", "multipart/mixed; boundary=seam"] {
            let ask = founder.ask(Method::POST, &path).body(kind, "--seam--\r\n");
            let status = ask.send().await.status.as_u16();
            assert!([400, 415].contains(&status), "{kind}: {status}");
        }
        let cut = crate::support::client::form(&[("file", Some("a.pdf"), PDF)]);
        let ask = founder.ask(Method::POST, &path);
        let cut = ask.body("multipart/form-data; boundary=seam", cut[..80].to_vec());
        cut.send().await.refused(400, "unreadable");
    }
}

#[actix_web::test]
async fn what_is_too_large_is_refused_and_the_quota_holds() {
    let world = World::with(Setup {
        smtp: None,
        adjust: Some(|config| {
            config.documents.largest_mib = 1;
            config.documents.quota_mib = 3;
        }),
    })
    .await;
    let founder = world.founder("Ada").await;
    let project = world.project(&founder, "Sangalux").await;
    let path = of_project(&project);
    let sized = |size: usize| [PDF, &vec![b' '; size - PDF.len()]].concat();
    for size in [MIB + 1, 20 * MIB] {
        let ask = founder.ask(Method::POST, &path).file("a.pdf", &sized(size));
        // Where the answer is there before all was sent, some clients don't read it.
        if let Some(answer) = ask.try_send().await {
            answer.refused(413, "document-too-large");
        }
    }
    // Eight at once into room for three.
    let largest = sized(MIB);
    let eight = (0..8).map(|_| founder.upload(&path, "a.pdf", &largest));
    let answers = futures_util::future::join_all(eight).await;
    let kept = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(kept, 3);
    for answer in answers.into_iter().filter(|answer| answer.status != 201) {
        answer.refused(409, "document-quota-reached");
    }
    assert_eq!(world.files().len(), 3);
    // What is removed makes room, and its file goes.
    let documents = founder.list(&path).await;
    let one = format!(
        "/v1/documents/{}",
        documents[0]["id"].as_str().expect("an id")
    );
    founder.delete(&one).await.refused(428, "version-needed");
    let remove = |tag: &str| founder.ask(Method::DELETE, &one).header("If-Match", tag);
    remove("\"9\"").send().await.refused(412, "stale-version");
    remove("\"1\"").send().await.expect(204);
    founder.get(&one).await.refused(404, "not-found");
    founder
        .get(&format!("{one}/content"))
        .await
        .refused(404, "not-found");
    world.deliver().await;
    assert_eq!(world.files().len(), 2);
    founder.upload(&path, "a.pdf", &largest).await.expect(201);
    let other = world.project(&founder, "Another").await;
    founder
        .upload(&of_project(&other), "a.pdf", &largest)
        .await
        .expect(201);
}

#[actix_web::test]
async fn evidence_stays_once_an_application_is_submitted() {
    let (world, founder, _, application) = draft().await;
    let coordinator = world.coordinator("Carl", "BE1").await;
    let path = of_application(&application);
    let kept = founder
        .upload(&path, "a.pdf", PDF)
        .await
        .expect(201)
        .header("location");
    let on_behalf = coordinator
        .upload(&path, "b.pdf", PDF)
        .await
        .expect(201)
        .header("location");
    let remove =
        |client: &Client, path: &str| client.ask(Method::DELETE, path).header("If-Match", "*");
    remove(&founder, &on_behalf).send().await.expect(204);
    let submit = format!("/v1/applications/{application}/submit");
    founder.post_seen(&submit, json!({})).await.expect(200);
    for client in [&founder, &coordinator] {
        let answer = client.upload(&path, "c.pdf", PDF).await;
        answer.refused(409, "evidence-frozen");
        client.get(&format!("{kept}/content")).await.expect(200);
    }
    remove(&founder, &kept)
        .send()
        .await
        .refused(409, "evidence-frozen");
    // Returned, it is open again.
    let state = |to: &str| format!("UPDATE applications SET state = '{to}'");
    world.database.execute(&state("returned"));
    founder.upload(&path, "c.pdf", PDF).await.expect(201);
    world.database.execute(&state("in_review"));
    // What should never have been sent can still be taken away by those who answer for it.
    remove(&coordinator, &kept).send().await.expect(204);
    let events = founder.list("/v1/events?after=0").await;
    let kinds = events.iter().filter_map(|event| event["kind"].as_str());
    let kinds: Vec<&str> = kinds.filter(|kind| kind.starts_with("document.")).collect();
    let (added, removed) = ("document.added", "document.removed");
    assert_eq!(kinds, [added, added, removed, added, removed]);
    let last = events
        .iter()
        .rfind(|event| event["kind"] == removed)
        .expect("it");
    let digest = colonnade::auth::secrets::sha256(PDF);
    assert_eq!(last["data"]["before"]["sha256"], json!(digest));
    assert_eq!(last["data"]["after"], Value::Null);
}

#[actix_web::test]
async fn documents_are_for_those_who_look_inside() {
    let (world, founder, project, application) = draft().await;
    let admin = world.admin().await;
    let viewer = world.founder("Vic").await;
    let grant = json!({ "role": "viewer", "scope": { "kind": "project", "id": project } });
    let grants = format!("/v1/accounts/{}/grants", viewer.id);
    admin.post(&grants, grant).await.expect(201);
    let (here, there) = (
        world.coordinator("Carl", "BE1").await,
        world.coordinator("Cora", "BE2").await,
    );
    let (coach, outsider) = (world.coach("Coco").await, world.founder("Eve").await);
    let assign = json!({ "account_id": coach.id, "role": "coach", "kind": "lead" });
    let assignments = format!("/v1/projects/{project}/assignments");
    here.post(&assignments, assign).await.expect(201);
    let of_project = of_project(&project);
    let of_application = of_application(&application);
    let one = founder
        .upload(&of_project, "a.pdf", PDF)
        .await
        .expect(201)
        .header("location");
    let two = founder
        .upload(&of_application, "a.pdf", PDF)
        .await
        .expect(201)
        .header("location");
    // Reads of the project's and the application's documents, and what an upload gets; nothing is hidden by halves.
    for (who, client, inside, evidence, adds) in [
        ("viewer", &viewer, 200, 200, 403),
        ("coordinator", &here, 200, 200, 201),
        ("another region's", &there, 404, 404, 404),
        ("coach", &coach, 200, 404, 403),
        ("outsider", &outsider, 404, 404, 404),
        ("stranger", &world.stranger, 401, 401, 401),
    ] {
        for path in [of_project.clone(), one.clone(), format!("{one}/content")] {
            assert_eq!(client.get(&path).await.status, inside, "{who} {path}");
        }
        for path in [
            of_application.clone(),
            two.clone(),
            format!("{two}/content"),
        ] {
            assert_eq!(client.get(&path).await.status, evidence, "{who} {path}");
        }
        let answer = client.upload(&of_project, "b.pdf", PDF).await;
        assert_eq!(answer.status, adds, "{who}: {}", answer.text);
        let removes = if adds == 201 { 412 } else { adds };
        let ask = client.ask(Method::DELETE, &one).header("If-Match", "\"9\"");
        assert_eq!(ask.send().await.status, removes, "{who} removes");
    }
    // A partner who knows the project by its name learns of no document.
    let share = json!({ "shared_with_partners": true });
    founder
        .patch(&format!("/v1/projects/{project}"), "*", share)
        .await
        .expect(200);
    let partner = world.lead("Orla", "bhic").await;
    let grants = format!("/v1/accounts/{}/grants", partner.id);
    let grant = json!({ "role": "partner", "scope": { "kind": "region", "region": "BE1" } });
    admin.post(&grants, grant).await.expect(201);
    partner
        .get(&format!("/v1/projects/{project}"))
        .await
        .expect(200);
    partner.get(&of_project).await.refused(403, "not-allowed");
    partner.get(&one).await.refused(404, "not-found");
}

#[actix_web::test]
async fn the_same_upload_twice_is_one_document() {
    let (world, founder, project, _) = draft().await;
    let path = of_project(&project);
    let ask = |name: &str, content: &[u8]| {
        let ask = founder
            .ask(Method::POST, &path)
            .header("Idempotency-Key", "k-1");
        ask.file(name, content)
    };
    let first = ask("a.pdf", PDF).send().await.expect(201);
    let again = ask("a.pdf", PDF).send().await.expect(201);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.text, first.text);
    for (name, content) in [("b.pdf", PDF), ("a.pdf", &[PDF, b"\n"].concat())] {
        let answer = ask(name, content).send().await;
        answer.refused(422, "idempotency-key-reused");
    }
    let many = (0..6).map(|_| {
        let ask = founder
            .ask(Method::POST, &path)
            .header("Idempotency-Key", "k-2");
        ask.file("c.pdf", PDF).send()
    });
    for answer in futures_util::future::join_all(many).await {
        assert!(
            [201, 409].contains(&answer.status.as_u16()),
            "{}",
            answer.text
        );
    }
    world.deliver().await;
    assert_eq!(founder.list(&path).await.len(), 2);
    assert_eq!(world.files().len(), 2, "what came a second time is gone");
}
