//! A TCP proxy between the server and its database that can do what networks do.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Pass,
    /// Whoever comes is sent away, and whoever is there too.
    Refuse,
    /// Everything is taken and acknowledged, and nothing comes of it, not even an end.
    Swallow,
    /// Each piece comes this much later.
    Slow(Duration),
}

#[derive(Clone)]
pub struct Proxy {
    pub address: SocketAddr,
    mode: Arc<watch::Sender<Mode>>,
    /// Connections that were swallowed: held open for good, so that their clients have to find out by themselves.
    held: Arc<Mutex<Vec<OwnedWriteHalf>>>,
}

impl Proxy {
    /// Starts it in front of an address.
    pub async fn before(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let proxy = Self {
            address: listener.local_addr().expect("an address"),
            mode: Arc::new(watch::Sender::new(Mode::Pass)),
            held: Arc::default(),
        };
        let own = proxy.clone();
        actix_web::rt::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if own.mode() != Mode::Refuse {
                    actix_web::rt::spawn(own.clone().connect(client, target.clone()));
                }
            }
        });
        proxy
    }

    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    fn mode(&self) -> Mode {
        *self.mode.borrow()
    }

    async fn connect(self, client: TcpStream, target: String) {
        let Ok(server) = TcpStream::connect(target).await else {
            return;
        };
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let answers = actix_web::rt::spawn(self.clone().pump(from_server, to_client, true));
        self.pump(from_client, to_server, false).await;
        let _ = answers.await;
    }

    /// Carries one direction until its end, a change to `Refuse`, or a change to `Swallow`.
    async fn pump(self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, to_client: bool) {
        let mut mode = self.mode.subscribe();
        let mut bytes = vec![0; 16 * 1024];
        loop {
            let now = *mode.borrow_and_update();
            match now {
                Mode::Refuse => return,
                Mode::Swallow if to_client => {
                    self.held.lock().expect("the list").push(to);
                    return;
                }
                // Read on, so that what the client sends is acknowledged.
                Mode::Swallow => {
                    drop(to);
                    while from.read(&mut bytes).await.is_ok_and(|read| read > 0) {}
                    return;
                }
                Mode::Pass | Mode::Slow(_) => {}
            }
            let read = tokio::select! {
                read = from.read(&mut bytes) => read,
                _ = mode.changed() => continue,
            };
            let Ok(1..) = read else { return };
            if let Mode::Slow(pause) = now {
                tokio::time::sleep(pause).await;
            }
            let piece = &bytes[..read.expect("a length")];
            if to.write_all(piece).await.is_err() {
                return;
            }
        }
    }
}
