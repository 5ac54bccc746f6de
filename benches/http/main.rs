//! Colonnade beside a bare actix-web + diesel server (the floor): the same rows and the same requests, in one run.
//!
//! `cargo bench --bench http` measures. The executable starts itself again with `floor FILE PORT` to be the floor.

mod client;
mod floor;
mod operations;
mod report;
mod rounds;
mod seed;
mod servers;

use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, bail};

/// How long and how often each operation is measured.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    pub round: Duration,
    pub rounds: u32,
    /// How long work that follows from requests may go on after the last round.
    pub settle: Duration,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["floor", file, port] => floor::serve(file, port).map(|()| true),
        words if words.contains(&"--bench") => measure(),
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

/// Says whether every request was answered as it should be.
fn measure() -> anyhow::Result<bool> {
    let settings = Settings::from_environment()?;
    // In the target folder, because a temporary folder may be in memory, where a durable commit costs nothing.
    let folder = tempfile::Builder::new()
        .prefix("bench-")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    report::machine(&settings);
    servers::make_demo(folder.path())?;
    seed::fill(folder.path(), &settings)?;
    let colonnade = servers::colonnade(folder.path())?;
    let floor = servers::floor(folder.path())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let measured = runtime.block_on(async {
        tokio::select! {
            measured = rounds::measure(&colonnade, &floor, &settings) => measured,
            _ = tokio::signal::ctrl_c() => bail!("interrupted"),
        }
    })?;
    Ok(report::print(&measured))
}

impl Settings {
    fn from_environment() -> anyhow::Result<Self> {
        if std::env::var_os("BENCH_DATABASE_URL").is_some() {
            bail!("BENCH_DATABASE_URL is set, but this benchmark measures SQLite only");
        }
        let settings = Self {
            round: Duration::from_secs(number("BENCH_SECONDS", 4)?),
            rounds: number("BENCH_ROUNDS", 3)?,
            settle: Duration::from_secs(number("BENCH_SETTLE_SECONDS", 60)?),
        };
        if settings.round.is_zero() || settings.rounds == 0 {
            bail!("BENCH_SECONDS and BENCH_ROUNDS must be at least 1");
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
