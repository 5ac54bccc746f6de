//! A small SMTP server for the tests: it takes mail over real connections and writes each message into a folder.
//!
//! Arguments: the folder. It prints its port. `SINK_PASSWORD` makes it demand AUTH. The first `SINK_REFUSE` messages are
//! refused with a temporary failure; the first `SINK_LATE` messages are taken, and answered a second and a half later.
//! `SINK_TLS` is `starttls` or `tls`; `SINK_IDENTITY` is then a PEM file with certificate and key. The file of a message
//! begins with a line for each recipient. `clear.log` has every line that was received outside TLS.

#![expect(
    clippy::disallowed_methods,
    reason = "this program has an environment of its own"
)]

mod wire;

use std::fs::File;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::ServerConfig;
use wire::Wire;

struct Sink {
    folder: PathBuf,
    password: Option<String>,
    refuse: AtomicUsize,
    late: AtomicUsize,
    taken: AtomicUsize,
    /// What it is inside TLS, and whether that begins with the connection.
    identity: Option<Arc<ServerConfig>>,
    tls_at_once: bool,
    clear: File,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| ".".into()));
    let count = |name: &str| -> usize {
        let given = std::env::var(name).ok();
        given.and_then(|n| n.parse().ok()).unwrap_or(0)
    };
    let tls = std::env::var("SINK_TLS").ok();
    let identity = match &tls {
        Some(_) => Some(wire::identity(Path::new(&std::env::var("SINK_IDENTITY")?))?),
        None => None,
    };
    let sink = Arc::new(Sink {
        clear: File::create(folder.join("clear.log"))?,
        folder,
        password: std::env::var("SINK_PASSWORD").ok(),
        refuse: AtomicUsize::new(count("SINK_REFUSE")),
        late: AtomicUsize::new(count("SINK_LATE")),
        taken: AtomicUsize::new(0),
        identity,
        tls_at_once: tls.as_deref() == Some("tls"),
    });
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    std::io::stdout().flush()?;
    for stream in listener.incoming() {
        let (stream, sink) = (stream?, sink.clone());
        std::thread::spawn(move || {
            let _ = serve(&sink, stream);
        });
    }
    Ok(())
}

fn serve(sink: &Sink, stream: TcpStream) -> std::io::Result<()> {
    let mut wire = Wire::new(stream, sink.clear.try_clone()?);
    if let (Some(identity), true) = (&sink.identity, sink.tls_at_once) {
        wire = wire.protect(identity)?;
    }
    wire.say("220 sink ready")?;
    let (mut signed_in, mut recipients) = (sink.password.is_none(), Vec::new());
    while let Some(line) = wire.hear()? {
        match word(&line).as_str() {
            "EHLO" | "HELO" => wire.say(greeting(sink, &wire))?,
            "STARTTLS" => {
                let Some(identity) = sink.identity.as_ref().filter(|_| !wire.is_protected()) else {
                    wire.say("502 not here")?;
                    continue;
                };
                wire.say("220 go on")?;
                wire = wire.protect(identity)?;
            }
            "AUTH" => {
                signed_in = is_password(sink, &line);
                wire.say(if signed_in {
                    "235 welcome"
                } else {
                    "535 wrong password"
                })?;
            }
            "MAIL" if !signed_in => wire.say("530 sign in first")?,
            "MAIL" | "RSET" => {
                recipients.clear();
                wire.say("250 ok")?;
            }
            "RCPT" => {
                recipients.push(line.clone());
                wire.say("250 ok")?;
            }
            "DATA" => {
                wire.say("354 go on")?;
                let message = read_message(&mut wire)?;
                let answer = take(sink, &recipients, &message)?;
                wire.say(answer)?;
            }
            "NOOP" => wire.say("250 ok")?,
            "QUIT" => return wire.say("221 bye"),
            _ => wire.say("502 what?")?,
        }
    }
    Ok(())
}

/// The command of a line.
fn word(line: &str) -> String {
    line.split_whitespace()
        .next()
        .unwrap_or_default()
        .to_ascii_uppercase()
}

fn greeting(sink: &Sink, wire: &Wire) -> &'static str {
    if sink.identity.is_some() && !wire.is_protected() {
        "250-sink\r\n250-8BITMIME\r\n250-STARTTLS\r\n250 AUTH PLAIN"
    } else {
        "250-sink\r\n250-8BITMIME\r\n250 AUTH PLAIN"
    }
}

fn is_password(sink: &Sink, line: &str) -> bool {
    let password = sink.password.as_deref();
    password.is_some_and(|password| line.ends_with(&plain("colonnade", password)))
}

/// A message up to the dot that ends it. One that breaks off before is none: its sender has been killed.
fn read_message(wire: &mut Wire) -> std::io::Result<String> {
    let mut message = String::new();
    while let Some(line) = wire.hear()? {
        if line == "." {
            return Ok(message);
        }
        message.push_str(line.strip_prefix('.').unwrap_or(&line));
        message.push_str("\r\n");
    }
    Err(std::io::ErrorKind::UnexpectedEof.into())
}

fn take(sink: &Sink, recipients: &[String], message: &str) -> std::io::Result<&'static str> {
    let is_late = counts_down(&sink.late);
    if !is_late && counts_down(&sink.refuse) {
        return Ok("451 try again later");
    }
    let number = sink.taken.fetch_add(1, Ordering::SeqCst);
    write_whole(
        &sink.folder,
        number,
        &format!("{}\n\n{message}", recipients.join("\n")),
    )?;
    if is_late {
        std::thread::sleep(std::time::Duration::from_millis(1500));
    }
    Ok("250 taken")
}

/// Whether there was something left to count down.
fn counts_down(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
        left.checked_sub(1)
    })
    .is_ok()
}

fn write_whole(folder: &Path, number: usize, text: &str) -> std::io::Result<()> {
    let beside = folder.join(format!(".{number:06}"));
    std::fs::write(&beside, text)?;
    std::fs::rename(beside, folder.join(format!("{number:06}.mail")))
}

/// The base64 of NUL name NUL password (RFC 4616).
fn plain(name: &str, password: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(format!("\0{name}\0{password}"))
}
