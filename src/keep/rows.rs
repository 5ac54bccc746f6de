//! Rows as JSON arrays of texts, numbers and nulls, the same from both databases and into both.

use anyhow::{Context, bail};
use aws_lc_rs::digest;
use diesel::connection::DefaultLoadingMode;
use diesel::pg::PgRowByRowLoadingMode;
use diesel::prelude::*;
use diesel::sql_types::Text;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use super::tables::{Column, Table};
use crate::auth::secrets::hex;
use crate::db::Conn;

/// What there is of a table: how many rows, and the digest of them in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    pub rows: u64,
    pub sha256: String,
}

/// Adds rows up to a `Sum`.
pub struct Summing {
    rows: u64,
    context: digest::Context,
}

impl Summing {
    #[must_use]
    pub fn new() -> Self {
        Self {
            rows: 0,
            context: digest::Context::new(&digest::SHA256),
        }
    }

    pub fn add(&mut self, row: &[Value]) -> anyhow::Result<()> {
        let plain: Vec<Value> = row.iter().map(plain).collect();
        self.context.update(&serde_json::to_vec(&plain)?);
        self.context.update(b"\n");
        self.rows += 1;
        Ok(())
    }

    #[must_use]
    pub fn sum(self) -> Sum {
        Sum {
            rows: self.rows,
            sha256: hex(self.context.finish().as_ref()),
        }
    }
}

/// A value as both databases would write it: PostgreSQL keeps the meaning of a JSON document and not its text, and
/// writes 1e3 as 1000.
fn plain(value: &Value) -> Value {
    match value {
        Value::String(text) if text.starts_with(['{', '[']) => {
            match serde_json::from_str::<Value>(text) {
                Ok(mut document) => {
                    document.sort_all_objects();
                    plain_numbers(&mut document);
                    document
                }
                Err(_) => value.clone(),
            }
        }
        other => {
            let mut other = other.clone();
            plain_numbers(&mut other);
            other
        }
    }
}

fn plain_numbers(value: &mut Value) {
    match value {
        Value::Number(number) => *number = plain_number(number),
        Value::Array(values) => values.iter_mut().for_each(plain_numbers),
        Value::Object(members) => members.values_mut().for_each(plain_numbers),
        _ => {}
    }
}

fn plain_number(number: &Number) -> Number {
    if number.is_i64() {
        return number.clone();
    }
    // Beyond the range of i64 both are compared as floating point; `{:.0}` writes all digits of a whole number.
    let float = number.as_f64().unwrap_or(f64::NAN);
    let whole = (float.fract() == 0.0)
        .then(|| format!("{float:.0}").parse::<i64>().ok())
        .flatten();
    match whole {
        Some(whole) => whole.into(),
        None => Number::from_f64(float).unwrap_or_else(|| number.clone()),
    }
}

/// Reads a table row by row, however large it is.
///
/// # Errors
/// The database's, or what `take` says.
pub fn each(
    conn: &mut Conn,
    table: &Table,
    mut take: impl FnMut(Vec<Value>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    #[derive(QueryableByName)]
    struct Line {
        #[diesel(sql_type = Text)]
        line: String,
    }
    let query = diesel::sql_query(select(conn, table)?);
    let mut line = |line: QueryResult<Line>| take(parse(table, &line?.line)?);
    match conn {
        Conn::Sqlite(sqlite) => query
            .load_iter::<Line, DefaultLoadingMode>(sqlite)?
            .try_for_each(&mut line),
        Conn::Pg(pg) => query
            .load_iter::<Line, PgRowByRowLoadingMode>(pg)?
            .try_for_each(&mut line),
    }
    .with_context(|| format!("reading the table {}", table.name))
}

fn parse(table: &Table, line: &str) -> anyhow::Result<Vec<Value>> {
    let mut row: Vec<Value> = serde_json::from_str(line)?;
    // PostgreSQL writes documents with blanks in them, the program without.
    for (value, column) in row.iter_mut().zip(&table.columns) {
        if let (Value::String(text), "jsonb") = (&mut *value, column.kind.as_str()) {
            let document: Value = serde_json::from_str(text)?;
            *value = Value::String(document.to_string());
        }
    }
    Ok(row)
}

fn select(conn: &Conn, table: &Table) -> anyhow::Result<String> {
    let columns: Result<Vec<String>, _> = table
        .columns
        .iter()
        .map(|column| read(conn, table, column))
        .collect();
    let columns = columns?.join(", ");
    let order: Vec<String> = table
        .order
        .iter()
        .map(|column| order(conn, column))
        .collect();
    let (name, order) = (&table.name, order.join(", "));
    Ok(match conn {
        Conn::Sqlite(_) => {
            format!("SELECT json_array({columns}) AS line FROM \"{name}\" ORDER BY {order}")
        }
        Conn::Pg(_) => {
            format!(
                "SELECT json_build_array({columns})::text AS line FROM \"{name}\" ORDER BY {order}"
            )
        }
    })
}

fn order(conn: &Conn, column: &Column) -> String {
    match (conn, column.kind.as_str()) {
        (Conn::Pg(_), "text") => format!("\"{}\" COLLATE \"C\"", column.name),
        _ => format!("\"{}\"", column.name),
    }
}

/// SQL for a column's value as a text or a number.
fn read(conn: &Conn, table: &Table, column: &Column) -> anyhow::Result<String> {
    let name = format!("\"{}\"", column.name);
    Ok(match (conn, column.kind.as_str()) {
        (Conn::Sqlite(_), "INTEGER" | "REAL" | "TEXT")
        | (Conn::Pg(_), "text" | "bigint" | "integer" | "smallint" | "double precision") => name,
        (Conn::Sqlite(_), "BLOB") => {
            format!("CASE WHEN {name} IS NOT NULL THEN lower(hex({name})) END")
        }
        (Conn::Pg(_), "uuid") => format!("replace({name}::text, '-', '')"),
        (Conn::Pg(_), "bytea") => format!("encode({name}, 'hex')"),
        (Conn::Pg(_), "boolean") => format!("{name}::integer"),
        (Conn::Pg(_), "date") => format!("to_char({name}, 'YYYY-MM-DD')"),
        (Conn::Pg(_), "jsonb") => format!("{name}::text"),
        (Conn::Pg(_), "timestamp with time zone") => {
            format!("(extract(epoch FROM {name}) * 1000000)::bigint")
        }
        (_, kind) => bail!(
            "{}.{} is of the type {kind}, which src/keep/rows.rs does not know",
            table.name,
            column.name
        ),
    })
}

/// Removes what a migration put into a new table; the backup has it, or it was removed since.
///
/// # Errors
/// The database's.
pub fn clear(conn: &mut Conn, table: &Table) -> anyhow::Result<()> {
    // An append-only table refuses the statement even where it would remove nothing.
    let mut is_empty = true;
    each(conn, table, |_| {
        is_empty = false;
        Ok(())
    })?;
    if !is_empty {
        diesel::sql_query(format!("DELETE FROM \"{}\"", table.name))
            .execute(conn)
            .with_context(|| format!("clearing the table {}", table.name))?;
    }
    Ok(())
}

/// Adds rows, each a line with a JSON array of the table's columns.
///
/// # Errors
/// The database's.
pub fn insert(conn: &mut Conn, table: &Table, lines: &[String]) -> anyhow::Result<()> {
    let values: Vec<String> = table
        .columns
        .iter()
        .enumerate()
        .map(|(at, column)| write(conn, column, at))
        .collect();
    let (name, values) = (&table.name, values.join(", "));
    let columns = format!("\"{}\"", table.names().join("\", \""));
    let statement = match conn {
        Conn::Sqlite(_) => format!(
            "INSERT INTO \"{name}\" ({columns}) SELECT {values} FROM json_each($1) ORDER BY key"
        ),
        Conn::Pg(_) => format!(
            "INSERT INTO \"{name}\" ({columns}) SELECT {values}
             FROM json_array_elements($1::json) WITH ORDINALITY AS rows (value, key) ORDER BY key"
        ),
    };
    diesel::sql_query(statement)
        .bind::<Text, _>(format!("[{}]", lines.join(",")))
        .execute(conn)
        .with_context(|| format!("writing the table {name}"))?;
    Ok(())
}

/// SQL that takes a column's value back out of the row.
fn write(conn: &Conn, column: &Column, at: usize) -> String {
    let value = format!("(value ->> {at})");
    match (conn, column.kind.as_str()) {
        (Conn::Sqlite(_), "BLOB") => format!("unhex{value}"),
        (Conn::Sqlite(_), _) => value,
        (Conn::Pg(_), "bytea") => format!("decode({value}, 'hex')"),
        (Conn::Pg(_), "boolean") => format!("{value}::integer::boolean"),
        (Conn::Pg(_), "timestamp with time zone") => {
            format!("timestamptz 'epoch' + {value}::bigint * interval '1 microsecond'")
        }
        (Conn::Pg(_), kind) => format!("{value}::{kind}"),
    }
}

/// Lets PostgreSQL number further rows on from those that there are; SQLite does it by itself.
///
/// # Errors
/// The database's.
pub fn count_on(conn: &mut Conn, table: &Table) -> anyhow::Result<()> {
    for column in table.columns.iter().filter(|column| column.is_counted) {
        let (table, column) = (&table.name, &column.name);
        diesel::sql_query(format!(
            "SELECT setval(pg_get_serial_sequence('\"{table}\"', '{column}'), coalesce(max(\"{column}\"), 1),
                           max(\"{column}\") IS NOT NULL) FROM \"{table}\""
        ))
        .execute(conn)
        .with_context(|| format!("counting on in {table}.{column}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_both_databases_mean_by_a_value_is_plain() {
        for (one, other) in [
            (r#"{"b":1,"a":[1e3]}"#, r#"{"a": [1000], "b": 1}"#),
            ("[1e16,-0.0,1.50]", "[10000000000000000, 0.0, 1.5]"),
            ("[18446744073709551615]", "[18446744073709551615.0]"),
            ("[1.5e-7]", "[0.00000015]"),
        ] {
            assert_eq!(plain(&json!(one)), plain(&json!(other)), "{one}");
        }
        for (one, other) in [
            (json!("{not json"), json!("{not  json")),
            (json!("[1]"), json!("[2]")),
            (json!("[9007199254740993]"), json!("[9007199254740992]")),
            (json!(null), json!("")),
            (json!(1), json!("1")),
        ] {
            assert_ne!(plain(&one), plain(&other), "{one}");
        }
    }
}
