//! JSON as the one text that everybody makes of it, for digests and codes.

use serde_json::Value;

/// A document as the one text that everybody makes of it: keys sorted, no spaces (as RFC 8785 has it), so that a digest
/// can be checked whatever order a database keeps keys in.
#[must_use]
pub fn text(value: &Value) -> String {
    let mut text = String::with_capacity(512);
    write(&mut text, value);
    text
}

fn write(text: &mut String, value: &Value) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            let mut before = '{';
            for (name, value) in &fields {
                text.push(before);
                quote(text, name);
                text.push(':');
                write(text, value);
                before = ',';
            }
            text.push_str(if fields.is_empty() { "{}" } else { "}" });
        }
        Value::Array(items) => {
            let mut before = '[';
            for item in items {
                text.push(before);
                write(text, item);
                before = ',';
            }
            text.push_str(if items.is_empty() { "[]" } else { "]" });
        }
        Value::String(said) => quote(text, said),
        other => text.push_str(&other.to_string()),
    }
}

/// Most texts need no escapes; `serde_json` knows those that do.
fn quote(text: &mut String, said: &str) {
    let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    if said.bytes().all(is_plain) {
        text.push('"');
        text.push_str(said);
        text.push('"');
    } else {
        text.push_str(&Value::from(said).to_string());
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

    #[test]
    fn it_says_what_serde_json_says() {
        let all = json!(["", {}, [], {"": [[]]}, "\u{0}\u{1f}\u{7f}\\\"/\n é\u{1F600}", -1, 1.5e300, u64::MAX, null]);
        assert_eq!(text(&all), all.to_string());
    }
}
