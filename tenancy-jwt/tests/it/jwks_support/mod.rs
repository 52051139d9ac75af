//! Key sets made of the keys in `tests/keys`, and tokens that they verify.

#![allow(dead_code, reason = "other crates' tests use a part of this")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot make its keys fails"
)]

use std::time::Duration;

use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use tempfile::TempDir;
use tenancy_jwt::{JwksFile, JwksFileError, KeyAlgorithm, TokenError, TokenVerifier, TrustedIssuer};

use crate::token_support::{AUDIENCE, ISSUER, NOW, encode, key_file, payload, sign_with};

fn der(file: &str) -> Vec<u8> {
    pem::parse(key_file(file)).unwrap().into_contents()
}

/// The coordinates or the point at the end of a public key's file.
fn numbers<const COUNT: usize>(file: &str, size: usize) -> [String; COUNT] {
    let der = der(file);
    let numbers = &der[der.len() - COUNT * size..];
    let mut numbers = numbers.chunks(size).map(encode);
    std::array::from_fn(|_| numbers.next().unwrap())
}

pub(crate) fn rsa() -> Value {
    rsa_of("rsa-2048.public.pem")
}

pub(crate) fn rsa_of(file: &str) -> Value {
    let (n, e) = (DEFAULT_PROVIDER.key_utils.rsa_pub_components_from_public_key)(&der(file)).unwrap();
    json!({ "kty": "RSA", "n": encode(n), "e": encode(e) })
}

/// The key of RFC 7515 A.2.
pub(crate) fn other_rsa() -> Value {
    json!({ "kty": "RSA", "e": "AQAB", "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ" })
}

/// The key of RFC 7515 A.3.
pub(crate) fn other_p256() -> Value {
    json!({ "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" })
}

pub(crate) fn p256() -> Value {
    let [x, y] = numbers("p256.public.pem", 32);
    json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y })
}

pub(crate) fn p384() -> Value {
    let [x, y] = numbers("p384.public.pem", 48);
    json!({ "kty": "EC", "crv": "P-384", "x": x, "y": y })
}

pub(crate) fn ed25519() -> Value {
    let [x] = numbers("ed25519.public.pem", 32);
    json!({ "kty": "OKP", "crv": "Ed25519", "x": x })
}

pub(crate) fn secret(length: usize) -> Value {
    json!({ "kty": "oct", "k": encode(vec![7; length]) })
}

/// The key, changed: a `null` takes a member out.
pub(crate) fn with(mut jwk: Value, changes: Value) -> Value {
    let members = jwk.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    jwk
}

pub(crate) fn named(jwk: Value, kid: &str) -> Value {
    with(jwk, json!({ "kid": kid }))
}

pub(crate) fn jwks(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

/// The document as a key set's file.
pub(crate) fn open(document: &str, algorithms: &[KeyAlgorithm]) -> Result<JwksFile, JwksFileError> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("jwks.json");
    std::fs::write(&path, document).unwrap();
    let file = JwksFile::builder(path).with_algorithms(algorithms.iter().copied());
    // The file is gone afterwards, so that it is not to be read again.
    file.with_check_interval(Duration::MAX).build()
}

/// A verifier by the keys of this document.
pub(crate) fn verifier(document: &str, algorithms: &[KeyAlgorithm]) -> TokenVerifier {
    let issuer = TrustedIssuer::new(ISSUER, open(document, algorithms).unwrap()).with_audience(AUDIENCE);
    TokenVerifier::builder().with_trusted_issuer(issuer).build().unwrap()
}

/// What comes of a token that is in order.
pub(crate) fn check(verifier: &TokenVerifier, alg: &str, kid: Option<&str>) -> Result<(), TokenError> {
    verifier.verify_at(sign(alg, kid, &[]).as_bytes(), NOW).map(drop)
}

/// Signs with the private half of a key above, by the algorithm's name.
pub(crate) fn sign(alg: &str, kid: Option<&str>, changes: &[&str]) -> String {
    let mut header = json!({ "alg": alg });
    if let Some(kid) = kid {
        header["kid"] = json!(kid);
    }
    let algorithm: Algorithm = alg.parse().unwrap();
    sign_with(
        header.to_string().as_bytes(),
        payload(changes).as_bytes(),
        &private(algorithm),
        algorithm,
    )
}

fn private(algorithm: Algorithm) -> EncodingKey {
    match algorithm {
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => EncodingKey::from_secret(&[7; 64]),
        Algorithm::ES256 => EncodingKey::from_ec_pem(&key_file("p256.private.pem")).unwrap(),
        Algorithm::ES384 => EncodingKey::from_ec_pem(&key_file("p384.private.pem")).unwrap(),
        Algorithm::EdDSA => EncodingKey::from_ed_pem(&key_file("ed25519.private.pem")).unwrap(),
        _ => EncodingKey::from_rsa_pem(&key_file("rsa-2048.private.pem")).unwrap(),
    }
}
