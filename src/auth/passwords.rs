//! Passwords: how guessable one may be, and Argon2id in PHC form, hashed off the async threads, a bounded number at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::error::{Error, FieldError, Result};

/// A password must withstand so many guesses (a power of ten) of an attacker who knows its owner's name and address.
const GUESSES_LOG10: f64 = 9.0;

/// OWASP's floor for Argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;

#[derive(Clone)]
pub struct Passwords {
    hashing: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
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
    /// When the machine has no randomness for a salt.
    pub fn new(at_once: usize, waiting: usize) -> anyhow::Result<Self> {
        let decoy = hash("a password that nobody has")?;
        Ok(Self {
            hashing: Arc::new(Semaphore::new(at_once)),
            waiting: Arc::new(Semaphore::new(at_once + waiting)),
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
            .off_thread(move || Ok(is_easily_guessed(&password, &about)))
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
        self.off_thread(move || hash(&password)).await
    }

    /// Whether the password is the one behind the hash. Without a hash the answer is no, after the same work.
    ///
    /// # Errors
    /// `busy` when too many wait already.
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<Compared> {
        let decoy = self.decoy.clone();
        self.evaluated.fetch_add(1, Ordering::Relaxed);
        self.off_thread(move || {
            let against = stored.as_deref().unwrap_or(&decoy);
            let parsed =
                PasswordHash::new(against).map_err(|e| anyhow::anyhow!("stored hash: {e}"))?;
            let right = hasher()?
                .verify_password(password.as_bytes(), &parsed)
                .is_ok();
            let current = PasswordHash::new(&decoy).map_err(|e| anyhow::anyhow!("decoy: {e}"))?;
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

    /// The permits go with the work: a client who hangs up frees no place for a further hash while the old one runs.
    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T> {
        let place = self
            .waiting
            .clone()
            .try_acquire_owned()
            .map_err(|_| Error::busy())?;
        let turn = self
            .hashing
            .clone()
            .acquire_owned()
            .await
            .map_err(|_| Error::busy())?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop((turn, place));
            done
        });
        Ok(done.await.map_err(anyhow::Error::from)??)
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

fn hasher() -> anyhow::Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None)
        .map_err(|e| anyhow::anyhow!("parameters of the hash: {e}"))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &str) -> anyhow::Result<String> {
    let hash = hasher()?
        .hash_password(password.as_bytes())
        .map_err(|e| anyhow::anyhow!("hashing: {e}"))?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_says_how_it_was_made() {
        let made = hash("some password").unwrap();
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
