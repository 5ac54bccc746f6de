//! Passwords: Argon2id in PHC form, hashed on threads of their own, a bounded number at a time.
//!
//! Each thread keeps its 19 MiB for the next time. Taken from the allocator anew for each hash, they fragmented it:
//! 400 sign-ins took 400 MiB more.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use argon2::password_hash::generate_salt;
use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use crossbeam_channel::{Sender, bounded};
use tokio::sync::oneshot;

use crate::error::{Error, Result};

/// How many may wait for a hash before further ones are turned away.
const WAITING: usize = 64;

/// A piece of hashing; it is given the thread's memory.
type Work = Box<dyn FnOnce(&mut Vec<Block>) + Send>;

#[derive(Clone)]
pub struct Passwords {
    work: Sender<Work>,
    /// The hash of no one's password: verifying against it costs what a real one costs.
    decoy: Arc<str>,
}

impl Passwords {
    /// # Errors
    /// When the machine has no randomness for a salt, or no threads.
    pub fn new(at_once: usize) -> anyhow::Result<Self> {
        let decoy = hash("a password that nobody has", &mut Vec::new())?;
        let (work, waiting) = bounded::<Work>(WAITING);
        for _ in 0..at_once {
            let waiting = waiting.clone();
            std::thread::Builder::new()
                .name("hasher".into())
                .spawn(move || {
                    let mut memory = Vec::new();
                    for work in waiting {
                        let _ = catch_unwind(AssertUnwindSafe(|| work(&mut memory)));
                    }
                })?;
        }
        Ok(Self {
            work,
            decoy: decoy.into(),
        })
    }

    /// # Errors
    /// `busy` when too many wait already.
    pub async fn hash(&self, password: String) -> Result<String> {
        self.off_thread(move |memory| hash(&password, memory)).await
    }

    /// Whether the password is the one behind the hash. Without a hash the answer is no, after the same time.
    ///
    /// # Errors
    /// `busy` when too many wait already.
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<bool> {
        let decoy = self.decoy.clone();
        self.off_thread(move |memory| {
            let against = stored.as_deref().unwrap_or(&decoy);
            let right = is_right(&password, against, memory)?;
            Ok(right && stored.is_some())
        })
        .await
    }

    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Vec<Block>) -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let work = move |memory: &mut Vec<Block>| {
            // Who has gone needs no hash.
            if !reply.is_closed() {
                let _ = reply.send(work(memory));
            }
        };
        let queued = self.work.try_send(Box::new(work));
        queued.map_err(|_| Error::busy())?;
        Ok(answer.await.map_err(anyhow::Error::from)??)
    }
}

fn hash(password: &str, memory: &mut Vec<Block>) -> anyhow::Result<String> {
    let params = Params::default();
    let salt = generate_salt();
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params).map_err(|e| anyhow::anyhow!("hashing: {e}"))?,
        salt: Some(Salt::new(&salt).map_err(|e| anyhow::anyhow!("hashing: {e}"))?),
        hash: Some(digest(password, &salt, params, memory)?),
    };
    Ok(hash.to_string())
}

fn is_right(password: &str, stored: &str, memory: &mut Vec<Block>) -> anyhow::Result<bool> {
    let parsed = PasswordHash::new(stored).map_err(|e| anyhow::anyhow!("stored hash: {e}"))?;
    let params = Params::try_from(&parsed).map_err(|e| anyhow::anyhow!("stored hash: {e}"))?;
    let (Some(salt), Some(expected)) = (&parsed.salt, &parsed.hash) else {
        anyhow::bail!("stored hash: incomplete");
    };
    // Outputs are compared in constant time.
    Ok(digest(password, salt, params, memory)? == *expected)
}

fn digest(
    password: &str,
    salt: &[u8],
    params: Params,
    memory: &mut Vec<Block>,
) -> anyhow::Result<Output> {
    let mut out = vec![0; params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN)];
    memory.resize(params.block_count(), Block::new());
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(password.as_bytes(), salt, &mut out, &mut *memory)
        .map_err(|e| anyhow::anyhow!("hashing: {e}"))?;
    Output::new(&out).map_err(|e| anyhow::anyhow!("hashing: {e}"))
}
