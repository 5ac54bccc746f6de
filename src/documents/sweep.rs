//! What keeps the table and the store in step: files of removed documents go, lost uploads are given up, strays are found.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::Duration;
use serde_json::json;
use uuid::Uuid;

use super::model::DocumentId;
use super::{actions, store};
use crate::app::{App, Tx};
use crate::auth::Caller;
use crate::db::Moment;
use crate::error::Result;
use crate::jobs::{self, Job, Outcome, Task};

const REMOVE: &str = "remove_file";

/// How many ids are asked about at a time.
const AT_ONCE: usize = 500;

pub const JOBS: &[Job] = &[Job {
    kind: REMOVE,
    work: |app, task| Box::pin(remove_file(app, task)),
}];

/// Queues the removal of a file, in the transaction that takes its row out of sight.
///
/// # Errors
/// The database's.
pub fn enqueue(tx: &mut Tx<'_>, id: DocumentId) -> Result<()> {
    jobs::enqueue(tx, REMOVE, json!({ "document": id }))
}

async fn remove_file(app: Arc<App>, task: Task) -> Outcome {
    let Some(id) = task.noted_id("document") else {
        return Outcome::Fail("the work names no document".into());
    };
    match app.files.remove(id).await {
        Ok(()) => Outcome::Done,
        Err(error) => Outcome::Retry(format!("{error:#}")),
    }
}

/// Gives up uploads that an end of the program has cut off, and removes files that no row knows. Says how many of each.
///
/// # Errors
/// When the database or the store can't be asked.
pub async fn sweep(app: &Arc<App>) -> Result<(usize, usize)> {
    let settings = &app.config.documents;
    let now = app.clock.now();
    let before = now.minus(Duration::minutes(settings.arrival_minutes));
    let lost = app.run(Caller::system(), move |tx| {
        let lost = store::lost(tx.conn, before)?;
        for id in &lost {
            actions::give_up(tx, *id)?;
        }
        Ok(lost.len())
    });
    let lost = lost.await?;
    let oldest = now.minus(Duration::days(settings.stray_days));
    let strays = strays(app).await?;
    let old: Vec<&Uuid> = strays.iter().filter(|id| is_older(**id, oldest)).collect();
    for id in &old {
        app.files.remove(**id).await?;
        tracing::warn!(document = %id, "a file that no row knows was removed");
    }
    Ok((lost, old.len()))
}

/// Ids carry the moment at which they were made.
fn is_older(id: Uuid, than: Moment) -> bool {
    let made = id.get_timestamp().map(|made| made.to_unix().0);
    made.and_then(|seconds| i64::try_from(seconds).ok())
        .is_some_and(|seconds| seconds < than.utc().timestamp())
}

/// The files of the store that belong to no document.
async fn strays(app: &App) -> Result<Vec<Uuid>> {
    let files = app.files.all().await?;
    let mut strays = Vec::new();
    for some in files.chunks(AT_ONCE) {
        let ids: Vec<DocumentId> = some.iter().copied().map(DocumentId).collect();
        let known = app.db.read(move |conn| store::standing(conn, &ids)).await?;
        let known: BTreeSet<Uuid> = known.into_iter().map(|id| id.0).collect();
        strays.extend(some.iter().filter(|id| !known.contains(id)));
    }
    Ok(strays)
}

/// What the table and the store do not agree about: documents without their file, and files without a document.
#[derive(Debug, PartialEq, Eq)]
pub struct Audit {
    pub kept: usize,
    pub missing: Vec<Uuid>,
    pub strays: Vec<Uuid>,
}

/// # Errors
/// When the database or the store can't be asked.
pub async fn audit(app: &App) -> Result<Audit> {
    // The rows first: a file that comes in meanwhile is not taken for one that is missing.
    let kept = app.db.read(store::kept).await?;
    let files: BTreeSet<Uuid> = app.files.all().await?.into_iter().collect();
    let missing = kept.iter().map(|id| id.0).filter(|id| !files.contains(id));
    Ok(Audit {
        kept: kept.len(),
        missing: missing.collect(),
        strays: strays(app).await?,
    })
}
