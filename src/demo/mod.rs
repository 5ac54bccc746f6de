//! The demo: the network and the cohort of 2018, made by the commands that the API calls, under a clock set back.

mod answers;
mod data;
mod gateway;
mod plan;
mod play;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};

use crate::app::App;
use crate::clock::{SetClock, SystemChance, SystemClock};
use crate::config::{Config, Environment};
use crate::db::{Moment, migrate};
use crate::{jobs, serve};

/// The password of every demo account.
pub const PASSWORD: &str = "colonnade-demo";

/// Makes the demo in a folder and serves it.
///
/// # Errors
/// With production settings, or when the folder can't be used.
pub async fn run(config: Config, folder: PathBuf) -> anyhow::Result<()> {
    if config.environment == Environment::Production {
        bail!("the demo does not run with production settings");
    }
    let config = settings(config, &folder)?;
    clear(&folder)?;
    println!("Making the demo in {} …", folder.display());
    make(&config).await?;
    let app = Arc::new(App::new(
        config,
        Arc::new(SystemClock),
        Arc::new(SystemChance),
    )?);
    let summary = play::open_call(&app).await?;
    announce(&app.config, &summary);
    serve::run_app(app).await
}

/// Builds the demo's data in a fresh database and delivers every mail of its six months.
///
/// # Errors
/// When a command of the plan is refused, which a test finds.
pub async fn make(config: &Config) -> anyhow::Result<()> {
    migrate::run(&config.place()?)?;
    // Mails of 2018 go into the folder, whatever way today's mails go.
    let mut past = config.clone();
    past.mail.transport = crate::config::Transport::Folder;
    let demo = Arc::new(data::read()?);
    let clock = SetClock::at(Moment::start_of(data::founded()));
    let app = Arc::new(App::new(
        past,
        Arc::new(clock.clone()),
        Arc::new(SystemChance),
    )?);
    play::people_and_network(&app, &demo).await?;
    for (day, commands) in plan::plan(&demo) {
        for (at, command) in commands {
            clock.set(at);
            play::play(&app, &demo, command.clone())
                .await
                .with_context(|| format!("{command:?} on {day}"))?;
        }
        jobs::drain(&app).await?;
    }
    Ok(())
}

/// The configuration with everything in the demo's own folder.
fn settings(mut config: Config, folder: &Path) -> anyhow::Result<Config> {
    let inside = |name: &str| {
        folder
            .join(name)
            .to_str()
            .map(str::to_owned)
            .context("the folder's name is no text")
    };
    config.database.url = format!("sqlite:{}", inside("colonnade.db")?);
    config.mail.folder = inside("mail")?;
    config.server.public_url = format!("http://{}", config.server.listen);
    Ok(config)
}

/// Removes what an earlier demo left: its database, its secret and its mails, and nothing else.
fn clear(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    for name in [
        "colonnade.db",
        "colonnade.db-wal",
        "colonnade.db-shm",
        "colonnade.db.secret",
    ] {
        remove(&folder.join(name))?;
    }
    let mails = folder.join("mail");
    if mails.is_dir() {
        for entry in std::fs::read_dir(&mails)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "eml") {
                remove(&path)?;
            }
        }
    }
    let documents = folder.join("colonnade.db.documents");
    if documents.is_dir() {
        for entry in std::fs::read_dir(&documents)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.parse::<uuid::Uuid>().is_ok() {
                remove(&entry.path())?;
            }
        }
    }
    Ok(())
}

fn remove(path: &Path) -> anyhow::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", path.display()))
        }
        _ => Ok(()),
    }
}

fn announce(config: &Config, summary: &play::Summary) {
    println!(
        "\nThe demo of {} is at http://{}",
        config.network.name, config.server.listen
    );
    println!("  documentation  http://{}/docs/", config.server.listen);
    println!("  mails          {}", config.mail.folder);
    println!(
        "  {} projects, {} applications, cohort of 1 February 2018: {}",
        summary.projects, summary.applications, summary.cohort
    );
    println!("\nAccounts, all with the password {PASSWORD}:");
    for (email, role) in &summary.accounts {
        println!("  {email:<36} {role}");
    }
    println!();
}
