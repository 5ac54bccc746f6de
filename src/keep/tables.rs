//! Which tables a database has and how they lean on each other, as the database itself says.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};

use crate::db::Conn;

/// Columns that only one of the databases has, and fills by itself (migrations/README.md).
const OWN: &[(&str, &str)] = &[("projects", "no"), ("events", "settled_after")];

const OF_SQLITE: &str = "
    SELECT t.name AS relation, c.name AS name, c.type AS kind, c.pk AS place, 0 AS is_counted
    FROM pragma_table_list AS t JOIN pragma_table_info(t.name) AS c
    WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite_%'
    AND t.name <> '__diesel_schema_migrations' ORDER BY t.name, c.cid";
const OF_POSTGRES: &str = "
    SELECT t.relname::text AS relation, c.attname::text AS name, format_type(c.atttypid, NULL) AS kind,
           coalesce(array_position(k.indkey::int2[], c.attnum) + 1, 0)::bigint AS place,
           c.attidentity <> '' AS is_counted
    FROM pg_class AS t
    JOIN pg_attribute AS c ON c.attrelid = t.oid AND c.attnum > 0 AND NOT c.attisdropped AND c.attgenerated = ''
    LEFT JOIN pg_index AS k ON k.indrelid = t.oid AND k.indisprimary
    WHERE t.relnamespace = current_schema()::regnamespace AND t.relkind IN ('r', 'p')
    AND t.relname <> '__diesel_schema_migrations' ORDER BY t.relname, c.attnum";

const LINKS_OF_SQLITE: &str = "
    SELECT t.name AS child, l.\"table\" AS parent
    FROM pragma_table_list AS t JOIN pragma_foreign_key_list(t.name) AS l
    WHERE t.schema = 'main' AND t.type = 'table'";
const LINKS_OF_POSTGRES: &str = "
    SELECT c.relname::text AS child, p.relname::text AS parent
    FROM pg_constraint AS l JOIN pg_class AS c ON c.oid = l.conrelid JOIN pg_class AS p ON p.oid = l.confrelid
    WHERE l.contype = 'f' AND l.connamespace = current_schema()::regnamespace";

/// A table, as one database has it.
#[derive(Debug, Clone)]
pub struct Table {
    pub name: String,
    pub columns: Vec<Column>,
    /// What its rows are sorted by, the same on both databases.
    pub order: Vec<Column>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    /// The type, in the database's own words.
    pub kind: String,
    /// Whether PostgreSQL numbers the rows by it.
    pub is_counted: bool,
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Text)]
    relation: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    /// Its place in the primary key; 0 where it is no part of it.
    #[diesel(sql_type = BigInt)]
    place: i64,
    #[diesel(sql_type = Bool)]
    is_counted: bool,
}

#[derive(QueryableByName)]
struct Link {
    #[diesel(sql_type = Text)]
    child: String,
    #[diesel(sql_type = Text)]
    parent: String,
}

/// Every table, each after those that its rows point to.
///
/// # Errors
/// The database's, or that tables point to each other in a circle.
pub fn all(conn: &mut Conn) -> anyhow::Result<Vec<Table>> {
    let (columns, links) = match conn {
        Conn::Sqlite(_) => (OF_SQLITE, LINKS_OF_SQLITE),
        Conn::Pg(_) => (OF_POSTGRES, LINKS_OF_POSTGRES),
    };
    let found: Vec<Found> = diesel::sql_query(columns)
        .load(conn)
        .context("asking for the tables")?;
    let links: Vec<Link> = diesel::sql_query(links)
        .load(conn)
        .context("asking how the tables are linked")?;
    let mut tables: BTreeMap<String, Vec<Found>> = BTreeMap::new();
    for column in found {
        let own = |(table, name): &(&str, &str)| column.relation == *table && column.name == *name;
        if !OWN.iter().any(own) {
            let columns = tables.entry(column.relation.clone()).or_default();
            columns.push(column);
        }
    }
    in_order(tables, &links)
}

fn in_order(mut left: BTreeMap<String, Vec<Found>>, links: &[Link]) -> anyhow::Result<Vec<Table>> {
    let mut sorted = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let waits = |name: &String| {
            links.iter().any(|link| {
                link.child == *name && link.parent != *name && left.contains_key(&link.parent)
            })
        };
        let (waiting, free): (Vec<String>, Vec<String>) = left.keys().cloned().partition(waits);
        if free.is_empty() {
            bail!(
                "these tables point to each other in a circle: {}",
                waiting.join(", ")
            );
        }
        for name in free {
            if let Some(columns) = left.remove(&name) {
                sorted.push(Table::new(name, columns)?);
            }
        }
    }
    Ok(sorted)
}

impl Table {
    fn new(name: String, found: Vec<Found>) -> anyhow::Result<Self> {
        let mut key: Vec<&Found> = found.iter().filter(|column| column.place > 0).collect();
        key.sort_by_key(|column| column.place);
        if key.is_empty() {
            // Its own number is the key on SQLite, and the id on PostgreSQL.
            key.extend(found.iter().find(|column| column.name == "id"));
        }
        if key.is_empty() {
            bail!("the table {name} has neither a primary key nor an id to sort its rows by");
        }
        let order = key.into_iter().map(Column::from).collect();
        let columns = found.iter().map(Column::from).collect();
        Ok(Self {
            name,
            columns,
            order,
        })
    }

    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.columns
            .iter()
            .map(|column| column.name.clone())
            .collect()
    }

    /// The same table with its columns in this order.
    ///
    /// # Errors
    /// When it does not have exactly these columns.
    pub fn arranged(mut self, names: &[String]) -> anyhow::Result<Self> {
        let (mut has, mut wanted) = (self.names(), names.to_vec());
        has.sort();
        wanted.sort();
        if has != wanted {
            bail!(
                "the table {} has the columns {}, and the backup {}",
                self.name,
                has.join(", "),
                wanted.join(", ")
            );
        }
        let place = |column: &Column| names.iter().position(|name| *name == column.name);
        self.columns.sort_by_key(place);
        Ok(self)
    }
}

impl From<&Found> for Column {
    fn from(found: &Found) -> Self {
        Self {
            name: found.name.clone(),
            kind: found.kind.clone(),
            is_counted: found.is_counted,
        }
    }
}
