//! Passwords: how guessable one may be, and Argon2id in PHC form, hashed on threads of their own, a bounded number at a time.
//!
//! Each thread keeps its 19 MiB for the next time. Taken from the allocator anew for each hash, they fragmented it:
//! 400 sign-ins took 400 MiB more.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use argon2::password_hash::generate_salt;
use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use crossbeam_channel::{Sender, bounded};
use tokio::sync::oneshot;

use crate::error::{Error, FieldError, Result};

/// A password must withstand so many guesses (a power of ten) of an attacker who knows its owner's name and address.
const GUESSES_LOG10: f64 = 9.0;

/// OWASP's floor for Argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;

/// A piece of hashing; it is given the thread's memory.
type Work = Box<dyn FnOnce(&mut Vec<Block>) + Send>;

#[derive(Clone)]
pub struct Passwords {
    work: Sender<Work>,
    evaluated: Arc<AtomicU64>,
    /// The hash of no one's password: verifying against it costs what a real one costs.
    decoy: Arc<str>,
}

/// What came of comparing a password with its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compared {
    pub right: bool,
    /// The hash was made with other parameters than today's.
    pub outdated: bool,
}

impl Passwords {
    /// # Errors
    /// When the machine has no randomness for a salt, or no threads.
    pub fn new(at_once: usize, waiting: usize) -> anyhow::Result<Self> {
        let decoy = hash("a password that nobody has", &mut Vec::new())?;
        let (work, queue) = bounded::<Work>(waiting.max(1));
        for _ in 0..at_once {
            let queue = queue.clone();
            std::thread::Builder::new()
                .name("hasher".into())
                .spawn(move || {
                    let mut memory = Vec::new();
                    for work in queue {
                        let _ = catch_unwind(AssertUnwindSafe(|| work(&mut memory)));
                    }
                })?;
        }
        Ok(Self {
            work,
            evaluated: Arc::default(),
            decoy: decoy.into(),
        })
    }

    /// Refuses a new password that is easily guessed: a common one, also doubled or filled up, a pattern of the
    /// keyboard, or one made of what is known `about` its owner.
    ///
    /// # Errors
    /// `invalid`, with `pointer` as the field; `busy` when too many wait already.
    pub async fn check_new(
        &self,
        password: &str,
        about: Vec<String>,
        pointer: &'static str,
    ) -> Result<()> {
        if password.contains('\0') {
            return Err(Error::invalid(vec![FieldError::new(
                pointer,
                "control-character",
            )]));
        }
        let password = password.to_owned();
        let easy = self
            .off_thread(move |_| Ok(is_easily_guessed(&password, &about)))
            .await?;
        if easy {
            return Err(Error::invalid(vec![FieldError::new(
                pointer,
                "easily-guessed",
            )]));
        }
        Ok(())
    }

    /// # Errors
    /// `busy` when too many wait already.
    pub async fn hash(&self, password: String) -> Result<String> {
        self.evaluated.fetch_add(1, Ordering::Relaxed);
        self.off_thread(move |memory| hash(&password, memory)).await
    }

    /// Whether the password is the one behind the hash. Without a hash the answer is no, after the same work.
    ///
    /// # Errors
    /// `busy` when too many wait already.
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<Compared> {
        let decoy = self.decoy.clone();
        self.evaluated.fetch_add(1, Ordering::Relaxed);
        self.off_thread(move |memory| {
            let against = stored.as_deref().unwrap_or(&decoy);
            let parsed =
                PasswordHash::new(against).map_err(|e| anyhow::anyhow!("stored hash: {e}"))?;
            let current = PasswordHash::new(&decoy).map_err(|e| anyhow::anyhow!("decoy: {e}"))?;
            let right = is_right(&password, &parsed, memory)?;
            Ok(Compared {
                right: right && stored.is_some(),
                outdated: (parsed.algorithm, parsed.version, parsed.params)
                    != (current.algorithm, current.version, current.params),
            })
        })
        .await
    }

    /// How many hashes were made or compared so far; a measure of work that depends on no clock.
    #[must_use]
    pub fn evaluated(&self) -> u64 {
        self.evaluated.load(Ordering::Relaxed)
    }

    /// A client who hangs up frees no thread for a further hash while the old one runs.
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

fn is_easily_guessed(password: &str, about: &[String]) -> bool {
    let known: Vec<&str> = about.iter().map(String::as_str).collect();
    zxcvbn::zxcvbn(password, &known).guesses_log10() < GUESSES_LOG10
}

/// What an attacker would try first for somebody: the address, its parts, the name, its words, and this program's name.
#[must_use]
pub fn known_of(email: &str, name: &str) -> Vec<String> {
    let words = |text: &str| {
        let pieces = text.split(|c: char| !c.is_alphanumeric());
        pieces
            .filter(|piece| piece.chars().count() > 2)
            .map(str::to_lowercase)
            .collect::<Vec<_>>()
    };
    let mut known = vec![
        "colonnade".to_owned(),
        email.to_lowercase(),
        name.to_lowercase(),
    ];
    known.extend(words(email));
    known.extend(words(name));
    known
}

fn hash(password: &str, memory: &mut Vec<Block>) -> anyhow::Result<String> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None)
        .map_err(|e| anyhow::anyhow!("parameters of the hash: {e}"))?;
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

fn is_right(
    password: &str,
    stored: &PasswordHash,
    memory: &mut Vec<Block>,
) -> anyhow::Result<bool> {
    let params = Params::try_from(stored).map_err(|e| anyhow::anyhow!("stored hash: {e}"))?;
    let (Some(salt), Some(expected)) = (&stored.salt, &stored.hash) else {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_says_how_it_was_made() {
        let made = hash("some password", &mut Vec::new()).unwrap();
        assert!(
            made.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{made}"
        );
    }

    #[test]
    fn common_passwords_are_refused_also_when_filled_up() {
        let about = known_of("ada.lovelace@example.org", "Ada Lovelace");
        for easy in [
            "password1234",
            "passwordpassword",
            "Password123!",
            "P@ssw0rd1234",
            "!!!!password!!!!",
            "qwertyuiop12",
            "qwerty123456",
            "asdfghjkl123",
            "zaqwsxcde123",
            "1qaz2wsx3edc",
            "123456789012",
            "aaaaaaaaaaaa",
            "abcdefghijkl",
            "iloveyou2020",
            "letmeinletmein",
            "Welcome2024!!",
            "summer2024!!!",
            "football1234",
            "dragon1234567",
            "trustno1trustno1",
            "monkeymonkey1",
            "shadow        ",
            "football baseball",
            "Passwort12345",
            "wachtwoord123",
            "motdepasse123",
            "michael19851985",
            "colonnade-demo",
            "colonnade1234",
            "Colonnade2026",
            "ada.lovelace@example.org",
            "Ada Lovelace",
            "lovelace-ada",
            "LovelaceAda12",
            "adalovelace99",
        ] {
            assert!(is_easily_guessed(easy, &about), "{easy}");
        }
    }

    #[test]
    fn a_good_password_is_good_in_any_script() {
        let about = known_of("ada.lovelace@example.org", "Ada Lovelace");
        for good in [
            "correct horse battery",
            "zonnebloem twaalf",
            "liefde en geluk",
            "x7Kq2mPz9LwT",
            " ünïcode and 🙂 ",
            "дождь на крыше дома",
            "窗外的雨下了一整夜没有停",
            "🙂🌧🏠🎻🦔📚🚲🧀🌻⛵🪁🧵",
        ] {
            assert!(!is_easily_guessed(good, &about), "{good}");
        }
    }
}
