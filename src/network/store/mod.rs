//! How the network's data is kept and found.

mod regions;

use chrono::NaiveDate;
use diesel::prelude::*;

pub use regions::{
    postal_rules, provinces, put_postal_codes, put_province, put_region, put_screening_reason,
    region_names, regions, screening_reasons,
};

use super::files::{CallPart, CohortPart, MandatePart, OrganisationPart, ProgrammePart};
use super::model::{
    Call, CallId, Cohort, CohortId, Mandate, MandateId, Organisation, OrganisationId, Pillar,
    Programme, ProgrammeId, ProgrammeRow, Quota, Responsibility,
};
use crate::app::Tx;
use crate::db::dialect::{self, Each};
use crate::db::schema::{
    calls, cohort_quotas as quotas, cohorts, mandates, organisations, programmes,
};
use crate::db::{Conn, Json, Moment};
use crate::error::{Error, OrNotFound, Result};
use crate::http::{Keyset, Seen};
use crate::native;

fn json(value: &impl serde::Serialize) -> Json {
    Json(serde_json::to_value(value).unwrap_or_default())
}

/// Which organisations a list shows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub region: Option<String>,
    pub pillar: Option<Pillar>,
    pub on: Option<NaiveDate>,
    pub updated_since: Option<Moment>,
}

pub fn organisations(
    conn: &mut Conn,
    filter: &Filter,
    keyset: &Keyset,
) -> Result<Vec<Organisation>> {
    let mut query = organisations::table.into_boxed();
    if let Some(region) = &filter.region {
        query = query.filter(organisations::region.eq(region.clone()));
    }
    if let Some(on) = filter.on {
        query = query.filter(organisations::valid_from.le(on)).filter(
            organisations::valid_to
                .is_null()
                .or(organisations::valid_to.gt(on)),
        );
    }
    if let Some(since) = filter.updated_since {
        query = query.filter(organisations::updated_at.ge(since));
    }
    let query = crate::keyset!(query, keyset, organisations::id, OrganisationId, {
        "name" => organisations::name, String;
        "updated_at" => organisations::updated_at, Moment;
    });
    Ok(query.select(Organisation::as_select()).load(conn)?)
}

pub fn mandates(
    conn: &mut Conn,
    filter: &Filter,
    keyset: &Keyset,
) -> Result<Vec<(Mandate, Organisation)>> {
    let mut query = mandates::table.into_boxed();
    if let Some(region) = &filter.region {
        query = query.filter(mandates::region.eq(region.clone()));
    }
    if let Some(pillar) = filter.pillar {
        query = query.filter(mandates::pillar.eq(pillar));
    }
    if let Some(on) = filter.on {
        query = query
            .filter(mandates::valid_from.le(on))
            .filter(mandates::valid_to.is_null().or(mandates::valid_to.gt(on)));
    }
    if let Some(since) = filter.updated_since {
        query = query.filter(mandates::updated_at.ge(since));
    }
    let query = crate::keyset!(query, keyset, mandates::id, MandateId, {
        "created_at" => mandates::created_at, Moment;
        "updated_at" => mandates::updated_at, Moment;
    });
    let found: Vec<Mandate> = query.select(Mandate::as_select()).load(conn)?;
    found
        .into_iter()
        .map(|mandate| {
            let organisation = organisations::table.find(mandate.organisation_id);
            Ok((
                mandate,
                organisation
                    .select(Organisation::as_select())
                    .get_result(conn)?,
            ))
        })
        .collect()
}

/// Who leads a pillar in a region on a day.
///
/// # Errors
/// The database's.
pub fn leads(
    conn: &mut Conn,
    pillar: Pillar,
    region: &str,
    on: NaiveDate,
) -> Result<Vec<OrganisationId>> {
    let valid = mandates::table
        .filter(mandates::pillar.eq(pillar))
        .filter(mandates::region.eq(region))
        .filter(mandates::responsibility.eq(Responsibility::Lead))
        .filter(mandates::valid_from.le(on))
        .filter(mandates::valid_to.is_null().or(mandates::valid_to.gt(on)));
    let leading = valid.select(mandates::organisation_id);
    Ok(native!(conn, |c| leading.load(c))?)
}

/// Whether there is such an organisation.
pub fn has_organisation(conn: &mut Conn, id: OrganisationId) -> Result<bool> {
    let one = organisations::table.find(id).select(organisations::id);
    let found: Option<OrganisationId> = one.get_result(conn).optional()?;
    Ok(found.is_some())
}

/// # Errors
/// `not-found` where there is none.
pub fn organisation_by_slug(conn: &mut Conn, slug: &str) -> Result<Organisation> {
    let found = organisations::table.filter(organisations::slug.eq(slug));
    found
        .select(Organisation::as_select())
        .get_result(conn)
        .or_not_found()
}

fn understood(row: ProgrammeRow) -> Result<Programme> {
    Ok(Programme::try_from(row).map_err(anyhow::Error::from)?)
}

/// # Errors
/// `not-found` where there is none.
pub fn programme(conn: &mut Conn, id: ProgrammeId) -> Result<Programme> {
    let one = programmes::table.find(id);
    let row = native!(conn, |c| one
        .select(ProgrammeRow::as_select())
        .get_result(c));
    understood(row.or_not_found()?)
}

pub fn programmes(
    conn: &mut Conn,
    updated_since: Option<Moment>,
    keyset: &Keyset,
) -> Result<Vec<Programme>> {
    let mut query = programmes::table.into_boxed();
    if let Some(since) = updated_since {
        query = query.filter(programmes::updated_at.ge(since));
    }
    let query = crate::keyset!(query, keyset, programmes::id, ProgrammeId, {
        "slug" => programmes::slug, String;
        "updated_at" => programmes::updated_at, Moment;
    });
    query
        .select(ProgrammeRow::as_select())
        .load(conn)?
        .into_iter()
        .map(understood)
        .collect()
}

/// # Errors
/// `not-found` where there is none.
pub fn cohort(conn: &mut Conn, id: CohortId) -> Result<Cohort> {
    let one = cohorts::table.find(id);
    native!(conn, |c| one.select(Cohort::as_select()).get_result(c)).or_not_found()
}

/// # Errors
/// `not-found` where there is none.
pub fn cohort_by_slug(conn: &mut Conn, slug: &str) -> Result<Cohort> {
    cohorts::table
        .filter(cohorts::slug.eq(slug))
        .select(Cohort::as_select())
        .get_result(conn)
        .or_not_found()
}

/// Cohorts, of some programmes or with some ids only where the caller's scope says so.
pub fn cohorts(
    conn: &mut Conn,
    only: Option<&[CohortId]>,
    filter: &Filter,
    programme: Option<ProgrammeId>,
    keyset: &Keyset,
) -> Result<Vec<Cohort>> {
    let mut query = cohorts::table.into_boxed();
    if let Some(ids) = only {
        query = query.filter(cohorts::id.eq_any(ids.to_vec()));
    }
    if let Some(programme) = programme {
        query = query.filter(cohorts::programme_id.eq(programme));
    }
    if let Some(since) = filter.updated_since {
        query = query.filter(cohorts::updated_at.ge(since));
    }
    let query = crate::keyset!(query, keyset, cohorts::id, CohortId, {
        "created_at" => cohorts::created_at, Moment;
        "updated_at" => cohorts::updated_at, Moment;
        "starts_on" => cohorts::starts_on, NaiveDate;
    });
    Ok(query.select(Cohort::as_select()).load(conn)?)
}

/// Every cohort's id and programme, to work out scopes with.
pub fn cohort_programmes(conn: &mut Conn) -> Result<Vec<(CohortId, ProgrammeId)>> {
    Ok(cohorts::table
        .select((cohorts::id, cohorts::programme_id))
        .load(conn)?)
}

/// Takes the cohort's lock: places are counted and given under it.
///
/// # Errors
/// `not-found` where there is none.
pub fn lock_cohort(conn: &mut Conn, id: CohortId) -> Result<Cohort> {
    dialect::lock_row(conn, "cohorts", id.0)?;
    cohort(conn, id)
}

/// The quota of each region; a region that is not there has none.
///
/// # Errors
/// The database's.
pub fn places_of(conn: &mut Conn, id: CohortId) -> Result<Vec<(String, i32)>> {
    let rows = quotas::table
        .filter(quotas::cohort_id.eq(id))
        .order(quotas::region);
    let rows: Vec<Quota> = native!(conn, |c| rows.select(Quota::as_select()).load(c))?;
    Ok(rows
        .into_iter()
        .map(|quota| (quota.region, quota.places))
        .collect())
}

/// # Errors
/// `not-found` where there is none.
pub fn call(conn: &mut Conn, id: CallId) -> Result<Call> {
    let one = calls::table.find(id);
    native!(conn, |c| one.select(Call::as_select()).get_result(c)).or_not_found()
}

/// # Errors
/// `not-found` where there is none.
pub fn call_by_slug(conn: &mut Conn, slug: &str) -> Result<Call> {
    calls::table
        .filter(calls::slug.eq(slug))
        .select(Call::as_select())
        .get_result(conn)
        .or_not_found()
}

/// Calls; `open_at` leaves only those that take applications then.
pub fn calls(
    conn: &mut Conn,
    open_at: Option<Moment>,
    programme: Option<ProgrammeId>,
    since: Option<Moment>,
    keyset: &Keyset,
) -> Result<Vec<Call>> {
    let mut query = calls::table.into_boxed();
    if let Some(at) = open_at {
        query = query
            .filter(calls::opens_at.le(at))
            .filter(calls::closes_at.gt(at));
    }
    if let Some(programme) = programme {
        query = query.filter(calls::programme_id.eq(programme));
    }
    if let Some(since) = since {
        query = query.filter(calls::updated_at.ge(since));
    }
    let query = crate::keyset!(query, keyset, calls::id, CallId, {
        "closes_at" => calls::closes_at, Moment;
        "updated_at" => calls::updated_at, Moment;
    });
    Ok(query.select(Call::as_select()).load(conn)?)
}

/// Every call that takes applications at a moment.
pub fn open_calls(conn: &mut Conn, at: Moment) -> Result<Vec<Call>> {
    let open = calls::table
        .filter(calls::opens_at.le(at))
        .filter(calls::closes_at.gt(at));
    Ok(open.select(Call::as_select()).load(conn)?)
}

pub fn all_programmes(conn: &mut Conn) -> Result<Vec<Programme>> {
    let rows = programmes::table.select(ProgrammeRow::as_select());
    rows.load(conn)?.into_iter().map(understood).collect()
}

/// Every mandate that holds on a day, with whose it is.
pub fn mandates_on(conn: &mut Conn, on: NaiveDate) -> Result<Vec<(Mandate, Organisation)>> {
    let valid = mandates::table
        .inner_join(organisations::table.on(organisations::id.eq(mandates::organisation_id)))
        .filter(mandates::valid_from.le(on))
        .filter(mandates::valid_to.is_null().or(mandates::valid_to.gt(on)));
    Ok(valid
        .select((Mandate::as_select(), Organisation::as_select()))
        .load(conn)?)
}

/// Adds an organisation, or changes the one with its slug where something differs. Its successor follows later,
/// because it may stand further down in the file.
pub fn put_organisation(tx: &mut Tx<'_>, part: &OrganisationPart) -> Result<bool> {
    let set = (
        organisations::name.eq(&part.name),
        organisations::kind.eq(part.kind),
        organisations::region.eq(&part.region),
        organisations::website.eq(&part.website),
        organisations::roles.eq(json(&part.roles)),
        organisations::valid_from.eq(part.valid_from),
        organisations::valid_to.eq(part.valid_to),
    );
    let known = organisations::table
        .filter(organisations::slug.eq(&part.slug))
        .select(Organisation::as_select());
    match known.get_result(tx.conn).optional()? {
        Some(row) if is_same(&row, part) => Ok(false),
        Some(row) => {
            diesel::update(organisations::table.find(row.id))
                .set((
                    set,
                    organisations::version.eq(row.version + 1),
                    organisations::updated_at.eq(tx.now),
                ))
                .execute(tx.conn)?;
            Ok(true)
        }
        None => {
            let id: OrganisationId = tx.new_id();
            let fixed = (
                organisations::id.eq(id),
                organisations::slug.eq(&part.slug),
                organisations::version.eq(1_i64),
                organisations::created_at.eq(tx.now),
                organisations::updated_at.eq(tx.now),
            );
            diesel::insert_into(organisations::table)
                .values((fixed, set))
                .execute(tx.conn)?;
            Ok(true)
        }
    }
}

fn is_same(row: &Organisation, part: &OrganisationPart) -> bool {
    row.name == part.name
        && row.kind == part.kind
        && row.region == part.region
        && row.website == part.website
        && row.roles == json(&part.roles)
        && row.valid_from == part.valid_from
        && row.valid_to == part.valid_to
}

pub fn put_successor(tx: &mut Tx<'_>, slug: &str, successor: OrganisationId) -> Result<()> {
    let row = organisations::table
        .filter(organisations::slug.eq(slug))
        .filter(
            organisations::succeeded_by
                .is_null()
                .or(organisations::succeeded_by.ne(successor)),
        );
    diesel::update(row)
        .set((
            organisations::succeeded_by.eq(successor),
            organisations::version.eq(organisations::version + 1),
            organisations::updated_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    Ok(())
}

pub fn put_mandate(
    tx: &mut Tx<'_>,
    organisation: OrganisationId,
    part: &MandatePart,
) -> Result<()> {
    let id: MandateId = tx.new_id();
    let row = (
        mandates::id.eq(id),
        mandates::organisation_id.eq(organisation),
        mandates::pillar.eq(part.pillar),
        mandates::region.eq(&part.region),
        mandates::responsibility.eq(part.responsibility),
        mandates::valid_from.eq(part.valid_from),
        mandates::valid_to.eq(part.valid_to),
        mandates::created_at.eq(tx.now),
        mandates::updated_at.eq(tx.now),
    );
    Each(
        diesel::insert_into(mandates::table)
            .values(row)
            .on_conflict_do_nothing(),
    )
    .execute(tx.conn)?;
    let same = mandates::table
        .filter(mandates::organisation_id.eq(organisation))
        .filter(mandates::pillar.eq(part.pillar))
        .filter(mandates::region.eq(&part.region))
        .filter(mandates::responsibility.eq(part.responsibility))
        .filter(mandates::valid_from.eq(part.valid_from));
    let differs = match part.valid_to {
        Some(to) => {
            diesel::update(same.filter(mandates::valid_to.is_null().or(mandates::valid_to.ne(to))))
                .set((mandates::valid_to.eq(to), mandates::updated_at.eq(tx.now)))
                .execute(tx.conn)
        }
        None => diesel::update(same.filter(mandates::valid_to.is_not_null()))
            .set((
                mandates::valid_to.eq(None::<NaiveDate>),
                mandates::updated_at.eq(tx.now),
            ))
            .execute(tx.conn),
    };
    differs?;
    Ok(())
}

pub fn put_programme(
    tx: &mut Tx<'_>,
    organisation: Option<OrganisationId>,
    part: &ProgrammePart,
) -> Result<()> {
    let set = (
        programmes::names.eq(json(&part.names)),
        programmes::summary.eq(json(&part.summary)),
        programmes::organisation_id.eq(organisation),
        programmes::regions.eq(json(&part.regions)),
        programmes::languages.eq(json(&part.languages)),
        programmes::sectors.eq(json(&part.sectors)),
        programmes::excluded_sectors.eq(json(&part.excluded_sectors)),
        programmes::pillars.eq(json(&part.pillars)),
    );
    let known = programmes::table
        .filter(programmes::slug.eq(&part.slug))
        .select(ProgrammeRow::as_select());
    match known.get_result(tx.conn).optional()? {
        Some(row) if is_same_programme(&row, organisation, part) => {}
        Some(row) => {
            diesel::update(programmes::table.find(row.id))
                .set((
                    set,
                    programmes::version.eq(row.version + 1),
                    programmes::updated_at.eq(tx.now),
                ))
                .execute(tx.conn)?;
        }
        None => {
            let id: ProgrammeId = tx.new_id();
            let fixed = (
                programmes::id.eq(id),
                programmes::slug.eq(&part.slug),
                programmes::version.eq(1_i64),
                programmes::created_at.eq(tx.now),
                programmes::updated_at.eq(tx.now),
            );
            diesel::insert_into(programmes::table)
                .values((fixed, set))
                .execute(tx.conn)?;
        }
    }
    Ok(())
}

fn is_same_programme(
    row: &ProgrammeRow,
    organisation: Option<OrganisationId>,
    part: &ProgrammePart,
) -> bool {
    row.names == json(&part.names)
        && row.summary == json(&part.summary)
        && row.organisation_id == organisation
        && row.regions == json(&part.regions)
        && row.languages == json(&part.languages)
        && row.sectors == json(&part.sectors)
        && row.excluded_sectors == json(&part.excluded_sectors)
        && row.pillars == json(&part.pillars)
}

/// # Errors
/// `not-found` where there is no such programme.
pub fn programme_by_slug(conn: &mut Conn, slug: &str) -> Result<ProgrammeId> {
    programmes::table
        .filter(programmes::slug.eq(slug))
        .select(programmes::id)
        .get_result(conn)
        .or_not_found()
}

pub fn insert_cohort(tx: &mut Tx<'_>, programme: ProgrammeId, part: &CohortPart) -> Result<Cohort> {
    let id: CohortId = tx.new_id();
    diesel::insert_into(cohorts::table)
        .values((
            cohorts::id.eq(id),
            cohorts::slug.eq(&part.slug),
            cohorts::programme_id.eq(programme),
            cohorts::names.eq(json(&part.names)),
            cohorts::starts_on.eq(part.starts_on),
            cohorts::ends_on.eq(part.ends_on),
            cohorts::capacity.eq(part.capacity),
            cohorts::version.eq(1_i64),
            cohorts::created_at.eq(tx.now),
            cohorts::updated_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    put_quotas(tx, id, part)?;
    cohort(tx.conn, id)
}

pub fn change_cohort(
    tx: &mut Tx<'_>,
    id: CohortId,
    seen: &Seen,
    part: &CohortPart,
) -> Result<Cohort> {
    let row = lock_cohort(tx.conn, id)?;
    seen.check(row.version)?;
    diesel::update(cohorts::table.find(id))
        .set((
            cohorts::names.eq(json(&part.names)),
            cohorts::starts_on.eq(part.starts_on),
            cohorts::ends_on.eq(part.ends_on),
            cohorts::capacity.eq(part.capacity),
            cohorts::version.eq(row.version + 1),
            cohorts::updated_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    put_quotas(tx, id, part)?;
    cohort(tx.conn, id)
}

fn put_quotas(tx: &mut Tx<'_>, id: CohortId, part: &CohortPart) -> Result<()> {
    diesel::delete(quotas::table.filter(quotas::cohort_id.eq(id))).execute(tx.conn)?;
    for (region, places) in &part.quota {
        diesel::insert_into(quotas::table)
            .values((
                quotas::cohort_id.eq(id),
                quotas::region.eq(region),
                quotas::places.eq(places),
            ))
            .execute(tx.conn)?;
    }
    Ok(())
}

/// Whether a cohort is what a file says already.
pub fn is_same_cohort(conn: &mut Conn, row: &Cohort, part: &CohortPart) -> Result<bool> {
    let quota: Vec<(String, i32)> = part
        .quota
        .iter()
        .map(|(region, places)| (region.clone(), *places))
        .collect();
    Ok(row.names == json(&part.names)
        && row.starts_on == part.starts_on
        && row.ends_on == part.ends_on
        && row.capacity == part.capacity
        && places_of(conn, row.id)? == quota)
}

pub fn insert_call(
    tx: &mut Tx<'_>,
    programme: ProgrammeId,
    cohort: Option<CohortId>,
    part: &CallPart,
) -> Result<Call> {
    let id: CallId = tx.new_id();
    diesel::insert_into(calls::table)
        .values((
            calls::id.eq(id),
            calls::slug.eq(&part.slug),
            calls::programme_id.eq(programme),
            calls::cohort_id.eq(cohort),
            calls::names.eq(json(&part.names)),
            calls::opens_at.eq(part.opens_at),
            calls::closes_at.eq(part.closes_at),
            calls::version.eq(1_i64),
            calls::created_at.eq(tx.now),
            calls::updated_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    call(tx.conn, id)
}

pub fn change_call(
    tx: &mut Tx<'_>,
    row: &Call,
    cohort: Option<CohortId>,
    part: &CallPart,
) -> Result<Call> {
    let changed = diesel::update(
        calls::table
            .find(row.id)
            .filter(calls::version.eq(row.version)),
    )
    .set((
        calls::cohort_id.eq(cohort),
        calls::names.eq(json(&part.names)),
        calls::opens_at.eq(part.opens_at),
        calls::closes_at.eq(part.closes_at),
        calls::version.eq(row.version + 1),
        calls::updated_at.eq(tx.now),
    ))
    .execute(tx.conn)?;
    if changed == 0 {
        Err(Error::stale())
    } else {
        call(tx.conn, row.id)
    }
}

/// Whether a call is what a file says already.
#[must_use]
pub fn is_same_call(row: &Call, cohort: Option<CohortId>, part: &CallPart) -> bool {
    row.cohort_id == cohort
        && row.names == json(&part.names)
        && row.opens_at == part.opens_at
        && row.closes_at == part.closes_at
}

impl crate::http::page::CursorValue for NaiveDate {
    fn write(&self) -> String {
        self.to_string()
    }
    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}
