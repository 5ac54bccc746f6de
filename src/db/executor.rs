//! Who runs database work: own threads with one connection each, fed by a bounded queue.
//!
//! SQLite has readers and exactly one writer, which commits all the work that waits as one group: each job in
//! its own savepoint, answered only after the commit is durable. PostgreSQL has one thread per connection, a quarter
//! of them for reads alone, and another in its place when one hangs (see `post`).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use diesel::Connection;
use tokio::sync::oneshot;

use super::connection::{AnyConnection as Conn, Place, Purpose};
use super::dialect;
use super::here;
use super::line::Line;
use super::post::{self, Post};
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
    /// When work has waited so long, further work is not let in.
    pub wait: Duration,
    /// How long whoever asked waits for an answer.
    pub answer: Duration,
}

/// The handle everybody shares. The threads end when the last handle is dropped.
#[derive(Clone)]
pub struct Db {
    place: Arc<Place>,
    reads: Sender<ReadJob>,
    writes: Sender<WriteJob>,
    busy: Arc<AtomicUsize>,
    epoch: Arc<AtomicU64>,
    waits: Arc<Waits>,
    sizes: Sizes,
    /// Whoever listens to it learns that nobody needs the threads any more.
    _life: Sender<()>,
}

/// What the data is like at a moment: two equal stamps of one `Db` stand for the same data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stamp {
    /// On SQLite, `Db::epoch`.
    Epoch(u64),
    /// On PostgreSQL, which transactions a snapshot sees.
    Snapshot(String),
}

/// How long the work that was taken last had waited, in milliseconds.
#[derive(Default)]
struct Waits {
    reads: AtomicU64,
    writes: AtomicU64,
}

/// One piece of work that somebody waits for, counted until it is answered or they have gone.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
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
        let (life, end) = bounded(0);
        let waits = Arc::new(Waits::default());
        let threads = Threads {
            place: Arc::new(place),
            reads: read_jobs,
            writes: write_jobs,
            waits: waits.clone(),
        };
        let place = threads.place.clone();
        if place.is_sqlite() {
            let own = threads.clone();
            spawn("db-writer", move || write_in_groups(&own));
            for _ in 0..sizes.readers.max(1) {
                let own = threads.clone();
                spawn("db-reader", move || read_only(&own));
            }
        } else {
            let posts = sizes.pg_connections.max(2);
            let start = move |number: usize, post: Arc<Post>| {
                let mut own = threads.clone();
                // Reads do not wait for as long as writes do, which take locks and wait for the disk.
                if number < (posts / 4).max(1) {
                    own.writes = crossbeam_channel::never();
                }
                spawn("db-pg", move || read_and_write(&own, &post));
            };
            spawn("db-watch", move || post::watch(&end, posts, start));
        }
        Self {
            place,
            reads,
            writes,
            busy: Arc::new(AtomicUsize::new(0)),
            epoch: Arc::new(AtomicU64::new(0)),
            waits,
            sizes,
            _life: life,
        }
    }

    /// On SQLite, a number that is another one whenever anybody, in this process or another, has changed the data since
    /// it was asked for. PostgreSQL has nothing that cheap.
    #[must_use]
    pub fn epoch(&self) -> Option<u64> {
        let changed = self
            .place
            .is_sqlite()
            .then(|| here::has_changed(&self.place))??;
        if changed {
            self.epoch.fetch_add(1, Ordering::AcqRel);
        }
        Some(self.epoch.load(Ordering::Acquire))
    }

    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Whether work waits too long already for more of it to be let in.
    #[must_use]
    pub fn is_behind(&self, writing: bool) -> bool {
        let limit = u64::try_from(self.sizes.wait.as_millis()).unwrap_or(u64::MAX);
        let late =
            |waited: &AtomicU64, empty: bool| !empty && waited.load(Ordering::Relaxed) > limit;
        late(&self.waits.reads, self.reads.is_empty())
            || writing && late(&self.waits.writes, self.writes.is_empty())
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
        if self.place.is_sqlite() {
            return self
                .epoch()
                .map(Stamp::Epoch)
                .ok_or_else(Error::unavailable);
        }
        self.read(|conn| Ok(Stamp::Snapshot(dialect::visible_transactions(conn)?)))
            .await
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
            here::look_up(&self.place, work)
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
        let _counted = Counted::new(&self.busy);
        match tokio::time::timeout(self.sizes.answer, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Error::Broken(anyhow::anyhow!("database work was dropped"))),
            Err(_) => {
                tracing::warn!("the database has not answered in time");
                Err(Error::unavailable())
            }
        }
    }
}

/// What a database thread works with.
#[derive(Clone)]
struct Threads {
    place: Arc<Place>,
    reads: Receiver<ReadJob>,
    writes: Receiver<WriteJob>,
    waits: Arc<Waits>,
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) {
    let started = std::thread::Builder::new().name(name.to_owned()).spawn(run);
    if let Err(error) = started {
        tracing::error!(%error, "a database thread could not be started");
    }
}

/// Whether work has waited so long that whoever asked has likely gone; notes how long it was.
fn is_stale(since: Instant, waited: &AtomicU64) -> bool {
    let elapsed = since.elapsed();
    let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    waited.store(milliseconds, Ordering::Relaxed);
    elapsed > PATIENCE
}

fn read_only(own: &Threads) {
    let mut line = Line::new(own.place.clone(), Purpose::Read);
    while let Ok(job) = own.reads.recv() {
        read_one(&mut line, job, &own.waits);
    }
}

fn read_one(line: &mut Line, Queued { since, job }: ReadJob, waits: &Waits) {
    if is_stale(since, &waits.reads) {
        job(Err(Error::busy()));
    } else if job(line.open()) {
        line.check();
    }
}

/// SQLite's writer. A group forms by itself while the commit before it waits for the disk.
fn write_in_groups(own: &Threads) {
    let mut line = Line::new(own.place.clone(), Purpose::Write);
    let mut group: Vec<Box<dyn Write>> = Vec::with_capacity(GROUP);
    while let Ok(first) = own.writes.recv() {
        let committed = write_group(&mut line, own, first, &mut group);
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
    own: &Threads,
    first: WriteJob,
    group: &mut Vec<Box<dyn Write>>,
) -> Result<()> {
    let mut next = Some(first);
    let opened = line.open().and_then(|conn| Ok(dialect::begin_write(conn)?));
    while let Some(Queued { since, mut job }) = next.take() {
        if is_stale(since, &own.waits.writes) {
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
            next = own.writes.try_recv().ok();
        }
    }
    opened?;
    let conn = line.conn.as_mut().ok_or_else(Error::unavailable)?;
    Ok(dialect::commit(conn)?)
}

/// A PostgreSQL thread: one connection for reads and for writes, if any come. It ends when it has lost its post.
fn read_and_write(own: &Threads, post: &Post) {
    let mut line = post.during(|| Line::new(own.place.clone(), Purpose::Write));
    while !post.is_lost() {
        crossbeam_channel::select! {
            recv(own.reads) -> job => match job {
                Ok(job) => post.during(|| read_one(&mut line, job, &own.waits)),
                Err(_) => return,
            },
            recv(own.writes) -> job => match job {
                Ok(job) => post.during(|| write_one(&mut line, job, &own.waits)),
                Err(_) => return,
            },
        }
    }
}

fn write_one(line: &mut Line, Queued { since, mut job }: WriteJob, waits: &Waits) {
    if is_stale(since, &waits.writes) {
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
