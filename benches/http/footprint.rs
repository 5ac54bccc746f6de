//! What the server costs while nobody asks: how fast it starts on a migrated database, and how much memory it occupies.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use crate::{databases, servers};

const STARTS: usize = 7;
const IDLE: Duration = Duration::from_secs(5);

pub struct Footprint {
    /// From the start of the process until `/health/ready` says 200, in milliseconds: the median of seven starts.
    pub start: f64,
    /// After five idle seconds, in MB.
    pub idle: f64,
}

/// # Errors
/// When the server does not start.
pub async fn measure(folder: &Path) -> anyhow::Result<Footprint> {
    eprintln!("measuring: start and idle memory");
    let database = databases::file(folder, "empty.db");
    servers::migrate(&database)?;
    let mut times = Vec::new();
    let mut last = None;
    for _ in 0..STARTS {
        drop(last.take());
        let (server, time) = servers::start_time(&database).await?;
        times.push(time.as_secs_f64() * 1000.0);
        last = Some(server);
    }
    times.sort_by(f64::total_cmp);
    tokio::time::sleep(IDLE).await;
    Ok(Footprint {
        start: *times.get(STARTS / 2).context("no start was measured")?,
        idle: last.context("no server is left")?.memory()?,
    })
}
