//! The OpenAPI document, put together from the declared routes.

use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, ContactBuilder, ContentBuilder, InfoBuilder, LicenseBuilder, ObjectBuilder, OpenApi, OpenApiBuilder,
    Ref, RefOr, Required, ResponseBuilder, Type,
};
use utoipa::{PartialSchema, ToSchema};

use super::problem::{MEDIA_TYPE, Problem};
use super::routes::{Declared, Routes};
use crate::auth::guard::is_writing;

/// The whole document.
#[must_use]
pub fn document() -> OpenApi {
    let mut routes_declared = Vec::new();
    let mut schemas = Vec::new();
    // Declaring needs a server's configuration to declare into; this one is thrown away.
    let _ = actix_web::App::new().configure(|cfg| {
        let mut routes = Routes::new(cfg);
        crate::app::declare(&mut routes);
        routes_declared = routes.declared;
        schemas = routes.schemas;
    });
    Problem::schemas(&mut schemas);
    schemas.push(("Problem".into(), Problem::schema()));
    let mut components = Components::new();
    components.schemas.extend(schemas);
    components.security_schemes.insert("bearer".into(), RefOr::T(SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer))));
    let mut api = OpenApiBuilder::new().info(info()).components(Some(components)).build();
    for route in routes_declared {
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
        .license(Some(LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build()))
        .contact(Some(ContactBuilder::new().name(Some("Colonnade")).build()))
        .build()
}

/// Adds to a route what all routes have in common: its policy, its headers, its problems.
fn described(route: Declared) -> Vec<(String, PathItem)> {
    let rules = route.rules;
    let writing = is_writing(&route.method);
    let mut items: Vec<(String, PathItem)> = route.docs.paths.into_iter().collect();
    for (path, item) in &mut items {
        for operation in [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete] {
            let Some(operation) = operation else { continue };
            let extension = utoipa::openapi::extensions::Extensions::builder().add("x-policy", rules.policy.name).build();
            operation.extensions.get_or_insert_default().merge(extension);
            if !rules.policy.is_public() {
                operation.security = Some(vec![SecurityRequirement::new("bearer", Vec::<String>::new())]);
            }
            let mut statuses = vec!["400", "404", "406", "414", "431", "500", "503"];
            if !rules.policy.is_public() {
                statuses.extend(["401", "403"]);
            }
            if writing {
                add_header(operation, "Idempotency-Key", false, "Repeating a request with the same key does nothing twice and gives the same answer, for 48 hours.");
                statuses.extend(["408", "409", "413", "415", "422", "429"]);
            }
            if rules.versioned {
                add_header(operation, "If-Match", true, "The ETag that you have seen, or *.");
                statuses.extend(["412", "428"]);
            }
            if operation.parameters.as_ref().is_some_and(|all| all.iter().any(|p| place(p) == 1)) {
                statuses.push("422");
            }
            add_header(operation, "Accept-Language", false, "en, nl, fr or de: the language of names, titles and messages.");
            statuses.sort_unstable();
            statuses.dedup();
            for status in statuses {
                add_problem(operation, status);
            }
            if path.contains("{id}") {
                sort_parameters(operation);
            }
        }
    }
    items
}

fn sort_parameters(operation: &mut Operation) {
    if let Some(parameters) = &mut operation.parameters {
        parameters.sort_by_key(place);
    }
}

/// Path first, then query, then headers.
fn place(parameter: &RefOr<Parameter>) -> u8 {
    match parameter {
        RefOr::T(Parameter { parameter_in: ParameterIn::Path, .. }) => 0,
        RefOr::T(Parameter { parameter_in: ParameterIn::Query, .. }) => 1,
        _ => 2,
    }
}

fn add_header(operation: &mut Operation, name: &str, required: bool, about: &str) {
    let parameter: Parameter = ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(if required { Required::True } else { Required::False })
        .description(Some(about))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).build()))
        .build();
    operation.parameters.get_or_insert_default().push(RefOr::T(parameter));
}

fn add_problem(operation: &mut Operation, status: &str) {
    let mut response = ResponseBuilder::new()
        .description("A problem; see `code`.")
        .content(MEDIA_TYPE, ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build());
    let header = |about: &str| {
        HeaderBuilder::new().schema(Some(ObjectBuilder::new().schema_type(Type::String).build())).description(Some(about)).build()
    };
    if matches!(status, "429" | "503") {
        response = response.header("Retry-After", header("Seconds after which it is worth trying again."));
    }
    if status == "401" {
        response = response.header("WWW-Authenticate", header("How to sign in."));
    }
    operation.responses.responses.entry(status.to_owned()).or_insert_with(|| RefOr::T(response.build()));
}
