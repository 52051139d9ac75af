//! Tokens, also ones that no library would sign.

use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Map, Value, json};

use crate::service::setup::{AUDIENCE, ISSUER, RSA_PRIVATE, SECRET};

/// The time, in seconds since 1970, plus some.
pub(crate) fn now_plus(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    i64::try_from(now).unwrap() + seconds
}

/// A header and a payload to be signed. Unless changed, it is valid for five minutes.
#[derive(Clone)]
pub(crate) struct Token {
    header: Value,
    claims: Map<String, Value>,
}

impl Token {
    /// A token of the caller named, which names no tenant.
    pub(crate) fn of(subject: &str) -> Self {
        let claims = json!({"sub": subject, "iss": ISSUER, "aud": AUDIENCE, "exp": now_plus(300)});
        Self {
            header: json!({"alg": "HS256", "typ": "JWT", "kid": "dev"}),
            claims: claims.as_object().unwrap().clone(),
        }
    }

    pub(crate) fn tenant(self, tenant: &str) -> Self {
        self.claim("tenant_id", tenant)
    }

    pub(crate) fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    pub(crate) fn without_claim(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header[name] = value.into();
        self
    }

    pub(crate) fn without_header(mut self, name: &str) -> Self {
        self.header.as_object_mut().unwrap().remove(name);
        self
    }

    /// The payload as text.
    pub(crate) fn payload(&self) -> String {
        Value::Object(self.claims.clone()).to_string()
    }

    /// Signed with the key `dev`.
    pub(crate) fn sign(&self) -> String {
        self.sign_with(SECRET.as_bytes())
    }

    pub(crate) fn sign_with(&self, secret: &[u8]) -> String {
        sign(&self.header.to_string(), &self.payload(), secret)
    }

    /// Signed with the RSA key that the tests come with.
    pub(crate) fn sign_rsa(&self) -> String {
        let key = EncodingKey::from_rsa_pem(RSA_PRIVATE).unwrap();
        sign_by(&self.header.to_string(), &self.payload(), &key, Algorithm::RS256)
    }
}

/// Any header and payload, signed with HMAC-SHA-256.
pub(crate) fn sign(header: &str, payload: &str, secret: &[u8]) -> String {
    sign_by(header, payload, &EncodingKey::from_secret(secret), Algorithm::HS256)
}

fn sign_by(header: &str, payload: &str, key: &EncodingKey, algorithm: Algorithm) -> String {
    let message = format!("{}.{}", base64url(header.as_bytes()), base64url(payload.as_bytes()));
    let signature = crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

/// Base64 for addresses, without padding (RFC 4648 §5).
pub(crate) fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut group = [0_u8; 3];
        group[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        for digit in 0..=chunk.len() {
            text.push(char::from(ALPHABET[(bits >> (18 - 6 * digit)) as usize & 63]));
        }
    }
    text
}
