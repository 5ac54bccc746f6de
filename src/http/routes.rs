//! Every route is declared once, with its policy; that one declaration feeds the server, the guard and the
//! OpenAPI document.

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::Scope;
use actix_web::dev::HttpServiceFactory;
use actix_web::guard::fn_guard;
use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use utoipa::openapi::RefOr;
use utoipa::openapi::path::{HttpMethod, Paths};
use utoipa::openapi::schema::Schema;
use utoipa_actix_web::OpenApiFactory;

use crate::auth::Policy;

/// Collects the declarations of all slices.
#[derive(Default)]
pub struct Routes {
    /// By what follows `/v1/`. The server tries one route after the other; so it tries those of one collection only.
    collections: Vec<(String, Scope)>,
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

/// Tried before the others.
const BUSIEST: [&str; 3] = ["projects", "cohorts", "applications"];

impl Routes {
    /// Gives what was declared to the server.
    pub fn serve(mut self, server: &mut ServiceConfig) {
        self.collections
            .sort_by_key(|(name, _)| !BUSIEST.contains(&name.as_str()));
        for (_, routes) in self.collections {
            server.service(routes);
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
        let name = docs.paths.keys().next().map_or("", |path| collection(path));
        let name = name.to_owned();
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
        self.serve_in(name, handler);
    }

    fn serve_in(&mut self, name: String, handler: impl HttpServiceFactory + 'static) {
        let same = |(known, _): &(String, Scope)| *known == name;
        let (name, routes) = if let Some(at) = self.collections.iter().position(same) {
            self.collections.remove(at)
        } else {
            let wanted = name.clone();
            let ours = fn_guard(move |ctx| collection(ctx.head().uri.path()) == wanted);
            (name, web::scope("").guard(ours))
        };
        self.collections.push((name, routes.service(handler)));
    }
}

/// The collection that a path is in: what follows `/v1/`.
fn collection(path: &str) -> &str {
    let rest = path.strip_prefix("/v1/").unwrap_or_default();
    rest.split('/').next().unwrap_or_default()
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

/// The path of the route that a request chose, with its parameters' names: how logs and metrics speak of it.
#[derive(Clone)]
pub struct Pattern(pub Arc<str>);

/// The finished table: the routes of each collection, in the order in which they were declared.
#[derive(Default)]
pub struct RouteTable(HashMap<String, Vec<Entry>>);

struct Entry {
    method: Method,
    path: Arc<str>,
    /// How many slashes the path has, and what it begins with before its first parameter: most routes are told apart
    /// by these.
    depth: usize,
    beginning: usize,
    rules: Rules,
}

impl Entry {
    fn may_fit(&self, depth: usize, path: &str) -> bool {
        self.depth == depth
            && self.path.as_bytes().get(..self.beginning) == path.as_bytes().get(..self.beginning)
    }
}

fn depth(path: &str) -> usize {
    path.bytes().filter(|byte| *byte == b'/').count()
}

impl RouteTable {
    #[must_use]
    pub fn new(declared: &[Declared]) -> Self {
        let mut table = HashMap::<String, Vec<Entry>>::new();
        for route in declared {
            let collection = collection(&route.path).to_owned();
            table.entry(collection).or_default().push(Entry {
                method: route.method.clone(),
                path: route.path.as_str().into(),
                depth: depth(&route.path),
                beginning: route.path.find('{').unwrap_or(route.path.len()),
                rules: route.rules,
            });
        }
        Self(table)
    }

    fn near(&self, path: &str) -> impl Iterator<Item = &Entry> {
        self.0.get(collection(path)).into_iter().flatten()
    }

    /// Pattern and rules of the route that the server will choose for a path: the first one declared that fits it and
    /// knows the method. (The server's own `match_pattern` names the first that fits, whatever methods it knows.)
    #[must_use]
    pub fn find(&self, method: &Method, path: &str) -> Option<(Pattern, Rules)> {
        let depth = depth(path);
        let mut fitting = self.near(path).filter(|entry| {
            entry.may_fit(depth, path) && entry.method == *method && fits(&entry.path, path)
        });
        fitting
            .next()
            .map(|entry| (Pattern(entry.path.clone()), entry.rules))
    }

    /// The methods that a path knows; empty for a path that is not there.
    #[must_use]
    pub fn methods(&self, path: &str) -> Vec<&str> {
        let fitting = self.near(path).filter(|entry| fits(&entry.path, path));
        let mut methods: Vec<&str> = fitting.map(|entry| entry.method.as_str()).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.sort_unstable();
        methods.dedup();
        methods
    }

    /// Every route, for the tests.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Method, Rules)> {
        self.0
            .values()
            .flatten()
            .map(|entry| (&*entry.path, &entry.method, entry.rules))
    }
}

/// Whether a path fits a pattern, segment by segment; `{name}` stands for one segment that is not empty.
fn fits(pattern: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    let fit = pattern.split('/').all(|wanted| {
        segments.next().is_some_and(|segment| {
            if wanted.starts_with('{') {
                !segment.is_empty()
            } else {
                wanted == segment
            }
        })
    });
    fit && segments.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_path_fits_segment_by_segment() {
        for (pattern, path, expected) in [
            ("/v1/accounts", "/v1/accounts", true),
            ("/v1/accounts/{id}", "/v1/accounts/7", true),
            ("/v1/accounts/{id}", "/v1/accounts/", false),
            ("/v1/accounts/{id}", "/v1/accounts", false),
            ("/v1/accounts/{id}", "/v1/accounts/7/grants", false),
            ("/v1/accounts/{id}/grants", "/v1/accounts/7/grants", true),
            ("/v1/accounts/password", "/v1/accounts/7", false),
        ] {
            assert_eq!(fits(pattern, path), expected, "{pattern} {path}");
        }
    }
}
