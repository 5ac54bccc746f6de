//! Who runs database work: own threads with one connection each, fed by a bounded queue.
//!
//! SQLite has readers and exactly one writer, which commits all the work that waits as one group: each job in
//! its own savepoint, answered only after the commit is durable. PostgreSQL has one thread per connection.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use diesel::Connection;
use tokio::sync::oneshot;

use super::connection::{AnyConnection as Conn, Place, Purpose};
use super::dialect;
use crate::error::{Error, Refused, Result};

/// How many jobs one commit may carry.
const GROUP: usize = 256;
/// Work that has waited longer than this is turned away: whoever asked has likely gone.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a transaction that lost a race with another one is run again.
const RETRIES: usize = 8;

/// How many threads and how long a queue.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    pub readers: usize,
    pub pg_connections: usize,
    pub queue: usize,
}

/// The handle everybody shares. The threads end when the last handle is dropped.
#[derive(Clone)]
pub struct Db {
    place: Arc<Place>,
    reads: Sender<ReadJob>,
    writes: Sender<WriteJob>,
    busy: Arc<AtomicUsize>,
    epoch: Arc<AtomicU64>,
}

thread_local! {
    /// This thread's own connection to a SQLite file.
    static HERE: RefCell<Option<Here>> = const { RefCell::new(None) };
}

/// What the data is like at a moment: two equal stamps of one `Db` stand for the same data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stamp {
    /// On SQLite, `Db::epoch`.
    Epoch(u64),
    /// On PostgreSQL, which transactions a snapshot sees.
    Snapshot(String),
}

struct Here {
    line: Line,
    /// SQLite's `data_version` as this connection saw it last.
    version: Option<i64>,
}

struct Queued<J> {
    since: Instant,
    job: J,
}

/// Reading work; it says whether the database failed it, which makes the connection suspect.
type Read = Box<dyn FnOnce(Result<&mut Conn>) -> bool + Send>;
type ReadJob = Queued<Read>;
type WriteJob = Queued<Box<dyn Write>>;

/// One piece of writing work, in two steps, because a group commits between them.
trait Write: Send {
    /// Does the work in a savepoint, or a whole transaction; may be called again after a lost race.
    fn run(&mut self, conn: &mut Conn) -> std::result::Result<(), diesel::result::Error>;
    /// Tells the one who waits how it ended.
    fn settle(self: Box<Self>, committed: Result<()>);
    /// Whether the database failed the work, which makes the connection suspect.
    fn failed(&self) -> bool;
}

struct WriteWork<F, N, T> {
    work: F,
    note: Option<N>,
    /// Whether a refusal was written down, so that its answer rests on the commit.
    noted: bool,
    outcome: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<F, N, T> WriteWork<F, N, T>
where
    N: FnMut(&mut Conn, &Refused) -> Result<bool>,
{
    /// Writes down that the work was refused, once its own changes are taken back.
    fn note_refusal(&mut self, conn: &mut Conn) -> std::result::Result<(), diesel::result::Error> {
        let (Some(note), Some(Err(Error::Refused(refused)))) = (&mut self.note, &self.outcome)
        else {
            return Ok(());
        };
        match conn.transaction(|conn| note(conn, refused)) {
            Ok(noted) => self.noted = noted,
            Err(Error::Database(error)) if lost_a_race(&error) => {
                return Err(diesel::result::Error::RollbackTransaction);
            }
            Err(error) => self.outcome = Some(Err(error)),
        }
        Ok(())
    }
}

impl<F, N, T> Write for WriteWork<F, N, T>
where
    F: FnMut(&mut Conn) -> Result<T> + Send,
    N: FnMut(&mut Conn, &Refused) -> Result<bool> + Send,
    T: Send,
{
    fn run(&mut self, conn: &mut Conn) -> std::result::Result<(), diesel::result::Error> {
        let work = &mut self.work;
        let mut outcome = None;
        let kept = conn.transaction(|conn| {
            let done = catch_unwind(AssertUnwindSafe(|| work(conn)))
                .unwrap_or_else(|_| Err(Error::Broken(anyhow::anyhow!("a write panicked"))));
            let kept = match &done {
                Ok(_) => Ok(()),
                Err(Error::Database(error)) if lost_a_race(error) => Err(RollBack::Again),
                Err(_) => Err(RollBack::Refused),
            };
            outcome = Some(done);
            kept
        });
        self.outcome = outcome;
        match kept {
            Ok(()) => Ok(()),
            Err(RollBack::Refused) => self.note_refusal(conn),
            Err(RollBack::Again) => Err(diesel::result::Error::RollbackTransaction),
            Err(RollBack::Failed(error)) => Err(error),
        }
    }

    fn failed(&self) -> bool {
        matches!(&self.outcome, Some(Err(error)) if error.is_a_database_failure())
    }

    fn settle(self: Box<Self>, committed: Result<()>) {
        let answer = match (committed, self.outcome) {
            (Ok(()), Some(outcome)) => outcome,
            // Work that was refused has kept nothing, so a failed commit takes nothing from its answer.
            (Err(_), Some(Err(refused @ Error::Refused(_)))) if !self.noted => Err(refused),
            (Err(error), _) => Err(error),
            (Ok(()), None) => Err(Error::Broken(anyhow::anyhow!("a write was not run"))),
        };
        let _ = self.reply.send(answer);
    }
}

/// Why a savepoint was taken back.
enum RollBack {
    /// The work said no; its answer stands.
    Refused,
    /// Another transaction was faster; the work may be run again.
    Again,
    /// The database said no.
    Failed(diesel::result::Error),
}

impl From<diesel::result::Error> for RollBack {
    fn from(error: diesel::result::Error) -> Self {
        if lost_a_race(&error) {
            Self::Again
        } else {
            Self::Failed(error)
        }
    }
}

impl Db {
    /// Starts the threads; connections are opened by them, and again when they break.
    #[must_use]
    pub fn start(place: Place, sizes: Sizes) -> Self {
        let (reads, read_jobs) = bounded(sizes.queue);
        let (writes, write_jobs) = bounded(sizes.queue);
        let place = Arc::new(place);
        let busy = Arc::new(AtomicUsize::new(0));
        let epoch = Arc::new(AtomicU64::new(0));
        let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            let started = std::thread::Builder::new().name(name.to_owned()).spawn(run);
            if let Err(error) = started {
                tracing::error!(%error, "a database thread could not be started");
            }
        };
        if place.is_sqlite() {
            let home = place.clone();
            spawn(
                "db-writer",
                Box::new(move || write_in_groups(home, &write_jobs)),
            );
            for _ in 0..sizes.readers.max(1) {
                let (home, jobs) = (place.clone(), read_jobs.clone());
                spawn("db-reader", Box::new(move || read_only(home, &jobs)));
            }
        } else {
            for _ in 0..sizes.pg_connections.max(2) {
                let (home, reads, writes) = (place.clone(), read_jobs.clone(), write_jobs.clone());
                spawn(
                    "db-pg",
                    Box::new(move || read_and_write(home, &reads, &writes)),
                );
            }
        }
        Self {
            place,
            reads,
            writes,
            busy,
            epoch,
        }
    }

    /// On SQLite, a number that is another one whenever anybody, in this process or another, has changed the data since
    /// it was asked for. PostgreSQL has nothing that cheap.
    #[must_use]
    pub fn epoch(&self) -> Option<u64> {
        if !self.place.is_sqlite() {
            return None;
        }
        HERE.with_borrow_mut(|here| {
            let here = here_of(&self.place, here);
            if here.line.conn.is_none() {
                here.version = None;
            }
            let Conn::Sqlite(conn) = here.line.open().ok()? else {
                return None;
            };
            let version = dialect::data_version(conn).ok();
            if version.is_none() || version != here.version {
                here.version = version;
                self.epoch.fetch_add(1, Ordering::AcqRel);
            }
            Some(self.epoch.load(Ordering::Acquire))
        })
    }

    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// How many jobs wait or run, for the metrics page.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.busy.load(Ordering::Relaxed)
    }

    /// What the data is like now.
    ///
    /// # Errors
    /// That the database is busy or gone.
    pub async fn stamp(&self) -> Result<Stamp> {
        match self.epoch() {
            Some(epoch) => Ok(Stamp::Epoch(epoch)),
            None => {
                self.read(|conn| Ok(Stamp::Snapshot(dialect::visible_transactions(conn)?)))
                    .await
            }
        }
    }

    /// Runs work that only reads.
    ///
    /// # Errors
    /// What the work says, or that the database is busy or gone.
    pub async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Read = Box::new(move |conn| {
            let result = conn.and_then(|conn| {
                catch_unwind(AssertUnwindSafe(|| work(conn)))
                    .unwrap_or_else(|_| Err(Error::Broken(anyhow::anyhow!("a read panicked"))))
            });
            let failed = result.as_ref().is_err_and(Error::is_a_database_failure);
            let _ = reply.send(result);
            failed
        });
        self.send(&self.reads, job, answer).await
    }

    /// Runs work that finds a few rows by their keys. On SQLite that takes less than handing it to another thread, so
    /// it runs here; whatever may take longer is for `read`.
    ///
    /// # Errors
    /// What the work says, or that the database is busy or gone.
    pub async fn look_up<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        if self.place.is_sqlite() {
            HERE.with_borrow_mut(|here| look_up_here(here_of(&self.place, here), work))
        } else {
            self.read(work).await
        }
    }

    /// Runs work that writes, all of it in one transaction, and answers once that is durable.
    /// The work may be run more than once, so it must not do anything outside the database.
    ///
    /// # Errors
    /// What the work says, then nothing of it was kept; or that the database is busy or gone.
    pub async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Conn) -> Result<T> + Send + 'static,
    {
        let note = None::<fn(&mut Conn, &Refused) -> Result<bool>>;
        self.write_or_note(work, note).await
    }

    /// As `write`. Where the work is refused, `note` writes that down in its place and says whether it did: on SQLite in
    /// the same commit, on PostgreSQL in the transaction that follows on the same connection. Nobody is told of the
    /// refusal before that is durable.
    ///
    /// # Errors
    /// What the work says; or that the database is busy or gone.
    pub async fn write_or_note<T, F, N>(&self, work: F, note: Option<N>) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Conn) -> Result<T> + Send + 'static,
        N: FnMut(&mut Conn, &Refused) -> Result<bool> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Box<dyn Write> = Box::new(WriteWork {
            work,
            note,
            noted: false,
            outcome: None,
            reply,
        });
        self.send(&self.writes, job, answer).await
    }

    async fn send<J, T>(
        &self,
        queue: &Sender<Queued<J>>,
        job: J,
        answer: oneshot::Receiver<Result<T>>,
    ) -> Result<T> {
        match queue.try_send(Queued {
            since: Instant::now(),
            job,
        }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(Error::busy()),
            Err(TrySendError::Disconnected(_)) => return Err(Error::unavailable()),
        }
        self.busy.fetch_add(1, Ordering::Relaxed);
        let result = answer.await;
        self.busy.fetch_sub(1, Ordering::Relaxed);
        result.unwrap_or_else(|_| Err(Error::Broken(anyhow::anyhow!("database work was dropped"))))
    }
}

/// This thread's connection to a place; the one to another place, as tests have it, is let go.
fn here_of<'a>(place: &Arc<Place>, here: &'a mut Option<Here>) -> &'a mut Here {
    let mine = here
        .take()
        .filter(|here| Arc::ptr_eq(&here.line.place, place));
    here.insert(mine.unwrap_or_else(|| Here {
        line: Line::new(place.clone(), Purpose::Read),
        version: None,
    }))
}

fn look_up_here<T>(here: &mut Here, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
    let line = &mut here.line;
    let conn = line.open()?;
    let result = catch_unwind(AssertUnwindSafe(|| work(conn)))
        .unwrap_or_else(|_| Err(Error::Broken(anyhow::anyhow!("a read panicked"))));
    if result.as_ref().is_err_and(Error::is_a_database_failure) {
        line.check();
    }
    result
}

/// A connection that is opened when it is first needed and again after it broke.
struct Line {
    place: Arc<Place>,
    purpose: Purpose,
    conn: Option<Conn>,
    tried: Option<Instant>,
}

impl Line {
    fn new(place: Arc<Place>, purpose: Purpose) -> Self {
        let mut line = Self {
            place,
            purpose,
            conn: None,
            tried: None,
        };
        let _ = line.open();
        line
    }

    fn open(&mut self) -> Result<&mut Conn> {
        if self.conn.is_none() {
            // At most one attempt a second, so that a dead server costs those who wait little.
            if self
                .tried
                .is_some_and(|at| at.elapsed() < Duration::from_secs(1))
            {
                return Err(Error::unavailable());
            }
            self.tried = Some(Instant::now());
            match self.place.connect(self.purpose) {
                Ok(conn) => self.conn = Some(conn),
                Err(error) => {
                    tracing::warn!(error = %error, "no connection to the database");
                    return Err(Error::unavailable());
                }
            }
        }
        self.conn.as_mut().ok_or_else(Error::unavailable)
    }

    /// Lets go of a connection that no longer answers or whose transaction state can't be trusted.
    fn check(&mut self) {
        if self.conn.as_mut().is_some_and(is_broken) {
            tracing::warn!("a database connection broke and will be opened again");
            self.hang_up();
        }
    }

    fn hang_up(&mut self) {
        self.conn = None;
        self.tried = None;
    }
}

fn is_broken(conn: &mut Conn) -> bool {
    use diesel::connection::{SimpleConnection, TransactionManager};
    <Conn as Connection>::TransactionManager::is_broken_transaction_manager(conn)
        || conn.batch_execute("SELECT 1").is_err()
}

fn read_only(place: Arc<Place>, jobs: &Receiver<ReadJob>) {
    let mut line = Line::new(place, Purpose::Read);
    while let Ok(job) = jobs.recv() {
        read_one(&mut line, job);
    }
}

fn read_one(line: &mut Line, Queued { since, job }: ReadJob) {
    if since.elapsed() > PATIENCE {
        job(Err(Error::busy()));
    } else if job(line.open()) {
        line.check();
    }
}

/// SQLite's writer. A group forms by itself while the commit before it waits for the disk.
fn write_in_groups(place: Arc<Place>, jobs: &Receiver<WriteJob>) {
    let mut line = Line::new(place, Purpose::Write);
    let mut group: Vec<Box<dyn Write>> = Vec::with_capacity(GROUP);
    while let Ok(first) = jobs.recv() {
        let committed = write_group(&mut line, jobs, first, &mut group);
        let failure = committed.err();
        if let Some(error) = &failure {
            tracing::error!(error = ?error, jobs = group.len(), "a group of writes was not committed");
            line.hang_up();
        }
        for job in group.drain(..) {
            job.settle(match &failure {
                None => Ok(()),
                Some(_) => Err(Error::unavailable()),
            });
        }
    }
}

fn write_group(
    line: &mut Line,
    jobs: &Receiver<WriteJob>,
    first: WriteJob,
    group: &mut Vec<Box<dyn Write>>,
) -> Result<()> {
    let mut next = Some(first);
    let opened = line.open().and_then(|conn| Ok(dialect::begin_write(conn)?));
    while let Some(Queued { since, mut job }) = next.take() {
        if since.elapsed() > PATIENCE {
            job.settle(Err(Error::busy()));
        } else {
            let ran = match (&opened, line.conn.as_mut()) {
                (Ok(()), Some(conn)) => job.run(conn),
                _ => Ok(()),
            };
            group.push(job);
            ran?;
        }
        if opened.is_ok() && group.len() < GROUP {
            next = jobs.try_recv().ok();
        }
    }
    opened?;
    let conn = line.conn.as_mut().ok_or_else(Error::unavailable)?;
    Ok(dialect::commit(conn)?)
}

/// A PostgreSQL thread: one connection for reads and writes alike.
fn read_and_write(place: Arc<Place>, reads: &Receiver<ReadJob>, writes: &Receiver<WriteJob>) {
    let mut line = Line::new(place, Purpose::Write);
    loop {
        crossbeam_channel::select! {
            recv(reads) -> job => match job {
                Ok(job) => read_one(&mut line, job),
                Err(_) => return,
            },
            recv(writes) -> job => match job {
                Ok(job) => write_one(&mut line, job),
                Err(_) => return,
            },
        }
    }
}

fn write_one(line: &mut Line, Queued { since, mut job }: WriteJob) {
    if since.elapsed() > PATIENCE {
        return job.settle(Err(Error::busy()));
    }
    let mut committed = Err(Error::unavailable());
    for _ in 0..RETRIES {
        committed = match line.open() {
            Ok(conn) => job.run(conn).map_err(Error::from),
            Err(error) => Err(error),
        };
        if !matches!(
            committed,
            Err(Error::Database(diesel::result::Error::RollbackTransaction))
        ) {
            break;
        }
    }
    if let Err(error) = &committed {
        tracing::warn!(error = ?error, "a write was not committed");
    }
    if committed.is_err() || job.failed() {
        line.check();
    }
    job.settle(committed.map_err(|_| Error::unavailable()));
}

/// True where PostgreSQL asks to run the transaction again.
fn lost_a_race(error: &diesel::result::Error) -> bool {
    use diesel::result::{DatabaseErrorKind, Error as Failure};
    match error {
        Failure::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => true,
        Failure::DatabaseError(_, info) => info.message().contains("deadlock detected"),
        _ => false,
    }
}
