//! Colonnade beside a bare actix-web + diesel server (the floor): the same rows and the same requests, in one run.
//!
//! `cargo bench --bench http` measures, prints, and writes `docs/performance.md`; `cargo bench --bench http --
//! instructions` counts instructions, and `-- gateway` measures the gateway alone. The executable starts itself again with `floor URL PORT` to be the floor.

mod client;
mod databases;
mod figures;
mod floor;
mod footprint;
mod gateway;
mod growth;
mod instructions;
mod machine;
mod operations;
mod page;
mod postgres;
mod processor;
mod report;
mod rounds;
mod saturation;
mod seed;
mod servers;
mod targets;
mod words;

use std::path::Path;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, bail};

use databases::Pair;
use operations::Operation;
use report::Report;
use rounds::Party;
use targets::{POSTGRESQL, SQLITE};

/// How long and how often each operation is measured.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    pub round: Duration,
    pub rounds: u32,
    /// How long work that follows from requests may go on after the last round.
    pub settle: Duration,
    /// How many projects the large database has.
    pub growth: u64,
    /// Whether docs/performance.md is written.
    pub write: bool,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let is_bench = words.contains(&"--bench");
    let has = |word: &str| words.contains(&word);
    let done = match words.as_slice() {
        ["floor", url, port] => floor::serve(url, port).map(|()| true),
        _ if is_bench && has("instructions") => run(async |folder, settings| {
            instructions::measure(folder, settings, has("--keep")).await
        }),
        _ if is_bench && has("gateway") => run(measure_gateway),
        _ if is_bench => run(measure),
        _ => {
            eprintln!("run this as `cargo bench --bench http`; nothing was measured");
            Ok(true)
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs work in a folder of its own, until it is done or interrupted, and says whether all was well.
fn run(work: impl AsyncFnOnce(&Path, &Settings) -> anyhow::Result<bool>) -> anyhow::Result<bool> {
    let settings = Settings::from_environment()?;
    // In the target folder, because a temporary folder may be in memory, where a durable commit costs nothing.
    let folder = tempfile::Builder::new()
        .prefix("bench-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    actix_web::rt::System::new().block_on(async {
        tokio::select! {
            done = work(folder.path(), &settings) => done,
            _ = tokio::signal::ctrl_c() => bail!("interrupted"),
        }
    })
}

/// The whole set.
async fn measure(folder: &Path, settings: &Settings) -> anyhow::Result<bool> {
    let mut report = Report::new(*settings);
    let footprint = footprint::measure(folder).await?;
    databases::demo(folder).await?;
    let pair = databases::files(folder, settings)?;
    report.memory_after = measure_pair(&pair, SQLITE, &mut report).await?;
    let gateway = gateway::on_sqlite(folder, settings).await?;
    report.gateways.push(gateway);
    match postgres::Cluster::start(folder)? {
        Some(cluster) => {
            let pair = databases::databases(&cluster, folder, settings).await?;
            measure_pair(&pair, POSTGRESQL, &mut report).await?;
            let gateway = gateway::on_postgresql(&cluster, folder, settings).await?;
            report.gateways.push(gateway);
            report.postgresql = Some(cluster.version.clone());
        }
        None => eprintln!("no initdb: PostgreSQL is left out"),
    }
    for measured in growth::measure(folder, settings).await? {
        let row = targets::of_growth(&measured, settings.growth);
        report.rows.push(row);
    }
    report.rows.extend(targets::of_footprint(&footprint));
    let good = report.print();
    if good && settings.write && !cfg!(debug_assertions) {
        page::write(&report)?;
    }
    Ok(good)
}

/// The gateway on both databases, and nothing else. Leaves the page alone.
async fn measure_gateway(folder: &Path, settings: &Settings) -> anyhow::Result<bool> {
    let mut report = Report::new(*settings);
    databases::demo(folder).await?;
    let gateway = gateway::on_sqlite(folder, settings).await?;
    report.gateways.push(gateway);
    match postgres::Cluster::start(folder)? {
        Some(cluster) => {
            let gateway = gateway::on_postgresql(&cluster, folder, settings).await?;
            report.gateways.push(gateway);
        }
        None => eprintln!("no initdb: PostgreSQL is left out"),
    }
    Ok(report.print())
}

/// All operations on one database. Gives the memory that Colonnade occupies after them, in MB.
async fn measure_pair(
    pair: &Pair,
    database: &'static str,
    report: &mut Report,
) -> anyhow::Result<f64> {
    eprintln!("measuring: {database}");
    let settings = report.settings;
    let ours = Party::colonnade(servers::colonnade(&pair.colonnade)?).await?;
    let floor = Party::floor(servers::floor(&pair.floor)?);
    let calm = saturation::calm(&ours, &floor, &settings).await?;
    for operation in Operation::READS {
        let measured = rounds::compare(&ours, &floor, operation, &settings).await?;
        report.add(measured, database);
    }
    let created = rounds::compare(&ours, &floor, Operation::CreateApplication, &settings).await?;
    report.add(created, database);
    let moved = rounds::compare(&ours, &floor, Operation::Transition, &settings).await?;
    let busy = saturation::busy(&ours, &floor, &moved, &settings).await?;
    report.add(moved, database);
    report.add_waits(calm, busy, database);
    ours.server.memory()
}

impl Settings {
    fn from_environment() -> anyhow::Result<Self> {
        let settings = Self {
            round: Duration::from_secs(number("BENCH_SECONDS", 4)?),
            rounds: number("BENCH_ROUNDS", 3)?,
            settle: Duration::from_secs(number("BENCH_SETTLE_SECONDS", 60)?),
            growth: number("BENCH_GROWTH", 1_000_000)?,
            write: number("BENCH_WRITE", 1)? == 1,
        };
        if settings.round.is_zero() || settings.rounds == 0 {
            bail!("BENCH_SECONDS and BENCH_ROUNDS must be at least 1");
        }
        if settings.growth < growth::SMALL {
            bail!("BENCH_GROWTH must be at least {}", growth::SMALL);
        }
        Ok(settings)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark is told by its environment how long to measure"
)]
fn number<N: FromStr>(name: &str, default: N) -> anyhow::Result<N> {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .ok()
            .with_context(|| format!("{name} is {text:?}, which is not a whole number")),
        Err(_) => Ok(default),
    }
}
