//! Passwords: Argon2id in PHC form, hashed off the async threads, a bounded number at a time.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

use crate::error::{Error, Result};

/// How many may wait for a hash before further ones are turned away.
const WAITING: usize = 64;

#[derive(Clone)]
pub struct Passwords {
    hashing: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    /// The hash of no one's password: verifying against it costs what a real one costs.
    decoy: Arc<str>,
}

impl Passwords {
    /// # Errors
    /// When the machine has no randomness for a salt.
    pub fn new(at_once: usize) -> anyhow::Result<Self> {
        let decoy = hash("a password that nobody has")?;
        Ok(Self {
            hashing: Arc::new(Semaphore::new(at_once)),
            waiting: Arc::new(Semaphore::new(WAITING)),
            decoy: decoy.into(),
        })
    }

    /// # Errors
    /// `busy` when too many wait already.
    pub async fn hash(&self, password: String) -> Result<String> {
        self.off_thread(move || hash(&password)).await
    }

    /// Whether the password is the one behind the hash. Without a hash the answer is no, after the same time.
    ///
    /// # Errors
    /// `busy` when too many wait already.
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<bool> {
        let decoy = self.decoy.clone();
        self.off_thread(move || {
            let against = stored.as_deref().unwrap_or(&decoy);
            let parsed =
                PasswordHash::new(against).map_err(|e| anyhow::anyhow!("stored hash: {e}"))?;
            let right = Argon2::default()
                .verify_password(password.as_bytes(), &parsed)
                .is_ok();
            Ok(right && stored.is_some())
        })
        .await
    }

    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T> {
        let _place = self.waiting.try_acquire().map_err(|_| Error::busy())?;
        let _turn = self.hashing.acquire().await.map_err(|_| Error::busy())?;
        let done = tokio::task::spawn_blocking(work)
            .await
            .map_err(anyhow::Error::from)?;
        Ok(done?)
    }
}

fn hash(password: &str) -> anyhow::Result<String> {
    let hash = Argon2::default()
        .hash_password(password.as_bytes())
        .map_err(|e| anyhow::anyhow!("hashing: {e}"))?;
    Ok(hash.to_string())
}
