//! The posts of the PostgreSQL threads: a thread that hangs loses its post to a new one.
//!
//! Libpq waits for an answer without an end as long as the other side's kernel acknowledges what it is sent: a stopped
//! server, a proxy that has lost its way. The thread can't be called back; it ends by itself when its call does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};

/// Longer than `statement_timeout`: a server that can still answer has said no by then.
const LONGEST: Duration = Duration::from_secs(12);

/// Since when a thread has been busy with one piece of work.
#[derive(Default)]
pub(super) struct Post {
    since: Mutex<Option<Instant>>,
    lost: AtomicBool,
}

impl Post {
    /// Does a piece of work under the watch.
    pub(super) fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        self.note(Some(Instant::now()));
        let done = work();
        self.note(None);
        done
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    fn note(&self, since: Option<Instant>) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    fn hangs(&self) -> bool {
        let since = *self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since.elapsed() > LONGEST)
    }
}

/// Keeps so many posts filled until the database is no longer needed. A post keeps its number, whoever fills it.
pub(super) fn watch(end: &Receiver<()>, posts: usize, start: impl Fn(usize, Arc<Post>)) {
    let fill = |number| {
        let post = Arc::new(Post::default());
        start(number, post.clone());
        post
    };
    let mut posts: Vec<Arc<Post>> = (0..posts).map(fill).collect();
    while end.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
        let hung = posts
            .iter_mut()
            .enumerate()
            .filter(|(_, post)| post.hangs());
        for (number, post) in hung {
            tracing::warn!("a connection to the database hangs; another one takes its place");
            post.lost.store(true, Ordering::Relaxed);
            *post = fill(number);
        }
    }
}
