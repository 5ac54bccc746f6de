//! How forms are kept and found.

use diesel::prelude::*;

use super::definition::Definition;
use super::model::{Form, FormId, FormRow};
use crate::app::Tx;
use crate::db::schema::forms;
use crate::db::{Conn, Json};
use crate::error::{Error, OrNotFound, Result};
use crate::network::CallId;
use crate::{native, native_row};

fn json(definition: &Definition) -> Result<Json> {
    Ok(Json(
        serde_json::to_value(definition).map_err(anyhow::Error::from)?,
    ))
}

/// The newest form of a call.
///
/// # Errors
/// The database's.
pub fn of_call(conn: &mut Conn, call: CallId) -> Result<Option<Form>> {
    let newest = forms::table
        .filter(forms::call_id.eq(call))
        .order(forms::number.desc())
        .limit(1);
    let found: Option<FormRow> =
        native!(conn, |c| newest.select(FormRow::as_select()).first(c)).optional()?;
    found.map(Form::read).transpose()
}

/// # Errors
/// `not-found` where there is none.
pub fn find(conn: &mut Conn, id: FormId) -> Result<Form> {
    let one = forms::table.find(id);
    let row = native!(conn, |c| one.select(FormRow::as_select()).get_result(c)).or_not_found()?;
    Form::read(row)
}

/// Adds the version that follows on another, or the first one.
pub fn insert(
    tx: &mut Tx<'_>,
    call: CallId,
    last: Option<&Form>,
    definition: &Definition,
) -> Result<Form> {
    let id: FormId = tx.new_id();
    let row = diesel::insert_into(forms::table).values((
        forms::id.eq(id),
        forms::call_id.eq(call),
        forms::number.eq(last.map_or(0, |last| last.number) + 1),
        forms::definition.eq(json(definition)?),
        forms::created_by.eq(tx.caller.account()),
        forms::version.eq(last.map_or(0, |last| last.version) + 1),
        forms::created_at.eq(tx.now),
        forms::updated_at.eq(tx.now),
    ));
    row.execute(tx.conn)?;
    find(tx.conn, id)
}

/// Writes another definition into a form that may still change, unless it has changed meanwhile.
pub fn keep(tx: &mut Tx<'_>, form: &Form, definition: &Definition) -> Result<Form> {
    let row = forms::table
        .find(form.id)
        .filter(forms::version.eq(form.version))
        .filter(forms::in_use_since.is_null());
    let kept = diesel::update(row).set((
        forms::definition.eq(json(definition)?),
        forms::version.eq(form.version + 1),
        forms::updated_at.eq(tx.now),
    ));
    let kept: Option<FormRow> = native_row!(&mut *tx.conn, kept, FormRow)?;
    Form::read(kept.ok_or_else(Error::stale)?)
}

/// Notes that somebody answers the form.
pub fn mark_used(tx: &mut Tx<'_>, form: &Form) -> Result<()> {
    diesel::update(forms::table.find(form.id))
        .set(forms::in_use_since.eq(tx.now))
        .execute(tx.conn)?;
    Ok(())
}
