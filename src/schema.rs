//! Checks JSON against the schema of a Rust type, the same schema that the OpenAPI document shows, and reports
//! every mistake at once.

use std::any::TypeId;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use anyhow::Context;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::{Map, Value, json};
use unicode_normalization::UnicodeNormalization;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, ToSchema};

use crate::error::FieldError;

/// The schema of one type, ready to check with.
pub struct Shape {
    schema: Value,
    validator: jsonschema::Validator,
}

impl Shape {
    /// The shape of a body.
    ///
    /// # Errors
    /// When the type's schema is no schema, which a test finds.
    pub fn of<T: ToSchema>() -> anyhow::Result<Self> {
        let mut named = Vec::new();
        T::schemas(&mut named);
        let mut schema = serde_json::to_value(T::schema())?;
        let named: Map<String, Value> = named
            .into_iter()
            .map(|(name, one)| Ok((name, serde_json::to_value(one)?)))
            .collect::<anyhow::Result<_>>()?;
        if let Some(root) = schema.as_object_mut() {
            root.insert("components".into(), json!({ "schemas": named }));
        }
        Self::from_schema(schema)
    }

    /// The shape of a query string: an object with a property for each parameter, and no others.
    ///
    /// # Errors
    /// As for [`Shape::of`].
    pub fn of_query<T: IntoParams>() -> anyhow::Result<Self> {
        let mut properties = Map::new();
        for Parameter { name, schema, .. } in T::into_params(|| Some(ParameterIn::Query)) {
            properties.insert(name, serde_json::to_value(schema)?);
        }
        Self::from_schema(
            json!({ "type": "object", "properties": properties, "additionalProperties": false }),
        )
    }

    /// The shape given by a schema.
    ///
    /// # Errors
    /// When it is no schema.
    pub fn from_schema(schema: Value) -> anyhow::Result<Self> {
        let validator = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .should_validate_formats(true)
            .with_format("line", |text: &str| !text.contains(['\n', '\t']))
            .with_pattern_options(jsonschema::PatternOptions::regex())
            .build(&schema)
            .map_err(|error| anyhow::anyhow!("{error}"))
            .context("building a schema")?;
        Ok(Self { schema, validator })
    }

    /// Brings all texts into the form in which they are kept: NFC, LF line ends, trimmed at both ends. Passwords
    /// and tokens (`format: password`) stay as they were received. Control characters are reported.
    pub fn tidy(&self, value: &mut Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        if let Value::Object(fields) = value {
            for (name, field) in fields {
                let format = property(&self.schema, name).and_then(|own| own.get("format"));
                if format.and_then(Value::as_str) != Some("password") {
                    tidy(field, &format!("/{}", escape(name)), &mut errors);
                }
            }
        }
        errors
    }

    /// Turns texts from a query string or the environment into the numbers and truth values that are asked for.
    pub fn coerce(&self, value: &mut Value) {
        coerce(value, &self.schema, &self.schema);
    }

    /// Every mistake in the value.
    #[must_use]
    pub fn check(&self, value: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        for error in self.validator.iter_errors(value) {
            explain(error.kind(), error.instance_path().as_str(), &mut errors);
        }
        errors
    }
}

fn tidy(value: &mut Value, pointer: &str, errors: &mut Vec<FieldError>) {
    match value {
        Value::String(text) if is_tidy(text) => {}
        Value::String(text) => {
            let tidied: String = text.replace("\r\n", "\n").trim().nfc().collect();
            if tidied
                .chars()
                .any(|c| c.is_control() && c != '\n' && c != '\t')
            {
                errors.push(FieldError::new(pointer, "control-character"));
            }
            *text = tidied;
        }
        Value::Array(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                tidy(item, &format!("{pointer}/{at}"), errors);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                if name.chars().any(char::is_control) {
                    errors.push(FieldError::new(pointer, "control-character"));
                }
                tidy(field, &format!("{pointer}/{}", escape(name)), errors);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// True for most texts: ASCII is its own normal form.
fn is_tidy(text: &str) -> bool {
    let plain = |byte: &u8| matches!(byte, b' '..=b'~');
    text.as_bytes().iter().all(plain) && !text.starts_with(' ') && !text.ends_with(' ')
}

fn property<'a>(schema: &'a Value, name: &str) -> Option<&'a Value> {
    schema.get("properties")?.get(name)
}

fn coerce(value: &mut Value, schema: &Value, root: &Value) {
    let schema = resolve(schema, root);
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                coerce(field, property(schema, name).unwrap_or(&Value::Null), root);
            }
        }
        Value::String(text) => {
            let wanted = |kind: &str| match schema.get("type") {
                Some(Value::String(one)) => one == kind,
                Some(Value::Array(several)) => several.iter().any(|one| one == kind),
                _ => false,
            };
            let parsed = if wanted("integer") {
                text.parse::<i64>().ok().map(Value::from)
            } else if wanted("boolean") {
                text.parse::<bool>().ok().map(Value::from)
            } else {
                None
            };
            if let Some(parsed) = parsed {
                *value = parsed;
            }
        }
        _ => {}
    }
}

fn resolve<'a>(schema: &'a Value, root: &'a Value) -> &'a Value {
    schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|to| root.pointer(to.trim_start_matches('#')))
        .unwrap_or(schema)
}

/// Says in our words what the validator found.
fn explain(kind: &Kind, at: &str, errors: &mut Vec<FieldError>) {
    let below = |name: &str| format!("{at}/{}", escape(name));
    match kind {
        Kind::Required { property } => {
            errors.push(FieldError::new(
                below(property.as_str().unwrap_or_default()),
                "required",
            ));
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            errors.extend(
                unexpected
                    .iter()
                    .map(|name| FieldError::new(below(name), "unknown-field")),
            );
        }
        Kind::OneOfNotValid { context } | Kind::AnyOf { context } => {
            let meant = context.iter().find(|branch| {
                !branch.iter().any(|e| {
                    e.instance_path().as_str() == at && matches!(e.kind(), Kind::Type { .. })
                })
            });
            match meant {
                Some(branch) => {
                    for error in branch {
                        explain(error.kind(), error.instance_path().as_str(), errors);
                    }
                }
                None => errors.push(FieldError::new(at, "wrong-type")),
            }
        }
        other => errors.push(simple(other, at)),
    }
}

fn simple(kind: &Kind, at: &str) -> FieldError {
    match kind {
        Kind::Type { .. } => FieldError::new(at, "wrong-type"),
        Kind::MinLength { limit: 1 } => FieldError::new(at, "empty"),
        Kind::MinLength { limit } => FieldError::new(at, "too-short").with("min", limit),
        Kind::MaxLength { limit } => FieldError::new(at, "too-long").with("max", limit),
        Kind::Minimum { limit } => FieldError::new(at, "too-small").with("min", limit),
        Kind::Maximum { limit } => FieldError::new(at, "too-large").with("max", limit),
        Kind::MinItems { limit } => FieldError::new(at, "too-few-items").with("min", limit),
        Kind::MaxItems { limit } => FieldError::new(at, "too-many-items").with("max", limit),
        Kind::UniqueItems => FieldError::new(at, "repeated-items"),
        Kind::Enum { options } => {
            let words = options.as_array().map(|all| {
                all.iter()
                    .filter_map(Value::as_str)
                    .collect::<Vec<_>>()
                    .join(", ")
            });
            FieldError::new(at, "not-one-of").with("options", words.unwrap_or_default())
        }
        Kind::Constant { expected_value } => {
            FieldError::new(at, "must-be").with("value", expected_value)
        }
        Kind::Format { format } => FieldError::new(at, "wrong-format").with("format", format),
        Kind::Pattern { pattern } => FieldError::new(at, "wrong-format").with("format", pattern),
        _ => FieldError::new(at, "not-valid"),
    }
}

/// Escapes a name for a JSON Pointer (RFC 6901 §3).
#[must_use]
pub fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// How many shapes that are data are kept ready at a time.
const MOST_NAMED: usize = 500;

/// The shapes in use, each built when it is first needed: those of types, and those that are data by their names.
#[derive(Default)]
pub struct Shapes {
    of_types: RwLock<HashMap<TypeId, Arc<Shape>>>,
    named: RwLock<HashMap<String, Arc<Shape>>>,
}

impl Shapes {
    /// # Errors
    /// As for [`Shape::of`].
    pub fn body<T: ToSchema + 'static>(&self) -> anyhow::Result<Arc<Shape>> {
        self.get(TypeId::of::<T>(), Shape::of::<T>)
    }

    /// # Errors
    /// As for [`Shape::of`].
    pub fn query<T: IntoParams + 'static>(&self) -> anyhow::Result<Arc<Shape>> {
        self.get(TypeId::of::<T>(), Shape::of_query::<T>)
    }

    /// The shape of this name, which stands for the same schema each time.
    ///
    /// # Errors
    /// As for [`Shape::from_schema`].
    pub fn named(
        &self,
        name: String,
        build: impl FnOnce() -> anyhow::Result<Shape>,
    ) -> anyhow::Result<Arc<Shape>> {
        if read(&self.named).len() >= MOST_NAMED {
            write(&self.named).clear();
        }
        get(&self.named, name, build)
    }

    fn get(&self, id: TypeId, build: fn() -> anyhow::Result<Shape>) -> anyhow::Result<Arc<Shape>> {
        get(&self.of_types, id, build)
    }
}

type Kept<K> = RwLock<HashMap<K, Arc<Shape>>>;

fn read<K>(kept: &Kept<K>) -> RwLockReadGuard<'_, HashMap<K, Arc<Shape>>> {
    kept.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<K>(kept: &Kept<K>) -> RwLockWriteGuard<'_, HashMap<K, Arc<Shape>>> {
    kept.write().unwrap_or_else(PoisonError::into_inner)
}

fn get<K: Eq + Hash>(
    kept: &Kept<K>,
    key: K,
    build: impl FnOnce() -> anyhow::Result<Shape>,
) -> anyhow::Result<Arc<Shape>> {
    let known = read(kept).get(&key).cloned();
    if let Some(shape) = known {
        return Ok(shape);
    }
    let shape = Arc::new(build()?);
    write(kept).insert(key, shape.clone());
    Ok(shape)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize, ToSchema)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its schema is of interest")]
    struct Sample {
        #[schema(min_length = 1, max_length = 5, format = "line")]
        title: String,
        #[schema(format = "password")]
        password: String,
        #[schema(minimum = 1, maximum = 9)]
        number: Option<i32>,
        lang: crate::lang::Lang,
        names: Option<crate::lang::Names>,
    }

    fn codes(mut value: Value) -> Vec<(String, String)> {
        let shape = Shape::of::<Sample>().unwrap();
        let mut errors = shape.tidy(&mut value);
        errors.extend(shape.check(&value));
        let mut codes: Vec<_> = errors
            .into_iter()
            .map(|e| (e.pointer, e.code.into_owned()))
            .collect();
        codes.sort();
        codes
    }

    fn expect(value: Value, expected: &[(&str, &str)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(p, c)| ((*p).to_owned(), (*c).to_owned()))
            .collect();
        assert_eq!(codes(value.clone()), expected, "{value}");
    }

    #[test]
    fn all_mistakes_at_once() {
        expect(
            json!({"title": " abc ", "password": " x\u{0} ", "lang": "nl"}),
            &[],
        );
        expect(
            json!({"title": "", "number": 10, "lang": "es", "extra": 1, "names": {"en": 1, "nl": "", "fr": ""}}),
            &[
                ("/extra", "unknown-field"),
                ("/lang", "not-one-of"),
                ("/names/de", "required"),
                ("/names/en", "wrong-type"),
                ("/number", "too-large"),
                ("/password", "required"),
                ("/title", "empty"),
            ],
        );
        expect(json!([]), &[("", "wrong-type")]);
        expect(
            json!({"title": "a\u{7}", "password": "p", "lang": "nl", "names": 3}),
            &[("/names", "wrong-type"), ("/title", "control-character")],
        );
        expect(
            json!({"title": "a\nb", "password": "p", "lang": "nl"}),
            &[("/title", "wrong-format")],
        );
    }
}
