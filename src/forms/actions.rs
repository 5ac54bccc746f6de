//! What happens when a call's form is written, and when somebody begins to answer it.

use serde_json::{Value, json};

use super::check;
use super::definition::Definition;
use super::model::Form;
use super::store;
use crate::app::Tx;
use crate::auth::secrets::sha256;
use crate::canonical;
use crate::db::dialect;
use crate::error::{Error, Result};
use crate::events::{self, Fact};
use crate::http::Seen;
use crate::network::{self, CallId};

/// Writes a call's form: in place as long as nobody answers it and the call has not opened, else as its next version.
///
/// # Errors
/// `not-allowed`, `version-needed` where there is a form and the caller doesn't say which they have seen, `invalid` with
/// every mistake in the form.
pub fn put(
    tx: &mut Tx<'_>,
    call: CallId,
    seen: Option<&Seen>,
    definition: &Definition,
) -> Result<Form> {
    let call = network::call(tx.conn, call)?;
    if !network::may_run(tx.caller, &call) {
        return Err(Error::refused("not-allowed"));
    }
    dialect::lock_row(tx.conn, "calls", call.id.0)?;
    let last = store::of_call(tx.conn, call.id)?;
    if let Some(last) = &last {
        seen.ok_or_else(|| Error::refused("version-needed"))?
            .check(last.version)?;
    }
    let mistakes = check::mistakes(definition);
    if !mistakes.is_empty() {
        return Err(Error::invalid(mistakes));
    }
    let form = match &last {
        Some(last) if last.is_open_to_change(call.opens_at, tx.now) => {
            store::keep(tx, last, definition)?
        }
        _ => store::insert(tx, call.id, last.as_ref(), definition)?,
    };
    let fact = Fact::new("form.written", "call", call.id.0).data(json!({ "form_id": form.id }));
    let before = last.as_ref().map_or(Value::Null, noted);
    events::record(tx, fact.changed(before, noted(&form)))?;
    Ok(form)
}

/// The form that an application of the call answers from now on: the newest. It never changes again.
///
/// # Errors
/// The database's.
pub fn newest(tx: &mut Tx<'_>, call: CallId) -> Result<Option<Form>> {
    let form = match store::of_call(tx.conn, call)? {
        Some(form) if form.in_use_since.is_none() => {
            // Whoever writes the form holds this lock, and may just have changed it.
            dialect::lock_row(tx.conn, "calls", call.0)?;
            let form = store::of_call(tx.conn, call)?;
            if let Some(form) = &form {
                store::mark_used(tx, form)?;
            }
            form
        }
        form => form,
    };
    Ok(form)
}

/// What the ledger notes of a form: which it is, and a digest of what it asks.
fn noted(form: &Form) -> Value {
    let definition = json!(form.definition);
    json!({
        "number": form.number, "questions": form.definition.questions().count(),
        "sha256": sha256(canonical::text(&definition).as_bytes()),
    })
}
