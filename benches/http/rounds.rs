//! The measuring: two servers in turn, round by round, with the same operation.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::Settings;
use crate::client::{Connection, Request};
use crate::figures::{Figures, count, micros};
use crate::gateway;
use crate::operations::{Operation, Share, Stock};
use crate::seed;
use crate::servers::Server;

/// Who asks: a coordinator, whose lists are narrowed to one region, as most people's are.
const EMAIL: &str = "coordinator.be1@example.org";
/// The server is quiet once it has used less than this in each of two such pauses.
const PAUSE: Duration = Duration::from_millis(500);
const QUIET: Duration = Duration::from_millis(30);

/// A server, and who asks it.
pub struct Party {
    pub server: Server,
    pub token: String,
    pub is_floor: bool,
}

impl Party {
    /// # Errors
    /// When signing in is refused.
    pub async fn colonnade(server: Server) -> anyhow::Result<Self> {
        let (token, _) = sign_in(&server).await?;
        Ok(Self {
            server,
            token,
            is_floor: false,
        })
    }

    pub fn floor(server: Server) -> Self {
        Self {
            server,
            token: String::new(),
            is_floor: true,
        }
    }

    /// # Errors
    /// When the server does not take it.
    pub async fn connect(&self) -> anyhow::Result<Connection> {
        Connection::open(self.server.port, &self.token).await
    }

    /// What this server is asked where the operation is measured.
    pub fn own_form(&self, operation: Operation) -> Operation {
        if self.is_floor {
            operation.on_the_floor()
        } else {
            operation
        }
    }

    /// # Errors
    /// When the dashboard can't be had.
    pub async fn stock(&self, operation: Operation, settings: &Settings) -> anyhow::Result<Stock> {
        let mut stock = Stock {
            calls: seed::calls(settings),
            drafts: gateway::seed::drafts(settings),
            tag: String::new(),
        };
        if self.own_form(operation) == Operation::Unchanged {
            let share = Share::first();
            let asked = Operation::Dashboard.request(&share, &stock);
            let mut connection = self.connect().await?;
            let answer = connection.send(&asked.context("no request")?).await?;
            stock.tag = answer.etag().context("the dashboard has no tag")?;
        }
        Ok(stock)
    }
}

/// The access token and the refresh token of a new session.
///
/// # Errors
/// When it is refused.
pub async fn sign_in(server: &Server) -> anyhow::Result<(String, String)> {
    let body = json!({ "email": EMAIL, "password": colonnade::demo::PASSWORD });
    let mut connection = Connection::open(server.port, "").await?;
    let answer = connection
        .send(&Request::post("/v1/sessions".into(), &body))
        .await?;
    if !answer.is_good() {
        bail!("signing in was answered with {}", answer.complaint());
    }
    tokens(answer.body)
}

/// # Errors
/// When there are none.
pub fn tokens(body: &[u8]) -> anyhow::Result<(String, String)> {
    let body: Value = serde_json::from_slice(body)?;
    let token = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    token("access_token")
        .zip(token("refresh_token"))
        .context("the answer has no tokens")
}

/// What two servers did with one operation.
pub struct Measured {
    pub operation: Operation,
    pub ours: Figures,
    pub beside: Figures,
}

/// Measures an operation on both servers in turn, the other one held still.
///
/// # Errors
/// When a server is gone; wrong answers are figures.
pub async fn compare(
    ours: &Party,
    beside: &Party,
    operation: Operation,
    settings: &Settings,
) -> anyhow::Result<Measured> {
    eprintln!("measuring: {}", operation.name());
    let (mut first, mut second) = (Side::new(ours, operation), Side::new(beside, operation));
    for round in 0..settings.rounds {
        // The one that begins changes, so that neither always has the warmer machine.
        if round.is_multiple_of(2) {
            first.round_alone(&beside.server, settings).await?;
            second.round_alone(&ours.server, settings).await?;
        } else {
            second.round_alone(&ours.server, settings).await?;
            first.round_alone(&beside.server, settings).await?;
        }
    }
    first.settle(settings.settle).await?;
    second.settle(settings.settle).await?;
    Ok(Measured {
        operation,
        ours: first.finish(),
        beside: second.finish(),
    })
}

/// Measures an operation on one server that has none beside it.
///
/// # Errors
/// When the server is gone; wrong answers are figures.
pub async fn alone(
    party: &Party,
    operation: Operation,
    settings: &Settings,
) -> anyhow::Result<Figures> {
    eprintln!("measuring: {}", operation.name());
    let mut side = Side::new(party, operation);
    for _ in 0..settings.rounds {
        side.round(settings).await?;
    }
    side.settle(settings.settle).await?;
    Ok(side.finish())
}

/// One server and one operation.
struct Side<'a> {
    party: &'a Party,
    operation: Operation,
    figures: Figures,
}

impl<'a> Side<'a> {
    fn new(party: &'a Party, operation: Operation) -> Self {
        Self {
            party,
            operation,
            figures: Figures {
                shares: operation.shares(),
                ..Figures::default()
            },
        }
    }

    /// A round with the other server held still.
    async fn round_alone(&mut self, other: &Server, settings: &Settings) -> anyhow::Result<()> {
        other.pause()?;
        let done = self.round(settings).await;
        other.resume()?;
        done
    }

    async fn round(&mut self, settings: &Settings) -> anyhow::Result<()> {
        let (party, server) = (self.party, &self.party.server);
        let operation = party.own_form(self.operation);
        let stock = party.stock(self.operation, settings).await?;
        let mut connections = Vec::new();
        for share in &self.figures.shares {
            connections.push((party.connect().await?, *share));
        }
        let (cpu, began) = (server.cpu()?, Instant::now());
        let until = began + settings.round;
        let mut working = JoinSet::new();
        for (connection, share) in connections {
            working.spawn(work(connection, operation, share, stock.clone(), until));
        }
        let tallies = working.join_all().await;
        let (elapsed, figures) = (began.elapsed(), &mut self.figures);
        figures.cpu += server.cpu()?.saturating_sub(cpu);
        figures.elapsed += elapsed;
        let good: usize = tallies.iter().map(|tally| tally.latencies.len()).sum();
        figures.rates.push(count(good) / elapsed.as_secs_f64());
        figures.shares = tallies.iter().map(|tally| tally.share).collect();
        for tally in tallies {
            figures.latencies.extend(tally.latencies);
            figures.wrong += tally.wrong;
            figures.complaint = figures.complaint.take().or(tally.complaint);
        }
        Ok(())
    }

    /// Waits until the server has done what follows from the requests, and counts what that takes.
    async fn settle(&mut self, limit: Duration) -> anyhow::Result<()> {
        let start = self.party.server.cpu()?;
        self.figures.is_settled = quiet(&self.party.server, limit).await?;
        self.figures.cpu_after = self.party.server.cpu()?.saturating_sub(start);
        Ok(())
    }

    fn finish(mut self) -> Figures {
        self.figures.latencies.sort_unstable();
        self.figures
    }
}

/// Waits until a server does nothing any more, and says whether it came to that.
///
/// # Errors
/// When it is gone.
pub async fn quiet(server: &Server, limit: Duration) -> anyhow::Result<bool> {
    let (began, mut last, mut quiet) = (Instant::now(), server.cpu()?, 0);
    while quiet < 2 && began.elapsed() < limit {
        tokio::time::sleep(PAUSE).await;
        let now = server.cpu()?;
        let is_quiet = now.saturating_sub(last) < QUIET;
        quiet = if is_quiet { quiet + 1 } else { 0 };
        last = now;
    }
    Ok(quiet == 2)
}

/// What one connection saw.
pub struct Tally {
    pub share: Share,
    pub latencies: Vec<u32>,
    pub wrong: usize,
    pub complaint: Option<String>,
}

/// Sends one request after the other until the time is over. A broken connection ends it.
pub async fn work(
    mut connection: Connection,
    operation: Operation,
    share: Share,
    stock: Stock,
    until: Instant,
) -> Tally {
    let mut tally = Tally {
        share,
        latencies: Vec::new(),
        wrong: 0,
        complaint: None,
    };
    while Instant::now() < until {
        let Some(request) = operation.request(&tally.share, &stock) else {
            tally.complain("the prepared rows are used up".into());
            break;
        };
        tally.share.sent += 1;
        let began = Instant::now();
        match connection.send(&request).await {
            Ok(answer) if operation.is_good(answer.status) => {
                tally.latencies.push(micros(began.elapsed()));
            }
            Ok(answer) => tally.complain(answer.complaint()),
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
