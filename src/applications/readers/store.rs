//! How readers are kept and found.

use diesel::expression::SqlLiteral;
use diesel::prelude::*;

use super::super::model::{Application, ApplicationId};
use super::super::store::{Condition, within};
use crate::app::Tx;
use crate::auth::{AccountId, Caller, Role};
use crate::db::schema::{application_readers as readers, applications};
use crate::db::sql::{Instant, Uid};
use crate::db::{Conn, Moment, MultiBackend};
use crate::error::{Error, OrNotFound, Result};
use crate::network::CallId;
use crate::projects;

crate::ids! {
    /// One person's right to read one application; the id of the review that it comes with.
    ReaderId,
}

/// Somebody who reads an application as its reviewer.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = readers)]
pub struct Reader {
    pub id: ReaderId,
    pub application_id: ApplicationId,
    pub account_id: AccountId,
    /// Whether they may not know whose it is. The row's id then stands for the application's.
    pub blind: bool,
    /// What a blind reader calls it.
    pub label: String,
    pub since: Moment,
}

/// # Errors
/// The database's.
pub fn add(tx: &mut Tx<'_>, reader: &Reader) -> Result<()> {
    diesel::insert_into(readers::table)
        .values((
            readers::id.eq(reader.id),
            readers::application_id.eq(reader.application_id),
            readers::account_id.eq(reader.account_id),
            readers::blind.eq(reader.blind),
            readers::label.eq(&reader.label),
            readers::since.eq(reader.since),
        ))
        .execute(tx.conn)?;
    Ok(())
}

/// Takes the right to read away again.
///
/// # Errors
/// The database's.
pub fn end(tx: &mut Tx<'_>, id: ReaderId) -> Result<()> {
    diesel::delete(readers::table.find(id)).execute(tx.conn)?;
    Ok(())
}

/// Makes all reviewers of a call blind, or none.
///
/// # Errors
/// The database's.
pub fn set_blind(tx: &mut Tx<'_>, call: CallId, blind: bool) -> Result<()> {
    let of_call = applications::table
        .filter(applications::call_id.eq(call))
        .select(applications::id);
    diesel::update(readers::table.filter(readers::application_id.eq_any(of_call)))
        .set(readers::blind.eq(blind))
        .execute(tx.conn)?;
    Ok(())
}

/// That the caller reads an application as its reviewer: they have it to review, still hold the role for its call or
/// region, and are in no conflict with its project. `named` leaves out those that they read blind.
pub fn assigned(caller: &Caller, named: bool) -> Option<Condition> {
    let account = caller.account()?;
    let scope = if caller.everywhere(Role::Reviewer) {
        None
    } else {
        Some(within(caller, Role::Reviewer)?)
    };
    let own = readers::table.filter(readers::account_id.eq(account));
    let own: Condition = if named {
        let named = own.filter(readers::blind.eq(false));
        Box::new(applications::id.eq_any(named.select(readers::application_id)))
    } else {
        Box::new(applications::id.eq_any(own.select(readers::application_id)))
    };
    let column = "applications.project_id";
    let free = projects::free_of_conflict::<applications::table>(column, account);
    let condition: Condition = Box::new(own.and(free));
    Some(match scope {
        None => condition,
        Some(scope) => Box::new(condition.and(scope)),
    })
}

/// The caller's own rows about some applications.
///
/// # Errors
/// The database's.
pub fn mine(
    conn: &mut Conn,
    account: AccountId,
    applications: &[ApplicationId],
) -> Result<Vec<Reader>> {
    let own = readers::table
        .filter(readers::account_id.eq(account))
        .filter(readers::application_id.eq_any(applications.to_vec()));
    Ok(own.select(Reader::as_select()).load(conn)?)
}

/// An application that the caller reviews, by the id under which they know it.
///
/// # Errors
/// `not-found` where there is none for the caller.
pub fn as_reviewer(
    conn: &mut Conn,
    caller: &Caller,
    id: ApplicationId,
) -> Result<(Application, Reader)> {
    let (Some(account), Some(condition)) = (caller.account(), assigned(caller, false)) else {
        return Err(Error::not_found());
    };
    let blind = readers::blind.eq(true).and(readers::id.eq(ReaderId(id.0)));
    let named = readers::blind.eq(false).and(readers::application_id.eq(id));
    let reader: Reader = readers::table
        .filter(readers::account_id.eq(account))
        .filter(blind.or(named))
        .select(Reader::as_select())
        .get_result(conn)
        .or_not_found()?;
    let application = applications::table
        .into_boxed::<MultiBackend>()
        .filter(applications::id.eq(reader.application_id))
        .filter(condition)
        .select(Application::as_select())
        .get_result(conn)
        .or_not_found()?;
    Ok((application, reader))
}

/// What a column is to somebody who reads blind: what their own row says in its place.
macro_rules! shown {
    ($name:ident, $own:literal, $sql:ty) => {
        /// A column of applications as the caller may know it, for sorting.
        pub fn $name(account: AccountId, column: &str) -> Own<$sql> {
            let start = concat!(
                "coalesce((SELECT r.",
                $own,
                " FROM application_readers r ",
                "WHERE r.blind AND r.application_id = applications.id AND r.account_id = "
            );
            diesel::dsl::sql::<$sql>(start)
                .bind::<Uid, _>(account)
                .sql(&format!("), applications.{column})"))
        }
    };
}
type Own<T> = SqlLiteral<
    T,
    diesel::expression::UncheckedBind<
        SqlLiteral<T>,
        <AccountId as diesel::expression::AsExpression<Uid>>::Expression,
    >,
>;
shown!(shown_at, "since", Instant);
shown!(shown_as, "id", Uid);
