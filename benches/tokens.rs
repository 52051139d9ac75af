//! What a bearer token costs: verified by each algorithm, and served from the cache of verified ones.
//!
//! `cargo bench -p benches --bench tokens`
#![expect(clippy::unwrap_used, reason = "a bench that cannot be set up fails")]

use std::fs;
use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use http::Request;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;
use tenancy_http::{Authenticator, KeyAlgorithm, TokenVerifier, VerificationKey};

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

fn tokens(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tokens");
    for algorithm in ALGORITHMS {
        let (verifier, token) = (verifier(algorithm), token(algorithm));
        group.bench_function(format!("verify/{algorithm}"), |bencher| {
            bencher.iter(|| verifier.verify(black_box(&token)).unwrap());
        });
    }
    // The first row once more: what lies between the two is noise.
    let (shared, short) = (verifier(KeyAlgorithm::Hs256), token(KeyAlgorithm::Hs256));
    group.bench_function("verify/HS256, again", |bencher| {
        bencher.iter(|| shared.verify(black_box(&short)).unwrap());
    });
    // A hit depends on the token's length alone.
    for algorithm in [KeyAlgorithm::Hs256, KeyAlgorithm::Rs256] {
        let (verifier, token) = (verifier(algorithm), token(algorithm));
        group.bench_function(format!("hit/{algorithm}, {} bytes", token.len()), |bencher| {
            bencher.iter(|| verifier.verify_cached(black_box(&token)).unwrap());
        });
    }
    let field = [b"Bearer ", short.as_slice()].concat();
    let request = Request::get("/").header("authorization", field).body(()).unwrap();
    let (parts, ()) = request.into_parts();
    group.bench_function("hit/HS256, from the request's fields", |bencher| {
        bencher.iter(|| shared.authenticate_now(black_box(&parts)).unwrap());
    });
    group.finish();
}

fn verifier(algorithm: KeyAlgorithm) -> TokenVerifier {
    let key = if algorithm.is_symmetric() {
        VerificationKey::hmac(Some("1"), algorithm, &SECRET.to_vec().into())
    } else {
        VerificationKey::public_pem(Some("1"), algorithm, &key_file(algorithm, "public"))
    };
    TokenVerifier::builder()
        .with_key(key.unwrap())
        .with_issuer(ISSUER)
        .with_audience(AUDIENCE)
        .build()
        .unwrap()
}

/// A token as an identity provider writes it, which holds for long.
fn token(algorithm: KeyAlgorithm) -> Vec<u8> {
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
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../adapter-http/tests/keys");
    fs::read(format!("{folder}/{name}.{half}.pem")).unwrap()
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3));
    targets = tokens
}
criterion_main!(benches);
