//! The four languages, and names that are data in each of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

crate::words! {
    /// A language of the network.
    pub enum Lang {
        En = "en",
        Nl = "nl",
        Fr = "fr",
        De = "de",
    }
}

impl Lang {
    /// The best of the four for an `Accept-Language` header (RFC 9110 §12.5.4); English where none fits.
    #[must_use]
    pub fn negotiate(header: Option<&str>) -> Self {
        let Some(header) = header else {
            return Self::En;
        };
        let mut best = (Self::En, 0.0_f32);
        for range in header.split(',') {
            let mut parts = range.split(';');
            let tag = parts.next().unwrap_or_default().trim();
            let weight = parts
                .find_map(|part| part.trim().strip_prefix("q=")?.parse::<f32>().ok())
                .unwrap_or(1.0);
            let primary = tag
                .split('-')
                .next()
                .unwrap_or_default()
                .to_ascii_lowercase();
            if let Ok(lang) = primary.parse::<Self>()
                && weight > best.1
            {
                best = (lang, weight);
            }
        }
        best.0
    }
}

/// A name in the four languages.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, diesel::deserialize::FromSqlRow,
)]
#[serde(deny_unknown_fields)]
pub struct Names {
    pub en: String,
    pub nl: String,
    pub fr: String,
    pub de: String,
}
crate::document!(Names);

impl Names {
    #[must_use]
    pub fn get(&self, lang: Lang) -> &str {
        match lang {
            Lang::En => &self.en,
            Lang::Nl => &self.nl,
            Lang::Fr => &self.fr,
            Lang::De => &self.de,
        }
    }

    /// The same in all four, for what has one name everywhere.
    #[must_use]
    pub fn same(name: &str) -> Self {
        Self {
            en: name.into(),
            nl: name.into(),
            fr: name.into(),
            de: name.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Lang;

    #[test]
    fn accept_language_picks_the_best_we_have() {
        for (header, expected) in [
            (None, Lang::En),
            (Some("nl"), Lang::Nl),
            (Some("fr-BE, nl;q=0.8"), Lang::Fr),
            (Some("es, de;q=0.5, nl;q=0.7"), Lang::Nl),
            (Some("*;q=0.1"), Lang::En),
            (Some("nl;q=0, de;q=0.2"), Lang::De),
            (Some(";;q=x,,"), Lang::En),
        ] {
            assert_eq!(Lang::negotiate(header), expected, "{header:?}");
        }
    }
}
