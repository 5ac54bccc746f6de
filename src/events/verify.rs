//! `colonnade verify`: walks every chain, compares it with its end and with the anchors, and names the first bad entry
//! of each. Rows are read a few at a time from one state of the database, so a server may run meanwhile.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use diesel::QueryResult;
use uuid::Uuid;

use super::anchor::{self, Anchors};
use super::chain;
use super::model::{Event, EventId, Head};
use super::store;
use crate::auth::secrets::Signer;
use crate::clock::SystemChance;
use crate::config::Config;
use crate::db::connection::Purpose;
use crate::db::{Conn, dialect};
use crate::secret_file;

/// How many bad entries are named; the others are counted.
const MOST_NAMED: usize = 100;

crate::words! {
    /// What is wrong with an entry.
    pub enum Wrong {
        Edited = "was edited",
        Swapped = "stands where another entry was: entries were swapped or put in",
        Foreign = "does not fit its code, which this installation may not have made",
        Missing = "is missing",
        Repeated = "is there more than once",
        Truncated = "is missing, with all that followed it: the chain was cut off",
        Anchored = "is not the one that was anchored: the chain was written anew",
        Head = "is not what the chain's row in ledger_heads says",
        Outside = "is in no chain",
    }
}

/// One bad entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub chain: Uuid,
    pub sequence: i64,
    /// None for an entry that is gone.
    pub event: Option<Uuid>,
    pub wrong: Wrong,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "chain {}, entry {}", self.chain, self.sequence)?;
        if let Some(event) = self.event {
            write!(f, ", event {event}")?;
        }
        write!(f, ": {}", self.wrong)
    }
}

/// What a walk has come to.
#[derive(Debug, Default)]
pub struct Report {
    pub events: i64,
    pub chains: i64,
    /// Events that are older than the chains.
    pub outside: i64,
    /// The first bad entry of each chain, of the first chains that have one.
    pub findings: Vec<Finding>,
    /// How many chains have a bad entry.
    pub bad: usize,
}

impl Report {
    fn add(&mut self, finding: Finding) {
        self.bad += 1;
        if self.findings.len() < MOST_NAMED {
            self.findings.push(finding);
        }
    }
}

/// The command: prints what it finds.
///
/// # Errors
/// When anything is wrong, or could not be read.
pub fn run(config: &Config, files: &[PathBuf]) -> anyhow::Result<()> {
    let signer = secret_file::ledger_signer(config, &SystemChance)?;
    let ends = read_anchors(config, files, &signer)?;
    let mut conn = config
        .place()?
        .connect(Purpose::Read)
        .context("opening the database")?;
    let report = walk(&mut conn, &signer, ends)?;
    println!("{} events in {} chains", report.events, report.chains);
    if report.outside > 0 {
        println!("{} events are older than the chains", report.outside);
    }
    for finding in &report.findings {
        println!("{finding}");
    }
    match report.bad {
        0 => {
            println!("the ledger is whole");
            Ok(())
        }
        bad => bail!("the ledger is not whole; chains with a bad entry: {bad}"),
    }
}

/// The latest anchored end of each chain.
type Ends = BTreeMap<Uuid, (i64, String)>;

fn read_anchors(config: &Config, files: &[PathBuf], signer: &Signer) -> anyhow::Result<Ends> {
    let configured = config.anchor_file()?;
    if files.is_empty() && !configured.exists() {
        println!(
            "{}: no anchors; a chain that was cut off together with its end goes unnoticed",
            configured.display()
        );
        return Ok(Ends::new());
    }
    let files = if files.is_empty() {
        std::slice::from_ref(&configured)
    } else {
        files
    };
    let mut ends = Ends::new();
    for file in files {
        let anchors = read_one(file, signer)?;
        for (chain, end) in anchors.ends {
            let known = ends.entry(chain).or_default();
            if known.0 < end.0 {
                *known = end;
            }
        }
    }
    Ok(ends)
}

fn read_one(file: &Path, signer: &Signer) -> anyhow::Result<Anchors> {
    let anchors = anchor::read(file, signer).with_context(|| file.display().to_string())?;
    match anchors.at {
        Some(at) => println!(
            "{}: anchor {} of {at} is the last one, with the code {}",
            file.display(),
            anchors.number,
            anchors.mac
        ),
        None => println!("{}: no anchors yet", file.display()),
    }
    Ok(anchors)
}

/// Walks all chains of one state of the database.
///
/// # Errors
/// The database's.
pub fn walk(conn: &mut Conn, signer: &Signer, ends: Ends) -> QueryResult<Report> {
    dialect::snapshot(conn, |conn| {
        let mut walk = Walk {
            signer,
            ends,
            heads: Rows::new(store::heads_after),
            entries: Rows::new(store::entries_after),
            report: Report::default(),
        };
        walk.outside(conn)?;
        while let Some(chain) = walk.next_chain(conn)? {
            walk.chain(conn, chain)?;
        }
        // What is left was anchored, and nothing of it is there.
        for chain in std::mem::take(&mut walk.ends).into_keys() {
            walk.report.add(Finding {
                chain,
                sequence: 1,
                event: None,
                wrong: Wrong::Truncated,
            });
        }
        Ok(walk.report)
    })
}

struct Walk<'a> {
    signer: &'a Signer,
    ends: Ends,
    heads: Rows<Head>,
    entries: Rows<Event>,
    report: Report,
}

/// The entry before the one in hand.
#[derive(Default)]
struct Before {
    sequence: i64,
    seq: i64,
    mac: String,
    event: Option<Uuid>,
}

impl Walk<'_> {
    /// Events in no chain may only be older than the chains: as old as the row of the nameless chain says.
    fn outside(&mut self, conn: &mut Conn) -> QueryResult<()> {
        let nameless = |head: &Head| head.chain.0.is_nil();
        let known = self.heads.next_if(conn, nameless)?;
        let last_known = known.map_or(0, |head| head.length);
        let anchored = self.ends.remove(&Uuid::nil());
        let (count, first) = store::outside(conn, last_known)?;
        self.report.outside = count;
        let bad = |sequence, event, wrong| Finding {
            chain: Uuid::nil(),
            sequence,
            event,
            wrong,
        };
        if let Some(event) = first {
            self.report
                .add(bad(event.seq, Some(event.id.0), Wrong::Outside));
        } else if anchored.is_some_and(|(length, _)| length != last_known) {
            self.report.add(bad(last_known, None, Wrong::Head));
        }
        Ok(())
    }

    /// The next chain that has an entry or an end.
    fn next_chain(&mut self, conn: &mut Conn) -> QueryResult<Option<EventId>> {
        let head = self.heads.peek(conn)?.map(|head| head.chain);
        let entry = self.entries.peek(conn)?.and_then(|event| event.chain);
        Ok(head.into_iter().chain(entry).min())
    }

    fn chain(&mut self, conn: &mut Conn, chain: EventId) -> QueryResult<()> {
        self.report.chains += 1;
        let head = self.heads.next_if(conn, |head| head.chain == chain)?;
        let anchored = self.ends.remove(&chain.0);
        let mut before = Before::default();
        let mut finding = None;
        while let Some(event) = self
            .entries
            .next_if(conn, |event| event.chain == Some(chain))?
        {
            self.report.events += 1;
            let next = self
                .entries
                .peek(conn)?
                .filter(|next| next.chain == Some(chain));
            if finding.is_none() {
                finding = judge(self.signer, &before, &event, next, anchored.as_ref());
            }
            before = Before {
                sequence: event.chain_seq.unwrap_or_default(),
                seq: event.seq,
                mac: event.mac.unwrap_or_default(),
                event: Some(event.id.0),
            };
        }
        let finding = finding.or_else(|| {
            let anchored = anchored.map_or(0, |(length, _)| length);
            judge_end(chain, &before, head.as_ref(), anchored)
        });
        if let Some(finding) = finding {
            self.report.add(finding);
        }
        Ok(())
    }
}

/// What is wrong with an entry, given the one before it.
fn judge(
    signer: &Signer,
    before: &Before,
    event: &Event,
    next: Option<&Event>,
    anchored: Option<&(i64, String)>,
) -> Option<Finding> {
    let sequence = event.chain_seq.unwrap_or_default();
    let due = before.sequence + 1;
    if sequence > due {
        return Some(Finding {
            event: None,
            ..finding(event, due, Wrong::Missing)
        });
    }
    if sequence < due {
        return Some(finding(event, sequence, Wrong::Repeated));
    }
    // The code that the anchor has for this very entry.
    let anchored = anchored.filter(|(length, _)| *length == sequence);
    let is_anchored = anchored.map(|(_, mac)| event.mac.as_ref() == Some(mac));
    if event.mac.as_deref() != Some(&chain::code(signer, &before.mac, event)) {
        return Some(finding(
            event,
            sequence,
            cause(signer, event, next, is_anchored),
        ));
    }
    if is_anchored == Some(false) {
        return Some(finding(event, sequence, Wrong::Anchored));
    }
    let in_order = event.seq > before.seq;
    (!in_order).then(|| finding(event, sequence, Wrong::Swapped))
}

/// Why an entry does not fit its code. Where the code is the one that the next entry was signed over, or that was
/// anchored, the code is ours and the content is not.
fn cause(signer: &Signer, event: &Event, next: Option<&Event>, is_anchored: Option<bool>) -> Wrong {
    let mac = event.mac.as_deref().unwrap_or_default();
    let fits = |next: &Event| next.mac.as_deref() == Some(&chain::code(signer, mac, next));
    if next.is_some_and(|next| next.seq < event.seq) {
        Wrong::Swapped
    } else if is_anchored.unwrap_or_else(|| next.is_some_and(fits)) {
        Wrong::Edited
    } else {
        Wrong::Foreign
    }
}

/// What is wrong with the end of a chain, all of whose entries are sound.
fn judge_end(chain: EventId, last: &Before, head: Option<&Head>, anchored: i64) -> Option<Finding> {
    let end = head.map_or(0, |head| head.length).max(anchored);
    let bad = |sequence, event, wrong| {
        Some(Finding {
            chain: chain.0,
            sequence,
            event,
            wrong,
        })
    };
    if end > last.sequence {
        return bad(last.sequence + 1, None, Wrong::Truncated);
    }
    let agrees = head.is_some_and(|head| head.length == last.sequence && head.mac == last.mac);
    if agrees {
        None
    } else {
        bad(last.sequence, last.event, Wrong::Head)
    }
}

fn finding(event: &Event, sequence: i64, wrong: Wrong) -> Finding {
    Finding {
        chain: event.chain.map_or(Uuid::nil(), |chain| chain.0),
        sequence,
        event: Some(event.id.0),
        wrong,
    }
}

/// Fetches the rows that come after one.
type Fetch<T> = fn(&mut Conn, Option<&T>) -> QueryResult<Vec<T>>;

/// Rows in order, fetched a few at a time.
struct Rows<T> {
    fetch: Fetch<T>,
    waiting: VecDeque<T>,
    last: Option<T>,
    at_end: bool,
}

impl<T: Clone> Rows<T> {
    fn new(fetch: Fetch<T>) -> Self {
        Self {
            fetch,
            waiting: VecDeque::new(),
            last: None,
            at_end: false,
        }
    }

    fn peek(&mut self, conn: &mut Conn) -> QueryResult<Option<&T>> {
        if self.waiting.is_empty() && !self.at_end {
            let fetched = (self.fetch)(conn, self.last.as_ref())?;
            self.at_end = fetched.is_empty();
            self.last = fetched.last().cloned();
            self.waiting = fetched.into();
        }
        Ok(self.waiting.front())
    }

    fn next_if(&mut self, conn: &mut Conn, wanted: impl Fn(&T) -> bool) -> QueryResult<Option<T>> {
        Ok(match self.peek(conn)? {
            Some(row) if wanted(row) => self.waiting.pop_front(),
            _ => None,
        })
    }
}
