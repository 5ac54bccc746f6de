//! Everything derived from the one configured secret: signing keys, one-time codes, sealed replies, digests.

use aws_lc_rs::aead::{AES_256_GCM, Aad, RandomizedNonceKey};
use aws_lc_rs::{constant_time, digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

/// The secret, and what is made from it. Each purpose has a key of its own. While a secret is being replaced, what was
/// made with the previous one still holds; nothing new is made with it.
pub struct Secrets {
    root: hmac::Key,
    previous: Option<hmac::Key>,
}

impl Secrets {
    /// `previous` is empty for none.
    #[must_use]
    pub fn new(secret: &str, previous: &str) -> Self {
        let key = |secret: &str| hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        Self {
            root: key(secret),
            previous: (!previous.is_empty()).then(|| key(previous)),
        }
    }

    /// A key for one purpose.
    #[must_use]
    pub fn key(&self, purpose: &str) -> Vec<u8> {
        derived(&self.root, purpose)
    }

    /// The keys that are accepted for one purpose, today's first.
    #[must_use]
    pub fn accepted(&self, purpose: &str) -> Vec<Vec<u8>> {
        let roots = std::iter::once(&self.root).chain(&self.previous);
        roots.map(|root| derived(root, purpose)).collect()
    }

    /// Stands for a text in the database, where it can be compared but not read or guessed without the secret.
    #[must_use]
    pub fn mark(&self, purpose: &str, text: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.key(purpose));
        URL_SAFE_NO_PAD.encode(hmac::sign(&key, text.as_bytes()))
    }

    /// What signs texts for one purpose.
    #[must_use]
    pub fn signer(&self, purpose: &str) -> Signer {
        Signer(hmac::Key::new(hmac::HMAC_SHA256, &self.key(purpose)))
    }

    /// The code that a mail carries for a row of the database. The row alone does not give the code away, and the
    /// code is made again whenever the mail is, so it is stored nowhere.
    #[must_use]
    pub fn one_time_code(&self, purpose: &str, id: Uuid) -> String {
        let mut code = id.as_bytes().to_vec();
        code.extend_from_slice(code_tag(&self.key(ONE_TIME_CODE), purpose, id).as_ref());
        URL_SAFE_NO_PAD.encode(code)
    }

    /// The row that a code stands for; none for a code that we did not make for this purpose.
    #[must_use]
    pub fn read_one_time_code(&self, purpose: &str, code: &str) -> Option<Uuid> {
        let bytes = URL_SAFE_NO_PAD.decode(code).ok()?;
        let (id, tag) = bytes.split_at_checked(16)?;
        let id = Uuid::from_slice(id).ok()?;
        let is_ours = |key: &Vec<u8>| {
            let ours = code_tag(key, purpose, id);
            constant_time::verify_slices_are_equal(ours.as_ref(), tag).is_ok()
        };
        let keys = self.accepted(ONE_TIME_CODE);
        keys.iter().any(is_ours).then_some(id)
    }

    /// Seals a reply that carries a token, so that the database never holds one that can be used.
    ///
    /// # Errors
    /// When the cipher refuses, which it has no reason to.
    pub fn seal(&self, text: &str, bound_to: &str) -> anyhow::Result<String> {
        let mut bytes = text.as_bytes().to_vec();
        let nonce = sealing_key(&self.key(SEAL))?
            .seal_in_place_append_tag(Aad::from(bound_to.as_bytes()), &mut bytes)
            .map_err(|_| anyhow::anyhow!("sealing failed"))?;
        let mut sealed = nonce.as_ref().to_vec();
        sealed.extend_from_slice(&bytes);
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// # Errors
    /// When it was not sealed with this secret for this purpose.
    pub fn open(&self, sealed: &str, bound_to: &str) -> anyhow::Result<String> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed)?;
        let (nonce, rest) = bytes
            .split_at_checked(12)
            .ok_or_else(|| anyhow::anyhow!("too short to be sealed"))?;
        for key in self.accepted(SEAL) {
            let nonce = aws_lc_rs::aead::Nonce::try_assume_unique_for_key(nonce)
                .map_err(|_| anyhow::anyhow!("opening failed"))?;
            let mut rest = rest.to_vec();
            let aad = Aad::from(bound_to.as_bytes());
            if let Ok(text) = sealing_key(&key)?.open_in_place(nonce, aad, &mut rest) {
                return Ok(std::str::from_utf8(text)?.to_owned());
            }
        }
        anyhow::bail!("opening failed")
    }
}

const ONE_TIME_CODE: &str = "one-time-code";
const SEAL: &str = "seal";

fn derived(root: &hmac::Key, purpose: &str) -> Vec<u8> {
    hmac::sign(root, purpose.as_bytes()).as_ref().to_vec()
}

fn code_tag(key: &[u8], purpose: &str, id: Uuid) -> hmac::Tag {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, format!("{purpose}:{id}").as_bytes())
}

fn sealing_key(key: &[u8]) -> anyhow::Result<RandomizedNonceKey> {
    RandomizedNonceKey::new(&AES_256_GCM, key).map_err(|_| anyhow::anyhow!("no sealing key"))
}

/// Signs texts, so that whoever lacks the secret can't make or change one unseen.
pub struct Signer(hmac::Key);

impl Signer {
    /// HMAC-SHA256, in hexadecimal.
    #[must_use]
    pub fn sign(&self, text: &str) -> String {
        hex(hmac::sign(&self.0, text.as_bytes()).as_ref())
    }
}

/// A fresh opaque token of 256 bits.
#[must_use]
pub fn new_token(chance: &dyn crate::clock::Chance) -> String {
    let mut bytes = [0u8; 32];
    chance.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What is stored of a token or a document: its SHA-256, in hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// Bytes in hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or_default();
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_holds_for_its_purpose_and_secret_only() {
        let secrets = Secrets::new("0123456789abcdef0123456789abcdef", "");
        let id = Uuid::from_u128(7);
        let code = secrets.one_time_code("verify", id);
        assert_eq!(secrets.read_one_time_code("verify", &code), Some(id));
        assert_eq!(secrets.read_one_time_code("reset", &code), None);
        assert_eq!(
            Secrets::new("another", "").read_one_time_code("verify", &code),
            None
        );
        for at in 0..code.len() {
            let mut bent = code.clone().into_bytes();
            bent[at] = if bent[at] == b'A' { b'B' } else { b'A' };
            let bent = String::from_utf8(bent).unwrap();
            assert_eq!(secrets.read_one_time_code("verify", &bent), None, "{at}");
        }
        assert_eq!(secrets.read_one_time_code("verify", ""), None);
    }

    #[test]
    fn what_is_sealed_opens_again_and_only_for_its_purpose() {
        let secrets = Secrets::new("0123456789abcdef0123456789abcdef", "");
        let sealed = secrets.seal("token", "key-1").unwrap();
        assert!(!sealed.contains("token"));
        assert_eq!(secrets.open(&sealed, "key-1").unwrap(), "token");
        assert!(secrets.open(&sealed, "key-2").is_err());
        assert!(secrets.open("AAAA", "key-1").is_err());
    }

    #[test]
    fn what_the_previous_secret_made_holds_while_it_is_named() {
        let (old, new) = ("0123456789abcdef0123456789abcdef", "another");
        let (before, id) = (Secrets::new(old, ""), Uuid::from_u128(7));
        let code = before.one_time_code("verify", id);
        let sealed = before.seal("token", "key").unwrap();
        let between = Secrets::new(new, old);
        assert_eq!(between.read_one_time_code("verify", &code), Some(id));
        assert_eq!(between.open(&sealed, "key").unwrap(), "token");
        let fresh = between.one_time_code("verify", id);
        let after = Secrets::new(new, "");
        assert_eq!(after.read_one_time_code("verify", &fresh), Some(id));
        assert_eq!(after.read_one_time_code("verify", &code), None);
        assert!(after.open(&sealed, "key").is_err());
    }
}
