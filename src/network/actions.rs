//! What happens when the network's data is loaded or changed.

use serde_json::json;

use super::files::{CallPart, CohortPart, Files, NetworkFile};
use super::model::{Call, Cohort, CohortId, OrganisationId, Place, Refusal, place};
use super::store;
use crate::app::Tx;
use crate::db::{Conn, Moment, dialect};
use crate::error::{Error, OrNotFound, Result};
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
    for province in &file.provinces {
        store::put_province(tx, province)?;
    }
    for organisation in &file.organisations {
        let changed = store::put_organisation(tx, organisation)?;
        if changed {
            let id = known(tx.conn, &organisation.slug)?;
            events::record(tx, Fact::new("organisation.changed", "organisation", id.0))?;
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
    let programme = store::programme_by_slug(tx.conn, &part.programme)?;
    let cohort = store::insert_cohort(tx, programme, part)?;
    events::record(tx, Fact::new("cohort.created", "cohort", cohort.id.0))?;
    Ok(cohort)
}

pub fn change_cohort(
    tx: &mut Tx<'_>,
    id: CohortId,
    seen: &Seen,
    part: &CohortPart,
) -> Result<Cohort> {
    let cohort = store::change_cohort(tx, id, seen, part)?;
    let data = json!({ "capacity": cohort.capacity, "starts_on": cohort.starts_on, "ends_on": cohort.ends_on });
    events::record(tx, Fact::new("cohort.changed", "cohort", id.0).data(data))?;
    Ok(cohort)
}

/// Opens a call.
pub fn create_call(tx: &mut Tx<'_>, part: &CallPart) -> Result<Call> {
    dialect::lock_name(tx.conn, &part.slug)?;
    if store::call_by_slug(tx.conn, &part.slug).is_ok() {
        return Err(Refusal::SlugTaken.into());
    }
    let programme = store::programme_by_slug(tx.conn, &part.programme)?;
    let cohort = call_cohort(tx.conn, part)?;
    let call = store::insert_call(tx, programme, cohort, part)?;
    events::record(tx, Fact::new("call.created", "call", call.id.0))?;
    Ok(call)
}

pub fn change_call(tx: &mut Tx<'_>, row: &Call, seen: &Seen, part: &CallPart) -> Result<Call> {
    seen.check(row.version)?;
    let cohort = call_cohort(tx.conn, part)?;
    let call = store::change_call(tx, row, cohort, part)?;
    let data = json!({ "opens_at": call.opens_at, "closes_at": call.closes_at });
    events::record(tx, Fact::new("call.changed", "call", call.id.0).data(data))?;
    Ok(call)
}

fn call_cohort(conn: &mut Conn, part: &CallPart) -> Result<Option<CohortId>> {
    let slug = part.cohort.as_deref();
    slug.map(|slug| store::cohort_by_slug(conn, slug).map(|cohort| cohort.id))
        .transpose()
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
