//! `colonnade check`: whether a deployment has what it needs, all of it said at once.

use std::sync::Arc;

use anyhow::bail;

use crate::app::App;
use crate::config::{Config, Transport};
use crate::{clock, db};

/// # Errors
/// When anything is wrong; each thing has been printed.
pub async fn run(config: Config) -> anyhow::Result<()> {
    println!("configuration: fine");
    let mut wrong = 0;
    match db::migrate::pending(&config.place()?) {
        Ok(pending) if pending.is_empty() => println!("database: fine"),
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
    if wrong > 0 {
        bail!("{wrong} of 3 checks failed");
    }
    Ok(())
}
