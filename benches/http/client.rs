//! A small HTTP/1.1 client: one kept-alive connection, one request at a time, as little work as possible.

use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A request that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);
const LARGEST_HEAD: usize = 64 * 1024;

/// What is asked of a server.
#[derive(Debug, Clone)]
pub struct Request {
    method: &'static str,
    path: String,
    headers: String,
    body: String,
    /// Of somebody else than whom the connection asks for.
    token: Option<String>,
}

impl Request {
    pub fn get(path: String) -> Self {
        Self {
            method: "GET",
            path,
            headers: String::new(),
            body: String::new(),
            token: None,
        }
    }

    pub fn post(path: String, body: &serde_json::Value) -> Self {
        let body = body.to_string();
        let request = Self {
            method: "POST",
            ..Self::get(path)
        };
        let request = request
            .with("content-type", "application/json")
            .with("content-length", &body.len().to_string());
        Self { body, ..request }
    }

    pub fn empty_post(path: String) -> Self {
        let request = Self {
            method: "POST",
            ..Self::get(path)
        };
        request.with("content-length", "0")
    }

    /// Asks for somebody else than the connection does.
    pub fn by(self, token: String) -> Self {
        Self {
            token: Some(token),
            ..self
        }
    }

    pub fn with(mut self, header: &str, value: &str) -> Self {
        self.headers.push_str(&format!("{header}: {value}\r\n"));
        self
    }

    /// The request as it goes over the wire.
    fn write(&self, token: &str) -> Vec<u8> {
        let Self {
            method,
            path,
            headers,
            body,
            token: own,
        } = self;
        let token = own.as_deref().unwrap_or(token);
        let token = if token.is_empty() {
            String::new()
        } else {
            format!("authorization: Bearer {token}\r\n")
        };
        let head = format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{token}{headers}\r\n");
        [head.as_bytes(), body.as_bytes()].concat()
    }
}

/// What came back.
pub struct Answer<'a> {
    pub status: u16,
    head: &'a [u8],
    pub body: &'a [u8],
}

impl Answer<'_> {
    pub fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub fn etag(&self) -> Option<String> {
        let text = std::str::from_utf8(self.head).ok()?;
        let mut headers = text.lines().filter_map(|line| line.split_once(':'));
        let (_, value) = headers.find(|(name, _)| name.eq_ignore_ascii_case("etag"))?;
        Some(value.trim().to_owned())
    }

    /// What went wrong, in the server's own words.
    pub fn complaint(&self) -> String {
        format!("{}: {}", self.status, String::from_utf8_lossy(self.body))
    }
}

/// The numbers in the head of an answer.
struct Head {
    status: u16,
    /// Where the body begins.
    begin: usize,
    length: usize,
}

pub struct Connection {
    stream: TcpStream,
    token: String,
    received: Vec<u8>,
}

impl Connection {
    /// # Errors
    /// When the server does not take it.
    pub async fn open(port: u16, token: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))
            .await
            .context("connecting")?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            token: token.to_owned(),
            received: Vec::with_capacity(16 * 1024),
        })
    }

    /// # Errors
    /// When the connection breaks, the answer takes too long or is not understood.
    pub async fn send(&mut self, request: &Request) -> anyhow::Result<Answer<'_>> {
        let bytes = request.write(&self.token);
        let head = timeout(PATIENCE, self.exchange(&bytes))
            .await
            .context("no answer in time")??;
        let (start, rest) = self
            .received
            .split_at_checked(head.begin)
            .context("the answer is cut short")?;
        Ok(Answer {
            status: head.status,
            head: start,
            body: rest.get(..head.length).context("the answer is cut short")?,
        })
    }

    async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Head> {
        self.stream.write_all(request).await?;
        self.received.clear();
        let head = loop {
            self.receive().await?;
            if let Some(begin) = end_of_head(&self.received) {
                break read_head(self.received.get(..begin).unwrap_or_default(), begin)?;
            }
            if self.received.len() > LARGEST_HEAD {
                bail!("the head of the answer does not end");
            }
        };
        while self.received.len() < head.begin + head.length {
            self.receive().await?;
        }
        Ok(head)
    }

    async fn receive(&mut self) -> anyhow::Result<()> {
        match self.stream.read_buf(&mut self.received).await? {
            0 => bail!("the server closed the connection"),
            _ => Ok(()),
        }
    }
}

fn end_of_head(received: &[u8]) -> Option<usize> {
    received
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map(|at| at + 4)
}

fn read_head(head: &[u8], begin: usize) -> anyhow::Result<Head> {
    let text = std::str::from_utf8(head).context("the head of the answer is no text")?;
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let status = first.split(' ').nth(1).and_then(|word| word.parse().ok());
    let status: u16 = status.with_context(|| format!("no status in {first:?}"))?;
    let length = lines.find_map(content_length).transpose()?;
    let bodiless = status == 204 || status == 304;
    let length = length
        .or(bodiless.then_some(0))
        .context("the answer does not say how long it is")?;
    Ok(Head {
        status,
        begin,
        length,
    })
}

/// The length that a header line tells, where it is the one that tells it.
fn content_length(line: &str) -> Option<anyhow::Result<usize>> {
    let (name, value) = line.split_once(':')?;
    name.eq_ignore_ascii_case("content-length")
        .then(|| value.trim().parse().context("reading content-length"))
}
