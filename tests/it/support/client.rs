//! Speaks to the server as one person does, over real connections.

use reqwest::{Method, StatusCode};
use serde_json::Value;

/// Somebody who uses the API.
#[derive(Clone)]
pub struct Client {
    pub base: String,
    pub token: Option<String>,
    /// The account's id; nil for strangers and keys.
    pub id: String,
    /// The address that the proxy in front says this client has.
    address: Option<String>,
    http: reqwest::Client,
}

/// What the server answered.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
    pub bytes: Vec<u8>,
}

/// A request before it is sent.
pub struct Ask {
    request: reqwest::RequestBuilder,
}

impl Client {
    pub fn stranger(base: &str) -> Self {
        let http = reqwest::Client::builder()
            .timeout(std::time::Duration::from_secs(30))
            .build()
            .expect("a client");
        Self {
            base: base.to_owned(),
            token: None,
            id: uuid::Uuid::nil().to_string(),
            address: None,
            http,
        }
    }

    pub fn with_token(&self, token: &str, id: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            id: id.to_owned(),
            ..self.clone()
        }
    }

    /// The same client at another address.
    pub fn at(&self, address: &str) -> Self {
        Self {
            address: Some(address.to_owned()),
            ..self.clone()
        }
    }

    pub fn ask(&self, method: Method, path: &str) -> Ask {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(address) = &self.address {
            request = request.header("X-Forwarded-For", address);
        }
        Ask { request }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path).send().await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::POST, path).json(&body).send().await
    }

    /// Posts, saying that one has seen whatever there is.
    pub async fn post_seen(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::POST, path)
            .header("If-Match", "*")
            .json(&body)
            .send()
            .await
    }

    pub async fn patch(&self, path: &str, etag: &str, body: Value) -> Answer {
        self.ask(Method::PATCH, path)
            .header("If-Match", etag)
            .json(&body)
            .send()
            .await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::PUT, path).json(&body).send().await
    }

    /// Sends a file as a form does.
    pub async fn upload(&self, path: &str, name: &str, content: &[u8]) -> Answer {
        self.ask(Method::POST, path)
            .file(name, content)
            .send()
            .await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.ask(Method::DELETE, path).send().await
    }

    /// Everything in a list that fits on one page.
    pub async fn list(&self, path: &str) -> Vec<Value> {
        let glue = if path.contains('?') { '&' } else { '?' };
        let page = self
            .get(&format!("{path}{glue}limit=100"))
            .await
            .expect(200)
            .json();
        assert_eq!(page["next"], Value::Null, "{path} has more than one page");
        page["data"].as_array().expect("a list").clone()
    }

    /// The ids in a list that fits on one page, sorted.
    pub async fn ids(&self, path: &str) -> Vec<String> {
        let rows = self.list(path).await;
        let mut ids: Vec<String> = rows
            .iter()
            .map(|row| row["id"].as_str().expect("an id").to_owned())
            .collect();
        ids.sort();
        ids
    }
}

impl Ask {
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// A header that is not visible ASCII.
    pub fn header_bytes(mut self, name: &str, value: &[u8]) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub fn json(mut self, body: &Value) -> Self {
        self.request = self.request.json(body);
        self
    }

    pub fn body(mut self, kind: &str, body: impl Into<reqwest::Body>) -> Self {
        self.request = self.request.header("content-type", kind).body(body);
        self
    }

    /// A form with nothing but a file.
    pub fn file(self, name: &str, content: &[u8]) -> Self {
        self.form(&[("file", Some(name), content)])
    }

    /// A form: fields with their names, what they are called where they are files, and their content.
    pub fn form(self, fields: &[(&str, Option<&str>, &[u8])]) -> Self {
        let body = form(fields);
        self.body("multipart/form-data; boundary=seam", body)
    }

    pub async fn send(self) -> Answer {
        self.try_send().await.expect("an answer")
    }

    /// None where the server went away before it had answered.
    pub async fn try_send(self) -> Option<Answer> {
        let response = self.request.send().await.ok()?;
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.bytes().await.ok()?.to_vec();
        Some(Answer {
            status,
            headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
            bytes,
        })
    }
}

/// The body of a form, whose parts are told apart by `seam`.
pub fn form(fields: &[(&str, Option<&str>, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (field, name, content) in fields {
        let mut head = format!("--seam\r\ncontent-disposition: form-data; name=\"{field}\"");
        if let Some(name) = name {
            let name = name.replace('\\', "\\\\").replace('"', "\\\"");
            head.push_str(&format!("; filename=\"{name}\""));
        }
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(b"\r\n\r\n");
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--seam--\r\n");
    body
}

impl Answer {
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    /// The value at a JSON Pointer, as text.
    #[track_caller]
    pub fn text_at(&self, pointer: &str) -> String {
        let json = self.json();
        match json.pointer(pointer) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => panic!("nothing at {pointer} in {json}"),
        }
    }

    pub fn header(&self, name: &str) -> String {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    }

    /// A refusal: its status, its code, and that it is a problem document with everything one must have.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{}",
            self.text
        );
        let json = self.json();
        assert_eq!(json["code"], code, "{json}");
        assert_eq!(json["status"], status, "{json}");
        assert_eq!(json["type"], format!("/problems/{code}"), "{json}");
        for field in ["title", "instance", "request_id"] {
            assert!(
                json[field].as_str().is_some_and(|text| !text.is_empty()),
                "{field} in {json}"
            );
        }
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            (
                "content-security-policy",
                "default-src 'none'; frame-ancestors 'none'",
            ),
        ] {
            assert_eq!(self.header(name), value, "{name} of {json}");
        }
        assert_eq!(self.header("x-request-id"), json["request_id"], "{json}");
        self
    }

    /// Pointer and code of every field error, sorted.
    #[track_caller]
    pub fn errors(&self) -> Vec<(String, String)> {
        let json = self.json();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let all = json["errors"].as_array().cloned().unwrap_or_default();
        let mut errors: Vec<_> = all
            .iter()
            .map(|error| (text(&error["pointer"]), text(&error["code"])))
            .collect();
        errors.sort();
        errors
    }

    /// The codes of what stands in the way.
    #[track_caller]
    pub fn blockers(&self) -> Vec<String> {
        let json = self.json();
        let all = json["blockers"].as_array().cloned().unwrap_or_default();
        all.iter()
            .map(|one| one["code"].as_str().unwrap_or_default().to_owned())
            .collect()
    }
}
