//! The processes that are measured: how they are started, held still, read, and ended by their ids.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::client::{Connection, Request};
use crate::databases::{Database, SECRET};
use crate::processor;

const COLONNADE: &str = env!("CARGO_BIN_EXE_colonnade");
/// Under callgrind a start takes fifty times as long.
const START: Duration = Duration::from_mins(3);
const STOP: Duration = Duration::from_secs(20);

/// A server of ours. It ends with this value.
pub struct Server {
    pub name: &'static str,
    pub port: u16,
    child: Child,
    /// The process of the database server, where the database is not part of this one.
    postmaster: Option<u32>,
}

/// Colonnade on its database.
///
/// # Errors
/// When it does not come up in time.
pub fn colonnade(database: &Database) -> anyhow::Result<Server> {
    let port = free_port()?;
    Server::start(
        "colonnade",
        colonnade_command(database, port),
        port,
        database,
    )?
    .listening()
}

/// This executable as the floor, on its copy.
///
/// # Errors
/// When it does not come up in time.
pub fn floor(database: &Database) -> anyhow::Result<Server> {
    let port = free_port()?;
    Server::start("floor", floor_command(database, port)?, port, database)?.listening()
}

/// Either of them with its instructions counted, into files whose names begin with `counts`.
///
/// # Errors
/// When there is no valgrind, or the server does not come up in time.
pub fn counted(database: &Database, is_floor: bool, counts: &Path) -> anyhow::Result<Server> {
    let port = free_port()?;
    let (name, command) = if is_floor {
        ("floor", floor_command(database, port)?)
    } else {
        ("colonnade", colonnade_command(database, port))
    };
    let mut valgrind = Command::new("valgrind");
    valgrind
        .arg("--tool=callgrind")
        .arg("--quiet")
        .arg(format!("--callgrind-out-file={}", counts.display()))
        .arg(command.get_program())
        .args(command.get_args());
    for (key, value) in command.get_envs() {
        valgrind.env(key, value.unwrap_or_default());
    }
    // The worker does what it is rung for, and nothing beside it that would be counted.
    valgrind.env("COLONNADE__NOTIFICATIONS__POLL_MILLISECONDS", "60000");
    Server::start(name, valgrind, port, database)
        .context("callgrind is needed: install valgrind from the system's packages")?
        .listening()
}

fn colonnade_command(database: &Database, port: u16) -> Command {
    let mut command = Command::new(COLONNADE);
    command
        .arg("serve")
        .arg("--listen")
        .arg(format!("127.0.0.1:{port}"))
        .env("DATABASE_URL", &database.url)
        .env("COLONNADE__MAIL__FOLDER", &database.mails)
        .env(
            "COLONNADE__LEDGER__ANCHOR_FILE",
            database.mails.with_extension("anchors"),
        )
        .env("COLONNADE__AUTH__SECRET", SECRET)
        .env("COLONNADE__AUTH__ACCESS_MINUTES", "240")
        .env("COLONNADE__LOG__FILTER", "error");
    command
}

fn floor_command(database: &Database, port: u16) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg("floor")
        .arg(&database.url)
        .arg(port.to_string());
    Ok(command)
}

/// Applies the migrations to a fresh database.
///
/// # Errors
/// When they can't be applied.
pub fn migrate(database: &Database) -> anyhow::Result<()> {
    let mut command = Command::new(COLONNADE);
    command.arg("migrate").env("DATABASE_URL", &database.url);
    command.env("COLONNADE__AUTH__SECRET", SECRET);
    let done = command.stdout(Stdio::null()).status()?;
    if done.success() {
        Ok(())
    } else {
        bail!("the migrations could not be applied: {done}")
    }
}

/// Starts Colonnade and says how long it took until it was ready.
///
/// # Errors
/// When it does not come up in time.
pub async fn start_time(database: &Database) -> anyhow::Result<(Server, Duration)> {
    let port = free_port()?;
    let command = colonnade_command(database, port);
    let began = Instant::now();
    let server = Server::start("colonnade", command, port, database)?;
    let ready = Request::get("/health/ready".into());
    while began.elapsed() < START {
        if let Ok(mut connection) = Connection::open(port, "").await
            && connection.send(&ready).await?.is_good()
        {
            return Ok((server, began.elapsed()));
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    bail!("colonnade does not become ready")
}

pub fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

impl Server {
    fn start(
        name: &'static str,
        mut command: Command,
        port: u16,
        database: &Database,
    ) -> anyhow::Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        Ok(Self {
            name,
            port,
            child,
            postmaster: database.postmaster,
        })
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    fn listening(mut self) -> anyhow::Result<Self> {
        let since = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended at once: {status}", self.name);
            }
            if since.elapsed() > START {
                bail!("{} does not listen", self.name);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(self)
    }

    /// Holds the process still, so that its own work takes nothing from what is measured meanwhile.
    ///
    /// # Errors
    /// When it is gone.
    pub fn pause(&self) -> anyhow::Result<()> {
        self.signal("STOP")
    }

    /// # Errors
    /// When it is gone.
    pub fn resume(&self) -> anyhow::Result<()> {
        self.signal("CONT")
    }

    fn signal(&self, name: &str) -> anyhow::Result<()> {
        let told = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.child.id().to_string())
            .status()?;
        if told.success() {
            Ok(())
        } else {
            bail!("{} took no {name}", self.name)
        }
    }

    /// The CPU time that the server has used, in user and system mode, all threads together; with a database server,
    /// that of its processes too.
    ///
    /// # Errors
    /// When it is gone.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        let own = processor::used_by(self.process())?;
        let database = self.postmaster.map(processor::used_by_family).transpose()?;
        Ok(own + database.unwrap_or_default())
    }

    /// The memory that the process occupies, in MB.
    ///
    /// # Errors
    /// When it is gone.
    pub fn memory(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        let kibibytes: f64 = kibibytes.context("/proc/…/status has no VmRSS")?;
        Ok(kibibytes * 1024.0 / 1e6)
    }

    fn ended_within(&mut self, limit: Duration) -> bool {
        let since = Instant::now();
        while since.elapsed() < limit {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        false
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        let asked = self.signal("CONT").and_then(|()| self.signal("TERM"));
        if asked.is_err() || !self.ended_within(STOP) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
