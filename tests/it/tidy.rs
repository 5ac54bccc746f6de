//! The rules of the house, executed: they read the source tree and fail where it departs from them.

use std::path::{Path, PathBuf};

/// The slices, lowest first, as `app.rs` lists them.
fn slices() -> Vec<String> {
    colonnade::app::SLICES
        .iter()
        .map(|slice| slice.name.to_owned())
        .collect()
}

/// What knows no slice.
const MECHANISM: &[&str] = &[
    "http", "db", "jobs", "mail", "events", "files", "auth", "throttle",
];
/// What may name every slice: the program's own table of contents, and what plays the whole of it.
const ABOVE: &[&str] = &[
    "app.rs", "main.rs", "lib.rs", "admin.rs", "check.rs", "serve.rs", "demo",
];

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("a source file");
                found.push((path, text));
            }
        }
    }
    found
}

/// The part of a path below `src`, in its pieces.
fn place(path: &Path) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let below = path.strip_prefix(root).expect("a file of src");
    below
        .iter()
        .map(|piece| piece.to_string_lossy().into_owned())
        .collect()
}

/// The code of a file without its tests.
fn code(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or(text)
}

fn names_slice(text: &str, slice: &str) -> bool {
    code(text).contains(&format!("crate::{slice}::"))
        || code(text).contains(&format!("use crate::{slice};"))
        || code(text).contains(&format!("use crate::{slice}::"))
}

#[test]
fn every_file_begins_with_a_sentence_about_itself() {
    for folder in ["src", "tests", "benches"] {
        for (path, text) in sources(folder) {
            assert!(
                text.starts_with("//! "),
                "{} lacks its first line",
                path.display()
            );
        }
    }
}

#[test]
fn a_slice_uses_only_slices_below_it() {
    let slices = slices();
    for (path, text) in sources("src") {
        let place = place(&path);
        if ABOVE.contains(&place[0].as_str()) {
            continue;
        }
        let own = slices.iter().position(|slice| *slice == place[0]);
        for (at, other) in slices.iter().enumerate() {
            let above = own.is_none_or(|own| at > own);
            assert!(
                !(above && names_slice(&text, other)),
                "{} uses {other}, which is above it",
                path.display()
            );
        }
    }
}

#[test]
fn mechanism_knows_no_slice() {
    for (path, text) in sources("src")
        .iter()
        .filter(|(path, _)| MECHANISM.contains(&place(path)[0].as_str()))
    {
        for slice in slices() {
            assert!(
                !names_slice(text, &slice),
                "{} names {slice}",
                path.display()
            );
        }
    }
}

#[test]
fn each_room_keeps_to_its_own() {
    for (path, text) in sources("src") {
        let place = place(&path);
        let code = code(&text);
        let room = place.last().expect("a name").as_str();
        if !slices().contains(&place[0]) {
            continue;
        }
        // A room that has become a folder keeps its rules.
        let room = if place.contains(&"routes".to_owned()) {
            "routes.rs"
        } else {
            room
        };
        let never: &[&str] = match room {
            "model.rs" => &["actix", "&mut Conn", "Utc::now", "crate::config"],
            "actions.rs" => &["actix", "db::schema"],
            "routes.rs" => &["db::schema", "diesel::", "Utc::now"],
            "store.rs" => &["actix", "HttpResponse", "StatusCode"],
            _ => &[],
        };
        for word in never {
            assert!(
                !code.contains(word),
                "{} must not touch {word}",
                path.display()
            );
        }
    }
}

#[test]
fn tables_are_named_where_they_are_kept() {
    for (path, text) in sources("src") {
        let place = place(&path);
        let kept = place[0] == "db"
            || [
                "store.rs",
                "model.rs",
                "queue.rs",
                "outbox.rs",
                "idempotency.rs",
            ]
            .contains(&place.last().expect("a name").as_str())
            || place.contains(&"store".to_owned());
        assert!(
            kept || !code(&text).contains("db::schema::"),
            "{} names a table",
            path.display()
        );
    }
}

#[test]
fn routes_are_declared_in_one_way_only() {
    for (path, text) in sources("src") {
        let place = place(&path);
        let pages = ["pages.rs", "routes.rs", "serve.rs"]
            .contains(&place.last().expect("a name").as_str())
            && place[0] != "accounts";
        for word in ["web::resource(", ".route("] {
            assert!(
                pages || !code(&text).contains(word),
                "{} declares a route behind the table's back",
                path.display()
            );
        }
    }
}

#[test]
fn names_and_sizes_stay_small() {
    for folder in ["src", "tests", "benches"] {
        for (path, text) in sources(folder) {
            let lines = text.lines().count();
            // All tables in one place are as long as there are tables.
            let is_schema = path.ends_with("db/schema.rs");
            assert!(
                lines <= 750 || folder == "tests" || is_schema,
                "{} has {lines} lines",
                path.display()
            );
            for word in ["todo!(", "unimplemented!(", "dbg!(", "FIXME"] {
                let itself = path.ends_with("tidy.rs");
                assert!(
                    itself || !text.contains(word),
                    "{} has {word}",
                    path.display()
                );
            }
            let name = path.display().to_string();
            for word in ["util", "helper", "common", "misc", "manager"] {
                assert!(
                    !name.split('/').any(|piece| piece.starts_with(word)),
                    "{name}"
                );
            }
        }
    }
}

#[test]
fn every_policy_is_used_and_every_route_has_one() {
    let document = serde_json::to_value(colonnade::http::openapi::document()).expect("a document");
    let mut used = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let policy = operation["x-policy"]
                .as_str()
                .unwrap_or_else(|| panic!("{method} {path} has no policy"));
            used.insert(policy.to_owned());
        }
    }
    for policy in colonnade::auth::policy::ALL {
        assert!(used.contains(policy.name), "{} guards nothing", policy.name);
    }
}
