//! Commands for operators: the first admin, and the network's files.

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Subcommand;

use crate::accounts::{self, NewAccount};
use crate::app::App;
use crate::auth::passwords::known_of;
use crate::auth::{Caller, Grant, Role, Scope};
use crate::clock;
use crate::config::Config;
use crate::lang::Lang;
use crate::network::{self, files::Files};

#[derive(Subcommand)]
pub enum Command {
    /// Create an account with a proven mailbox and make it an admin; the password is read from standard input.
    CreateAdmin {
        #[arg(long)]
        email: String,
        #[arg(long)]
        name: String,
        #[arg(long, default_value = "en")]
        language: Lang,
    },
    /// Load regions, postal codes, organisations, mandates, programmes, cohorts and calls. Loading twice changes nothing.
    LoadNetwork {
        /// A folder of files like those in config/network; without one, the Belgian network is loaded.
        folder: Option<PathBuf>,
    },
}

/// # Errors
/// When the command can't be done.
pub async fn run(mut config: Config, command: Command) -> anyhow::Result<()> {
    // Nobody waits at a browser, and a network of another size may take its time.
    config.database.answer_seconds = 3600;
    let app = Arc::new(App::new(
        config,
        Arc::new(clock::SystemClock),
        Arc::new(clock::SystemChance),
    )?);
    match command {
        Command::CreateAdmin {
            email,
            name,
            language,
        } => create_admin(&app, email, name, language).await,
        Command::LoadNetwork { folder } => {
            let files = match folder {
                Some(folder) => Files::read(&folder)?,
                None => Files::belgium()?,
            };
            app.run(Caller::system(), move |tx| network::load(tx, &files))
                .await?;
            println!("the network is loaded");
            Ok(())
        }
    }
}

async fn create_admin(
    app: &Arc<App>,
    email: String,
    name: String,
    language: Lang,
) -> anyhow::Result<()> {
    let mut password = String::new();
    std::io::stdin()
        .read_to_string(&mut password)
        .context("reading the password from standard input")?;
    let password = password.trim_end_matches(['\r', '\n']).to_owned();
    if password.chars().count() < 12 {
        bail!("the password must have at least 12 characters; give it on standard input");
    }
    let about = known_of(&email, &name);
    if app
        .passwords
        .check_new(&password, about, "/password")
        .await
        .is_err()
    {
        bail!("the password is too easy to guess");
    }
    let password_hash = app.passwords.hash(password).await?;
    let new = NewAccount {
        email: accounts::normalise(&email),
        name,
        language,
        password_hash,
    };
    let existed = app.run(Caller::system(), move |tx| {
        let existed = accounts::find_by_email(tx.conn, &new.email)?.is_some();
        let account = accounts::create_verified(tx, &new)?;
        let known = accounts::grants_at(tx.conn, account.id, tx.now)?;
        let admin = Grant {
            role: Role::Admin,
            scope: Scope::Network,
        };
        if !known.contains(&admin) {
            accounts::give(tx, account.id, &admin)?;
        }
        Ok(existed)
    });
    if existed.await? {
        println!("{email} had an account, which is an admin's now; its password stays as it was");
    } else {
        println!("{email} is an admin");
    }
    Ok(())
}
