//! What a run has found, and the tables that it prints.

use crate::Settings;
use crate::figures::{Figures, percentile};
use crate::gateway::{DECISIONS, Gateway};
use crate::machine;
use crate::rounds::Measured;
use crate::saturation::{Both, Seen};
use crate::targets::{self, Row};

/// A machine with more load than this is busy.
const QUIET: f64 = 0.7;

/// All figures of a run.
pub struct Report {
    pub began: String,
    /// What the machine had to do already when the run began.
    pub load: f64,
    pub settings: Settings,
    /// None where no server is installed.
    pub postgresql: Option<String>,
    pub rows: Vec<Row>,
    pub operations: Vec<(&'static str, Measured)>,
    pub waits: Vec<Waiting>,
    pub gateways: Vec<Gateway>,
    /// Memory after the load of all operations, in MB.
    pub memory_after: f64,
}

/// How long reads waited on one server.
pub struct Waiting {
    pub database: &'static str,
    pub server: &'static str,
    pub calm: Seen,
    pub busy: Seen,
}

impl Waiting {
    pub fn ratio(&self) -> f64 {
        percentile(&self.busy.latencies, 99) / percentile(&self.calm.latencies, 99)
    }
}

impl Report {
    pub fn new(settings: Settings) -> Self {
        Self {
            began: machine::now(),
            load: machine::load(),
            settings,
            postgresql: None,
            rows: Vec::new(),
            operations: Vec::new(),
            waits: Vec::new(),
            gateways: Vec::new(),
            memory_after: 0.0,
        }
    }

    /// Whether others had the machine at work, so that the figures mean little.
    pub fn is_busy(&self) -> bool {
        self.load > QUIET
    }

    pub fn add(&mut self, measured: Measured, database: &'static str) {
        self.rows.extend(targets::of_operation(&measured, database));
        self.operations.push((database, measured));
    }

    pub fn add_waits(&mut self, calm: Both<Seen>, busy: Both<Seen>, database: &'static str) {
        let mut add = |server, calm, busy| {
            self.waits.push(Waiting {
                database,
                server,
                calm,
                busy,
            });
        };
        add("Colonnade", calm.ours, busy.ours);
        add("floor", calm.floor, busy.floor);
        let ours = self.waits.iter().rev().nth(1);
        self.rows.extend(ours.map(targets::of_saturation));
    }

    /// Prints everything. Says whether every request was answered as it should be.
    pub fn print(&self) -> bool {
        print_head(self);
        let mut good = true;
        for (database, one) in &self.operations {
            print_operation(database, one);
            let both = [("colonnade", &one.ours), ("floor", &one.beside)];
            for (server, figures) in both {
                good &= is_good(&format!("{}, {server}", one.operation.name()), figures);
            }
        }
        for one in &self.gateways {
            good &= print_gateway(one);
        }
        println!();
        for one in &self.waits {
            print_waiting(one);
            if let Some(complaint) = &one.busy.complaint {
                println!("WRONG: a writer was answered with {complaint}");
                good = false;
            }
        }
        for one in &self.gateways {
            print_releases(one);
        }
        if !self.rows.is_empty() {
            print_targets(&self.rows);
        }
        good
    }
}

fn print_head(report: &Report) {
    println!(
        "{}, {}, load {}",
        report.began,
        machine::processor(),
        report.load
    );
    let build = if cfg!(debug_assertions) {
        "DEBUG BUILD: the figures mean nothing"
    } else {
        "release build"
    };
    println!("{}, {build}", machine::compiler());
    println!(
        "rounds for each server and operation: {} of {} s",
        report.settings.rounds,
        report.settings.round.as_secs()
    );
    if report.is_busy() {
        println!("THE MACHINE WAS BUSY before the run began: rely on instruction counts only");
    }
    println!(
        "\n{:<27}{:<12}{:<11}{:>8}{:>15}{:>9}{:>9}{:>9}{:>9}{:>7}",
        "operation",
        "database",
        "server",
        "req/s",
        "slow-fast",
        "p50 ms",
        "p99 ms",
        "cpu µs",
        "after µs",
        "wrong"
    );
}

fn print_operation(database: &str, one: &Measured) {
    let name = one.operation.name();
    for (name, database, server, figures) in [
        (name, database, "colonnade", &one.ours),
        ("", "", "floor", &one.beside),
    ] {
        print_figures(name, database, server, figures);
    }
}

fn print_figures(name: &str, database: &str, server: &str, figures: &Figures) {
    println!(
        "{name:<27}{database:<12}{server:<11}{:>8.0}{:>15}{:>9.2}{:>9.2}{:>9.0}{:>9}{:>7}",
        figures.rate(),
        spread(figures),
        figures.milliseconds(50),
        figures.milliseconds(99),
        figures.cpu_each(),
        after(figures),
        figures.wrong
    );
}

/// Says whether every request was answered as it should be.
fn print_gateway(gateway: &Gateway) -> bool {
    let mut good = is_good("a release", &gateway.releases);
    for (operation, figures) in &gateway.operations {
        print_figures(operation.name(), gateway.database, "colonnade", figures);
        good &= is_good(operation.name(), figures);
    }
    good
}

fn print_releases(gateway: &Gateway) {
    let releases = &gateway.releases;
    println!(
        "releases of {DECISIONS} decisions, {}: {} of them, fastest {:.0} ms, median {:.0} ms, slowest {:.0} ms; CPU {:.0} ms each, {} ms after",
        gateway.database,
        releases.latencies.len(),
        releases.milliseconds(0),
        releases.milliseconds(50),
        releases.milliseconds(100),
        releases.cpu_each() / 1000.0,
        after_milliseconds(releases)
    );
}

/// The same as `after`, for what takes longer.
pub fn after_milliseconds(figures: &Figures) -> String {
    let mark = if figures.is_settled { "" } else { ">" };
    format!("{mark}{:.0}", figures.cpu_after_each() / 1000.0)
}

/// The slowest and the fastest round.
pub fn spread(figures: &Figures) -> String {
    let slowest = figures.rates.iter().copied().fold(f64::INFINITY, f64::min);
    let fastest = figures.rates.iter().copied().fold(0.0, f64::max);
    format!("{slowest:.0}-{fastest:.0}")
}

/// CPU time of the work that followed, marked where it was not done in time.
pub fn after(figures: &Figures) -> String {
    let mark = if figures.is_settled { "" } else { ">" };
    format!("{mark}{:.0}", figures.cpu_after_each())
}

fn print_waiting(one: &Waiting) {
    let (calm, busy) = (&one.calm.latencies, &one.busy.latencies);
    println!(
        "reads beside writers, {}, {}: p50 {:.2} ms and p99 {:.2} ms unloaded; p50 {:.2} ms and p99 {:.2} ms with 64 writers",
        one.database,
        one.server,
        percentile(calm, 50),
        percentile(calm, 99),
        percentile(busy, 50),
        percentile(busy, 99)
    );
}

fn print_targets(rows: &[Row]) {
    println!(
        "\n{:<46}{:<12}{:<28}{:>10}{:>12}",
        "against the target", "database", "figure", "target", "measured"
    );
    for row in rows {
        println!(
            "{:<46}{:<12}{:<28}{:>10}{:>12}  {}",
            row.what,
            row.database,
            row.measure,
            row.target(),
            row.measured(),
            row.verdict()
        );
    }
}

fn is_good(what: &str, figures: &Figures) -> bool {
    if figures.wrong == 0 {
        return !figures.latencies.is_empty();
    }
    let complaint = figures.complaint.as_deref().unwrap_or("nothing was said");
    println!(
        "WRONG: {what}: {} requests failed, the first with: {complaint}",
        figures.wrong
    );
    false
}
