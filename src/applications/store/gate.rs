//! How receipts, returns, screenings and tags are kept and found.

use std::collections::BTreeSet;

use diesel::prelude::*;
use serde_json::json;

use super::super::model::{
    Application, ApplicationId, Receipt, ReturnId, Returned, Screening, ScreeningId,
    ScreeningResult,
};
use crate::app::Tx;
use crate::db::schema::{
    application_receipts as receipts, application_returns as returns,
    application_screenings as screenings, application_tags as tags,
};
use crate::db::{Conn, Json};
use crate::error::{OrNotFound, Result};

/// The receipts of an application, oldest first.
///
/// # Errors
/// The database's.
pub fn receipts(conn: &mut Conn, application: &Application) -> Result<Vec<Receipt>> {
    let own = receipts::table.filter(receipts::application_id.eq(application.id));
    let found: Vec<Receipt> = own
        .order(receipts::number)
        .select(Receipt::as_select())
        .load(conn)?;
    if found.is_empty() {
        return Ok(only_on_the_application(application).into_iter().collect());
    }
    Ok(found)
}

/// The receipt of a submission that an instance of the release before took in.
fn only_on_the_application(application: &Application) -> Option<Receipt> {
    Some(Receipt {
        application_id: application.id,
        number: 1,
        form_id: None,
        content: application.frozen.clone()?,
        sha256: application.content_sha256.clone()?,
        submitted_by: None,
        submitted_at: application.submitted_at?,
    })
}

/// One receipt of an application: the one of this number, or the last.
///
/// # Errors
/// `not-found` where there is none.
pub fn receipt(conn: &mut Conn, application: &Application, number: Option<i32>) -> Result<Receipt> {
    let mut all = receipts(conn, application)?;
    match number {
        None => all.pop().or_not_found(),
        Some(number) => {
            let mut all = all.into_iter();
            all.find(|one| one.number == number).or_not_found()
        }
    }
}

/// Adds a receipt, after the one that is known only to the application, if there is such a one.
pub fn insert_receipt(tx: &mut Tx<'_>, application: &Application, new: &Receipt) -> Result<()> {
    let own = receipts::table.filter(receipts::application_id.eq(application.id));
    let count: i64 = own.count().get_result(tx.conn)?;
    let older = only_on_the_application(application).filter(|_| count == 0);
    for receipt in older.iter().chain([new]) {
        let row = diesel::insert_into(receipts::table).values((
            receipts::application_id.eq(receipt.application_id),
            receipts::number.eq(receipt.number),
            receipts::form_id.eq(receipt.form_id),
            receipts::content.eq(&receipt.content),
            receipts::sha256.eq(&receipt.sha256),
            receipts::submitted_by.eq(receipt.submitted_by),
            receipts::submitted_at.eq(receipt.submitted_at),
        ));
        row.execute(tx.conn)?;
    }
    Ok(())
}

/// The return that has opened fields of an application, if one has.
pub fn open_return(conn: &mut Conn, application: ApplicationId) -> Result<Option<Returned>> {
    let open = returns::table
        .filter(returns::application_id.eq(application))
        .filter(returns::closed_at.is_null());
    Ok(open.select(Returned::as_select()).first(conn).optional()?)
}

/// # Errors
/// `not-found` where there is none.
pub fn find_return(conn: &mut Conn, id: ReturnId) -> Result<Returned> {
    let one = returns::table.filter(returns::id.eq(id));
    one.select(Returned::as_select())
        .get_result(conn)
        .or_not_found()
}

/// Every time that an application was sent back, oldest first.
pub fn returns(conn: &mut Conn, application: ApplicationId) -> Result<Vec<Returned>> {
    let own = returns::table.filter(returns::application_id.eq(application));
    let ordered = own.order((returns::returned_at, returns::id));
    Ok(ordered.select(Returned::as_select()).load(conn)?)
}

pub fn insert_return(tx: &mut Tx<'_>, returned: &Returned) -> Result<()> {
    let row = diesel::insert_into(returns::table).values((
        returns::id.eq(returned.id),
        returns::application_id.eq(returned.application_id),
        returns::from_state.eq(returned.from_state),
        returns::fields.eq(&returned.fields),
        returns::message.eq(&returned.message),
        returns::reasons.eq(&returned.reasons),
        returns::due_on.eq(returned.due_on),
        returns::returned_by.eq(returned.returned_by),
        returns::returned_at.eq(returned.returned_at),
    ));
    row.execute(tx.conn)?;
    Ok(())
}

pub fn close_return(tx: &mut Tx<'_>, id: ReturnId) -> Result<()> {
    diesel::update(returns::table.find(id))
        .set(returns::closed_at.eq(tx.now))
        .execute(tx.conn)?;
    Ok(())
}

/// Every screening of an application, oldest first.
pub fn screenings(conn: &mut Conn, application: ApplicationId) -> Result<Vec<Screening>> {
    let own = screenings::table.filter(screenings::application_id.eq(application));
    let ordered = own.order((screenings::started_at, screenings::id));
    Ok(ordered.select(Screening::as_select()).load(conn)?)
}

pub fn start_screening(tx: &mut Tx<'_>, application: ApplicationId) -> Result<()> {
    let id: ScreeningId = tx.new_id();
    let row = diesel::insert_into(screenings::table).values((
        screenings::id.eq(id),
        screenings::application_id.eq(application),
        screenings::started_by.eq(tx.caller.account()),
        screenings::started_at.eq(tx.now),
    ));
    row.execute(tx.conn)?;
    Ok(())
}

/// Ends the screening that has begun. What came again after a return goes on in screening; its second look begins with
/// its end.
pub fn finish_screening(
    tx: &mut Tx<'_>,
    application: ApplicationId,
    result: ScreeningResult,
    reasons: &[String],
    note: Option<&str>,
) -> Result<()> {
    let begun = || {
        screenings::table
            .filter(screenings::application_id.eq(application))
            .filter(screenings::finished_at.is_null())
    };
    if !diesel::select(diesel::dsl::exists(begun())).get_result(tx.conn)? {
        start_screening(tx, application)?;
    }
    let end = (
        screenings::result.eq(result),
        screenings::reasons.eq(Json(json!(reasons))),
        screenings::note.eq(note),
        screenings::finished_by.eq(tx.caller.account()),
        screenings::finished_at.eq(tx.now),
    );
    diesel::update(begun()).set(end).execute(tx.conn)?;
    Ok(())
}

/// The tags of an application, sorted.
pub fn tags(conn: &mut Conn, application: ApplicationId) -> Result<Vec<String>> {
    let own = tags::table.filter(tags::application_id.eq(application));
    Ok(own.order(tags::tag).select(tags::tag).load(conn)?)
}

/// Replaces the tags of an application.
pub fn put_tags(tx: &mut Tx<'_>, application: ApplicationId, wanted: &[String]) -> Result<()> {
    let known = tags(tx.conn, application)?;
    let own = tags::table.filter(tags::application_id.eq(application));
    let gone = own.filter(tags::tag.ne_all(wanted.to_vec()));
    diesel::delete(gone).execute(tx.conn)?;
    let new: BTreeSet<&String> = wanted.iter().filter(|tag| !known.contains(tag)).collect();
    for tag in new {
        let row = diesel::insert_into(tags::table).values((
            tags::application_id.eq(application),
            tags::tag.eq(tag),
            tags::tagged_by.eq(tx.caller.account()),
            tags::tagged_at.eq(tx.now),
        ));
        row.execute(tx.conn)?;
    }
    Ok(())
}
