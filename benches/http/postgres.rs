//! A PostgreSQL server for this run alone, set up as it comes: `fsync` on, every commit durable.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use tempfile::TempDir;

use crate::servers::free_port;

const PROGRAMS: [&str; 3] = [
    "/usr/lib/postgresql",
    "/usr/local",
    "/opt/homebrew/opt/postgresql",
];
const OWNER: &str = "postgres";
/// How long connections of a program that has ended may linger.
const PARTING: Duration = Duration::from_secs(20);

/// A server with its data in a folder of its own. Both go with this value.
pub struct Cluster {
    programs: PathBuf,
    folder: TempDir,
    port: u16,
    pub postmaster: u32,
    pub version: String,
}

impl Cluster {
    /// Starts one, if PostgreSQL's server is installed.
    ///
    /// # Errors
    /// When it is, but does not come up.
    pub fn start(folder: &Path) -> anyhow::Result<Option<Self>> {
        let Some(programs) = programs() else {
            return Ok(None);
        };
        let folder = tempfile::Builder::new()
            .prefix("postgres-")
            .tempdir_in(folder)?;
        let mut cluster = Self {
            programs,
            folder,
            port: free_port()?,
            postmaster: 0,
            version: String::new(),
        };
        if is_root() {
            run(Command::new("chown").arg(OWNER).arg(cluster.folder.path()))?;
        }
        let data = cluster.data();
        run(cluster
            .program("initdb")
            .args([
                "-U",
                "colonnade",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "-D",
            ])
            .arg(&data))?;
        let options = format!(
            "-p {} -k {} -c listen_addresses=127.0.0.1",
            cluster.port,
            cluster.folder.path().display()
        );
        run(cluster
            .program("pg_ctl")
            .args(["-w", "-o", &options, "-l"])
            .arg(cluster.folder.path().join("log"))
            .arg("-D")
            .arg(&data)
            .arg("start"))?;
        let noted = std::fs::read_to_string(data.join("postmaster.pid"))?;
        let process = noted.lines().next().and_then(|line| line.parse().ok());
        cluster.postmaster = process.context("postmaster.pid has no process")?;
        cluster.version = version(&cluster.programs)?;
        Ok(Some(cluster))
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres://colonnade@127.0.0.1:{}/{database}", self.port)
    }

    /// # Errors
    /// The database's.
    pub fn execute(&self, database: &str, sql: &str) -> anyhow::Result<()> {
        let mut conn = PgConnection::establish(&self.url(database))?;
        Ok(conn.batch_execute(sql)?)
    }

    /// Copies a database as soon as nobody is connected to it any more.
    ///
    /// # Errors
    /// When somebody stays, or the disk is full.
    pub async fn copy(&self, from: &str, to: &str) -> anyhow::Result<()> {
        let since = Instant::now();
        loop {
            let copied = self.execute("postgres", &format!("CREATE DATABASE {to} TEMPLATE {from}"));
            if copied.is_ok() || since.elapsed() > PARTING {
                return copied;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// One of PostgreSQL's programs, as somebody else where we are root, whom it refuses.
    fn program(&self, name: &str) -> Command {
        let path = self.programs.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", OWNER, "--"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        command.current_dir(self.folder.path());
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let data = self.data();
        let stopped = run(self
            .program("pg_ctl")
            .args(["-w", "-m", "fast", "-D"])
            .arg(data)
            .arg("stop"));
        if let Err(error) = stopped {
            eprintln!("bench: PostgreSQL did not stop: {error:#}");
        }
    }
}

/// Where `initdb` is: the newest version of the first place that has one.
fn programs() -> Option<PathBuf> {
    let newest_in = |place: &&str| {
        let versions = std::fs::read_dir(place).into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> = versions.map(|entry| entry.path().join("bin")).collect();
        found.push(Path::new(place).join("bin"));
        found.retain(|folder| folder.join("initdb").is_file() && folder.join("pg_ctl").is_file());
        found.sort();
        found.pop()
    };
    PROGRAMS.iter().find_map(newest_in)
}

fn is_root() -> bool {
    let told = Command::new("id").arg("-u").output();
    told.is_ok_and(|output| output.stdout == b"0\n")
}

fn version(programs: &Path) -> anyhow::Result<String> {
    let told = Command::new(programs.join("postgres"))
        .arg("--version")
        .output()?;
    let text = String::from_utf8_lossy(&told.stdout).into_owned();
    let version = text.split_whitespace().nth(2);
    Ok(version.unwrap_or("unknown").to_owned())
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let done = command.stdout(Stdio::null()).status();
    let done = done.with_context(|| format!("starting {}", command.get_program().display()))?;
    if done.success() {
        Ok(())
    } else {
        bail!("{} failed: {done}", command.get_program().display())
    }
}
