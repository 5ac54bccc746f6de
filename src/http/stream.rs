//! A client's connection: it ends when an answer is read too slowly (actix has such limits for requests only), or when a
//! body goes on coming that was refused; and what actix answers by itself, before any of our code sees the request,
//! leaves it as a problem document.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::rt::net::TcpStream;
use actix_web::rt::time::{Sleep, sleep};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::problem;

/// Whoever still sends what was refused has so long to hear the answer, and is heard for so many bytes more.
const LINGER: Duration = Duration::from_secs(2);
const HEARD: usize = 1024 * 1024;

pub struct Stream {
    io: TcpStream,
    patience: Duration,
    /// Runs from the moment when an answer first had to wait for its reader until all of it has left.
    late: Option<Pin<Box<Sleep>>>,
    /// Our answer in the place of actix's own, and how much of it has left.
    instead: Option<(Vec<u8>, usize)>,
    /// Runs from the moment when the last answer of this connection was a refusal, with what is still read of it.
    ending: Option<(Pin<Box<Sleep>>, usize)>,
}

impl Stream {
    #[must_use]
    pub fn new(io: TcpStream, patience: Duration) -> Self {
        Self {
            io,
            patience,
            late: None,
            instead: None,
            ending: None,
        }
    }

    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let patience = self.patience;
        let late = self.late.get_or_insert_with(|| Box::pin(sleep(patience)));
        late.as_mut().poll(cx).map(|()| {
            // What the kernel still holds for this reader goes too.
            let _ = self.io.set_zero_linger();
            Err(io::ErrorKind::TimedOut.into())
        })
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let Some((until, left)) = &mut this.ending else {
            return Pin::new(&mut this.io).poll_read(cx, into);
        };
        if until.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        if *left == 0 {
            return Poll::Pending;
        }
        let before = into.filled().len();
        let read = Pin::new(&mut this.io).poll_read(cx, into);
        *left = left.saturating_sub(into.filled().len() - before);
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.ending.is_none() && is_last_refusal(bytes) {
            this.ending = Some((Box::pin(sleep(LINGER)), HEARD));
        }
        if this.instead.is_none() {
            this.instead = problem::instead_of(bytes).map(|own| (own, 0));
        }
        let Some((own, left)) = &mut this.instead else {
            return match Pin::new(&mut this.io).poll_write(cx, bytes) {
                Poll::Pending => this.wait(cx),
                done @ Poll::Ready(_) => done,
            };
        };
        while let Some(rest) = own.get(*left..).filter(|rest| !rest.is_empty()) {
            match Pin::new(&mut this.io).poll_write(cx, rest) {
                Poll::Pending => return this.wait(cx),
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => *left += written,
                failed @ Poll::Ready(Err(_)) => return failed,
            }
        }
        this.instead = None;
        Poll::Ready(Ok(bytes.len()))
    }

    /// Actix flushes when it has written all it had.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.late = None;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Whether these bytes begin with a refusal after which nothing more comes on the connection.
fn is_last_refusal(bytes: &[u8]) -> bool {
    if !bytes.starts_with(b"HTTP/1.1 4") {
        return false;
    }
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let head = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    head.contains("\r\nconnection: close")
}
