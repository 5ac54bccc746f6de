//! Whether a cohort's dashboard and list cost more where a thousand times as many projects lie beside it.

use std::path::Path;

use crate::Settings;
use crate::databases;
use crate::operations::Operation;
use crate::rounds::{self, Measured, Party};
use crate::servers;

pub const SMALL: u64 = 1_000;
const OPERATIONS: [Operation; 2] = [Operation::Dashboard, Operation::ListProjects];

/// Colonnade on the large database beside Colonnade on the small one.
///
/// # Errors
/// When the databases can't be made or a server is gone.
pub async fn measure(folder: &Path, settings: &Settings) -> anyhow::Result<Vec<Measured>> {
    eprintln!("filling a database with {} projects", settings.growth);
    let small = databases::grown(folder, "small.db", SMALL)?;
    let large = databases::grown(folder, "large.db", settings.growth)?;
    let small = Party::colonnade(servers::colonnade(&small)?).await?;
    let large = Party::colonnade(servers::colonnade(&large)?).await?;
    let mut measured = Vec::new();
    for operation in OPERATIONS {
        measured.push(rounds::compare(&large, &small, operation, settings).await?);
    }
    Ok(measured)
}
