//! Anchors: the ends of the chains, noted from time to time in a file outside the database, so that an end that was cut
//! off is missed. Each line carries a code over itself and the line before it.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::model::Head;
use super::store;
use crate::app::App;
use crate::auth::secrets::Signer;
use crate::canonical;
use crate::db::Moment;

/// Chain, length, code of the last entry.
type End = (Uuid, i64, String);

/// One line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    anchor: Anchor,
    mac: String,
}

/// How the ledger stood.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Anchor {
    number: i64,
    at: Moment,
    /// How many entries all chains had together.
    events: i64,
    chains: i64,
    /// The chains that have grown since the anchor before.
    heads: Vec<End>,
}

/// What a file of anchors says, all of it taken together.
#[derive(Debug, Clone, Default)]
pub struct Anchors {
    /// How many lines there are, and what the last one says.
    pub number: i64,
    pub at: Option<Moment>,
    pub mac: String,
    /// The latest known end of each chain.
    pub ends: BTreeMap<Uuid, (i64, String)>,
    /// How long the file was up to its last whole line.
    bytes: u64,
}

/// What is wrong with a file of anchors.
#[derive(Debug, thiserror::Error)]
pub enum Bad {
    #[error("line {0} was edited, or a line before it is missing")]
    Line(i64),
    #[error(transparent)]
    File(#[from] std::io::Error),
}

/// Reads a file of anchors. A last line that was not finished is left out.
///
/// # Errors
/// The first line that is not one of ours, where it is.
pub fn read(path: &Path, signer: &Signer) -> Result<Anchors, Bad> {
    read_open(&File::open(path)?, signer)
}

fn read_open(file: &File, signer: &Signer) -> Result<Anchors, Bad> {
    let mut anchors = Anchors::default();
    let mut reader = BufReader::new(file);
    let mut text = String::new();
    while reader.read_line(&mut text)? > 0 && text.ends_with('\n') {
        let number = anchors.number + 1;
        let line: Line = serde_json::from_str(&text).map_err(|_| Bad::Line(number))?;
        if line.anchor.number != number || line.mac != code(signer, &anchors.mac, &line.anchor) {
            return Err(Bad::Line(number));
        }
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        anchors.take(line, length);
        text.clear();
    }
    Ok(anchors)
}

impl Anchors {
    fn take(&mut self, line: Line, bytes: u64) {
        self.number = line.anchor.number;
        self.at = Some(line.anchor.at);
        self.mac = line.mac;
        self.bytes += bytes;
        for (chain, length, mac) in line.anchor.heads {
            // Instances that share a file may note a chain late.
            let known = self.ends.entry(chain).or_default();
            if known.0 < length {
                *known = (length, mac);
            }
        }
    }

    fn length_of(&self, chain: Uuid) -> i64 {
        self.ends.get(&chain).map_or(0, |(length, _)| *length)
    }
}

fn code(signer: &Signer, previous: &str, anchor: &Anchor) -> String {
    signer.sign(&canonical::text(&json!(["anchor", previous, anchor])))
}

/// The instance's own notes: where the file is, and what it is known to say.
pub struct Notes {
    path: PathBuf,
    known: Anchors,
}

impl Notes {
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            known: Anchors::default(),
        }
    }

    /// Notes how the chains stand; nothing where none has grown. The file's code goes into the log as well.
    ///
    /// # Errors
    /// When the database can't be read, or the file can't be written or has been tampered with.
    pub async fn take(&mut self, app: &App) -> anyhow::Result<()> {
        let file = self.open()?;
        file.lock_shared()?;
        self.catch_up(&file, app)?;
        drop(file);
        let anchor = self.look(app).await?;
        if anchor.heads.is_empty() {
            return Ok(());
        }
        self.append(app, anchor)
    }

    /// How the chains stand, and which of them have grown.
    async fn look(&self, app: &App) -> anyhow::Result<Anchor> {
        let mut anchor = Anchor {
            number: 0,
            at: app.clock.now(),
            events: 0,
            chains: 0,
            heads: Vec::new(),
        };
        let mut last: Option<Head> = None;
        loop {
            let after = last.take();
            let heads = app
                .db
                .read(move |conn| Ok(store::heads_after(conn, after.as_ref())?))
                .await?;
            for head in &heads {
                if !head.chain.0.is_nil() {
                    anchor.events += head.length;
                    anchor.chains += 1;
                }
                if head.length < self.known.length_of(head.chain.0) {
                    tracing::error!(chain = %head.chain, "a chain of the ledger has become shorter; run `colonnade verify`");
                }
            }
            last = heads.last().cloned();
            if last.is_none() {
                return Ok(anchor);
            }
            let grown = heads
                .into_iter()
                .filter(|head| head.length > self.known.length_of(head.chain.0));
            let ends = grown.map(|head| (head.chain.0, head.length, head.mac));
            anchor.heads.extend(ends);
        }
    }

    /// Reads the file where another instance has written into it.
    fn catch_up(&mut self, file: &File, app: &App) -> anyhow::Result<()> {
        if self.known.number == 0 || file.metadata()?.len() != self.known.bytes {
            self.known =
                read_open(file, &app.ledger).with_context(|| self.path.display().to_string())?;
        }
        Ok(())
    }

    fn append(&mut self, app: &App, mut anchor: Anchor) -> anyhow::Result<()> {
        let mut file = self.open()?;
        file.lock()?;
        self.catch_up(&file, app)?;
        anchor.number = self.known.number + 1;
        let mac = code(&app.ledger, &self.known.mac, &anchor);
        let line = Line { anchor, mac };
        let mut text = serde_json::to_string(&line)?;
        text.push('\n');
        // What follows the last whole line is one that a crash cut short.
        file.set_len(self.known.bytes)?;
        file.seek(SeekFrom::Start(self.known.bytes))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        tracing::info!(
            number = line.anchor.number,
            events = line.anchor.events,
            chains = line.anchor.chains,
            code = line.mac,
            "the ledger is anchored"
        );
        self.known
            .take(line, u64::try_from(text.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    fn open(&self) -> anyhow::Result<File> {
        let folder = self
            .path
            .parent()
            .filter(|path| !path.as_os_str().is_empty());
        if let Some(folder) = folder {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("creating {}", folder.display()))?;
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        options
            .open(&self.path)
            .with_context(|| format!("opening {}", self.path.display()))
    }
}
