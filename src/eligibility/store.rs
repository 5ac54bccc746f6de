//! How rules, overrides and late-entry codes are kept and found.

use diesel::prelude::*;
use uuid::Uuid;

use super::model::{
    AppliedId, EligibilityRules, LateEntry, LateEntryId, Override, OverrideId, Settings,
    WaivableRule,
};
use crate::app::Tx;
use crate::auth::AccountId;
use crate::db::dialect::Each;
use crate::db::schema::{
    eligibility_overrides as overrides, eligibility_rules as rules, late_entry_codes as codes,
};
use crate::db::{Conn, Json, Moment};
use crate::error::{Error, Result};
use crate::network::CallId;
use crate::projects::ProjectId;

/// The rules of a call; those of its programme where it has none of its own.
///
/// # Errors
/// The database's.
pub fn settings(conn: &mut Conn, call: CallId) -> Result<Settings> {
    let found = rules::table
        .find(call)
        .select((rules::rules, rules::version))
        .get_result(conn)
        .optional()?;
    Ok(Settings::understood(found))
}

/// Sets the rules of a call, unless they have changed meanwhile.
///
/// # Errors
/// `stale-version`.
pub fn keep_settings(
    tx: &mut Tx<'_>,
    call: CallId,
    seen: i64,
    new: &EligibilityRules,
) -> Result<()> {
    let set = (
        rules::rules.eq(Json::from(new)),
        rules::version.eq(seen + 1),
        rules::updated_at.eq(tx.now),
    );
    let kept = if seen == 0 {
        let row = (rules::call_id.eq(call), rules::created_at.eq(tx.now), set);
        let insert = diesel::insert_into(rules::table).values(row);
        Each(insert.on_conflict(rules::call_id).do_nothing()).execute(tx.conn)?
    } else {
        let row = rules::table.find(call).filter(rules::version.eq(seen));
        diesel::update(row).set(set).execute(tx.conn)?
    };
    if kept == 0 {
        Err(Error::stale())
    } else {
        Ok(())
    }
}

/// What was waived for an application.
///
/// # Errors
/// The database's.
pub fn overrides(conn: &mut Conn, application: Uuid) -> Result<Vec<Override>> {
    let own = overrides::table
        .filter(overrides::application_id.eq(AppliedId(application)))
        .order((overrides::created_at, overrides::id));
    Ok(own.select(Override::as_select()).load(conn)?)
}

/// Waives a rule for an application, or gives another reason for it.
///
/// # Errors
/// The database's.
pub fn put_override(
    tx: &mut Tx<'_>,
    application: Uuid,
    rule: WaivableRule,
    reason: &str,
    by: AccountId,
) -> Result<()> {
    let id: OverrideId = tx.new_id();
    let set = (
        overrides::reason.eq(reason),
        overrides::made_by.eq(by),
        overrides::created_at.eq(tx.now),
    );
    let row = (
        overrides::id.eq(id),
        overrides::application_id.eq(AppliedId(application)),
        overrides::rule.eq(rule),
        set,
    );
    let put = diesel::insert_into(overrides::table).values(row);
    let put = put
        .on_conflict((overrides::application_id, overrides::rule))
        .do_update()
        .set(set);
    Each(put).execute(tx.conn)?;
    Ok(())
}

/// What is to be known of a code before it is made.
#[derive(Debug, Clone)]
pub struct NewCode<'a> {
    pub call: CallId,
    pub project: Option<ProjectId>,
    pub digest: &'a str,
    pub reason: &'a str,
    pub made_by: AccountId,
    pub expires_at: Moment,
}

/// # Errors
/// The database's.
pub fn insert_code(tx: &mut Tx<'_>, new: &NewCode<'_>) -> Result<LateEntry> {
    let id: LateEntryId = tx.new_id();
    diesel::insert_into(codes::table)
        .values((
            codes::id.eq(id),
            codes::call_id.eq(new.call),
            codes::project_id.eq(new.project),
            codes::digest.eq(new.digest),
            codes::reason.eq(new.reason),
            codes::made_by.eq(new.made_by),
            codes::expires_at.eq(new.expires_at),
            codes::created_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    let made = codes::table.find(id).select(LateEntry::as_select());
    Ok(made.get_result(tx.conn)?)
}

/// The code behind a digest.
///
/// # Errors
/// The database's.
pub fn code(conn: &mut Conn, digest: &str) -> Result<Option<LateEntry>> {
    let found = codes::table.filter(codes::digest.eq(digest));
    Ok(found
        .select(LateEntry::as_select())
        .get_result(conn)
        .optional()?)
}

/// Uses a code up; false where somebody else has just done so.
///
/// # Errors
/// The database's.
pub fn use_code(tx: &mut Tx<'_>, id: LateEntryId, application: Uuid) -> Result<bool> {
    let unused = codes::table.find(id).filter(codes::used_at.is_null());
    let used = diesel::update(unused)
        .set((
            codes::used_at.eq(tx.now),
            codes::application_id.eq(AppliedId(application)),
        ))
        .execute(tx.conn)?;
    Ok(used == 1)
}

/// The code that an application was given which holds longest.
///
/// # Errors
/// The database's.
pub fn late_entry(conn: &mut Conn, application: Uuid) -> Result<Option<LateEntry>> {
    let own = codes::table
        .filter(codes::application_id.eq(AppliedId(application)))
        .order((codes::expires_at.desc(), codes::id));
    Ok(own.select(LateEntry::as_select()).first(conn).optional()?)
}
