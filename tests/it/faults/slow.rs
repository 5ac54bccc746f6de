//! Slow clients: heads, bodies and readers that drip are cut in time, and hold up nobody.

use std::time::{Duration, Instant};

use futures_util::future;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{Client, Setup, World, say, scaled};

/// What is allowed here for a head, a body, an answer and a rest, in seconds.
const ALLOWED: u64 = 2;
const PAUSE: Duration = Duration::from_millis(200);

async fn world() -> World {
    World::with(Setup {
        smtp: None,
        adjust: Some(|config| {
            config.server.head_timeout_seconds = ALLOWED;
            config.server.body_timeout_seconds = ALLOWED;
            config.server.answer_timeout_seconds = ALLOWED;
            config.server.idle_seconds = ALLOWED;
        }),
    })
    .await
}

/// A connection that takes little at a time, on which something was said already.
async fn connect(address: &str, said: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("its size");
    let address = address.parse().expect("an address");
    let mut stream = socket.connect(address).await.expect("a connection");
    stream.write_all(said.as_bytes()).await.expect("a start");
    stream
}

/// Says a byte now and then; gives how long that went on.
async fn drip(address: &str, said: String, byte: Option<u8>) -> Duration {
    let mut stream = connect(address, &said).await;
    let begun = Instant::now();
    let mut heard = [0; 4096];
    loop {
        assert!(begun.elapsed() < Duration::from_secs(20), "STILL OPEN");
        match tokio::time::timeout(PAUSE, stream.read(&mut heard)).await {
            Ok(Ok(0) | Err(_)) => return begun.elapsed(),
            Ok(Ok(_)) => {}
            Err(_) => {
                if let Some(byte) = byte
                    && stream.write_all(&[byte]).await.is_err()
                {
                    return begun.elapsed();
                }
            }
        }
    }
}

/// Asks for more than any buffer holds and reads a byte now and then.
async fn sip(address: &str, host: &str) -> Duration {
    let ask = format!("GET /openapi.json HTTP/1.1\r\nhost: {host}\r\n\r\n");
    let mut stream = connect(address, &ask.repeat(60)).await;
    let begun = Instant::now();
    let mut one = [0; 1];
    loop {
        assert!(begun.elapsed() < Duration::from_secs(20), "STILL OPEN");
        tokio::time::sleep(PAUSE).await;
        // What has come already could be read long after the end.
        let error = stream.take_error().expect("its state");
        if error.is_some() || stream.read(&mut one).await.is_err() {
            return begun.elapsed();
        }
    }
}

/// How long each request of an ordinary client took, until the others are done.
async fn ordinary(
    client: &Client,
    others: impl Future<Output = Vec<Duration>>,
) -> (Vec<Duration>, Vec<Duration>) {
    let mut times = Vec::new();
    let mut others = std::pin::pin!(others);
    loop {
        let begun = Instant::now();
        let ask = async {
            client.get("/v1/projects").await.expect(200);
            let took = begun.elapsed();
            tokio::time::sleep(Duration::from_millis(20)).await;
            took
        };
        match future::select(others.as_mut(), std::pin::pin!(ask)).await {
            future::Either::Left((cuts, _)) => return (cuts, times),
            future::Either::Right((took, _)) => times.push(took),
        }
    }
}

#[actix_web::test]
async fn who_drips_is_cut_and_holds_up_nobody() {
    let world = world().await;
    let founder = world.founder("Ada").await;
    let address = founder.base.trim_start_matches("http://").to_owned();
    let token = founder.token.as_deref().expect("a token");
    let head = format!("GET /v1/projects HTTP/1.1\r\nhost: {address}\r\nx-slow: ");
    let post = format!(
        "POST /v1/projects HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n"
    );
    let body = format!("{post}authorization: Bearer {token}\r\n\r\n{{");
    // Nobody reads this one's body, because it may not come in.
    let stranger = format!("{post}\r\n{{");
    let idle = format!("GET /health/live HTTP/1.1\r\nhost: {address}\r\n\r\n");
    for (what, said, byte) in [
        ("heads", head, Some(b'x')),
        ("bodies", body, Some(b' ')),
        ("bodies of strangers", stranger, Some(b' ')),
        ("idle", idle, None),
    ] {
        let many = (0..scaled(100, 2000)).map(|_| drip(&address, said.clone(), byte));
        report(what, ordinary(&founder, future::join_all(many)).await);
    }
    let many = (0..scaled(10, 50)).map(|_| sip(&address, &address));
    report("readers", ordinary(&founder, future::join_all(many)).await);
}

fn report(what: &str, (cuts, mut times): (Vec<Duration>, Vec<Duration>)) {
    let last = cuts.iter().max().copied().unwrap_or_default();
    // A connection that is closed politely has two seconds more.
    let limit = Duration::from_secs(ALLOWED + 2) + Duration::from_secs(3);
    assert!(last < limit, "{what} were cut after {last:?}");
    times.sort_unstable();
    let slow = times[(times.len() - 1) * 99 / 100];
    assert!(slow < Duration::from_secs(1), "{what}: {slow:?} for others");
    say(&format!(
        "slow {what}: {} cut within {last:?}; p99 of others {slow:?}",
        cuts.len()
    ));
}
