//! The few statements that the two databases want told apart, each behind one name.

use diesel::backend::Backend;
use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sqlite::Sqlite;

use super::connection::{AnyConnection as Conn, MultiBackend};

/// Runs any query that both databases can render, such as `on_conflict`, through the one connection type.
#[derive(Clone, Copy)]
pub struct Each<Q>(pub Q);

impl<Q> QueryFragment<MultiBackend> for Each<Q>
where
    Q: QueryFragment<Pg> + QueryFragment<Sqlite>,
{
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        MultiBackend::walk_variant_ast(&self.0, pass)
    }
}
impl<Q: QueryId> QueryId for Each<Q> {
    type QueryId = Q::QueryId;
    const HAS_STATIC_QUERY_ID: bool = Q::HAS_STATIC_QUERY_ID;
}
impl<Q: Query> Query for Each<Q> {
    type SqlType = Q::SqlType;
}
impl<Q> diesel::RunQueryDsl<Conn> for Each<Q> {}

/// Runs a query on the connection of the database at hand. Through the one connection type diesel writes the text of a
/// query three times for each run; this way it is not written at all once the statement is prepared. For queries that
/// run with every request and have the same text each time.
#[macro_export]
macro_rules! native {
    ($conn:expr, |$native:ident| $query:expr) => {
        match $conn {
            $crate::db::Conn::Sqlite($native) => $query,
            $crate::db::Conn::Pg($native) => $query,
        }
    };
}

/// Changes rows by an UPDATE, or an INSERT that gives way to a row which is there, with its statement kept prepared. The
/// column, a bigint, is only what diesel wants to see come back. Says how many rows there were.
#[macro_export]
macro_rules! native_change {
    ($conn:expr, $change:expr, $column:expr) => {{
        let change = $crate::db::dialect::Cached($change.returning($column));
        $crate::native!($conn, |c| change.load::<i64>(c)).map(|rows| rows.len())
    }};
}

/// Changes one row by an UPDATE, or adds it by an INSERT that gives way to another, with its statement kept prepared, and
/// gives the row as it is then; none where there was none to change.
#[macro_export]
macro_rules! native_row {
    ($conn:expr, $change:expr, $row:ty) => {
        $crate::native!($conn, |c| $crate::db::dialect::Cached(
            $change.returning(<$row>::as_returning())
        )
        .get_result::<$row>(c))
        .optional()
    };
}

/// Keeps the prepared statement of a query that diesel would compile anew each time (UPDATE … RETURNING).
/// It is keyed by its SQL text, so it is always the right one.
pub struct Cached<Q>(pub Q);

impl<DB: Backend, Q: QueryFragment<DB>> QueryFragment<DB> for Cached<Q> {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.walk_ast(pass)
    }
    fn is_safe_to_cache_prepared(&self, _: &DB) -> QueryResult<bool> {
        Ok(true)
    }
}
impl<Q> QueryId for Cached<Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}
impl<Q: Query> Query for Cached<Q> {
    type SqlType = Q::SqlType;
}
impl<Q, C> diesel::RunQueryDsl<C> for Cached<Q> {}

/// Opens a write transaction. SQLite takes its write lock at once, so that a transaction that has read can't
/// find out at its end that it may not write.
pub fn begin_write(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(sqlite) => {
            AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE")
        }
        Conn::Pg(pg) => AnsiTransactionManager::begin_transaction(pg),
    }
}

/// Opens a transaction that sees one moment of the database however long it lasts, and holds up nobody.
/// It ends with its connection.
pub fn begin_snapshot(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(sqlite) => AnsiTransactionManager::begin_transaction(sqlite),
        Conn::Pg(pg) => AnsiTransactionManager::begin_transaction_sql(
            pg,
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        ),
    }
}

/// Takes the limits of time, which are meant for requests, off a connection that has long work to do.
pub fn lift_limits(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(_) => Ok(()),
        Conn::Pg(pg) => pg.batch_execute(
            "SET lock_timeout = 0; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0",
        ),
    }
}

/// Ends the transaction; what it wrote stays.
pub fn commit(conn: &mut Conn) -> QueryResult<()> {
    <Conn as Connection>::TransactionManager::commit_transaction(conn)
}

/// Reads a state of the database that nobody changes meanwhile.
pub fn snapshot<T>(
    conn: &mut Conn,
    work: impl FnOnce(&mut Conn) -> QueryResult<T>,
) -> QueryResult<T> {
    conn.transaction(|conn| {
        if let Conn::Pg(pg) = conn {
            diesel::sql_query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                .execute(pg)?;
        }
        work(conn)
    })
}

/// Does a part of a transaction that may fail by itself: where it is refused, nothing of it stays, and the rest goes on.
pub fn savepoint<T>(
    conn: &mut Conn,
    work: impl FnOnce(&mut Conn) -> crate::error::Result<T>,
) -> crate::error::Result<T> {
    conn.transaction(work)
}

/// Does something, looks at what came of it, and takes it back.
pub fn rehearse<T>(
    conn: &mut Conn,
    work: impl FnOnce(&mut Conn) -> crate::error::Result<T>,
) -> crate::error::Result<T> {
    let mut outcome = None;
    let taken_back = conn.transaction(|conn| {
        outcome = Some(work(conn));
        Err::<(), _>(diesel::result::Error::RollbackTransaction)
    });
    match (taken_back, outcome) {
        (Err(diesel::result::Error::RollbackTransaction), Some(outcome)) => outcome,
        (Err(error), _) => Err(error.into()),
        (Ok(()), _) => Err(anyhow::anyhow!("a rehearsal was kept").into()),
    }
}

#[derive(QueryableByName)]
struct One {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    #[expect(
        dead_code,
        reason = "a statement that is kept prepared has to give a row"
    )]
    one: i64,
}

/// Takes the row's lock until the transaction ends, so that two commands on one thing follow each other.
/// SQLite has one writer, which is lock enough. NO KEY, because rows that refer to this one hold a share of its key:
/// two transactions that have each added such a row would wait for each other.
pub fn lock_row(conn: &mut Conn, table: &'static str, id: uuid::Uuid) -> QueryResult<()> {
    if let Conn::Pg(pg) = conn {
        let lock = diesel::sql_query(format!(
            "SELECT 1::bigint AS one FROM {table} WHERE id = $1 FOR NO KEY UPDATE"
        ));
        Cached(lock.bind::<diesel::sql_types::Uuid, _>(id)).load::<One>(pg)?;
    }
    Ok(())
}

/// Takes a lock named by a text until the transaction ends, or says at once that somebody else holds it.
pub fn try_lock_name(conn: &mut Conn, name: &str) -> QueryResult<bool> {
    match conn {
        Conn::Sqlite(_) => Ok(true),
        Conn::Pg(pg) => Cached(diesel::select(
            diesel::dsl::sql::<diesel::sql_types::Bool>(
                "pg_try_advisory_xact_lock(hashtextextended(",
            )
            .bind::<diesel::sql_types::Text, _>(name)
            .sql(", 0))"),
        ))
        .get_result(pg),
    }
}

/// Takes a lock named by a text until the transaction ends, after whoever holds it.
pub fn lock_name(conn: &mut Conn, name: &str) -> QueryResult<()> {
    if let Conn::Pg(pg) = conn {
        diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
            .bind::<diesel::sql_types::Text, _>(name)
            .execute(pg)?;
    }
    Ok(())
}

#[derive(QueryableByName)]
struct DataVersion {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    data_version: i64,
}

/// SQLite: a number that is another one once any other connection, of any process, has committed a change.
pub fn data_version(conn: &mut SqliteConnection) -> QueryResult<i64> {
    Cached(diesel::sql_query("PRAGMA data_version"))
        .get_result::<DataVersion>(conn)
        .map(|row| row.data_version)
}

#[derive(QueryableByName)]
struct Snapshot {
    #[diesel(sql_type = diesel::sql_types::Text)]
    snapshot: String,
}

/// PostgreSQL: which transactions are visible. Where that is the same, the data is the same.
pub fn visible_transactions(conn: &mut Conn) -> QueryResult<String> {
    diesel::sql_query("SELECT pg_current_snapshot()::text AS snapshot")
        .get_result::<Snapshot>(conn)
        .map(|row| row.snapshot)
}

/// SQL for the seconds from one moment to another.
#[must_use]
pub fn seconds_between(conn: &Conn, from: &str, to: &str) -> String {
    match conn {
        Conn::Sqlite(_) => format!("(({to} - {from}) / 1000000.0)"),
        Conn::Pg(_) => format!("(extract(epoch from {to} - {from})::double precision)"),
    }
}

/// SQL that turns a sum of integers into what both databases call a bigint.
#[must_use]
pub fn bigint(expression: &str) -> String {
    format!("cast({expression} as bigint)")
}
