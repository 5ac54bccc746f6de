//! The processes that are measured: how they are started, held still, read, and ended by their ids.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::seed;

const COLONNADE: &str = env!("CARGO_BIN_EXE_colonnade");
const START: Duration = Duration::from_secs(30);
const DEMO: Duration = Duration::from_mins(5);
const STOP: Duration = Duration::from_secs(10);

/// A server of ours. It ends with this value.
pub struct Server {
    pub name: &'static str,
    pub port: u16,
    child: Child,
    /// Clock ticks a second, in which the kernel counts CPU time.
    ticks: u32,
}

/// Makes the demo's database in a folder.
///
/// # Errors
/// When the demo does not come up in time.
pub fn make_demo(folder: &Path) -> anyhow::Result<()> {
    let port = free_port()?;
    let mut command = command("demo", port);
    command.arg("--folder").arg(folder).stdout(Stdio::piped());
    let mut demo = Server::start("the demo", command, port)?;
    let output = demo.child.stdout.take().context("the demo has no output")?;
    wait_for_line(output, "The demo of", DEMO)
}

/// Colonnade on the demo's database.
///
/// # Errors
/// When it does not come up in time.
pub fn colonnade(folder: &Path) -> anyhow::Result<Server> {
    let port = free_port()?;
    let mut command = command("serve", port);
    command.env(
        "DATABASE_URL",
        format!("sqlite:{}", folder.join(seed::COLONNADE).display()),
    );
    command.env("COLONNADE__MAIL__FOLDER", folder.join("mail"));
    Server::start("colonnade", command, port)?.listening()
}

/// This executable as the floor, on the copy.
///
/// # Errors
/// When it does not come up in time.
pub fn floor(folder: &Path) -> anyhow::Result<Server> {
    let port = free_port()?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg("floor")
        .arg(folder.join(seed::FLOOR))
        .arg(port.to_string());
    Server::start("floor", command, port)?.listening()
}

fn command(word: &str, port: u16) -> Command {
    let mut command = Command::new(COLONNADE);
    command
        .arg(word)
        .arg("--listen")
        .arg(format!("127.0.0.1:{port}"));
    command
        .env("COLONNADE__LOG__FILTER", "warn")
        .env("COLONNADE__AUTH__ACCESS_MINUTES", "120");
    command
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Reads on to the end after the line has come, so that the process never waits for a reader.
fn wait_for_line(
    output: ChildStdout,
    beginning: &'static str,
    limit: Duration,
) -> anyhow::Result<()> {
    let (found, seen) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if line.starts_with(beginning) {
                let _ = found.send(());
            }
        }
    });
    seen.recv_timeout(limit)
        .with_context(|| format!("the line {beginning:?} did not come"))
}

impl Server {
    fn start(name: &'static str, mut command: Command, port: u16) -> anyhow::Result<Self> {
        let ticks = ticks()?;
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        Ok(Self {
            name,
            port,
            child,
            ticks,
        })
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

    /// The CPU time that the process has used, in user and system mode, all threads together.
    ///
    /// # Errors
    /// When it is gone.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, fields) = stat
            .rsplit_once(')')
            .context("/proc/…/stat is not as expected")?;
        // After the name: state is the first field, utime the twelfth, stime the thirteenth.
        let used: Vec<u32> = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .map_while(|field| field.parse().ok())
            .collect();
        match used.as_slice() {
            [in_user, in_kernel] => Ok(Duration::from_secs(1) * (in_user + in_kernel) / self.ticks),
            _ => bail!("/proc/…/stat has no CPU times"),
        }
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

fn ticks() -> anyhow::Result<u32> {
    let told = Command::new("getconf")
        .arg("CLK_TCK")
        .output()
        .context("asking getconf for CLK_TCK")?;
    String::from_utf8_lossy(&told.stdout)
        .trim()
        .parse()
        .context("reading CLK_TCK")
}
