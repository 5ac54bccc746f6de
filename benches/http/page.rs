//! `docs/performance.md`, written from a run.

use crate::figures::percentile;
use crate::gateway::DECISIONS;
use crate::instructions;
use crate::machine;
use crate::report::{Report, after, after_milliseconds, spread};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/performance.md");

/// Writes the page.
///
/// # Errors
/// When the file can't be written.
pub fn write(report: &Report) -> anyhow::Result<()> {
    let parts = [
        head(report)?,
        targets(report),
        operations(report),
        waits(report),
        gateway(report),
        counts()?,
        include_str!("page.md").to_owned(),
    ];
    std::fs::write(PAGE, parts.join("\n"))?;
    println!("\nwritten: docs/performance.md");
    Ok(())
}

fn head(report: &Report) -> anyhow::Result<String> {
    let postgresql = report.postgresql.as_deref().map_or_else(
        || "PostgreSQL not measured".to_owned(),
        |version| format!("PostgreSQL {version}"),
    );
    let busy = if report.is_busy() {
        "\n**Others kept the machine busy during this run: its times say little. The instruction counts hold.**\n"
    } else {
        ""
    };
    Ok(format!(
        "# Performance

Written by `cargo bench --bench http`; do not edit. What the words mean stands below the tables.

* {}; rounds for each server and operation: {} of {} s
* {}, {}, {}; load {} before the run
* Colonnade {}, {}, release build; SQLite {}, {postgresql}
{busy}",
        report.began,
        report.settings.rounds,
        report.settings.round.as_secs(),
        machine::processor(),
        machine::memory(),
        machine::kernel(),
        report.load,
        env!("CARGO_PKG_VERSION"),
        machine::compiler(),
        machine::sqlite()?,
    ))
}

fn targets(report: &Report) -> String {
    let met = report.rows.iter().filter(|row| row.is_met()).count();
    let mut text = format!(
        "## Targets\n\n{met} of {} are met.\n\n| operation | database | figure | target | measured | |\n|---|---|---|---|---|---|\n",
        report.rows.len()
    );
    for row in &report.rows {
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} |\n",
            row.what,
            row.database,
            row.measure,
            row.target(),
            row.measured(),
            row.verdict()
        ));
    }
    text.push_str(&format!(
        "\nMemory after the load of all operations on SQLite: {:.0} MB.\n",
        report.memory_after
    ));
    text
}

fn operations(report: &Report) -> String {
    let mut text = String::from(
        "## Figures\n\n| operation | database | server | requests/s | slowest-fastest round | p50 ms | p99 ms | CPU µs | CPU µs after |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    for (database, one) in &report.operations {
        for (server, figures) in [("Colonnade", &one.ours), ("floor", &one.beside)] {
            text.push_str(&format!(
                "| {} | {database} | {server} | {:.0} | {} | {:.2} | {:.2} | {:.0} | {} |\n",
                one.operation.name(),
                figures.rate(),
                spread(figures),
                figures.milliseconds(50),
                figures.milliseconds(99),
                figures.cpu_each(),
                after(figures)
            ));
        }
    }
    text
}

fn waits(report: &Report) -> String {
    let mut text = String::from(
        "## Reads while 64 clients write\n\n| database | server | reads | p50 ms | p99 ms | p99 against unloaded |\n|---|---|---|---|---|---|\n",
    );
    for one in &report.waits {
        for (when, seen) in [("unloaded", &one.calm), ("loaded", &one.busy)] {
            let ratio = match when {
                "loaded" => format!("{:.2} ×", one.ratio()),
                _ => String::new(),
            };
            text.push_str(&format!(
                "| {} | {} | {when} | {:.2} | {:.2} | {ratio} |\n",
                one.database,
                one.server,
                percentile(&seen.latencies, 50),
                percentile(&seen.latencies, 99)
            ));
        }
    }
    text
}

fn gateway(report: &Report) -> String {
    let mut text = String::from(
        "## The gateway\n\n| operation | database | requests/s | slowest-fastest round | p50 ms | p99 ms | CPU µs | CPU µs after |\n|---|---|---|---|---|---|---|---|\n",
    );
    for one in &report.gateways {
        for (operation, figures) in &one.operations {
            text.push_str(&format!(
                "| {} | {} | {:.0} | {} | {:.2} | {:.2} | {:.0} | {} |\n",
                operation.name(),
                one.database,
                figures.rate(),
                spread(figures),
                figures.milliseconds(50),
                figures.milliseconds(99),
                figures.cpu_each(),
                after(figures)
            ));
        }
    }
    text.push_str(&format!(
        "\n| release {DECISIONS} decisions | releases | fastest ms | median ms | slowest ms | CPU ms | CPU ms after |\n|---|---|---|---|---|---|---|\n"
    ));
    for one in &report.gateways {
        let releases = &one.releases;
        text.push_str(&format!(
            "| {} | {} | {:.0} | {:.0} | {:.0} | {:.0} | {} |\n",
            one.database,
            releases.latencies.len(),
            releases.milliseconds(0),
            releases.milliseconds(50),
            releases.milliseconds(100),
            releases.cpu_each() / 1000.0,
            after_milliseconds(releases)
        ));
    }
    text
}

fn counts() -> anyhow::Result<String> {
    let mut text = String::from(
        "## Instructions for each request\n\nThe kept figures of `benches/instructions.toml`, on SQLite.\n\n| path | Colonnade | floor | ratio |\n|---|---|---|---|\n",
    );
    for (name, count) in instructions::kept()? {
        let (floor, ratio) = count.floor.map_or_else(Default::default, |floor| {
            let ratio = instructions::ratio(count.colonnade, floor);
            (floor.to_string(), format!("{ratio:.2} ×"))
        });
        text.push_str(&format!(
            "| {name} | {} | {floor} | {ratio} |\n",
            count.colonnade
        ));
    }
    Ok(text)
}
