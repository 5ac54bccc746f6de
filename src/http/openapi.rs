//! The OpenAPI document, put together from the declared routes.

use std::collections::BTreeSet;

use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, ContactBuilder, ContentBuilder, InfoBuilder, KnownFormat, LicenseBuilder,
    ObjectBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Required, ResponseBuilder, SchemaFormat,
    Type,
};
use utoipa::{PartialSchema, ToSchema};

use super::page::Format;
use super::problem::{MEDIA_TYPE, Problem};
use super::routes::{Declared, Rules};
use crate::auth::guard::is_writing;

/// The whole document.
#[must_use]
pub fn document() -> OpenApi {
    let routes = crate::app::routes();
    let mut schemas = routes.schemas;
    Problem::schemas(&mut schemas);
    schemas.push(("Problem".into(), Problem::schema()));
    let mut components = Components::new();
    components.schemas.extend(schemas);
    components.security_schemes.insert(
        "bearer".into(),
        RefOr::T(SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer))),
    );
    let mut api = OpenApiBuilder::new()
        .info(info())
        .components(Some(components))
        .build();
    for route in routes.declared {
        for (path, item) in described(route) {
            match api.paths.paths.get_mut(&path) {
                Some(known) => known.merge_operations(item),
                None => {
                    api.paths.paths.insert(path, item);
                }
            }
        }
    }
    api
}

/// The document as it is served and committed.
///
/// # Errors
/// When it can't be written as JSON.
pub fn json() -> anyhow::Result<String> {
    Ok(document().to_pretty_json()?)
}

fn info() -> utoipa::openapi::Info {
    InfoBuilder::new()
        .title("Colonnade")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(include_str!("openapi.md")))
        .license(Some(
            LicenseBuilder::new()
                .name("MIT OR Apache-2.0")
                .identifier(Some("MIT OR Apache-2.0"))
                .build(),
        ))
        .contact(Some(ContactBuilder::new().name(Some("Colonnade")).build()))
        .build()
}

/// Adds to a route what all routes have in common: its policy, its headers, its problems.
fn described(route: Declared) -> Vec<(String, PathItem)> {
    let (rules, writing) = (route.rules, is_writing(&route.method));
    let mut items: Vec<(String, PathItem)> = route.docs.paths.into_iter().collect();
    for (_, item) in &mut items {
        let operations = [
            &mut item.get,
            &mut item.post,
            &mut item.put,
            &mut item.patch,
            &mut item.delete,
        ];
        for operation in operations.into_iter().flatten() {
            add_policy(operation, rules);
            add_headers(operation, rules, writing);
            add_forms(operation);
            for status in problems(operation, rules, writing) {
                add_problem(operation, status);
            }
            sort_parameters(operation);
        }
    }
    items
}

fn add_policy(operation: &mut Operation, rules: Rules) {
    let extension = Extensions::builder()
        .add("x-policy", rules.policy.name)
        .build();
    operation
        .extensions
        .get_or_insert_default()
        .merge(extension);
    if !rules.policy.is_public() {
        operation.security = Some(vec![SecurityRequirement::new(
            "bearer",
            Vec::<String>::new(),
        )]);
    }
}

fn add_headers(operation: &mut Operation, rules: Rules, writing: bool) {
    if writing {
        let about = "Repeating a request with the same key does nothing twice and gives the same answer, for 48 hours.";
        add_header(operation, "Idempotency-Key", false, about);
    }
    if rules.versioned {
        add_header(
            operation,
            "If-Match",
            true,
            "The ETag that you have seen, or *.",
        );
    }
    let about = "en, nl, fr or de: the language of names, titles and messages.";
    add_header(operation, "Accept-Language", false, about);
}

/// A list, which one knows by its parameter `format`, comes as a table too.
fn add_forms(operation: &mut Operation) {
    let is_list = operation.parameters.iter().flatten().any(
        |parameter| matches!(parameter, RefOr::T(one) if place(parameter) == 1 && one.name == "format"),
    );
    let answer = operation.responses.responses.get_mut("200");
    if let (true, Some(RefOr::T(answer))) = (is_list, answer) {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let binary = SchemaFormat::KnownFormat(KnownFormat::Binary);
        let sheet = text().format(Some(binary));
        for (form, schema) in [(Format::Csv, text()), (Format::Xlsx, sheet)] {
            let content = ContentBuilder::new().schema(Some(schema.build())).build();
            answer
                .content
                .insert(form.media_type().into(), RefOr::T(content));
        }
    }
}

/// The statuses of the problems that an operation can answer.
fn problems(operation: &Operation, rules: Rules, writing: bool) -> BTreeSet<&'static str> {
    let mut statuses = BTreeSet::from(["400", "404", "406", "414", "431", "500", "503"]);
    if !rules.policy.is_public() {
        statuses.extend(["401", "403"]);
    }
    if writing {
        statuses.extend(["401", "408", "409", "413", "415", "422", "429"]);
    }
    if rules.versioned {
        statuses.extend(["412", "428"]);
    }
    if operation
        .parameters
        .iter()
        .flatten()
        .any(|parameter| place(parameter) == 1)
    {
        statuses.insert("422");
    }
    statuses
}

fn sort_parameters(operation: &mut Operation) {
    if let Some(parameters) = &mut operation.parameters {
        parameters.sort_by_key(place);
    }
}

/// Path first, then query, then headers.
fn place(parameter: &RefOr<Parameter>) -> u8 {
    match parameter {
        RefOr::T(Parameter {
            parameter_in: ParameterIn::Path,
            ..
        }) => 0,
        RefOr::T(Parameter {
            parameter_in: ParameterIn::Query,
            ..
        }) => 1,
        _ => 2,
    }
}

fn add_header(operation: &mut Operation, name: &str, required: bool, about: &str) {
    let parameter: Parameter = ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(if required {
            Required::True
        } else {
            Required::False
        })
        .description(Some(about))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).build()))
        .build();
    operation
        .parameters
        .get_or_insert_default()
        .push(RefOr::T(parameter));
}

fn add_problem(operation: &mut Operation, status: &str) {
    let mut response = ResponseBuilder::new()
        .description("A problem; see `code`.")
        .content(
            MEDIA_TYPE,
            ContentBuilder::new()
                .schema(Some(Ref::from_schema_name("Problem")))
                .build(),
        );
    let header = |about: &str| {
        HeaderBuilder::new()
            .schema(Some(ObjectBuilder::new().schema_type(Type::String).build()))
            .description(Some(about))
            .build()
    };
    if matches!(status, "429" | "503") {
        response = response.header(
            "Retry-After",
            header("Seconds after which it is worth trying again."),
        );
    }
    if status == "401" {
        response = response.header("WWW-Authenticate", header("How to sign in."));
    }
    operation
        .responses
        .responses
        .entry(status.to_owned())
        .or_insert_with(|| RefOr::T(response.build()));
}
