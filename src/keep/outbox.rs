//! `colonnade outbox`: what is in the outbox, whether it is on hold, and letting it go on.

use std::sync::Arc;

use clap::Subcommand;

use crate::app::App;
use crate::auth::Caller;
use crate::clock;
use crate::config::Config;
use crate::mail::outbox;

#[derive(Subcommand)]
pub enum Command {
    /// Let mail leave again, as after a restore.
    Release {
        /// Don't send what is queued now but put it aside as dead, for instance because it left before the restore.
        #[arg(long)]
        drop: bool,
    },
}

/// # Errors
/// When the database can't be reached.
pub async fn run(config: Config, command: Option<Command>) -> anyhow::Result<()> {
    let app = Arc::new(App::new(
        config,
        Arc::new(clock::SystemClock),
        Arc::new(clock::SystemChance),
    )?);
    match command {
        None => show(&app).await,
        Some(Command::Release { drop }) => {
            let released = app.run(Caller::system(), move |tx| outbox::release(tx, drop));
            match released.await? {
                None => println!("the outbox was not on hold"),
                Some(0) => println!("the outbox is released"),
                Some(dropped) => println!("the outbox is released; {dropped} mails were dropped"),
            }
            Ok(())
        }
    }
}

async fn show(app: &App) -> anyhow::Result<()> {
    let found = app
        .db
        .read(|conn| Ok((outbox::held(conn)?, outbox::count(conn)?)));
    let (hold, counts) = found.await?;
    match hold {
        Some(hold) => println!("on hold since {}: {}", hold.held_at, hold.reason),
        None => println!("not on hold"),
    }
    for (state, count) in counts {
        println!("{state:<8} {count:>8}");
    }
    Ok(())
}
