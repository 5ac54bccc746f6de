//! The files under `config/network/`: what a network consists of, before it is loaded.

use anyhow::Context;
use chrono::NaiveDate;
use serde::{Deserialize, Deserializer};

use super::model::{OrganisationKind, Pillar, PillarPlan, Responsibility, Sector};
use crate::lang::{Lang, Names};

/// The Belgian network, compiled in.
pub const BELGIUM: &str = include_str!("../../config/network/belgium.toml");
pub const BELGIAN_POSTAL_CODES: &str =
    include_str!("../../config/network/belgium-postal-codes.toml");

/// One file of a network; every part may be left out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkFile {
    pub network: Option<NetworkPart>,
    pub regions: Vec<RegionPart>,
    pub provinces: Vec<ProvincePart>,
    pub organisations: Vec<OrganisationPart>,
    pub mandates: Vec<MandatePart>,
    pub programmes: Vec<ProgrammePart>,
    pub cohorts: Vec<CohortPart>,
    pub calls: Vec<CallPart>,
    pub screening_reasons: Vec<ReasonPart>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkPart {
    pub slug: String,
    pub names: Names,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionPart {
    pub code: String,
    pub iso: String,
    pub names: Names,
    pub languages: Vec<Lang>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvincePart {
    pub iso: String,
    pub region: String,
    pub nuts2: String,
    pub names: Names,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrganisationPart {
    pub slug: String,
    pub name: String,
    pub kind: OrganisationKind,
    pub region: Option<String>,
    pub website: Option<String>,
    pub roles: Names,
    #[serde(deserialize_with = "day")]
    pub valid_from: NaiveDate,
    #[serde(default, deserialize_with = "optional_day")]
    pub valid_to: Option<NaiveDate>,
    pub succeeded_by: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MandatePart {
    pub organisation: String,
    pub pillar: Pillar,
    pub region: String,
    pub responsibility: Responsibility,
    #[serde(deserialize_with = "day")]
    pub valid_from: NaiveDate,
    #[serde(default, deserialize_with = "optional_day")]
    pub valid_to: Option<NaiveDate>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgrammePart {
    pub slug: String,
    pub names: Names,
    pub summary: Names,
    pub organisation: Option<String>,
    pub regions: Vec<String>,
    pub languages: Vec<Lang>,
    pub sectors: Vec<Sector>,
    pub excluded_sectors: Vec<Sector>,
    pub pillars: Vec<PillarPlan>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CohortPart {
    pub slug: String,
    pub programme: String,
    pub names: Names,
    #[serde(deserialize_with = "day")]
    pub starts_on: NaiveDate,
    #[serde(deserialize_with = "day")]
    pub ends_on: NaiveDate,
    pub capacity: i32,
    #[serde(default)]
    pub quota: std::collections::BTreeMap<String, i32>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallPart {
    pub slug: String,
    pub programme: String,
    pub cohort: Option<String>,
    pub names: Names,
    #[serde(deserialize_with = "moment")]
    pub opens_at: crate::db::Moment,
    #[serde(deserialize_with = "moment")]
    pub closes_at: crate::db::Moment,
}

/// Why the screening of an application ends as it does.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReasonPart {
    pub code: String,
    pub names: Names,
}

/// The postal codes of one country.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostalFile {
    pub country: String,
    pub pattern: String,
    pub ranges: Vec<RangePart>,
    #[serde(default)]
    pub exceptions: Vec<RangePart>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RangePart {
    pub low: String,
    pub high: String,
    pub region: String,
    pub province: String,
    pub languages: Vec<Lang>,
    #[serde(default, deserialize_with = "optional_day")]
    pub valid_from: Option<NaiveDate>,
    #[serde(default, deserialize_with = "optional_day")]
    pub valid_to: Option<NaiveDate>,
    pub reason: Option<String>,
}

/// Everything that is loaded together.
#[derive(Debug, Clone, Default)]
pub struct Files {
    pub networks: Vec<NetworkFile>,
    pub postal: Vec<PostalFile>,
}

impl Files {
    /// The Belgian network.
    ///
    /// # Errors
    /// When the compiled-in files don't parse, which a test finds.
    pub fn belgium() -> anyhow::Result<Self> {
        let network = toml::from_str(BELGIUM).context("config/network/belgium.toml")?;
        let postal = toml::from_str(BELGIAN_POSTAL_CODES)
            .context("config/network/belgium-postal-codes.toml")?;
        Ok(Self {
            networks: vec![network],
            postal: vec![postal],
        })
    }

    /// All files of a folder: those named `…postal-codes.toml` hold postal codes, the other `.toml` files the rest.
    ///
    /// # Errors
    /// When one can't be read or understood.
    pub fn read(folder: &std::path::Path) -> anyhow::Result<Self> {
        let mut files = Self::default();
        let mut paths: Vec<_> = std::fs::read_dir(folder)
            .with_context(|| format!("reading {}", folder.display()))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "toml")
            })
            .collect();
        paths.sort();
        for path in paths {
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("reading {}", path.display()))?;
            let about = || format!("understanding {}", path.display());
            if path.to_string_lossy().ends_with("postal-codes.toml") {
                files
                    .postal
                    .push(toml::from_str(&text).with_context(about)?);
            } else {
                files
                    .networks
                    .push(toml::from_str(&text).with_context(about)?);
            }
        }
        Ok(files)
    }
}

/// A TOML day.
///
/// # Errors
/// When it is none.
pub fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NaiveDate, D::Error> {
    let text = toml::value::Datetime::deserialize(deserializer)?.to_string();
    text.parse().map_err(serde::de::Error::custom)
}

/// A TOML day that may be left out.
///
/// # Errors
/// When it is there and none.
pub fn optional_day<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<NaiveDate>, D::Error> {
    day(deserializer).map(Some)
}

fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<crate::db::Moment, D::Error> {
    let text = toml::value::Datetime::deserialize(deserializer)?.to_string();
    let at = chrono::DateTime::parse_from_rfc3339(&text).map_err(serde::de::Error::custom)?;
    Ok(crate::db::Moment::new(at.to_utc()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Json;
    use crate::network::model::{PostalRule, place};

    fn rules() -> Vec<PostalRule> {
        let file: PostalFile = toml::from_str(BELGIAN_POSTAL_CODES).unwrap();
        let rule = |part: &RangePart, is_exception| PostalRule {
            low: part.low.clone(),
            high: part.high.clone(),
            region: part.region.clone(),
            province: part.province.clone(),
            languages: Json(serde_json::json!(part.languages)),
            is_exception,
            valid_from: part.valid_from,
            valid_to: part.valid_to,
        };
        let ranges = file.ranges.iter().map(|part| rule(part, false));
        ranges
            .chain(file.exceptions.iter().map(|part| rule(part, true)))
            .collect()
    }

    fn at(code: &str, on: &str) -> Option<(String, String, Vec<Lang>)> {
        place(&rules(), code, on.parse().unwrap())
            .map(|place| (place.region, place.province, place.languages))
    }

    #[test]
    fn a_postal_code_gives_region_province_and_languages() {
        let expect = |code: &str, on: &str, region: &str, province: &str, languages: &[Lang]| {
            assert_eq!(
                at(code, on),
                Some((region.into(), province.into(), languages.to_vec())),
                "{code} on {on}"
            );
        };
        expect("1000", "2018-02-01", "BE1", "BE-BRU", &[Lang::Nl, Lang::Fr]);
        expect("1299", "2018-02-01", "BE1", "BE-BRU", &[Lang::Nl, Lang::Fr]);
        expect("1300", "2018-02-01", "BE3", "BE-WBR", &[Lang::Fr]);
        expect("4700", "2018-02-01", "BE3", "BE-WLG", &[Lang::De]);
        expect("4800", "2018-02-01", "BE3", "BE-WLG", &[Lang::Fr]);
        expect("2018", "2018-02-01", "BE2", "BE-VAN", &[Lang::Nl]);
        expect("9992", "2018-02-01", "BE2", "BE-VOV", &[Lang::Nl]);
    }

    #[test]
    fn zwijndrecht_moved_to_east_flanders() {
        assert_eq!(at("2070", "2024-12-31").unwrap().1, "BE-VAN");
        assert_eq!(at("2070", "2025-01-01").unwrap().1, "BE-VOV");
    }

    #[test]
    fn codes_outside_all_blocks_are_unknown() {
        for code in ["0999", "", "10000", "100", "abcd"] {
            assert_eq!(at(code, "2018-02-01"), None, "{code}");
        }
    }

    #[test]
    fn one_lead_for_each_pillar_and_region_at_any_time() {
        let file: NetworkFile = toml::from_str(BELGIUM).unwrap();
        for day in ["2018-02-01", "2022-12-12", "2022-12-13", "2026-11-22"] {
            let day: NaiveDate = day.parse().unwrap();
            for pillar in Pillar::ALL {
                for region in ["BE1", "BE2", "BE3"] {
                    let leads = file.mandates.iter().filter(|mandate| {
                        mandate.pillar == *pillar
                            && mandate.region == region
                            && mandate.responsibility == Responsibility::Lead
                            && mandate.valid_from <= day
                            && mandate.valid_to.is_none_or(|to| day < to)
                    });
                    assert_eq!(leads.count(), 1, "{pillar} in {region} on {day}");
                }
            }
        }
    }
}
