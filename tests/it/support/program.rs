//! The built program, started as an operator starts it: with arguments, an environment and standard input.

use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use super::mailbox::Sink;

pub const SECRET: &str = "a secret for tests, a secret for tests";

/// How long a command may take; one that does not end is ended, and has failed.
const LONGEST: Duration = Duration::from_mins(1);

/// Environment variables for one start of the program.
pub type Environment = Vec<(&'static str, String)>;

/// The settings that every start needs: a database and the secret of the tests, and mail into a folder.
pub fn environment(url: &str, folder: &Path) -> Environment {
    vec![
        ("DATABASE_URL", url.to_owned()),
        ("COLONNADE__AUTH__SECRET", SECRET.to_owned()),
        (
            "COLONNADE__MAIL__FOLDER",
            folder.join("mail").display().to_string(),
        ),
        (
            "COLONNADE__LEDGER__ANCHOR_FILE",
            folder.join("anchors").display().to_string(),
        ),
        (
            "COLONNADE__DOCUMENTS__FOLDER",
            folder.join("documents").display().to_string(),
        ),
        ("COLONNADE__LOG__FILTER", "error".to_owned()),
        ("COLONNADE__SERVER__DRAIN_SECONDS", "0".to_owned()),
    ]
}

/// Mail by SMTP, as the sink wants it.
pub fn by_smtp(sink: &Sink) -> Environment {
    vec![
        ("COLONNADE__MAIL__TRANSPORT", "smtp".to_owned()),
        ("COLONNADE__MAIL__HOST", "127.0.0.1".to_owned()),
        ("COLONNADE__MAIL__PORT", sink.port.to_string()),
        ("COLONNADE__MAIL__TLS", "none".to_owned()),
        ("COLONNADE__MAIL__USERNAME", "colonnade".to_owned()),
        ("COLONNADE__MAIL__PASSWORD", "let me in".to_owned()),
    ]
}

fn command(environment: &Environment, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_colonnade"));
    command.env_clear().args(arguments);
    for (name, value) in environment {
        command.env(name, value);
    }
    command
}

/// How a command of the program ended.
pub struct Ended {
    pub success: bool,
    pub out: String,
    pub err: String,
}

/// Runs a command to its end.
pub fn run(environment: &Environment, arguments: &[&str], input: &str) -> Ended {
    let mut child = command(environment, arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program");
    let mut stdin = child.stdin.take().expect("its input");
    // A command that asks for nothing may have ended before it is told anything.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let (done, ended) = std::sync::mpsc::channel::<()>();
    let process = child.id().to_string();
    let watch = std::thread::spawn(move || {
        if ended.recv_timeout(LONGEST) == Err(RecvTimeoutError::Timeout) {
            let _ = Command::new("kill").args(["-KILL", &process]).status();
        }
    });
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().expect("its end");
    drop(done);
    watch.join().expect("the watch");
    Ended {
        success: status.success(),
        out: String::from_utf8(stdout).expect("text"),
        err: String::from_utf8(stderr).expect("text"),
    }
}

/// The server as a process of its own.
pub struct Server {
    pub base: String,
    process: Child,
}

impl Server {
    /// Starts it and waits until it answers.
    pub async fn start(environment: &Environment) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("an address").to_string();
        drop(free);
        let process = command(environment, &["serve", "--listen", &address])
            .stdin(Stdio::null())
            .spawn()
            .expect("the program");
        let mut server = Self {
            base: format!("http://{address}"),
            process,
        };
        let until = Instant::now() + Duration::from_secs(20);
        while tokio::net::TcpStream::connect(&address).await.is_err() {
            let ended = server.process.try_wait().expect("its state");
            assert!(ended.is_none(), "the server did not start: {ended:?}");
            assert!(Instant::now() < until, "the server does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        server
    }

    /// Ends it as a power cut would: kill -9.
    pub fn kill(mut self) {
        self.process.kill().expect("a kill");
        self.process.wait().expect("its end");
    }

    /// Asks it to stop: SIGTERM.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Stops the clock for it: SIGSTOP.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    fn signal(&self, signal: &str) {
        let process = self.process.id().to_string();
        let sent = Command::new("kill").args([signal, &process]).status();
        assert!(sent.expect("kill").success());
    }

    /// A figure of the kernel's about it, in KiB, such as `VmRSS` or `VmHWM`.
    pub fn memory(&self, name: &str) -> u64 {
        let status = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(status).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let figure = line.and_then(|line| line.split_whitespace().next());
        figure.and_then(|text| text.parse().ok()).expect("a figure")
    }

    pub fn is_alive(&mut self) -> bool {
        self.process.try_wait().expect("its state").is_none()
    }

    /// Waits for its end and gives its exit code.
    pub async fn end(mut self, within: Duration) -> Option<i32> {
        let until = Instant::now() + within;
        loop {
            if let Some(status) = self.process.try_wait().expect("its state") {
                return status.code();
            }
            assert!(Instant::now() < until, "it did not end in {within:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
