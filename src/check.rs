//! `colonnade check`: whether a deployment has what it needs, all of it said at once.

use std::sync::Arc;

use anyhow::bail;

use crate::app::App;
use crate::config::{Config, Transport};
use crate::{clock, db, documents};

/// # Errors
/// When anything is wrong; each thing has been printed.
pub async fn run(config: Config) -> anyhow::Result<()> {
    println!("configuration: fine");
    let mut wrong = 0;
    let mut is_migrated = false;
    match db::migrate::pending(&config.place()?) {
        Ok(pending) if pending.is_empty() => {
            is_migrated = true;
            println!("database: fine");
        }
        Ok(pending) => {
            wrong += 1;
            println!(
                "database: these migrations are pending: {}",
                pending.join(", ")
            );
        }
        Err(error) => {
            wrong += 1;
            println!("database: {error:#}");
        }
    }
    let transport = config.mail.transport;
    let app = App::new(
        config,
        Arc::new(clock::SystemClock),
        Arc::new(clock::SystemChance),
    )?;
    match app.mailer.test().await {
        Ok(()) if transport == Transport::Folder => {
            println!("mail: into the folder {}", app.config.mail.folder);
        }
        Ok(()) => println!("mail: the server answers"),
        Err(error) => {
            wrong += 1;
            println!("mail: {error}");
        }
    }
    if is_migrated && !documents_are_fine(&app).await {
        wrong += 1;
    }
    if wrong > 0 {
        bail!("{wrong} of 4 checks failed");
    }
    Ok(())
}

/// Whether every document has its file. Files without a document are no fault: they go after a while.
async fn documents_are_fine(app: &App) -> bool {
    let audit = match documents::audit(app).await {
        Ok(audit) => audit,
        Err(error) => {
            println!("documents: {error:#}");
            return false;
        }
    };
    if !audit.strays.is_empty() {
        let (strays, days) = (audit.strays.len(), app.config.documents.stray_days);
        println!("documents: {strays} files that no row knows, each removed after {days} days");
    }
    if audit.missing.is_empty() {
        println!("documents: {}, each with its file", audit.kept);
        return true;
    }
    let missing: Vec<String> = audit.missing.iter().map(ToString::to_string).collect();
    println!(
        "documents: {} of {} lack their file: {}",
        missing.len(),
        audit.kept,
        missing.join(", ")
    );
    false
}
