//! What a bearer token costs: verified by each algorithm, and served from the cache of verified ones.

use std::fs;
use std::hint::black_box;

use http::Request;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;
use tenancy_http::{Authenticator, KeyAlgorithm, TokenVerifier, VerificationKey};

use crate::{Group, Row};

const SECRET: [u8; 64] = [7; 64];
const ISSUER: &str = "https://issuer.example.com";
const AUDIENCE: &str = "notes";

const ALGORITHMS: [KeyAlgorithm; 12] = [
    KeyAlgorithm::Hs256,
    KeyAlgorithm::Hs384,
    KeyAlgorithm::Hs512,
    KeyAlgorithm::Rs256,
    KeyAlgorithm::Rs384,
    KeyAlgorithm::Rs512,
    KeyAlgorithm::Ps256,
    KeyAlgorithm::Ps384,
    KeyAlgorithm::Ps512,
    KeyAlgorithm::Es256,
    KeyAlgorithm::Es384,
    KeyAlgorithm::EdDsa,
];

pub(crate) fn group() -> Group {
    let group = ALGORITHMS
        .into_iter()
        .fold(Group::default(), |group, algorithm| group.row(verify(algorithm)));
    // A hit depends on the token's length alone.
    let group = [KeyAlgorithm::Hs256, KeyAlgorithm::Rs256]
        .into_iter()
        .fold(group, |group, algorithm| {
            group.row(hit(algorithm)).against(["verify HS256"], 0.1)
        });
    let (shared, short) = (verifier(KeyAlgorithm::Hs256, true), token(KeyAlgorithm::Hs256));
    let field = [b"Bearer ", short.as_slice()].concat();
    let request = Request::get("/").header("authorization", field).body(()).unwrap();
    let (parts, ()) = request.into_parts();
    group.row(Row::new("hit HS256, from the request's fields", move || {
        shared.authenticate_now(black_box(&parts)).unwrap()
    }))
}

pub(crate) fn verify(algorithm: KeyAlgorithm) -> Row {
    let (verifier, token) = (verifier(algorithm, false), token(algorithm));
    Row::new(format!("verify {algorithm}"), move || {
        verifier.verify(black_box(&token)).unwrap()
    })
}

fn hit(algorithm: KeyAlgorithm) -> Row {
    let (verifier, token) = (verifier(algorithm, true), token(algorithm));
    Row::new(format!("hit {algorithm}, {} bytes", token.len()), move || {
        verifier.verify_cached(black_box(&token)).unwrap()
    })
}

pub(crate) fn verifier(algorithm: KeyAlgorithm, is_cached: bool) -> TokenVerifier {
    let key = if algorithm.is_symmetric() {
        VerificationKey::hmac(Some("1"), algorithm, &SECRET.to_vec().into())
    } else {
        VerificationKey::public_pem(Some("1"), algorithm, &key_file(algorithm, "public"))
    };
    let builder = TokenVerifier::builder()
        .with_key(key.unwrap())
        .with_issuer(ISSUER)
        .with_audience(AUDIENCE);
    let builder = if is_cached {
        builder
    } else {
        builder.without_token_cache()
    };
    builder.build().unwrap()
}

/// A token as an identity provider writes it, which holds for long.
pub(crate) fn token(algorithm: KeyAlgorithm) -> Vec<u8> {
    let library: Algorithm = algorithm.as_str().parse().unwrap();
    let mut header = Header::new(library);
    header.kid = Some("1".to_owned());
    let claims = json!({
        "iss": ISSUER,
        "sub": "9e107d9d-372b-4f3a-8f4b-6a1d0c5e7a11",
        "aud": AUDIENCE,
        "exp": 4_000_000_000_u64,
        "iat": 1_700_000_000,
        "tenant_id": "acme",
    });
    let pem = || key_file(algorithm, "private");
    let key = match algorithm.as_str().split_at(2).0 {
        "HS" => EncodingKey::from_secret(&SECRET),
        "ES" => EncodingKey::from_ec_pem(&pem()).unwrap(),
        "Ed" => EncodingKey::from_ed_pem(&pem()).unwrap(),
        _ => EncodingKey::from_rsa_pem(&pem()).unwrap(),
    };
    jsonwebtoken::encode(&header, &claims, &key).unwrap().into_bytes()
}

fn key_file(algorithm: KeyAlgorithm, half: &str) -> Vec<u8> {
    let name = match algorithm {
        KeyAlgorithm::Es256 => "p256",
        KeyAlgorithm::Es384 => "p384",
        KeyAlgorithm::EdDsa => "ed25519",
        _ => "rsa-2048",
    };
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tenancy-jwt/tests/keys");
    fs::read(format!("{folder}/{name}.{half}.pem")).unwrap()
}
