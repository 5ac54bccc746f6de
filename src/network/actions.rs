//! What happens when the network's data is loaded or changed.

use serde_json::{Value, json};

use super::files::{CallPart, CohortPart, Files, NetworkFile};
use super::model::{Call, Cohort, CohortId, Organisation, OrganisationId, Place, Refusal, place};
use super::store;
use crate::app::Tx;
use crate::db::{Conn, Moment, dialect};
use crate::error::{Error, FieldError, OrNotFound, Result};
use crate::events::{self, Fact};
use crate::http::Seen;

/// Loads files. What is there already and is the same stays as it is, so loading twice changes nothing.
///
/// # Errors
/// When a row names another one that is not there.
pub fn load(tx: &mut Tx<'_>, files: &Files) -> Result<()> {
    for file in &files.networks {
        load_bodies(tx, file)?;
    }
    for postal in &files.postal {
        store::put_postal_codes(tx, postal)?;
    }
    for file in &files.networks {
        load_programmes(tx, file)?;
    }
    Ok(())
}

fn load_bodies(tx: &mut Tx<'_>, file: &NetworkFile) -> Result<()> {
    for region in &file.regions {
        store::put_region(tx, region)?;
    }
    for reason in &file.screening_reasons {
        store::put_screening_reason(tx, reason)?;
    }
    for province in &file.provinces {
        store::put_province(tx, province)?;
    }
    for organisation in &file.organisations {
        let before = store::organisation_by_slug(tx.conn, &organisation.slug).ok();
        let changed = store::put_organisation(tx, organisation)?;
        if changed {
            let after = store::organisation_by_slug(tx.conn, &organisation.slug)?;
            let fact = Fact::new("organisation.changed", "organisation", after.id.0);
            let before = before.map_or(Value::Null, |before| noted_organisation(&before));
            events::record(tx, fact.changed(before, noted_organisation(&after)))?;
        }
    }
    for organisation in &file.organisations {
        if let Some(successor) = &organisation.succeeded_by {
            let successor = known(tx.conn, successor)?;
            store::put_successor(tx, &organisation.slug, successor)?;
        }
    }
    for mandate in &file.mandates {
        let organisation = known(tx.conn, &mandate.organisation)?;
        store::put_mandate(tx, organisation, mandate)?;
    }
    Ok(())
}

fn load_programmes(tx: &mut Tx<'_>, file: &NetworkFile) -> Result<()> {
    for programme in &file.programmes {
        let organisation = programme
            .organisation
            .as_deref()
            .map(|slug| known(tx.conn, slug))
            .transpose()?;
        store::put_programme(tx, organisation, programme)?;
    }
    for part in &file.cohorts {
        match store::cohort_by_slug(tx.conn, &part.slug) {
            Ok(row) if store::is_same_cohort(tx.conn, &row, part)? => {}
            Ok(row) => {
                change_cohort(tx, row.id, &Seen::Any, part)?;
            }
            Err(_) => {
                create_cohort(tx, part)?;
            }
        }
    }
    for part in &file.calls {
        match store::call_by_slug(tx.conn, &part.slug) {
            Ok(row) if store::is_same_call(&row, call_cohort(tx.conn, part)?, part) => {}
            Ok(row) => {
                change_call(tx, &row, &Seen::Any, part)?;
            }
            Err(_) => {
                create_call(tx, part)?;
            }
        }
    }
    Ok(())
}

fn known(conn: &mut Conn, slug: &str) -> Result<OrganisationId> {
    let found = store::organisation_by_slug(conn, slug);
    found
        .map(|row| row.id)
        .map_err(|_| anyhow::anyhow!("there is no organisation {slug}").into())
}

/// Opens a cohort.
pub fn create_cohort(tx: &mut Tx<'_>, part: &CohortPart) -> Result<Cohort> {
    dialect::lock_name(tx.conn, &part.slug)?;
    if store::cohort_by_slug(tx.conn, &part.slug).is_ok() {
        return Err(Refusal::SlugTaken.into());
    }
    let programme = named(
        store::programme_by_slug(tx.conn, &part.programme),
        "/programme",
    )?;
    let cohort = store::insert_cohort(tx, programme, part)?;
    let after = noted_cohort(tx.conn, &cohort)?;
    let fact = Fact::new("cohort.created", "cohort", cohort.id.0);
    events::record(tx, fact.changed(Value::Null, after))?;
    Ok(cohort)
}

pub fn change_cohort(
    tx: &mut Tx<'_>,
    id: CohortId,
    seen: &Seen,
    part: &CohortPart,
) -> Result<Cohort> {
    let before = store::lock_cohort(tx.conn, id)?;
    let before = noted_cohort(tx.conn, &before)?;
    let cohort = store::change_cohort(tx, id, seen, part)?;
    let after = noted_cohort(tx.conn, &cohort)?;
    let fact = Fact::new("cohort.changed", "cohort", id.0);
    events::record(tx, fact.changed(before, after))?;
    Ok(cohort)
}

/// Opens a call.
pub fn create_call(tx: &mut Tx<'_>, part: &CallPart) -> Result<Call> {
    dialect::lock_name(tx.conn, &part.slug)?;
    if store::call_by_slug(tx.conn, &part.slug).is_ok() {
        return Err(Refusal::SlugTaken.into());
    }
    let programme = named(
        store::programme_by_slug(tx.conn, &part.programme),
        "/programme",
    )?;
    let cohort = call_cohort(tx.conn, part)?;
    let call = store::insert_call(tx, programme, cohort, part)?;
    let fact = Fact::new("call.created", "call", call.id.0);
    events::record(tx, fact.changed(Value::Null, noted_call(&call)))?;
    Ok(call)
}

pub fn change_call(tx: &mut Tx<'_>, row: &Call, seen: &Seen, part: &CallPart) -> Result<Call> {
    seen.check(row.version)?;
    let cohort = call_cohort(tx.conn, part)?;
    let call = store::change_call(tx, row, cohort, part)?;
    let fact = Fact::new("call.changed", "call", call.id.0);
    events::record(tx, fact.changed(noted_call(row), noted_call(&call)))?;
    Ok(call)
}

/// What the ledger notes of an organisation, a cohort and a call: the network's own public data.
fn noted_organisation(organisation: &Organisation) -> Value {
    json!({
        "slug": organisation.slug, "name": organisation.name, "kind": organisation.kind,
        "region": organisation.region, "website": organisation.website, "roles": organisation.roles,
        "valid_from": organisation.valid_from, "valid_to": organisation.valid_to,
    })
}

fn noted_cohort(conn: &mut Conn, cohort: &Cohort) -> Result<Value> {
    Ok(json!({
        "slug": cohort.slug, "programme_id": cohort.programme_id, "names": cohort.names,
        "starts_on": cohort.starts_on, "ends_on": cohort.ends_on, "capacity": cohort.capacity,
        "quota": store::places_of(conn, cohort.id)?,
    }))
}

fn noted_call(call: &Call) -> Value {
    json!({
        "slug": call.slug, "programme_id": call.programme_id, "cohort_id": call.cohort_id,
        "names": call.names, "opens_at": call.opens_at, "closes_at": call.closes_at,
    })
}

fn call_cohort(conn: &mut Conn, part: &CallPart) -> Result<Option<CohortId>> {
    let slug = part.cohort.as_deref();
    let cohort = slug.map(|slug| named(store::cohort_by_slug(conn, slug), "/cohort"));
    Ok(cohort.transpose()?.map(|cohort| cohort.id))
}

/// What a body names by its slug; a slug that is nobody's is a mistake in the body.
fn named<T>(found: Result<T>, pointer: &'static str) -> Result<T> {
    match found {
        Err(error) if error.code() == Some("not-found") => {
            let error = FieldError::new(pointer, "unknown-reference");
            Err(Error::invalid(vec![error]))
        }
        found => found,
    }
}

/// Where a postal code lies at a moment; none where the country has no rules here or the code is in no block.
///
/// # Errors
/// The database's.
pub fn place_of(conn: &mut Conn, country: &str, code: &str, now: Moment) -> Result<Option<Place>> {
    Ok(place(&store::postal_rules(conn, country)?, code, now.day()))
}

/// # Errors
/// `not-found` where the code lies nowhere.
pub fn show_place(conn: &mut Conn, country: &str, code: &str, now: Moment) -> Result<Place> {
    place_of(conn, country, code, now)?
        .or_not_found()
        .map_err(|_| Error::not_found())
}
