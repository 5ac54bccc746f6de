//! How long a read takes while writers saturate the server, against the same read on a quiet server.
//!
//! Readers ask at a steady pace from a thread of their own, so that a slow answer does not make them ask less often, and
//! the work of the writers' clients does not stand between an answer and the clock.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::Settings;
use crate::client::Connection;
use crate::figures::micros;
use crate::operations::{Operation, Share, Stock};
use crate::rounds::{Measured, Party, work};

const READERS: u32 = 16;
/// Each reader asks this often, and they take turns: 160 reads a second.
const PACE: Duration = Duration::from_millis(100);
/// The writers are at work before the first read is measured.
const HEAD_START: Duration = Duration::from_millis(300);

/// What readers saw.
#[derive(Default)]
pub struct Seen {
    /// In order, in microseconds.
    pub latencies: Vec<u32>,
    /// What a writer beside them was told, if it was no success.
    pub complaint: Option<String>,
}

/// The same of both servers.
pub struct Both<T> {
    pub ours: T,
    pub floor: T,
}

/// Reads on servers that do nothing else.
///
/// # Errors
/// When a read fails.
pub async fn calm(ours: &Party, floor: &Party, settings: &Settings) -> anyhow::Result<Both<Seen>> {
    Ok(Both {
        ours: alone(ours, floor, Vec::new(), settings).await?,
        floor: alone(floor, ours, Vec::new(), settings).await?,
    })
}

/// Reads on servers whose writers never pause. They go on where the transitions before ended, because every project must
/// be in the state that the next step needs.
///
/// # Errors
/// When a read fails.
pub async fn busy(
    ours: &Party,
    floor: &Party,
    moved: &Measured,
    settings: &Settings,
) -> anyhow::Result<Both<Seen>> {
    eprintln!("measuring: reads beside writers");
    Ok(Both {
        ours: alone(ours, floor, moved.ours.shares.clone(), settings).await?,
        floor: alone(floor, ours, moved.beside.shares.clone(), settings).await?,
    })
}

/// One server, the other one held still.
async fn alone(
    party: &Party,
    other: &Party,
    writers: Vec<Share>,
    settings: &Settings,
) -> anyhow::Result<Seen> {
    other.server.pause()?;
    let seen = read_beside(party, writers, settings).await;
    other.server.resume()?;
    seen
}

async fn read_beside(
    party: &Party,
    writers: Vec<Share>,
    settings: &Settings,
) -> anyhow::Result<Seen> {
    let until = Instant::now() + HEAD_START + settings.round * settings.rounds;
    let (port, token) = (party.server.port, party.token.clone());
    let writing = std::thread::spawn(move || write(port, &token, writers, until));
    tokio::time::sleep(HEAD_START).await;
    let latencies = read(party, until).await?;
    let written = writing.join().ok();
    Ok(Seen {
        latencies,
        complaint: written.context("the writers' thread panicked")??,
    })
}

fn write(
    port: u16,
    token: &str,
    shares: Vec<Share>,
    until: Instant,
) -> anyhow::Result<Option<String>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut working = JoinSet::new();
        for share in shares {
            let connection = Connection::open(port, token).await?;
            let stock = Stock::default();
            working.spawn(work(connection, Operation::Transition, share, stock, until));
        }
        let tallies = working.join_all().await;
        Ok(tallies.into_iter().find_map(|tally| tally.complaint))
    })
}

async fn read(party: &Party, until: Instant) -> anyhow::Result<Vec<u32>> {
    let mut reading = JoinSet::new();
    for reader in 0..READERS {
        let share = Share {
            connection: u64::from(reader),
            connections: u64::from(READERS),
            sent: 0,
        };
        let begin = Instant::now() + PACE / READERS * reader;
        reading.spawn(read_steadily(party.connect().await?, share, begin, until));
    }
    let mut all = Vec::new();
    for seen in reading.join_all().await {
        all.extend(seen?);
    }
    all.sort_unstable();
    Ok(all)
}

async fn read_steadily(
    mut connection: Connection,
    mut share: Share,
    begin: Instant,
    until: Instant,
) -> anyhow::Result<Vec<u32>> {
    let (mut seen, stock) = (Vec::new(), Stock::default());
    let mut pace = tokio::time::interval_at(begin.into(), PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    while Instant::now() < until {
        // What a late reader has waited for its turn is part of what it waits.
        let due = pace.tick().await;
        let request = Operation::ReadProject.request(&share, &stock);
        let answer = connection.send(&request.context("no request")?).await?;
        if !answer.is_good() {
            bail!(
                "a read beside writers was answered with {}",
                answer.complaint()
            );
        }
        seen.push(micros(due.elapsed()));
        share.sent += 1;
    }
    Ok(seen)
}
