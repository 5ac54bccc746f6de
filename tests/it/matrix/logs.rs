//! Keeps what the program logs, of every test that runs in this process.

use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tracing_subscriber::EnvFilter;

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

static KEPT: OnceLock<Kept> = OnceLock::new();

/// Begins to keep, at the finest level of what is ours.
pub fn start() {
    KEPT.get_or_init(|| {
        let kept = Kept::default();
        let writer = kept.clone();
        tracing_subscriber::fmt()
            .json()
            .with_env_filter(EnvFilter::new("info,colonnade=trace,lettre=trace"))
            .with_writer(move || writer.clone())
            .try_init()
            .expect("nobody else keeps the logs");
        kept
    });
}

/// Every line so far.
pub fn lines() -> Vec<String> {
    let kept = KEPT.get().expect("the logs are kept");
    let bytes = kept.0.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&bytes)
        .lines()
        .map(ToOwned::to_owned)
        .collect()
}
