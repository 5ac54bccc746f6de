//! The commands of the program.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use colonnade::config::Config;
use colonnade::{admin, check, db, demo, events, http, keep, serve, telemetry};

/// Application tracking for accelerators: one binary, a REST API, four pillars.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// A file with the settings that differ from config/default.toml.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API until SIGTERM or Ctrl-C.
    Serve(Listen),
    /// Serve the demo network from a fresh embedded database in a folder of its own.
    Demo {
        #[command(flatten)]
        listen: Listen,
        /// Where the demo keeps its database and mails; what is there of an earlier demo is removed.
        #[arg(long, default_value = "demo", value_name = "FOLDER")]
        folder: PathBuf,
    },
    /// Apply pending migrations.
    Migrate,
    /// Check the configuration, the database and the mail server, and say what is wrong.
    Check,
    /// Check every entry of the ledger, and say which is the first bad one of each chain.
    Verify {
        /// A file of anchors to compare with; given more than once for several. Without it: the configured one.
        #[arg(long, value_name = "FILE")]
        anchors: Vec<PathBuf>,
    },
    /// Write the whole database into one file while it is in use, and prove the file by restoring it into scratch.
    Backup {
        /// The file; one of that name is replaced once the new one is proved.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Restore a backup into an empty database of either kind; outgoing mail is then on hold.
    Restore {
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
    },
    /// Show what is in the outbox and whether it is on hold.
    Outbox {
        #[command(subcommand)]
        command: Option<keep::OutboxCommand>,
    },
    /// Commands for operators.
    #[command(subcommand)]
    Admin(admin::Command),
    /// Print the OpenAPI document.
    Openapi,
    /// Print the reference of problem codes.
    Problems,
}

#[derive(clap::Args)]
struct Listen {
    /// Address and port; a port alone listens on 127.0.0.1. Also read from PORT.
    #[arg(long, env = "PORT", value_name = "ADDRESS")]
    listen: Option<String>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let config = match Config::load(cli.config.as_deref(), &environment()) {
        Ok(config) => config,
        Err(mistakes) => return complain(&mistakes),
    };
    telemetry::start(&config.log);
    let done = match cli.command {
        Command::Serve(listen) => on_runtime(serve::run(listen.apply(config))),
        Command::Demo { listen, folder } => on_runtime(demo::run(listen.apply(config), folder)),
        Command::Migrate => migrate(&config),
        Command::Check => on_runtime(check::run(config)),
        Command::Verify { anchors } => events::verify::run(&config, &anchors),
        Command::Backup { to } => keep::backup(&config, &to),
        Command::Restore { from } => on_runtime(async move { keep::restore(config, &from) }),
        Command::Outbox { command } => on_runtime(keep::outbox(config, command)),
        Command::Admin(command) => on_runtime(admin::run(config, command)),
        Command::Openapi => http::openapi::json().map(|json| println!("{json}")),
        Command::Problems => {
            print!("{}", http::catalogue::CATALOGUE.reference());
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&[format!("{error:#}")]),
    }
}

/// The environment is read here and nowhere else.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads it"
)]
fn environment() -> Vec<(String, String)> {
    std::env::vars().collect()
}

fn on_runtime(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    actix_web::rt::System::new().block_on(work)
}

fn migrate(config: &Config) -> anyhow::Result<()> {
    let applied = db::migrate::run(&config.place()?)?;
    println!("{applied} migrations applied");
    Ok(())
}

fn complain(mistakes: &[String]) -> ExitCode {
    for mistake in mistakes {
        eprintln!("colonnade: {mistake}");
    }
    ExitCode::FAILURE
}

impl Listen {
    fn apply(self, mut config: Config) -> Config {
        if let Some(address) = self.listen {
            config.server.listen = if address.contains(':') {
                address
            } else {
                format!("127.0.0.1:{address}")
            };
        }
        config
    }
}
