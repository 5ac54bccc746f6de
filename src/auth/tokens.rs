//! Access tokens: short-lived JWTs with one algorithm, one type and every claim required (RFC 8725, RFC 9068).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::secrets::{Secrets, sha256};
use super::{AccountId, SessionId};
use crate::db::Moment;

const ISSUER: &str = "colonnade";
const AUDIENCE: &str = "colonnade-api";
const KIND: &str = "at+jwt";
/// Instances' clocks may differ by so many seconds.
const LEEWAY: i64 = 5;
/// No token of ours comes near this; longer ones are not looked at.
const LONGEST: usize = 2048;

pub struct Tokens {
    /// Today's key first; a previous one is only read with.
    keys: Vec<Key>,
    validation: Validation,
    minutes: i64,
}

/// One key, and the only header that a token made with it can have: a token with any other head is not ours, whatever
/// its `alg`, `kid`, `jku`, `jwk` or `crit` says.
struct Key {
    encoding: EncodingKey,
    decoding: DecodingKey,
    header: Header,
    head: String,
}

impl Key {
    fn new(key: &[u8]) -> Self {
        let mut header = Header::new(Algorithm::HS256);
        header.typ = Some(KIND.into());
        header.kid = sha256(key).get(..16).map(str::to_owned);
        // Every text that `Header` holds can be written as JSON; an empty head fits no token.
        let head = serde_json::to_vec(&header).unwrap_or_default();
        Self {
            encoding: EncodingKey::from_secret(key),
            decoding: DecodingKey::from_secret(key),
            header,
            head: URL_SAFE_NO_PAD.encode(head),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    iss: String,
    aud: String,
    sub: Uuid,
    sid: Uuid,
    jti: Uuid,
    iat: i64,
    exp: i64,
}

/// What a valid access token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    pub account: AccountId,
    pub session: SessionId,
}

/// Why a token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bad {
    Expired,
    Forged,
}

impl Tokens {
    #[must_use]
    pub fn new(secrets: &Secrets, minutes: i64) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // Time is an input: `read` compares with the clock it is given.
        validation.validate_exp = false;
        Self {
            keys: secrets
                .accepted("access-token")
                .iter()
                .map(|key| Key::new(key))
                .collect(),
            validation,
            minutes,
        }
    }

    #[must_use]
    pub fn seconds(&self) -> i64 {
        self.minutes * 60
    }

    /// # Errors
    /// When signing fails.
    pub fn issue(&self, access: Access, id: Uuid, now: Moment) -> anyhow::Result<String> {
        let iat = now.utc().timestamp();
        let claims = Claims {
            iss: ISSUER.into(),
            aud: AUDIENCE.into(),
            sub: access.account.0,
            sid: access.session.0,
            jti: id,
            iat,
            exp: iat + self.seconds(),
        };
        let key = self
            .keys
            .first()
            .ok_or_else(|| anyhow::anyhow!("no key to sign with"))?;
        Ok(jsonwebtoken::encode(&key.header, &claims, &key.encoding)?)
    }

    /// What a token says, and the moment from which it is worth nothing.
    ///
    /// # Errors
    /// `Expired` for a token that was ours, `Forged` for everything else.
    pub fn read(&self, token: &str, now: Moment) -> Result<(Access, Moment), Bad> {
        if token.len() > LONGEST {
            return Err(Bad::Forged);
        }
        let head = token.split('.').next().unwrap_or_default();
        let mut keys = self.keys.iter();
        let key = keys.find(|key| key.head == head).ok_or(Bad::Forged)?;
        let data = jsonwebtoken::decode::<Claims>(token, &key.decoding, &self.validation)
            .map_err(|_| Bad::Forged)?;
        let Claims {
            sub, sid, iat, exp, ..
        } = data.claims;
        let end = exp
            .checked_add(LEEWAY)
            .and_then(|end| DateTime::from_timestamp(end, 0));
        let ours = exp > iat && iat <= now.utc().timestamp().saturating_add(LEEWAY);
        let end = end.filter(|_| ours).map(Moment::new).ok_or(Bad::Forged)?;
        if end <= now {
            return Err(Bad::Expired);
        }
        let access = Access {
            account: AccountId(sub),
            session: SessionId(sid),
        };
        Ok((access, end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(seconds: i64) -> Moment {
        Moment::new(chrono::DateTime::from_timestamp(seconds, 0).unwrap())
    }

    #[test]
    fn only_our_own_unexpired_access_tokens_are_read() {
        let tokens = Tokens::new(&Secrets::new("0123456789abcdef0123456789abcdef", ""), 15);
        let access = Access {
            account: AccountId(Uuid::from_u128(1)),
            session: SessionId(Uuid::from_u128(2)),
        };
        let token = tokens
            .issue(access, Uuid::from_u128(3), moment(1_000))
            .unwrap();
        let end = moment(1_000 + 900 + LEEWAY);
        assert_eq!(tokens.read(&token, moment(1_000)), Ok((access, end)));
        assert_eq!(
            tokens.read(&token, moment(1_000 + 900 + LEEWAY - 1)),
            Ok((access, end))
        );
        assert_eq!(
            tokens.read(&token, moment(1_000 + 900 + LEEWAY)),
            Err(Bad::Expired)
        );
        assert_eq!(
            tokens.read(&token, moment(900)),
            Err(Bad::Forged),
            "from the future"
        );
        let other = Tokens::new(&Secrets::new("another secret, another secret, 42", ""), 15);
        assert_eq!(other.read(&token, moment(1_000)), Err(Bad::Forged));
        let mut parts: Vec<_> = token.split('.').map(str::to_owned).collect();
        parts[2] = String::new();
        assert_eq!(
            tokens.read(&parts.join("."), moment(1_000)),
            Err(Bad::Forged)
        );
        for junk in ["", ".", "..", "a.b.c", &"x".repeat(1_000_000)] {
            assert_eq!(tokens.read(junk, moment(1_000)), Err(Bad::Forged));
        }
    }

    #[test]
    fn another_type_of_token_is_refused() {
        let secrets = Secrets::new("0123456789abcdef0123456789abcdef", "");
        let tokens = Tokens::new(&secrets, 15);
        let claims = Claims {
            iss: ISSUER.into(),
            aud: AUDIENCE.into(),
            sub: Uuid::from_u128(1),
            sid: Uuid::from_u128(2),
            jti: Uuid::from_u128(3),
            iat: 1_000,
            exp: 9_000,
        };
        let key = EncodingKey::from_secret(&secrets.key("access-token"));
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap();
        assert_eq!(
            tokens.read(&token, moment(1_000)),
            Err(Bad::Forged),
            "typ is JWT"
        );
    }

    #[test]
    fn the_previous_key_is_read_with_and_not_signed_with() {
        let (old, new) = (
            "0123456789abcdef0123456789abcdef",
            "another secret, another secret, 42",
        );
        let access = Access {
            account: AccountId(Uuid::from_u128(1)),
            session: SessionId(Uuid::from_u128(2)),
        };
        let issue = |tokens: &Tokens| tokens.issue(access, Uuid::from_u128(3), moment(1_000));
        let before = issue(&Tokens::new(&Secrets::new(old, ""), 15)).unwrap();
        let between = Tokens::new(&Secrets::new(new, old), 15);
        let end = moment(1_000 + 900 + LEEWAY);
        assert_eq!(between.read(&before, moment(1_000)), Ok((access, end)));
        let after = Tokens::new(&Secrets::new(new, ""), 15);
        assert_eq!(after.read(&before, moment(1_000)), Err(Bad::Forged));
        let fresh = issue(&between).unwrap();
        assert_eq!(after.read(&fresh, moment(1_000)), Ok((access, end)));
    }
}
