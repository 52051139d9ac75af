//! Tokens made by hand, so that they can be wrong in ways no library writes.

#![allow(dead_code, reason = "other crates' tests use a part of this")]
#![expect(clippy::unwrap_used, reason = "a test that cannot make its token fails")]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use tenancy_core::request::Claims;
use tenancy_jwt::{KeyAlgorithm, TokenError, TokenVerifier, TokenVerifierBuilder, VerificationKey};

pub(crate) const NOW: u64 = 1_700_000_000;
pub(crate) const SECRET: &[u8; 32] = b"0123456789abcdef0123456789abcdef";
pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const AUDIENCE: &str = "notes";

/// The header that goes with `SECRET`.
pub(crate) const HEADER: &str = r#"{"alg":"HS256","kid":"main"}"#;

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A token of these very bytes, signed.
pub(crate) fn sign_with(header: &[u8], payload: &[u8], key: &EncodingKey, algorithm: Algorithm) -> String {
    let message = format!("{}.{}", encode(header), encode(payload));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

pub(crate) fn sign(header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
    let key = EncodingKey::from_secret(SECRET);
    sign_with(header.as_ref(), payload.as_ref(), &key, Algorithm::HS256)
}

/// A payload in order, but for these members: `name=json`, or `name=` to leave it out.
pub(crate) fn payload(changes: &[&str]) -> String {
    let mut members: Vec<(String, String)> = [
        ("sub", "\"alice\"".to_owned()),
        ("iss", format!("\"{ISSUER}\"")),
        ("aud", format!("\"{AUDIENCE}\"")),
        ("exp", (NOW + 600).to_string()),
    ]
    .map(|(name, json)| (name.to_owned(), json))
    .into();
    for change in changes {
        let (name, json) = change.split_once('=').unwrap();
        members.retain(|(member, _)| member != name);
        if !json.is_empty() {
            members.push((name.to_owned(), json.to_owned()));
        }
    }
    let members: Vec<_> = members
        .iter()
        .map(|(name, json)| format!("\"{name}\":{json}"))
        .collect();
    format!("{{{}}}", members.join(","))
}

pub(crate) fn hmac_key(kid: Option<&str>) -> VerificationKey {
    VerificationKey::hmac(kid, KeyAlgorithm::Hs256, &SECRET.to_vec().into()).unwrap()
}

/// A builder with issuer and audience, without a key.
pub(crate) fn keyless() -> TokenVerifierBuilder {
    TokenVerifier::builder().with_issuer(ISSUER).with_audience(AUDIENCE)
}

pub(crate) fn verifier() -> TokenVerifier {
    keyless().with_key(hmac_key(Some("main"))).build().unwrap()
}

pub(crate) fn verify(token: impl AsRef<[u8]>) -> Result<Claims, TokenError> {
    verifier().verify_at(token.as_ref(), NOW)
}

/// Verifies a payload under a header that is in order.
pub(crate) fn verify_payload(changes: &[&str]) -> Result<Claims, TokenError> {
    verify(sign(HEADER, payload(changes)))
}

/// Verifies a payload that is in order under a header.
pub(crate) fn verify_header(header: &str) -> Result<Claims, TokenError> {
    verify(sign(header, payload(&[])))
}

pub(crate) fn key_file(name: &str) -> Vec<u8> {
    // The tests of the adapter for HTTP use this file too.
    let keys = concat!(env!("CARGO_MANIFEST_DIR"), "/../tenancy-jwt/tests/keys");
    std::fs::read(format!("{keys}/{name}")).unwrap()
}
