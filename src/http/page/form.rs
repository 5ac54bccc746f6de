//! The forms in which a list comes, and which of them an `Accept` asks for.

crate::words! {
    /// The form of a list.
    pub enum Format {
        Json = "json",
        Csv = "csv",
        Xlsx = "xlsx",
    }
}

impl Format {
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }

    /// The value of `Content-Type`.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Json | Self::Xlsx => self.media_type(),
        }
    }

    /// The form that an `Accept` header likes best (RFC 9110 §12.5.1); of those that it likes alike, the one that it
    /// names first, and JSON before the others where one range takes in several.
    #[must_use]
    pub fn negotiate(header: Option<&str>) -> Self {
        let ranges: Vec<(String, f32)> = header.unwrap_or_default().split(',').map(range).collect();
        let mut best = (Self::Json, 0.0_f32, usize::MAX);
        for form in Self::ALL {
            let Some((place, weight)) = form.found_in(&ranges) else {
                continue;
            };
            if weight > best.1 || (weight > 0.0 && weight >= best.1 && place < best.2) {
                best = (*form, weight, place);
            }
        }
        best.0
    }

    /// Where the ranges take the form in, and how much they like it: what names it counts before what takes in others.
    fn found_in(self, ranges: &[(String, f32)]) -> Option<(usize, f32)> {
        let own = self.media_type();
        let kind = own.split('/').next().unwrap_or_default();
        let alike = [own.to_owned(), format!("{kind}/*"), "*/*".to_owned()];
        alike.iter().find_map(|wanted| {
            let place = ranges.iter().position(|(named, _)| named == wanted)?;
            ranges.get(place).map(|(_, weight)| (place, *weight))
        })
    }
}

/// Whether an `Accept` header names HTML and likes nothing that is JSON better.
#[must_use]
pub fn prefers_html(header: Option<&str>) -> bool {
    let ranges: Vec<(String, f32)> = header.unwrap_or_default().split(',').map(range).collect();
    let named = |wanted: &str| {
        let place = ranges.iter().position(|(named, _)| named == wanted)?;
        ranges.get(place).map(|(_, weight)| (place, *weight))
    };
    match (named("text/html"), named("application/json")) {
        (Some((_, html)), None) => html > 0.0,
        (Some((first, html)), Some((second, json))) => {
            html > json || (html > 0.0 && html >= json && first < second)
        }
        _ => false,
    }
}

/// A media range and its weight.
fn range(text: &str) -> (String, f32) {
    let mut parts = text.split(';');
    let named = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    let weight = parts
        .find_map(|part| part.trim().strip_prefix("q=")?.parse::<f32>().ok())
        .unwrap_or(1.0);
    (named, weight)
}

#[cfg(test)]
mod tests {
    use super::Format::{self, Csv, Json, Xlsx};

    #[test]
    fn a_page_is_for_those_who_name_it() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        for (accept, expected) in [
            (None, false),
            (Some("*/*"), false),
            (Some(browser), true),
            (Some("application/json, text/html;q=0.9"), false),
            (Some("application/json;q=0.5, text/html"), true),
            (Some("application/json, text/html"), false),
            (Some("text/html;q=0, */*"), false),
        ] {
            assert_eq!(super::prefers_html(accept), expected, "{accept:?}");
        }
    }

    #[test]
    fn the_form_that_is_liked_best_is_given() {
        let sheet = Xlsx.media_type();
        for (accept, expected) in [
            (None, Json),
            (Some(""), Json),
            (Some("*/*"), Json),
            (Some("application/*"), Json),
            (Some("text/html, */*;q=0.8"), Json),
            (Some("text/csv"), Csv),
            (Some("Text/CSV;header=present"), Csv),
            (Some("text/*"), Csv),
            (Some("text/csv, */*"), Csv),
            (Some("application/json, text/csv"), Json),
            (Some("text/csv, application/json"), Csv),
            (Some("application/json;q=0.5, text/csv;q=0.6"), Csv),
            (Some("text/csv;q=0, */*"), Json),
            (Some("application/json;q=0, */*;q=0.1"), Csv),
            (Some("application/problem+json"), Json),
            (Some(sheet), Xlsx),
            (Some(&format!("text/csv;q=0.9, {sheet}")), Xlsx),
            (Some(&format!("*/*;q=0.1, {sheet};q=0.2")), Xlsx),
        ] {
            assert_eq!(Format::negotiate(accept), expected, "{accept:?}");
        }
    }
}
