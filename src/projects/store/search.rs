//! How projects are found by their words.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};

use super::{Condition, never};
use crate::db::Conn;
use crate::error::Result;

/// More projects than a search gives to sort.
const MANY: i64 = 1000;

/// Projects whose title, summary or reference has words that begin as the given ones do, by the database's own index.
/// None are found where the text has no letter and no digit to search for.
pub fn search(conn: &mut Conn, text: &str) -> Result<Condition> {
    let words: Vec<String> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
        .take(10)
        .map(str::to_lowercase)
        .collect();
    if words.is_empty() {
        return Ok(never());
    }
    match conn {
        Conn::Sqlite(_) => {
            let query = words
                .iter()
                .map(|word| format!("\"{word}\"*"))
                .collect::<Vec<_>>()
                .join(" ");
            Ok(Box::new(
                diesel::dsl::sql::<Bool>(
                    "projects.no IN (SELECT rowid FROM projects_search WHERE projects_search MATCH ",
                )
                .bind::<Text, _>(query)
                .sql(")"),
            ))
        }
        Conn::Pg(_) => {
            let query = words
                .iter()
                .map(|word| format!("{word}:*"))
                .collect::<Vec<_>>()
                .join(" & ");
            search_on_postgresql(conn, query)
        }
    }
}

/// Projects of whose words at least one begins as one of the given.
pub fn search_any(conn: &mut Conn, beginnings: &[String]) -> Condition {
    if beginnings.is_empty() {
        return never();
    }
    let (start, end, each, glue) = match conn {
        Conn::Sqlite(_) => (
            "projects.no IN (SELECT rowid FROM projects_search WHERE projects_search MATCH ",
            ")",
            ["\"", "\"*"],
            " OR ",
        ),
        Conn::Pg(_) => (
            "projects.search @@ to_tsquery('simple', plain_letters(",
            "))",
            ["", ":*"],
            " | ",
        ),
    };
    let words: Vec<String> = beginnings
        .iter()
        .map(|word| format!("{}{word}{}", each[0], each[1]))
        .collect();
    let condition = diesel::dsl::sql::<Bool>(start).bind::<Text, _>(words.join(glue));
    Box::new(condition.sql(end))
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = BigInt)]
    found: i64,
}

/// PostgreSQL takes the beginning of a word for far more common than it is, and would rather walk through all projects in
/// the list's order. So it is told: few are found first, then sorted; where they are many, walking soon meets enough.
fn search_on_postgresql(conn: &mut Conn, query: String) -> Result<Condition> {
    const MATCHES: &str = "search @@ to_tsquery('simple', plain_letters(";
    // Materialized, or the limit alone would make it walk.
    let count = diesel::sql_query(format!(
        "WITH hits AS MATERIALIZED (SELECT 1 FROM projects WHERE {MATCHES}$1)))
        SELECT count(*) AS found FROM (SELECT 1 FROM hits LIMIT {MANY}) AS first_ones"
    ));
    let few = count
        .bind::<Text, _>(&query)
        .get_result::<Found>(conn)?
        .found
        < MANY;
    let (start, end) = if few {
        (
            "projects.id = ANY (ARRAY(SELECT hits.id FROM projects hits WHERE hits.",
            "))))",
        )
    } else {
        ("projects.", "))")
    };
    let condition = diesel::dsl::sql::<Bool>(&format!("{start}{MATCHES}"));
    Ok(Box::new(condition.bind::<Text, _>(query).sql(end)))
}
