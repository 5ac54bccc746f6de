//! JSON as the one text that everybody makes of it, for digests and codes.

use serde_json::Value;

/// A document as the one text that everybody makes of it: keys sorted, no spaces (as RFC 8785 has it), so that a digest
/// can be checked whatever order a database keeps keys in.
#[must_use]
pub fn text(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort();
            let fields = names.into_iter().map(|name| {
                format!(
                    "{}:{}",
                    Value::from(name.as_str()),
                    text(&value[name.as_str()])
                )
            });
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(text).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::text;
    use serde_json::json;

    #[test]
    fn the_order_of_keys_does_not_matter() {
        let one = json!({"b": [1, {"y": null, "x": "é\""}], "a": true});
        let two = json!({"a": true, "b": [1, {"x": "é\"", "y": null}]});
        assert_eq!(text(&one), text(&two));
        assert_eq!(text(&one), r#"{"a":true,"b":[1,{"x":"é\"","y":null}]}"#);
    }
}
