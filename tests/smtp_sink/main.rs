//! A small SMTP server for the tests: it takes mail over real connections and writes each message into a folder.
//!
//! Arguments: the folder. It prints its port, demands AUTH when `SINK_PASSWORD` is set, and refuses the first
//! `SINK_REFUSE` messages with a temporary failure. The first `SINK_LATE` messages are taken all the same, and answered
//! a second and a half later. The file of a message begins with a line for each recipient.

#![expect(
    clippy::disallowed_methods,
    reason = "this program has an environment of its own"
)]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

struct Sink {
    folder: PathBuf,
    password: Option<String>,
    refuse: AtomicUsize,
    late: AtomicUsize,
    taken: AtomicUsize,
}

fn main() -> std::io::Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| ".".into()));
    let count = |name: &str| -> usize {
        let given = std::env::var(name).ok();
        given.and_then(|n| n.parse().ok()).unwrap_or(0)
    };
    let sink = Arc::new(Sink {
        folder,
        password: std::env::var("SINK_PASSWORD").ok(),
        refuse: AtomicUsize::new(count("SINK_REFUSE")),
        late: AtomicUsize::new(count("SINK_LATE")),
        taken: AtomicUsize::new(0),
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
    let mut out = stream.try_clone()?;
    let mut lines = BufReader::new(stream).lines();
    let (mut signed_in, mut recipients) = (sink.password.is_none(), Vec::new());
    writeln!(out, "220 sink ready\r")?;
    while let Some(line) = lines.next() {
        let line = line?;
        let word = line
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase();
        match word.as_str() {
            "EHLO" | "HELO" => write!(out, "250-sink\r\n250-8BITMIME\r\n250 AUTH PLAIN\r\n")?,
            "AUTH" => {
                signed_in = sink
                    .password
                    .as_deref()
                    .is_some_and(|password| line.ends_with(&plain("colonnade", password)));
                writeln!(
                    out,
                    "{}\r",
                    if signed_in {
                        "235 welcome"
                    } else {
                        "535 wrong password"
                    }
                )?;
            }
            "MAIL" if !signed_in => writeln!(out, "530 sign in first\r")?,
            "MAIL" | "RSET" => {
                recipients.clear();
                writeln!(out, "250 ok\r")?;
            }
            "RCPT" => {
                recipients.push(line.clone());
                writeln!(out, "250 ok\r")?;
            }
            "DATA" => {
                writeln!(out, "354 go on\r")?;
                let message = read_message(&mut lines)?;
                let answer = take(sink, &recipients, &message)?;
                writeln!(out, "{answer}\r")?;
            }
            "NOOP" => writeln!(out, "250 ok\r")?,
            "QUIT" => return writeln!(out, "221 bye\r"),
            _ => writeln!(out, "502 what?\r")?,
        }
    }
    Ok(())
}

fn read_message(
    lines: &mut impl Iterator<Item = std::io::Result<String>>,
) -> std::io::Result<String> {
    let mut message = String::new();
    for line in lines {
        let line = line?;
        if line == "." {
            break;
        }
        message.push_str(line.strip_prefix('.').unwrap_or(&line));
        message.push_str("\r\n");
    }
    Ok(message)
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
