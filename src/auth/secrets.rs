//! Everything derived from the one configured secret: signing keys, one-time codes, sealed replies, digests.

use aws_lc_rs::aead::{AES_256_GCM, Aad, RandomizedNonceKey};
use aws_lc_rs::{constant_time, digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

/// The secret, and what is made from it. Each purpose has a key of its own.
pub struct Secrets {
    root: hmac::Key,
}

impl Secrets {
    #[must_use]
    pub fn new(secret: &str) -> Self {
        Self {
            root: hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()),
        }
    }

    /// A key for one purpose.
    #[must_use]
    pub fn key(&self, purpose: &str) -> Vec<u8> {
        hmac::sign(&self.root, purpose.as_bytes()).as_ref().to_vec()
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
        code.extend_from_slice(self.code_tag(purpose, id).as_ref());
        URL_SAFE_NO_PAD.encode(code)
    }

    /// The row that a code stands for; none for a code that we did not make for this purpose.
    #[must_use]
    pub fn read_one_time_code(&self, purpose: &str, code: &str) -> Option<Uuid> {
        let bytes = URL_SAFE_NO_PAD.decode(code).ok()?;
        let (id, tag) = bytes.split_at_checked(16)?;
        let id = Uuid::from_slice(id).ok()?;
        let ours = self.code_tag(purpose, id);
        constant_time::verify_slices_are_equal(ours.as_ref(), tag).ok()?;
        Some(id)
    }

    fn code_tag(&self, purpose: &str, id: Uuid) -> hmac::Tag {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.key("one-time-code"));
        hmac::sign(&key, format!("{purpose}:{id}").as_bytes())
    }

    /// Seals a reply that carries a token, so that the database never holds one that can be used.
    ///
    /// # Errors
    /// When the cipher refuses, which it has no reason to.
    pub fn seal(&self, text: &str, bound_to: &str) -> anyhow::Result<String> {
        let mut bytes = text.as_bytes().to_vec();
        let nonce = self
            .sealing_key()?
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
        let nonce = aws_lc_rs::aead::Nonce::try_assume_unique_for_key(nonce)
            .map_err(|_| anyhow::anyhow!("opening failed"))?;
        let mut rest = rest.to_vec();
        let text = self
            .sealing_key()?
            .open_in_place(nonce, Aad::from(bound_to.as_bytes()), &mut rest)
            .map_err(|_| anyhow::anyhow!("opening failed"))?;
        Ok(std::str::from_utf8(text)?.to_owned())
    }

    fn sealing_key(&self) -> anyhow::Result<RandomizedNonceKey> {
        RandomizedNonceKey::new(&AES_256_GCM, &self.key("seal"))
            .map_err(|_| anyhow::anyhow!("no sealing key"))
    }
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
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_holds_for_its_purpose_and_secret_only() {
        let secrets = Secrets::new("0123456789abcdef0123456789abcdef");
        let id = Uuid::from_u128(7);
        let code = secrets.one_time_code("verify", id);
        assert_eq!(secrets.read_one_time_code("verify", &code), Some(id));
        assert_eq!(secrets.read_one_time_code("reset", &code), None);
        assert_eq!(
            Secrets::new("another").read_one_time_code("verify", &code),
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
        let secrets = Secrets::new("0123456789abcdef0123456789abcdef");
        let sealed = secrets.seal("token", "key-1").unwrap();
        assert!(!sealed.contains("token"));
        assert_eq!(secrets.open(&sealed, "key-1").unwrap(), "token");
        assert!(secrets.open(&sealed, "key-2").is_err());
        assert!(secrets.open("AAAA", "key-1").is_err());
    }
}
