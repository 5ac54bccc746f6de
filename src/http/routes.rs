//! Every route is declared once, with its policy; that one declaration feeds the server, the guard and the
//! OpenAPI document.

use std::collections::HashMap;

use actix_web::dev::HttpServiceFactory;
use actix_web::http::Method;
use actix_web::web::ServiceConfig;
use utoipa::openapi::RefOr;
use utoipa::openapi::path::{HttpMethod, Paths};
use utoipa::openapi::schema::Schema;
use utoipa_actix_web::OpenApiFactory;

use crate::auth::Policy;

/// Collects the declarations of all slices.
pub struct Routes<'a> {
    actix: &'a mut ServiceConfig,
    pub declared: Vec<Declared>,
    pub schemas: Vec<(String, RefOr<Schema>)>,
}

/// One declared route.
pub struct Declared {
    pub method: Method,
    pub path: String,
    pub rules: Rules,
    pub docs: Paths,
}

/// What stands in front of a route.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    pub policy: Policy,
    /// The caller has to say which version it has seen (`If-Match`).
    pub versioned: bool,
}

impl<'a> Routes<'a> {
    pub fn new(actix: &'a mut ServiceConfig) -> Self {
        Self {
            actix,
            declared: Vec::new(),
            schemas: Vec::new(),
        }
    }

    /// Declares a route with its policy.
    pub fn add<F>(&mut self, handler: F, policy: Policy)
    where
        F: HttpServiceFactory + OpenApiFactory + 'static,
    {
        self.declare(
            handler,
            Rules {
                policy,
                versioned: false,
            },
        );
    }

    /// Declares a route that changes or moves something that exists.
    pub fn add_versioned<F>(&mut self, handler: F, policy: Policy)
    where
        F: HttpServiceFactory + OpenApiFactory + 'static,
    {
        self.declare(
            handler,
            Rules {
                policy,
                versioned: true,
            },
        );
    }

    fn declare<F>(&mut self, handler: F, rules: Rules)
    where
        F: HttpServiceFactory + OpenApiFactory + 'static,
    {
        let docs = handler.paths();
        handler.schemas(&mut self.schemas);
        for (path, item) in &docs.paths {
            for (method, operation) in [
                (HttpMethod::Get, &item.get),
                (HttpMethod::Post, &item.post),
                (HttpMethod::Put, &item.put),
                (HttpMethod::Patch, &item.patch),
                (HttpMethod::Delete, &item.delete),
            ] {
                if operation.is_some() {
                    self.declared.push(Declared {
                        method: actix_method(&method),
                        path: path.clone(),
                        rules,
                        docs: docs.clone(),
                    });
                }
            }
        }
        self.actix.service(handler);
    }
}

fn actix_method(method: &HttpMethod) -> Method {
    match method {
        HttpMethod::Post => Method::POST,
        HttpMethod::Put => Method::PUT,
        HttpMethod::Patch => Method::PATCH,
        HttpMethod::Delete => Method::DELETE,
        _ => Method::GET,
    }
}

/// The finished table, by path and method.
#[derive(Default)]
pub struct RouteTable(HashMap<String, Vec<(Method, Rules)>>);

impl RouteTable {
    #[must_use]
    pub fn new(declared: &[Declared]) -> Self {
        let mut table: HashMap<String, Vec<(Method, Rules)>> = HashMap::new();
        for route in declared {
            table
                .entry(route.path.clone())
                .or_default()
                .push((route.method.clone(), route.rules));
        }
        Self(table)
    }

    #[must_use]
    pub fn find(&self, method: &Method, pattern: &str) -> Option<Rules> {
        let (_, rules) = self
            .0
            .get(pattern)?
            .iter()
            .find(|(known, _)| known == method)?;
        Some(*rules)
    }

    /// The methods that a path knows; empty for a path that is not there.
    #[must_use]
    pub fn methods(&self, pattern: &str) -> Vec<&str> {
        let mut methods: Vec<&str> = self
            .0
            .get(pattern)
            .into_iter()
            .flatten()
            .map(|(method, _)| method.as_str())
            .collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.sort_unstable();
        methods
    }

    /// Every route, for the tests.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Method, Rules)> {
        self.0.iter().flat_map(|(path, methods)| {
            methods
                .iter()
                .map(move |(method, rules)| (path.as_str(), method, *rules))
        })
    }
}
