//! The columns of a row, written as SQL once. A query that is put together at run time is written three times for each run,
//! and most of that text are the columns it selects.

use std::sync::OnceLock;

use diesel::expression::{AppearsOnTable, SelectableExpression, ValidGrouping};
use diesel::pg::{Pg, PgQueryBuilder};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryBuilder, QueryFragment, QueryId};

use super::connection::MultiBackend;

/// A selection that stands as text from its first use on. Both databases read names in double quotes.
pub struct Written<S> {
    selection: S,
    text: &'static OnceLock<String>,
}

impl<S> Written<S> {
    /// The text belongs to this selection alone.
    pub fn new(selection: S, text: &'static OnceLock<String>) -> Self {
        Self { selection, text }
    }
}

impl<S: Expression> Expression for Written<S> {
    type SqlType = S::SqlType;
}
impl<S: AppearsOnTable<T>, T> AppearsOnTable<T> for Written<S> {}
impl<S: SelectableExpression<T>, T> SelectableExpression<T> for Written<S> {}
impl<S: ValidGrouping<G>, G> ValidGrouping<G> for Written<S> {
    type IsAggregate = S::IsAggregate;
}
impl<S> QueryId for Written<S> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<S: QueryFragment<Pg>> QueryFragment<MultiBackend> for Written<S> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        let text = if let Some(text) = self.text.get() {
            text
        } else {
            let mut builder = PgQueryBuilder::default();
            self.selection.to_sql(&mut builder, &Pg)?;
            self.text.get_or_init(|| builder.finish())
        };
        pass.push_sql(text);
        Ok(())
    }
}
