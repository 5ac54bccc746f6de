//! Instructions for each request, counted by callgrind: the same on a noisy machine as on a quiet one.
//!
//! The figures of `benches/instructions.toml` are compared with; `--keep` writes them anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::client::{Connection, Request};
use crate::operations::{Operation, Share};
use crate::rounds::{Party, quiet, sign_in, tokens};
use crate::{Settings, databases, servers};

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.toml");
const HEAD: &str = "# Instructions for each request, the work that follows from it included. Written by\n\
                    # `cargo bench --bench http -- instructions --keep`, compared with by the same without `--keep`.\n\n";
/// Both are multiples of six: three projects held and three resumed.
const WARMING: u64 = 24;
const COUNTED: u64 = 48;
const REFRESH: &str = "refresh a session";
/// A hot path may grow by so much before the comparison fails.
const TOLERANCE: f64 = 1.05;
const CALM: Duration = Duration::from_mins(2);

/// The figures by path.
pub type Counts = BTreeMap<String, Count>;

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Count {
    pub colonnade: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor: Option<u64>,
}

/// Counts, prints, and compares or keeps. Says whether nothing has grown.
///
/// # Errors
/// When valgrind is missing or a server does not answer as it should.
pub async fn measure(folder: &Path, settings: &Settings, keep: bool) -> anyhow::Result<bool> {
    databases::demo(folder).await?;
    let pair = databases::files(folder, settings)?;
    let ours = servers::counted(&pair.colonnade, false, &folder.join("ours"))?;
    let mut ours = Counter::new(Party::colonnade(ours).await?, folder.join("ours"));
    let beside = servers::counted(&pair.floor, true, &folder.join("beside"))?;
    let mut beside = Counter::new(Party::floor(beside), folder.join("beside"));
    let mut counts = Counts::new();
    for operation in Operation::READS.into_iter().chain(Operation::WRITES) {
        eprintln!("counting: {}", operation.name());
        let count = Count {
            colonnade: ours.operation(operation, settings).await?,
            floor: Some(beside.operation(operation, settings).await?),
        };
        counts.insert(operation.name().to_owned(), count);
    }
    let colonnade = ours.refresh().await?;
    let refresh = Count {
        colonnade,
        floor: None,
    };
    counts.insert(REFRESH.to_owned(), refresh);
    let before = kept()?;
    print(&counts, &before);
    if keep {
        let text = toml::to_string(&counts)?;
        std::fs::write(KEPT, format!("{HEAD}{text}"))?;
        println!("kept in benches/instructions.toml");
        return Ok(true);
    }
    Ok(nothing_has_grown(&counts, &before))
}

/// The figures that are kept; none where nothing is.
///
/// # Errors
/// When the file is not as it was written.
pub fn kept() -> anyhow::Result<Counts> {
    match std::fs::read_to_string(KEPT) {
        Ok(text) => toml::from_str(&text).context("benches/instructions.toml"),
        Err(_) => Ok(Counts::new()),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of instructions are far below 2^52"
)]
pub fn ratio(count: u64, to: u64) -> f64 {
    count as f64 / to as f64
}

fn print(counts: &Counts, before: &Counts) {
    println!(
        "\n{:<24}{:>14}{:>14}{:>9}{:>14}{:>9}",
        "instructions", "colonnade", "floor", "ratio", "kept", "now/kept"
    );
    for (name, count) in counts {
        let floor = count.floor.map_or(String::new(), |floor| floor.to_string());
        let to_floor = count.floor.map(|floor| ratio(count.colonnade, floor));
        let kept = before.get(name).map(|kept| kept.colonnade);
        let to_kept = kept.map(|kept| ratio(count.colonnade, kept));
        let figure = |ratio: Option<f64>| ratio.map_or(String::new(), |r| format!("{r:.2}"));
        println!(
            "{name:<24}{:>14}{floor:>14}{:>9}{:>14}{:>9}",
            count.colonnade,
            figure(to_floor),
            kept.map_or(String::new(), |kept| kept.to_string()),
            figure(to_kept)
        );
    }
}

fn nothing_has_grown(counts: &Counts, before: &Counts) -> bool {
    let mut good = true;
    for (name, count) in counts {
        let grown = before
            .get(name)
            .map(|kept| ratio(count.colonnade, kept.colonnade))
            .filter(|ratio| *ratio > TOLERANCE);
        if let Some(ratio) = grown {
            println!("GROWN: {name} takes {ratio:.3} times the instructions that are kept");
            good = false;
        }
    }
    good
}

/// A server under callgrind, and the files that it writes its counts into.
struct Counter {
    party: Party,
    counts: PathBuf,
    written: u32,
}

impl Counter {
    fn new(party: Party, counts: PathBuf) -> Self {
        Self {
            party,
            counts,
            written: 0,
        }
    }

    async fn operation(
        &mut self,
        operation: Operation,
        settings: &Settings,
    ) -> anyhow::Result<u64> {
        let stock = self.party.stock(operation, settings).await?;
        let operation = self.party.own_form(operation);
        let mut connection = self.party.connect().await?;
        let mut share = Share {
            connection: 0,
            connections: operation.connections(),
            sent: 0,
        };
        for turn in 0..WARMING + COUNTED {
            if turn == WARMING {
                self.begin().await?;
            }
            let request = operation.request(&share, &stock).context("no request")?;
            let answer = connection.send(&request).await?;
            if !operation.is_good(answer.status) {
                bail!("{}: {}", operation.name(), answer.complaint());
            }
            share.sent += 1;
        }
        self.end().await
    }

    /// Exchanges one refresh token after the other.
    async fn refresh(&mut self) -> anyhow::Result<u64> {
        let (_, mut token) = sign_in(&self.party.server).await?;
        let mut connection = Connection::open(self.party.server.port, "").await?;
        for turn in 0..WARMING + COUNTED {
            if turn == WARMING {
                self.begin().await?;
            }
            let body = json!({ "refresh_token": token });
            let request = Request::post("/v1/sessions/refresh".into(), &body);
            let answer = connection.send(&request).await?;
            if !answer.is_good() {
                bail!("{REFRESH}: {}", answer.complaint());
            }
            (_, token) = tokens(answer.body)?;
        }
        self.end().await
    }

    async fn begin(&self) -> anyhow::Result<()> {
        quiet(&self.party.server, CALM).await?;
        self.control("--zero")
    }

    async fn end(&mut self) -> anyhow::Result<u64> {
        quiet(&self.party.server, CALM).await?;
        self.control("--dump")?;
        self.written += 1;
        let file = format!("{}.{}", self.counts.display(), self.written);
        let text = std::fs::read_to_string(&file).with_context(|| format!("reading {file}"))?;
        let total = text
            .lines()
            .find_map(|line| line.strip_prefix("totals:")?.trim().parse().ok());
        let total: u64 = total.context("callgrind wrote no total")?;
        Ok(total / COUNTED)
    }

    fn control(&self, command: &str) -> anyhow::Result<()> {
        let told = Command::new("callgrind_control")
            .arg(command)
            .arg(self.party.server.process().to_string())
            .output()
            .context("starting callgrind_control, which comes with valgrind")?;
        if told.status.success() {
            Ok(())
        } else {
            let said = String::from_utf8_lossy(&told.stderr);
            bail!("callgrind_control {command} failed: {}", said.trim())
        }
    }
}
