//! The documents, compared with what they describe.

use std::path::{Path, PathBuf};

use colonnade::http::catalogue::CATALOGUE;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(file(name)).unwrap_or_default()
}

/// Compares a generated file; `UPDATE_DOCS=1` writes it.
fn is_current(name: &str, generated: &str) {
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(file(name), generated).expect("writing the document");
    }
    assert!(
        read(name) == generated,
        "{name} is not current; run UPDATE_DOCS=1 cargo test --test it docs::"
    );
}

#[test]
fn the_openapi_document_is_current() {
    is_current(
        "docs/openapi.json",
        &(colonnade::http::openapi::json().expect("a document") + "\n"),
    );
}

#[test]
fn the_problem_reference_is_current() {
    is_current("docs/problems.md", &CATALOGUE.reference());
}

/// Every code that the source names has its entry, and every refusal of a slice too.
#[test]
fn every_code_is_in_the_catalogue() {
    for slice in colonnade::app::SLICES {
        for code in slice.codes {
            assert!(
                CATALOGUE.problem.contains_key(*code),
                "{code} of {}",
                slice.name
            );
        }
    }
    let source = all_sources(&file("src"));
    for (call, texts) in [
        ("refused(\"", CATALOGUE.problem.keys().collect::<Vec<_>>()),
        ("Refused::new(\"", CATALOGUE.problem.keys().collect()),
        ("Blocker::new(\"", CATALOGUE.blocker.keys().collect()),
    ] {
        for piece in source.split(call).skip(1) {
            let code = piece.split('"').next().unwrap_or_default();
            assert!(texts.iter().any(|known| *known == code), "{call}{code}");
        }
    }
    for piece in source.split("FieldError::new(").skip(1) {
        let arguments = piece.split(')').next().unwrap_or_default();
        let code = arguments.rsplit('"').nth(1).unwrap_or_default();
        let is_code = !code.is_empty() && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        assert!(
            !is_code || CATALOGUE.field.contains_key(code),
            "{arguments}"
        );
    }
}

/// And every entry of the catalogue is one that something can answer.
#[test]
fn the_catalogue_has_no_code_that_nothing_answers() {
    let source = all_sources(&file("src"));
    let groups = [
        CATALOGUE.problem.keys().collect::<Vec<_>>(),
        CATALOGUE.field.keys().collect(),
        CATALOGUE.blocker.keys().collect(),
        CATALOGUE.hint.keys().collect(),
    ];
    for code in groups.into_iter().flatten() {
        assert!(
            source.contains(&format!("\"{code}\"")),
            "nothing answers {code}"
        );
    }
}

fn all_sources(folder: &Path) -> String {
    std::fs::read_dir(folder)
        .expect("a folder")
        .flatten()
        .map(|entry| match entry.path() {
            path if path.is_dir() => all_sources(&path),
            path => std::fs::read_to_string(path).unwrap_or_default(),
        })
        .collect()
}

/// The README's commands, run as CI runs them.
#[test]
fn the_readme_says_the_two_commands_that_ci_runs() {
    let (readme, ci) = (read("README.md"), read(".ci/run"));
    for command in ["cargo run --locked -- demo", "tests/run"] {
        assert!(
            readme.contains(&format!("\n{command}\n")),
            "{command} in README.md"
        );
        assert!(ci.contains(command), "{command} in .ci/run");
    }
}

/// Every file that a document links to is there.
#[test]
fn no_link_leads_nowhere() {
    let mut documents = vec![file("README.md"), file("migrations/README.md")];
    for folder in ["docs", "docs/adr"] {
        let entries = std::fs::read_dir(file(folder))
            .expect("a folder")
            .flatten()
            .map(|entry| entry.path());
        documents.extend(
            entries.filter(|path| path.extension().is_some_and(|extension| extension == "md")),
        );
    }
    for document in documents {
        let text = std::fs::read_to_string(&document).expect("a document");
        for link in text.split("](").skip(1) {
            let link = link
                .split(')')
                .next()
                .unwrap_or_default()
                .split('#')
                .next()
                .unwrap_or_default();
            if link.is_empty() || link.contains("://") || link.starts_with('/') {
                continue;
            }
            let target = document.parent().expect("a folder").join(link);
            assert!(target.exists(), "{} links to {link}", document.display());
        }
    }
}

/// Every setting is explained where it has its default, and none is left over.
#[test]
fn every_setting_is_explained() {
    let mut explained = false;
    for line in colonnade::config::DEFAULTS.lines() {
        if line.starts_with('#') {
            explained = true;
        } else if line.contains('=') {
            assert!(explained, "{line} has no comment above it");
        } else if line.is_empty() || line.starts_with('[') {
            explained = false;
        }
    }
}
