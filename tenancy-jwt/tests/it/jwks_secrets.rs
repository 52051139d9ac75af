//! Key sets that publish what only one may know: each is refused as a whole.

#![expect(clippy::panic, reason = "a test fails by panicking")]

use KeyAlgorithm::*;
use serde_json::{Value, json};
use tenancy_jwt::{JwksError, JwksFileError, KeyAlgorithm, TokenError};

use crate::jwks_support::{check, ed25519, jwks, named, open, p256, rsa, secret, verifier, with};

fn refusal(document: &str, accepted: &[KeyAlgorithm]) -> JwksError {
    match open(document, accepted) {
        Err(JwksFileError::Document(error)) => error,
        other => panic!("{other:?}: {document:.200}"),
    }
}

/// The member beside a good key, in either order, whatever is accepted.
fn beside(good: &Value, member: &str, expected: JwksError) {
    for document in [
        format!(r#"{{"keys":[{good},{member}]}}"#),
        format!(r#"{{"keys":[{member},{good}]}}"#),
    ] {
        for accepted in [&KeyAlgorithm::PUBLIC[..], &[Hs256], &[Es384]] {
            assert_eq!(refusal(&document, accepted), expected, "{document:.200}");
        }
    }
}

#[test]
fn secrets_beside_public_keys() {
    let a_secret = named(secret(64), "s");
    for public in [
        named(rsa(), "r"),
        named(p256(), "e"),
        named(ed25519(), "o"),
        // Also what would be left out.
        with(named(rsa(), "r"), json!({ "use": "enc" })),
        with(named(rsa(), "r"), json!({ "n": 7 })),
        json!({ "kty": "AKP", "alg": "ML-DSA-44", "pub": "AQAB" }),
        json!({ "kty": "EC", "crv": "P-521" }),
    ] {
        beside(&public, &a_secret.to_string(), JwksError::MixedKeys);
    }
    for secret in [
        json!({ "kty": "oct" }),
        json!({ "k": "AQAB" }),
        json!({ "kty": "new", "k": "AQAB" }),
        json!({ "kty": 7, "k": 7 }),
        with(a_secret.clone(), json!({ "use": "enc" })),
        with(a_secret.clone(), json!({ "alg": "A256KW" })),
        with(a_secret.clone(), json!({ "kid": "r" })),
        with(named(rsa(), "r"), json!({ "k": "AQAB" })),
    ] {
        beside(&named(rsa(), "r"), &secret.to_string(), JwksError::MixedKeys);
    }
    let hidden = named(p256(), "e").to_string().replacen('{', r#"{"kty":"oct","#, 1);
    beside(&named(rsa(), "r"), &hidden, JwksError::MixedKeys);
    let escaped = r#"{"\u006b":"AQAB","kty":"oct"}"#;
    beside(&named(rsa(), "r"), escaped, JwksError::MixedKeys);
    assert_eq!(
        JwksError::MixedKeys.to_string(),
        "it has secrets beside public keys: keep secrets in a document of their own"
    );
}

#[test]
fn private_keys_beside_anything() {
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "priv"] {
        for key in [
            with(named(rsa(), "p"), json!({ member: "AQAB" })),
            with(named(p256(), "p"), json!({ member: 7, "use": "enc" })),
            json!({ "kty": "new", member: null }),
            json!({ "kid": ["p"], member: {} }),
        ] {
            let key = key.to_string();
            beside(&named(rsa(), "r"), &key, JwksError::PrivateKey);
            beside(&named(secret(64), "s"), &key, JwksError::PrivateKey);
        }
        // Where it is written twice, or with an escape.
        let code = u32::from(member.as_bytes().first().copied().unwrap_or_default());
        let escaped = format!(
            r#"{{"kty":"RSA","\u{code:04x}{}":"AQAB"}}"#,
            &member.get(1..).unwrap_or_default()
        );
        beside(&named(rsa(), "r"), &escaped, JwksError::PrivateKey);
        let twice = format!(r#"{{"kty":"RSA","{member}":"AQAB","{member}":""}}"#);
        beside(&named(rsa(), "r"), &twice, JwksError::PrivateKey);
    }
    // The worse of the two is reported.
    let all = jwks(&[
        named(rsa(), "r"),
        named(secret(64), "s"),
        with(p256(), json!({ "d": "" })),
    ]);
    assert_eq!(refusal(&all, &[Hs256]), JwksError::PrivateKey);
}

/// Names that cannot be read could be those of a private key.
#[test]
fn a_name_that_is_no_text_refuses_the_document() {
    let document = format!(r#"{{"keys":[{},{{"\ud800":1,"d":"AQAB"}}]}}"#, named(rsa(), "r"));
    assert!(matches!(refusal(&document, &[Rs256]), JwksError::Json(_)));
}

#[test]
fn secrets_by_themselves_serve() {
    for other in [
        json!({}),
        json!({ "kty": "new", "kid": "n" }),
        json!(7),
        named(secret(8), "short"),
    ] {
        let document = json!({ "keys": [named(secret(64), "s"), other] }).to_string();
        let verifier = verifier(&document, &[Hs256]);
        assert_eq!(check(&verifier, "HS256", Some("s")), Ok(()), "{other}");
        assert_eq!(check(&verifier, "HS256", Some("short")), Err(TokenError::UnknownKid));
    }
}
