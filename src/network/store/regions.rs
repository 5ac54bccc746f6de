//! How regions, provinces, postal codes and the reasons of a screening are kept and found.

use diesel::prelude::*;

use super::json;
use crate::app::Tx;
use crate::db::dialect::Each;
use crate::db::schema::{postal_codes, provinces, regions, screening_reasons as reasons};
use crate::db::{Conn, Json};
use crate::error::{OrNotFound, Result};
use crate::lang::Names;
use crate::network::files::{PostalFile, ProvincePart, RangePart, ReasonPart, RegionPart};
use crate::network::model::{PostalRule, Province, Region, RuleId, names};

pub fn regions(conn: &mut Conn) -> Result<Vec<Region>> {
    Ok(regions::table
        .order(regions::code)
        .select(Region::as_select())
        .load(conn)?)
}

pub fn provinces(conn: &mut Conn) -> Result<Vec<Province>> {
    Ok(provinces::table
        .order(provinces::iso)
        .select(Province::as_select())
        .load(conn)?)
}

/// The names of a region.
///
/// # Errors
/// `not-found` where there is no such region.
pub fn region_names(conn: &mut Conn, code: &str) -> Result<Names> {
    let found: Json = regions::table
        .find(code)
        .select(regions::names)
        .get_result(conn)
        .or_not_found()?;
    Ok(names(&found))
}

/// The reasons of the network's screening, by code.
///
/// # Errors
/// The database's.
pub fn screening_reasons(conn: &mut Conn) -> Result<Vec<(String, Names)>> {
    let all: Vec<(String, Json)> = reasons::table.order(reasons::code).load(conn)?;
    let named = all.into_iter().map(|(code, found)| (code, names(&found)));
    Ok(named.collect())
}

pub fn put_screening_reason(tx: &mut Tx<'_>, part: &ReasonPart) -> Result<()> {
    let put = diesel::insert_into(reasons::table)
        .values((
            reasons::code.eq(&part.code),
            reasons::names.eq(json(&part.names)),
        ))
        .on_conflict(reasons::code)
        .do_update()
        .set(reasons::names.eq(json(&part.names)));
    Each(put).execute(tx.conn)?;
    Ok(())
}

pub fn postal_rules(conn: &mut Conn, country: &str) -> Result<Vec<PostalRule>> {
    let rules = postal_codes::table.filter(postal_codes::country.eq(country));
    Ok(rules
        .order(postal_codes::low)
        .select(PostalRule::as_select())
        .load(conn)?)
}

pub fn put_region(tx: &mut Tx<'_>, part: &RegionPart) -> Result<()> {
    let set = (
        regions::iso.eq(&part.iso),
        regions::names.eq(json(&part.names)),
        regions::languages.eq(json(&part.languages)),
    );
    let row = (regions::code.eq(&part.code), set.clone());
    let put = diesel::insert_into(regions::table)
        .values(row)
        .on_conflict(regions::code)
        .do_update()
        .set(set);
    Each(put).execute(tx.conn)?;
    Ok(())
}

pub fn put_province(tx: &mut Tx<'_>, part: &ProvincePart) -> Result<()> {
    let set = (
        provinces::region.eq(&part.region),
        provinces::nuts2.eq(&part.nuts2),
        provinces::names.eq(json(&part.names)),
    );
    let row = (provinces::iso.eq(&part.iso), set.clone());
    let put = diesel::insert_into(provinces::table)
        .values(row)
        .on_conflict(provinces::iso)
        .do_update()
        .set(set);
    Each(put).execute(tx.conn)?;
    Ok(())
}

/// Replaces a country's postal codes.
pub fn put_postal_codes(tx: &mut Tx<'_>, file: &PostalFile) -> Result<()> {
    diesel::delete(postal_codes::table.filter(postal_codes::country.eq(&file.country)))
        .execute(tx.conn)?;
    for part in &file.ranges {
        insert_postal_rule(tx, &file.country, part, false)?;
    }
    for part in &file.exceptions {
        insert_postal_rule(tx, &file.country, part, true)?;
    }
    Ok(())
}

fn insert_postal_rule(
    tx: &mut Tx<'_>,
    country: &str,
    part: &RangePart,
    is_exception: bool,
) -> Result<()> {
    let id: RuleId = tx.new_id();
    diesel::insert_into(postal_codes::table)
        .values((
            postal_codes::id.eq(id),
            postal_codes::country.eq(country),
            postal_codes::low.eq(&part.low),
            postal_codes::high.eq(&part.high),
            postal_codes::region.eq(&part.region),
            postal_codes::province.eq(&part.province),
            postal_codes::languages.eq(json(&part.languages)),
            postal_codes::is_exception.eq(is_exception),
            postal_codes::valid_from.eq(part.valid_from),
            postal_codes::valid_to.eq(part.valid_to),
        ))
        .execute(tx.conn)?;
    Ok(())
}
