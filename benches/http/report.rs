//! What is printed: the machine, the table, and what went wrong.

use std::process::Command;
use std::time::SystemTime;

use chrono::{DateTime, Utc};

use crate::Settings;
use crate::operations::Operation;
use crate::rounds::{Figures, Measured};

/// Says where and how this was measured.
pub fn machine(settings: &Settings) {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let now = DateTime::<Utc>::from(SystemTime::now()).format("%Y-%m-%d %H:%M UTC");
    println!("{now}, {cores} cores, {}, load {}", processor(), load());
    println!(
        "{}, {}",
        compiler(),
        if cfg!(debug_assertions) {
            "DEBUG BUILD: the figures mean nothing"
        } else {
            "release build"
        }
    );
    println!(
        "SQLite, durable commits; {} rounds of {} s for each server and operation; {} connections for reads, {} for writes",
        settings.rounds,
        settings.round.as_secs(),
        Operation::ReadProject.connections(),
        Operation::Transition.connections()
    );
}

fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info
        .lines()
        .find(|line| line.starts_with("model name"))
        .and_then(|line| line.split_once(':'));
    name.map_or("unknown processor", |(_, name)| name.trim())
        .to_owned()
}

fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or("unknown").to_owned()
}

fn compiler() -> String {
    let told = Command::new("rustc")
        .arg("-V")
        .output()
        .map(|output| output.stdout)
        .unwrap_or_default();
    let version = String::from_utf8_lossy(&told).trim().to_owned();
    if version.is_empty() {
        "rustc unknown".into()
    } else {
        version
    }
}

/// Prints the table. Says whether every request was answered as it should be.
pub fn print(measured: &[Measured]) -> bool {
    println!();
    println!(
        "{:<22}{:<11}{:>9}{:>17}{:>9}{:>9}{:>9}{:>9}{:>9}",
        "operation",
        "server",
        "req/s",
        "slowest-fastest",
        "p50 ms",
        "p99 ms",
        "cpu µs",
        "after µs",
        "not 2xx"
    );
    for one in measured {
        line(one.operation.name(), "floor", &one.floor);
        line("", "colonnade", &one.colonnade);
        ratio(one);
    }
    println!();
    println!(
        "cpu µs: of the server, for each request, during the rounds. after µs: the same for work that followed after them"
    );
    println!(
        "(telling people, mails); > where it was not done in time. ratio: colonnade / floor, the last one over both kinds of CPU time."
    );
    measured.iter().fold(true, |good, one| {
        let both = [("floor", &one.floor), ("colonnade", &one.colonnade)];
        both.into_iter().fold(good, |good, (server, figures)| {
            is_good(one.operation, server, figures) && good
        })
    })
}

fn line(operation: &str, server: &str, figures: &Figures) {
    let slowest = figures.rates.iter().copied().fold(f64::INFINITY, f64::min);
    let fastest = figures.rates.iter().copied().fold(0.0, f64::max);
    let after = format!(
        "{}{:.0}",
        if figures.is_settled { "" } else { ">" },
        figures.cpu_after_each()
    );
    println!(
        "{operation:<22}{server:<11}{:>9.0}{:>17}{:>9.2}{:>9.2}{:>9.0}{after:>9}{:>9}",
        figures.rate(),
        format!("{slowest:.0}-{fastest:.0}"),
        figures.milliseconds(50),
        figures.milliseconds(99),
        figures.cpu_each(),
        figures.wrong
    );
}

fn ratio(one: &Measured) {
    let all = |figures: &Figures| figures.cpu_each() + figures.cpu_after_each();
    println!(
        "{:<22}{:<11}{:>9.2}{:>17}{:>9}{:>9}{:>9.2}{:>9.2}",
        "",
        "ratio",
        one.colonnade.rate() / one.floor.rate(),
        "",
        "",
        "",
        one.colonnade.cpu_each() / one.floor.cpu_each(),
        all(&one.colonnade) / all(&one.floor)
    );
}

fn is_good(operation: Operation, server: &str, figures: &Figures) -> bool {
    if figures.wrong == 0 {
        return !figures.latencies.is_empty();
    }
    let complaint = figures.complaint.as_deref().unwrap_or("nothing was said");
    println!(
        "WRONG: {}, {server}: {} requests failed, the first with: {complaint}",
        operation.name(),
        figures.wrong
    );
    false
}
