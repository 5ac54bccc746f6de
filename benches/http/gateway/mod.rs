//! The gateway of an accelerator: submitting, reading scores, releasing decisions. There is no floor beside it, which would
//! do too little of the same to be compared with, and no target: figures only.

mod form;
mod requests;
pub mod seed;

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::Settings;
use crate::client::Request;
use crate::databases::{self, Database};
use crate::figures::{Figures, count, micros};
use crate::operations::{Operation, Row, Share, Stock};
use crate::postgres::Cluster;
use crate::rounds::{self, Party};
use crate::servers;
use crate::targets::{POSTGRESQL, SQLITE};

pub use requests::submission;

/// Applications to the call whose scores are listed.
pub const SCORED: u64 = 10_000;
/// How many of them a list shows.
pub const LISTED: usize = 100;
/// Calls whose decisions are released, one after the other, and the decisions of each.
pub const RELEASES: u64 = 5;
pub const DECISIONS: u64 = 500;

/// The figures of one database.
pub struct Gateway {
    pub database: &'static str,
    pub operations: Vec<(Operation, Figures)>,
    /// Each of its latencies is that of one whole release.
    pub releases: Figures,
}

/// # Errors
/// When the database can't be made or the server is gone.
pub async fn on_sqlite(folder: &Path, settings: &Settings) -> anyhow::Result<Gateway> {
    let database = databases::gateway_file(folder, settings)?;
    measure(&database, SQLITE, settings).await
}

/// # Errors
/// When the database can't be made or the server is gone.
pub async fn on_postgresql(
    cluster: &Cluster,
    folder: &Path,
    settings: &Settings,
) -> anyhow::Result<Gateway> {
    let database = databases::gateway(cluster, folder, settings).await?;
    measure(&database, POSTGRESQL, settings).await
}

async fn measure(
    database: &Database,
    name: &'static str,
    settings: &Settings,
) -> anyhow::Result<Gateway> {
    eprintln!("measuring: the gateway on {name}");
    let party = Party::colonnade(servers::colonnade(database)?).await?;
    check_scores(&party).await?;
    let scores = rounds::alone(&party, Operation::Scores, settings).await?;
    let releases = release(&party, settings).await?;
    let submitted = rounds::alone(&party, Operation::Submit, settings).await?;
    Ok(Gateway {
        database: name,
        operations: vec![(Operation::Scores, scores), (Operation::Submit, submitted)],
        releases,
    })
}

/// A list that lacks something would be listed faster.
async fn check_scores(party: &Party) -> anyhow::Result<()> {
    let request = Operation::Scores.request(&Share::first(), &Stock::default());
    let mut connection = party.connect().await?;
    let answer = connection.send(&request.context("no request")?).await?;
    let body: Value = serde_json::from_slice(answer.body)?;
    let listed = body.get("data").and_then(Value::as_array);
    let both = |one: &&Value| one.get("reviews").and_then(Value::as_u64) == Some(2);
    let complete = listed.into_iter().flatten().filter(both).count();
    if complete != LISTED {
        bail!("of the listed scores {complete} stand for two reviews, not {LISTED}");
    }
    Ok(())
}

/// Releases the decisions of one call after the other. What follows from one is done before the next one begins.
async fn release(party: &Party, settings: &Settings) -> anyhow::Result<Figures> {
    eprintln!("measuring: releases of {DECISIONS} decisions");
    let mut figures = Figures {
        is_settled: true,
        ..Figures::default()
    };
    let mut connection = party.connect().await?;
    for number in 0..RELEASES {
        let call = Row::GateCall.id(2 + number);
        let request = Request::post(format!("/v1/calls/{call}/releases"), &json!({}));
        let (cpu, began) = (party.server.cpu()?, Instant::now());
        let answer = connection.send(&request).await?;
        let elapsed = began.elapsed();
        if answer.is_good() && decided(answer.body) == Some(DECISIONS) {
            figures.latencies.push(micros(elapsed));
            figures.rates.push(count(1) / elapsed.as_secs_f64());
        } else {
            figures.wrong += 1;
            figures.complaint.get_or_insert(answer.complaint());
        }
        let used = party.server.cpu()?;
        figures.elapsed += elapsed;
        figures.cpu += used.saturating_sub(cpu);
        figures.is_settled &= rounds::quiet(&party.server, settings.settle).await?;
        figures.cpu_after += party.server.cpu()?.saturating_sub(used);
    }
    figures.latencies.sort_unstable();
    Ok(figures)
}

/// How many decisions a release let out.
fn decided(body: &[u8]) -> Option<u64> {
    let body: Value = serde_json::from_slice(body).ok()?;
    body.get("decided")?.as_u64()
}
