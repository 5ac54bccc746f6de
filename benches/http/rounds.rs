//! The measuring: both servers in turn, round by round, each operation after the other.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::client::{Connection, Request};
use crate::operations::{Operation, Share};
use crate::servers::Server;
use crate::{Settings, seed};

/// Who asks: a coordinator, whose lists are narrowed to one region, as most people's are.
const EMAIL: &str = "coordinator.be1@example.org";
/// The server is quiet once it has used less than this in each of two such pauses.
const PAUSE: Duration = Duration::from_millis(500);
const QUIET: Duration = Duration::from_millis(30);

/// What one server did with one operation, all rounds together.
#[derive(Debug, Default)]
pub struct Figures {
    /// Of each good answer, in microseconds, in order.
    pub latencies: Vec<u32>,
    pub elapsed: Duration,
    /// Requests a second, round by round.
    pub rates: Vec<f64>,
    /// CPU time of the server during the rounds.
    pub cpu: Duration,
    /// CPU time after them, until the work that followed was done.
    pub cpu_after: Duration,
    /// Whether that work was done in time.
    pub is_settled: bool,
    /// Answers that were not 2xx, and connections that broke.
    pub wrong: usize,
    pub complaint: Option<String>,
}

pub struct Measured {
    pub operation: Operation,
    pub colonnade: Figures,
    pub floor: Figures,
}

/// One server, and who asks it.
struct Side<'a> {
    server: &'a Server,
    token: String,
    shares: Vec<Share>,
    figures: Figures,
}

/// Measures every operation on both servers.
///
/// # Errors
/// When a server is gone; wrong answers are figures.
pub async fn measure(
    colonnade: &Server,
    floor: &Server,
    settings: &Settings,
) -> anyhow::Result<Vec<Measured>> {
    let token = sign_in(colonnade).await?;
    let mut measured = Vec::new();
    for operation in Operation::ALL {
        eprintln!("measuring: {}", operation.name());
        let mut ours = Side::new(colonnade, &token, operation);
        let mut theirs = Side::new(floor, &token, operation);
        for round in 0..settings.rounds {
            // The one that begins changes, so that neither always has the warmer machine.
            if round.is_multiple_of(2) {
                ours.round(operation, settings).await?;
                theirs.round_alone(colonnade, operation, settings).await?;
            } else {
                theirs.round_alone(colonnade, operation, settings).await?;
                ours.round(operation, settings).await?;
            }
        }
        ours.settle(settings.settle).await?;
        theirs.settle(settings.settle).await?;
        measured.push(Measured {
            operation,
            colonnade: ours.finish(),
            floor: theirs.finish(),
        });
    }
    Ok(measured)
}

async fn sign_in(server: &Server) -> anyhow::Result<String> {
    let body = json!({ "email": EMAIL, "password": colonnade::demo::PASSWORD });
    let mut connection = Connection::open(server.port, "").await?;
    let answer = connection
        .send(&Request::post("/v1/sessions".into(), &body))
        .await?;
    if !answer.is_good() {
        bail!(
            "signing in was answered with {}: {}",
            answer.status,
            String::from_utf8_lossy(answer.body)
        );
    }
    let body: Value = serde_json::from_slice(answer.body)?;
    body.get("access_token")
        .and_then(Value::as_str)
        .map(str::to_owned)
        .context("the answer to signing in has no token")
}

impl<'a> Side<'a> {
    fn new(server: &'a Server, token: &str, operation: Operation) -> Self {
        Self {
            server,
            token: token.to_owned(),
            shares: operation.shares(),
            figures: Figures::default(),
        }
    }

    /// A round with the other server held still.
    async fn round_alone(
        &mut self,
        other: &Server,
        operation: Operation,
        settings: &Settings,
    ) -> anyhow::Result<()> {
        other.pause()?;
        let done = self.round(operation, settings).await;
        other.resume()?;
        done
    }

    async fn round(&mut self, operation: Operation, settings: &Settings) -> anyhow::Result<()> {
        let mut connections = Vec::new();
        for share in &self.shares {
            connections.push((
                Connection::open(self.server.port, &self.token).await?,
                *share,
            ));
        }
        let (calls, cpu, began) = (seed::calls(settings), self.server.cpu()?, Instant::now());
        let until = began + settings.round;
        let mut working = JoinSet::new();
        for (connection, share) in connections {
            working.spawn(work(connection, operation, share, calls, until));
        }
        let tallies = working.join_all().await;
        let elapsed = began.elapsed();
        self.figures.cpu += self.server.cpu()?.saturating_sub(cpu);
        self.figures.elapsed += elapsed;
        let good: usize = tallies.iter().map(|tally| tally.latencies.len()).sum();
        self.figures.rates.push(count(good) / elapsed.as_secs_f64());
        self.shares = tallies.iter().map(|tally| tally.share).collect();
        tallies
            .into_iter()
            .for_each(|tally| self.figures.add(tally));
        Ok(())
    }

    /// Waits until the server has done what follows from the requests, and counts what that takes.
    async fn settle(&mut self, limit: Duration) -> anyhow::Result<()> {
        let (began, start) = (Instant::now(), self.server.cpu()?);
        let (mut last, mut quiet) = (start, 0);
        while quiet < 2 && began.elapsed() < limit {
            tokio::time::sleep(PAUSE).await;
            let now = self.server.cpu()?;
            quiet = if now.saturating_sub(last) < QUIET {
                quiet + 1
            } else {
                0
            };
            last = now;
        }
        self.figures.cpu_after = last.saturating_sub(start);
        self.figures.is_settled = quiet == 2;
        Ok(())
    }

    fn finish(mut self) -> Figures {
        self.figures.latencies.sort_unstable();
        self.figures
    }
}

/// What one connection saw in one round.
struct Tally {
    share: Share,
    latencies: Vec<u32>,
    wrong: usize,
    complaint: Option<String>,
}

/// Sends one request after the other until the time is over. A broken connection ends it.
async fn work(
    mut connection: Connection,
    operation: Operation,
    share: Share,
    calls: u64,
    until: Instant,
) -> Tally {
    let mut tally = Tally {
        share,
        latencies: Vec::new(),
        wrong: 0,
        complaint: None,
    };
    while Instant::now() < until {
        let Some(request) = operation.request(&tally.share, calls) else {
            tally.complain("the prepared rows are used up".into());
            break;
        };
        tally.share.sent += 1;
        let began = Instant::now();
        match connection.send(&request).await {
            Ok(answer) if answer.is_good() => {
                tally
                    .latencies
                    .push(u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX));
            }
            Ok(answer) => tally.complain(format!(
                "{}: {}",
                answer.status,
                String::from_utf8_lossy(answer.body)
            )),
            Err(error) => {
                tally.complain(format!("{error:#}"));
                break;
            }
        }
    }
    tally
}

impl Tally {
    fn complain(&mut self, what: String) {
        self.wrong += 1;
        self.complaint.get_or_insert(what);
    }
}

impl Figures {
    fn add(&mut self, tally: Tally) {
        self.latencies.extend(tally.latencies);
        self.wrong += tally.wrong;
        self.complaint = self.complaint.take().or(tally.complaint);
    }

    pub fn rate(&self) -> f64 {
        count(self.latencies.len()) / self.elapsed.as_secs_f64()
    }

    /// A percentile of the latencies in milliseconds.
    pub fn milliseconds(&self, percent: usize) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let micros = self
            .latencies
            .get(last * percent / 100)
            .copied()
            .unwrap_or_default();
        f64::from(micros) / 1000.0
    }

    /// CPU time for each request, in microseconds.
    pub fn cpu_each(&self) -> f64 {
        self.each(self.cpu)
    }

    pub fn cpu_after_each(&self) -> f64 {
        self.each(self.cpu_after)
    }

    fn each(&self, time: Duration) -> f64 {
        time.as_secs_f64() * 1e6 / count(self.latencies.len().max(1))
    }
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}
