//! How accounts, codes and grants are kept and found.

use diesel::prelude::*;
use uuid::Uuid;

use super::model::{Account, CodeId, GrantId, GrantRow, NewAccount, Purpose, columns};
use crate::app::Tx;
use crate::auth::{AccountId, Caller, Grant, Role, Scope, ScopeKind};
use crate::db::schema::{accounts, grants, one_time_codes as codes};
use crate::db::{Conn, Json, Moment, MultiBackend};
use crate::error::{Error, OrNotFound, Result};
use crate::http::Keyset;
use crate::lang::Lang;
use crate::native;

type Boxed<'a> = accounts::BoxedQuery<'a, MultiBackend>;

/// Accounts that exist for the caller: all for admins, those with a grant in the network's work for coordinators.
fn visible<'a>(caller: &Caller) -> Boxed<'a> {
    let query = accounts::table.into_boxed();
    if caller.is_admin() {
        return query;
    }
    let at_work = grants::table
        .filter(grants::role.ne_all([Role::Owner, Role::Editor, Role::Viewer]))
        .filter(grants::valid_to.is_null())
        .select(grants::account_id);
    query.filter(accounts::id.eq_any(at_work))
}

/// # Errors
/// `not-found` where there is none for the caller.
pub fn one(conn: &mut Conn, caller: &Caller, id: AccountId) -> Result<Account> {
    visible(caller)
        .filter(accounts::id.eq(id))
        .select(Account::as_select())
        .get_result(conn)
        .or_not_found()
}

/// Which accounts a list shows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub role: Option<Role>,
    pub region: Option<String>,
    pub updated_since: Option<Moment>,
}

pub fn list(
    conn: &mut Conn,
    caller: &Caller,
    filter: &Filter,
    keyset: &Keyset,
) -> Result<Vec<Account>> {
    let mut query = visible(caller);
    let holders = || grants::table.filter(grants::valid_to.is_null());
    let region = filter.region.clone();
    query = match (filter.role, region) {
        (None, None) => query,
        (Some(role), None) => query.filter(
            accounts::id.eq_any(
                holders()
                    .filter(grants::role.eq(role))
                    .select(grants::account_id),
            ),
        ),
        (None, Some(region)) => query.filter(
            accounts::id.eq_any(
                holders()
                    .filter(grants::region.eq(region))
                    .select(grants::account_id),
            ),
        ),
        (Some(role), Some(region)) => {
            let both = holders()
                .filter(grants::role.eq(role))
                .filter(grants::region.eq(region));
            query.filter(accounts::id.eq_any(both.select(grants::account_id)))
        }
    };
    if let Some(since) = filter.updated_since {
        query = query.filter(accounts::updated_at.ge(since));
    }
    let query = crate::keyset!(query, keyset, accounts::id, AccountId, {
        "created_at" => accounts::created_at, Moment;
        "updated_at" => accounts::updated_at, Moment;
    });
    Ok(query.select(Account::as_select()).load(conn)?)
}

/// # Errors
/// `not-found` where there is none.
pub fn find(conn: &mut Conn, id: AccountId) -> Result<Account> {
    let one = accounts::table.find(id);
    native!(conn, |c| one.select(Account::as_select()).get_result(c)).or_not_found()
}

pub fn find_by_email(conn: &mut Conn, email: &str) -> Result<Option<Account>> {
    let found = accounts::table
        .filter(accounts::email.eq(email))
        .select(Account::as_select());
    Ok(found.get_result(conn).optional()?)
}

/// The names of some accounts.
pub fn named(conn: &mut Conn, ids: &[AccountId]) -> Result<Vec<(AccountId, String)>> {
    let query = accounts::table.filter(accounts::id.eq_any(ids.to_vec()));
    Ok(query.select((accounts::id, accounts::name)).load(conn)?)
}

pub fn insert(tx: &mut Tx<'_>, new: &NewAccount, verified_at: Option<Moment>) -> Result<Account> {
    let id: AccountId = tx.new_id();
    let row = (
        accounts::id.eq(id),
        accounts::email.eq(&new.email),
        accounts::name.eq(&new.name),
        accounts::language.eq(new.language),
        accounts::time_zone.eq("Europe/Brussels"),
        accounts::password_hash.eq(&new.password_hash),
        accounts::verified_at.eq(verified_at),
        accounts::version.eq(1_i64),
        accounts::created_at.eq(tx.now),
        accounts::updated_at.eq(tx.now),
    );
    diesel::insert_into(accounts::table)
        .values(row)
        .execute(tx.conn)?;
    find(tx.conn, id)
}

/// Writes a changed account back, unless it has changed meanwhile.
pub fn keep(tx: &mut Tx<'_>, account: &Account) -> Result<Account> {
    let changed = diesel::update(
        accounts::table
            .find(account.id)
            .filter(accounts::version.eq(account.version)),
    )
    .set((
        accounts::name.eq(&account.name),
        accounts::language.eq(account.language),
        accounts::time_zone.eq(&account.time_zone),
        accounts::password_hash.eq(&account.password_hash),
        accounts::verified_at.eq(account.verified_at),
        accounts::disabled_at.eq(account.disabled_at),
        accounts::version.eq(account.version + 1),
        accounts::updated_at.eq(tx.now),
    ))
    .execute(tx.conn)?;
    if changed == 0 {
        Err(Error::stale())
    } else {
        find(tx.conn, account.id)
    }
}

/// Writes the same password down under a newer hash. The account stays as its owner knows it, so its version does too.
///
/// # Errors
/// The database's.
pub fn renew_hash(tx: &mut Tx<'_>, id: AccountId, old: &str, new: &str) -> Result<()> {
    let unchanged = accounts::table
        .find(id)
        .filter(accounts::password_hash.eq(old));
    diesel::update(unchanged)
        .set(accounts::password_hash.eq(new))
        .execute(tx.conn)?;
    Ok(())
}

pub fn insert_code(
    tx: &mut Tx<'_>,
    account: AccountId,
    purpose: Purpose,
    pending: Option<&NewAccount>,
    expires_at: Moment,
) -> Result<CodeId> {
    let id: CodeId = tx.new_id();
    let pending = pending
        .map(serde_json::to_value)
        .transpose()
        .map_err(anyhow::Error::from)?
        .map(Json);
    diesel::insert_into(codes::table)
        .values((
            codes::id.eq(id),
            codes::account_id.eq(account),
            codes::purpose.eq(purpose.word()),
            codes::pending.eq(pending),
            codes::expires_at.eq(expires_at),
            codes::created_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    Ok(id)
}

/// How many mails this account was sent lately at a stranger's wish.
pub fn codes_since(conn: &mut Conn, account: AccountId, since: Moment) -> Result<i64> {
    let recent = codes::table
        .filter(codes::account_id.eq(account))
        .filter(codes::created_at.gt(since));
    Ok(recent.count().get_result(conn)?)
}

/// Uses a code up: whose it is and what was pending, once and in time only.
pub fn use_code(
    tx: &mut Tx<'_>,
    id: CodeId,
    purpose: Purpose,
) -> Result<Option<(AccountId, Option<NewAccount>)>> {
    let unused = codes::table
        .find(id)
        .filter(codes::purpose.eq(purpose.word()))
        .filter(codes::used_at.is_null())
        .filter(codes::expires_at.gt(tx.now));
    let used = diesel::update(unused)
        .set(codes::used_at.eq(tx.now))
        .execute(tx.conn)?;
    if used == 0 {
        return Ok(None);
    }
    let (account, pending): (AccountId, Option<Json>) = codes::table
        .find(id)
        .select((codes::account_id, codes::pending))
        .get_result(tx.conn)?;
    let pending = pending
        .map(|json| serde_json::from_value(json.0))
        .transpose()
        .map_err(anyhow::Error::from)?;
    Ok(Some((account, pending)))
}

/// Whose a code is, while it is unused and in time.
pub fn owner_of_code(
    conn: &mut Conn,
    id: CodeId,
    purpose: Purpose,
    now: Moment,
) -> Result<Option<AccountId>> {
    let unused = codes::table
        .find(id)
        .filter(codes::purpose.eq(purpose.word()))
        .filter(codes::used_at.is_null())
        .filter(codes::expires_at.gt(now));
    Ok(unused
        .select(codes::account_id)
        .get_result(conn)
        .optional()?)
}

/// Makes all codes of a kind useless, as when a password has been reset.
pub fn void_codes(tx: &mut Tx<'_>, account: AccountId, purpose: Purpose) -> Result<()> {
    let open = codes::table
        .filter(codes::account_id.eq(account))
        .filter(codes::purpose.eq(purpose.word()))
        .filter(codes::used_at.is_null());
    diesel::update(open)
        .set(codes::used_at.eq(tx.now))
        .execute(tx.conn)?;
    Ok(())
}

pub fn insert_grant(tx: &mut Tx<'_>, account: AccountId, grant: &Grant) -> Result<GrantRow> {
    let id: GrantId = tx.new_id();
    let (kind, region, scope_id) = columns(&grant.scope);
    diesel::insert_into(grants::table)
        .values((
            grants::id.eq(id),
            grants::account_id.eq(account),
            grants::role.eq(grant.role),
            grants::scope_kind.eq(kind),
            grants::region.eq(region),
            grants::scope_id.eq(scope_id.map(GrantId)),
            grants::valid_from.eq(tx.now),
            grants::given_by.eq(tx.caller.account()),
            grants::created_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    grant_row(tx.conn, account, id)
}

/// # Errors
/// `not-found` where the account has no such open grant.
pub fn grant_row(conn: &mut Conn, account: AccountId, id: GrantId) -> Result<GrantRow> {
    let found = grants::table
        .find(id)
        .filter(grants::account_id.eq(account))
        .filter(grants::valid_to.is_null());
    found
        .select(GrantRow::as_select())
        .get_result(conn)
        .or_not_found()
}

pub fn end_grant(tx: &mut Tx<'_>, id: GrantId) -> Result<()> {
    let open = grants::table.find(id).filter(grants::valid_to.is_null());
    diesel::update(open)
        .set(grants::valid_to.eq(tx.now))
        .execute(tx.conn)?;
    Ok(())
}

pub fn grant_rows(conn: &mut Conn, account: AccountId, now: Moment) -> Result<Vec<GrantRow>> {
    let valid = grants::table
        .filter(grants::account_id.eq(account))
        .filter(grants::valid_from.le(now))
        .filter(grants::valid_to.is_null().or(grants::valid_to.gt(now)));
    let ordered = valid.order((grants::created_at, grants::id));
    Ok(native!(conn, |c| ordered
        .select(GrantRow::as_select())
        .load(c))?)
}

/// The rights an account has at a moment.
pub fn grants_at(conn: &mut Conn, account: AccountId, now: Moment) -> Result<Vec<Grant>> {
    Ok(grant_rows(conn, account, now)?
        .iter()
        .filter_map(GrantRow::grant)
        .collect())
}

pub fn count_admins(conn: &mut Conn) -> Result<i64> {
    let admins = grants::table
        .filter(grants::role.eq(Role::Admin))
        .filter(grants::valid_to.is_null());
    Ok(admins.count().get_result(conn)?)
}

/// Active people who hold a role for a region or for the whole network, in a stable order.
pub fn people_with_role(
    conn: &mut Conn,
    role: Role,
    scope: &Scope,
    now: Moment,
) -> Result<Vec<AccountId>> {
    let (kind, region, id) = columns(scope);
    let holders = active_holders(now)
        .filter(grants::role.eq(role))
        .filter(grants::scope_kind.eq(kind))
        .select(grants::account_id)
        .order(grants::account_id)
        .distinct();
    // Three statements rather than one that is put together, so that each stays prepared.
    let found = match (region, id) {
        (Some(region), _) => {
            let there = holders.filter(grants::region.eq(region));
            native!(conn, |c| there.load(c))
        }
        (None, Some(id)) => {
            let there = holders.filter(grants::scope_id.eq(GrantId(id)));
            native!(conn, |c| there.load(c))
        }
        (None, None) => native!(conn, |c| holders.load(c)),
    };
    Ok(found?)
}

/// The team of a project.
pub fn people_of_project(
    conn: &mut Conn,
    project: Uuid,
    now: Moment,
) -> Result<Vec<(AccountId, Role)>> {
    let team = active_holders(now)
        .filter(grants::scope_kind.eq(ScopeKind::Project))
        .filter(grants::scope_id.eq(GrantId(project)));
    let ordered = team
        .select((grants::account_id, grants::role))
        .order(grants::account_id);
    Ok(native!(conn, |c| ordered.load(c))?)
}

/// The open grants by which people are in a project's team.
///
/// # Errors
/// The database's.
pub fn team_grants(conn: &mut Conn, project: Uuid) -> Result<Vec<GrantRow>> {
    let open = grants::table
        .filter(grants::scope_kind.eq(ScopeKind::Project))
        .filter(grants::scope_id.eq(GrantId(project)))
        .filter(grants::valid_to.is_null())
        .order((grants::created_at, grants::id));
    Ok(open.select(GrantRow::as_select()).load(conn)?)
}

/// The projects that people own or edit.
///
/// # Errors
/// The database's.
pub fn projects_of(conn: &mut Conn, people: &[AccountId], now: Moment) -> Result<Vec<Uuid>> {
    let theirs = active_holders(now)
        .filter(grants::scope_kind.eq(ScopeKind::Project))
        .filter(grants::role.eq_any([Role::Owner, Role::Editor]))
        .filter(grants::account_id.eq_any(people.to_vec()));
    let ids: Vec<Option<GrantId>> = theirs.select(grants::scope_id).load(conn)?;
    Ok(ids.into_iter().flatten().map(|id| id.0).collect())
}

/// The organisations that the people of some projects' teams belong to, project by project.
///
/// # Errors
/// The database's.
pub fn organisations_of_teams(conn: &mut Conn, projects: &[Uuid]) -> Result<Vec<(Uuid, Uuid)>> {
    let projects: Vec<GrantId> = projects.iter().copied().map(GrantId).collect();
    let open = || grants::table.filter(grants::valid_to.is_null());
    let team: Vec<(AccountId, Option<GrantId>)> = open()
        .filter(grants::scope_kind.eq(ScopeKind::Project))
        .filter(grants::scope_id.assume_not_null().eq_any(projects))
        .select((grants::account_id, grants::scope_id))
        .load(conn)?;
    let people: Vec<AccountId> = team.iter().map(|(account, _)| *account).collect();
    let bodies: Vec<(AccountId, Option<GrantId>)> = open()
        .filter(grants::scope_kind.eq(ScopeKind::Organisation))
        .filter(grants::account_id.eq_any(people))
        .select((grants::account_id, grants::scope_id))
        .load(conn)?;
    let mut found = Vec::new();
    for (account, project) in team {
        for (_, body) in bodies.iter().filter(|(member, _)| *member == account) {
            found.extend(project.map(|one| one.0).zip(body.map(|one| one.0)));
        }
    }
    Ok(found)
}

/// The people who speak for an organisation.
pub fn people_of_organisation(
    conn: &mut Conn,
    organisation: Uuid,
    now: Moment,
) -> Result<Vec<AccountId>> {
    people_with_role(
        conn,
        Role::Partner,
        &Scope::Organisation { id: organisation },
        now,
    )
}

/// Grants that hold now, of accounts that can be used.
#[diesel::dsl::auto_type(no_type_alias)]
fn active_holders(now: Moment) -> _ {
    let active = accounts::table
        .filter(accounts::disabled_at.is_null())
        .filter(accounts::verified_at.is_not_null())
        .select(accounts::id);
    grants::table
        .filter(grants::valid_from.le(now))
        .filter(grants::valid_to.is_null().or(grants::valid_to.gt(now)))
        .filter(grants::account_id.eq_any(active))
}

/// Where mail to an account goes, whatever its state: the mail that proves a mailbox goes to one not proven yet.
pub fn address(conn: &mut Conn, id: AccountId) -> Result<Option<(String, String, Lang)>> {
    let open = accounts::table
        .find(id)
        .filter(accounts::disabled_at.is_null());
    let address = open.select((accounts::email, accounts::name, accounts::language));
    Ok(native!(conn, |c| address.get_result(c)).optional()?)
}

/// Forgets codes that have run out, with what was pending behind them.
///
/// # Errors
/// The database's.
pub fn forget_old(conn: &mut Conn, now: Moment) -> QueryResult<()> {
    let week_ago = now.minus(chrono::Duration::days(7));
    diesel::delete(codes::table.filter(codes::expires_at.lt(week_ago))).execute(conn)?;
    Ok(())
}
