//! Migrations: up and down again, empty or full, and a schema in Rust that says what the databases have.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use colonnade::db::connection::Purpose;
use colonnade::db::{Conn, Place, migrate};
use diesel::RunQueryDsl;
use diesel::sql_types::{Bool, Text};

use crate::support::database::{self, Database};
use crate::support::{World, sql};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("migrations");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("one").file_name().into_string().expect("text"))
        .collect();
    names.sort();
    names
}

fn place(database: &Database) -> Place {
    Place::parse(&database.url).expect("a URL")
}

fn connect(place: &Place) -> Conn {
    place.connect(Purpose::Write).expect("a connection")
}

/// What a table or view is called, except for the migrations' own and for what SQLite keeps for itself.
fn tables(place: &Place) -> BTreeSet<String> {
    #[derive(diesel::QueryableByName)]
    struct Name {
        #[diesel(sql_type = Text)]
        name: String,
    }
    let query = if place.is_sqlite() {
        "SELECT name FROM sqlite_schema WHERE type IN ('table', 'trigger') AND name NOT LIKE 'sqlite_%'"
    } else {
        "SELECT table_name::text AS name FROM information_schema.tables WHERE table_schema = 'public'
         UNION ALL SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
    };
    let found: Vec<Name> = diesel::sql_query(query)
        .load(&mut connect(place))
        .expect("the tables");
    let mut found: BTreeSet<String> = found.into_iter().map(|row| row.name).collect();
    found.remove("__diesel_schema_migrations");
    found
}

#[test]
fn both_databases_have_the_same_migrations_each_with_its_way_back() {
    let all = names(&folder("migrations/sqlite"));
    assert!(all.len() >= 9, "{all:?}");
    assert_eq!(all, names(&folder("migrations/postgres")));
    for name in all {
        for database in ["sqlite", "postgres"] {
            let files = names(&folder("migrations").join(database).join(&name));
            assert_eq!(files, ["down.sql", "up.sql"], "{database}/{name}");
        }
    }
}

#[test]
fn up_and_down_and_up_again() {
    let temporary = tempfile::tempdir().expect("a folder");
    let database = database::empty(temporary.path());
    let place = place(&database);
    let all = names(&folder("migrations/sqlite")).len();
    assert_eq!(migrate::pending(&place).expect("a list").len(), all);
    assert_eq!(migrate::run(&place).expect("up"), all);
    assert_eq!(migrate::run(&place).expect("nothing more"), 0);
    let first = tables(&place);
    assert!(first.contains("projects"), "{first:?}");
    migrate::revert_all(&place).expect("down");
    assert_eq!(tables(&place), BTreeSet::new(), "nothing may stay behind");
    assert_eq!(migrate::run(&place).expect("up again"), all);
    assert_eq!(tables(&place), first);
}

#[actix_web::test]
async fn down_works_with_rows_in_the_tables() {
    let world = World::new().await;
    let (call, cohort) = world.open_call(4, &[("BE1", 2)]).await;
    let (founder, coordinator) = (
        world.founder("Ada").await,
        world.coordinator("Carl", "BE1").await,
    );
    let project = world
        .admitted(&founder, &coordinator, &call, &cohort, "Sangalux")
        .await;
    let update = serde_json::json!({ "note": "Done.", "confidence": "green" });
    founder
        .post(&format!("/v1/projects/{project}/updates"), update)
        .await
        .expect(201);
    world.deliver().await;
    let (_folder, database) = world.leave().await;
    let place = place(&database);
    for table in ["transitions", "events", "notifications", "mails", "updates"] {
        let rows = sql::number(&database.url, &format!("SELECT count(*) AS n FROM {table}"));
        assert!(rows > 0, "{table} is empty");
    }
    migrate::revert_all(&place).expect("down");
    assert_eq!(tables(&place), BTreeSet::new(), "nothing may stay behind");
    migrate::run(&place).expect("up again");
}

#[actix_web::test]
async fn what_happened_stays_as_it_was_told() {
    let world = World::new().await;
    let (call, cohort) = world.open_call(4, &[]).await;
    let (founder, coordinator) = (
        world.founder("Ada").await,
        world.coordinator("Carl", "BE1").await,
    );
    world
        .admitted(&founder, &coordinator, &call, &cohort, "Sangalux")
        .await;
    let (_folder, database) = world.leave().await;
    let mut conn = connect(&place(&database));
    for table in ["events", "transitions"] {
        let count = format!("SELECT count(*) AS n FROM {table}");
        let before = sql::number(&database.url, &count);
        assert!(before > 0, "{table} is empty");
        for change in [
            format!("UPDATE {table} SET kind = 'other'"),
            format!("DELETE FROM {table}"),
        ] {
            let refused = diesel::sql_query(&change).execute(&mut conn);
            let error = refused.expect_err(&change).to_string();
            assert!(error.contains("append-only"), "{change}: {error}");
        }
        assert_eq!(sql::number(&database.url, &count), before);
        let changed = format!("{count} WHERE kind = 'other'");
        assert_eq!(sql::number(&database.url, &changed), 0);
    }
}

#[test]
fn two_instances_that_migrate_at_once_both_succeed() {
    if database::server().is_none() {
        return; // SQLite is for one instance.
    }
    let temporary = tempfile::tempdir().expect("a folder");
    let database = database::empty(temporary.path());
    let place = place(&database);
    let start = std::sync::Barrier::new(4);
    let applied: Vec<usize> = std::thread::scope(|scope| {
        let migrate = || {
            start.wait();
            migrate::run(&place).expect("migrations")
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(migrate)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("an instance"))
            .collect()
    });
    let all = names(&folder("migrations/postgres")).len();
    assert_eq!(applied.iter().filter(|count| **count == all).count(), 1);
    assert_eq!(applied.iter().sum::<usize>(), all, "{applied:?}");
}

/// A column's type, as both databases and the schema in Rust can be brought to say it, and whether it may be null.
pub type Columns = BTreeMap<String, (String, bool)>;

/// Reads the `table!` blocks: name, columns, types.
pub fn declared() -> BTreeMap<String, Columns> {
    let text = std::fs::read_to_string(folder("src/db/schema.rs")).expect("the schema");
    let mut tables: BTreeMap<String, Columns> = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines().map(str::trim) {
        if let Some((name, column)) = line
            .strip_suffix(',')
            .and_then(|line| line.split_once(" -> "))
        {
            let inner = column
                .strip_prefix("Nullable<")
                .and_then(|rest| rest.strip_suffix('>'));
            let kind = (inner.unwrap_or(column).to_owned(), inner.is_some());
            let table = tables.get_mut(&current).expect("a table around a column");
            assert!(table.insert(name.to_owned(), kind).is_none(), "{name}");
        } else if let Some((name, _)) = line
            .strip_suffix('{')
            .and_then(|line| line.split_once(" ("))
        {
            current = name.to_owned();
            tables.insert(current.clone(), Columns::new());
        }
    }
    tables
}

#[derive(diesel::QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    relation: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Bool)]
    nullable: bool,
}

fn found(place: &Place) -> BTreeMap<String, Columns> {
    let query = if place.is_sqlite() {
        "SELECT t.name AS relation, c.name AS name, c.type AS kind, c.\"notnull\" = 0 AND c.pk = 0 AS nullable
         FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c
         WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name NOT LIKE 'projects_search%'"
    } else {
        "SELECT table_name::text AS relation, column_name::text AS name, data_type::text AS kind,
                is_nullable = 'YES' AS nullable
         FROM information_schema.columns WHERE table_schema = 'public'"
    };
    let rows: Vec<Column> = diesel::sql_query(query)
        .load(&mut connect(place))
        .expect("the columns");
    let mut tables: BTreeMap<String, Columns> = BTreeMap::new();
    for row in rows {
        let columns = tables.entry(row.relation).or_default();
        columns.insert(row.name, (row.kind, row.nullable));
    }
    tables.remove("__diesel_schema_migrations");
    tables
}

/// How a type of the schema in Rust is called by SQLite and by PostgreSQL.
fn native(kind: &str, is_sqlite: bool) -> &'static str {
    let (sqlite, postgres) = match kind {
        "Text" => ("TEXT", "text"),
        "BigInt" => ("INTEGER", "bigint"),
        "Integer" => ("INTEGER", "integer"),
        "Double" => ("REAL", "double precision"),
        "Bool" => ("INTEGER", "boolean"),
        "Date" => ("TEXT", "date"),
        "Instant" => ("INTEGER", "timestamp with time zone"),
        "Uid" => ("BLOB", "uuid"),
        "Doc" => ("TEXT", "jsonb"),
        other => panic!("no database has the type {other}"),
    };
    if is_sqlite { sqlite } else { postgres }
}

#[test]
fn the_schema_in_rust_is_the_schema_of_the_database() {
    let temporary = tempfile::tempdir().expect("a folder");
    let database = Database::new(temporary.path());
    let place = place(&database);
    let mut found = found(&place);
    let own: &[(&str, &str)] = if place.is_sqlite() {
        &[("projects", "no")]
    } else {
        &[("projects", "search"), ("events", "settled_after")]
    };
    for (table, column) in own {
        let columns = found.get_mut(*table).expect("the table");
        assert!(columns.remove(*column).is_some(), "{table}.{column}");
    }
    let mut declared = declared();
    assert!(declared.len() >= 28, "{}", declared.len());
    for columns in declared.values_mut() {
        for (kind, _) in columns.values_mut() {
            *kind = native(kind, place.is_sqlite()).to_owned();
        }
    }
    let all: BTreeSet<&String> = declared.keys().chain(found.keys()).collect();
    for table in all {
        assert_eq!(declared.get(table), found.get(table), "{table}");
    }
}
