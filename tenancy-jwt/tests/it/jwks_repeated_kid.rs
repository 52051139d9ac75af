//! Key sets in which a `kid` is repeated: what is not for us does not count, copies count once, and what cannot be
//! told apart is left out.

use KeyAlgorithm::*;
use serde_json::{Value, json};
use tenancy_jwt::{JwksError, JwksFileError, KeyAlgorithm, TokenError};

use crate::jwks_support::{
    check, ed25519, jwks, named, open, other_p256, other_rsa, p256, p384, rsa, rsa_of, secret, verifier, with,
};
use crate::log::Log;

const ALL: &[KeyAlgorithm] = &KeyAlgorithm::PUBLIC;

/// What comes of tokens of the `kid` `a` by RS256, and of a bystander's key of its own.
fn served(keys: &[Value]) -> Result<(), TokenError> {
    let bystander = named(p384(), "bystander");
    let verifier = verifier(&jwks(&[keys, &[bystander]].concat()), ALL);
    assert_eq!(check(&verifier, "ES384", Some("bystander")), Ok(()), "{keys:?}");
    check(&verifier, "RS256", Some("a"))
}

#[test]
fn what_is_not_for_us_is_no_rival() {
    for other in [
        json!({ "use": "enc" }),
        json!({ "use": ["sig"] }),
        json!({ "key_ops": ["encrypt", "wrapKey"] }),
        json!({ "key_ops": [] }),
        json!({ "alg": "RSA-OAEP" }),
        json!({ "alg": "none" }),
        json!({ "alg": "ES256" }),
        json!({ "alg": "HS256" }),
        json!({ "kty": "AKP" }),
        json!({ "kty": "EC", "crv": "P-521" }),
        json!({ "e": "AQ" }),
        json!({ "n": "!" }),
        json!({ "issuer": 7 }),
    ] {
        let (key, other) = (named(rsa(), "a"), with(named(other_rsa(), "a"), other));
        assert_eq!(served(&[key.clone(), other.clone()]), Ok(()), "{other}");
        assert_eq!(served(&[other.clone(), key]), Ok(()), "{other}");
        assert_eq!(served(&[other]), Err(TokenError::UnknownKid));
    }
    for weak in ["rsa-1024.public.pem", "roca-2048.public.pem"] {
        let weak = named(rsa_of(weak), "a");
        assert_eq!(served(&[weak, named(rsa(), "a")]), Ok(()));
    }
}

#[test]
fn a_key_is_chosen_by_its_kid_and_algorithm() {
    let keys = [
        with(named(rsa(), "a"), json!({ "alg": "PS256" })),
        named(p256(), "a"),
        named(rsa(), "a"),
        named(ed25519(), "a"),
        with(named(other_rsa(), "a"), json!({ "alg": "RS384" })),
    ];
    let verifier = verifier(&jwks(&keys), ALL);
    for alg in ["PS256", "ES256", "RS256", "EdDSA"] {
        assert_eq!(check(&verifier, alg, Some("a")), Ok(()), "{alg}");
    }
    // It is the other key that has this algorithm.
    assert_eq!(check(&verifier, "RS384", Some("a")), Err(TokenError::InvalidSignature));
    assert_eq!(
        check(&verifier, "RS512", Some("a")),
        Err(TokenError::WrongAlgorithm { expected: Ps256 })
    );
    assert_eq!(check(&verifier, "RS256", Some("b")), Err(TokenError::UnknownKid));
    assert_eq!(check(&verifier, "RS256", None), Err(TokenError::MissingKid));
}

/// The algorithm of a key without `alg` is the first accepted one that fits, and counts like one that is named.
#[test]
fn a_key_without_an_algorithm_has_one_too() {
    let (silent, other) = (named(rsa(), "a"), |alg| {
        with(named(other_rsa(), "a"), json!({ "alg": alg }))
    });
    assert_eq!(served(&[silent.clone(), other("RS256")]), Err(TokenError::UnknownKid));
    assert_eq!(served(&[silent.clone(), other("RS512")]), Ok(()));
    let verifier = verifier(&jwks(&[silent, other("RS256")]), &[Ps384, Rs256]);
    assert_eq!(check(&verifier, "PS384", Some("a")), Ok(()));
    assert_eq!(check(&verifier, "RS256", Some("a")), Err(TokenError::InvalidSignature));
}

#[test]
fn a_copy_counts_once() {
    let key = named(rsa(), "a");
    let (n, e) = (key["n"].as_str().unwrap(), key["e"].as_str().unwrap());
    let turned = format!(
        r#"{{ "n" : "{n}",{}"kid":"\u0061", "e":"{e}", "kty": "RSA" }}"#,
        "\n\t "
    );
    let texts = [
        key.to_string(),
        turned,
        with(key.clone(), json!({ "alg": "RS256" })).to_string(),
    ];
    let document = format!(r#"{{"keys":[{},{}]}}"#, texts.join(","), named(p384(), "b"));
    let (log, _guard) = Log::capture();
    let verifier_of_copies = verifier(&document, ALL);
    assert_eq!(check(&verifier_of_copies, "RS256", Some("a")), Ok(()));
    assert!(!log.text().contains("left out"), "{}", log.text());
    assert!(log.text().contains("keys=2"), "{}", log.text());
    for same in [
        json!({ "use": "sig" }),
        json!({ "key_ops": ["verify"] }),
        json!({ "x5c": ["MIIB"], "x5t": "x" }),
        json!({ "exp": 1, "nbf": 2.5, "deep": { "er": [null] } }),
    ] {
        assert_eq!(
            served(&[key.clone(), with(key.clone(), same.clone())]),
            Ok(()),
            "{same}"
        );
    }
    // The only key, and in a set of secrets.
    let verifier_of_one = verifier(&jwks(&[rsa(), rsa()]), ALL);
    assert_eq!(check(&verifier_of_one, "RS256", None), Ok(()));
    let secrets = jwks(&[named(secret(64), "s"), named(secret(64), "s")]);
    assert_eq!(check(&verifier(&secrets, &[Hs256]), "HS256", Some("s")), Ok(()));
}

#[test]
fn different_keys_that_nobody_can_tell_apart_are_left_out() {
    let issued = |issuer: &str| with(named(rsa(), "a"), json!({ "issuer": issuer }));
    let (one, other) = (named(rsa(), "a"), named(other_rsa(), "a"));
    for keys in [
        vec![one.clone(), other.clone()],
        vec![other.clone(), one.clone()],
        vec![one.clone(), one.clone(), other.clone()],
        vec![one.clone(), other.clone(), one.clone()],
        vec![other.clone(), one.clone(), other.clone(), one.clone()],
        vec![one.clone(), with(one.clone(), json!({ "e": "Aw" }))],
        // The same numbers, for tokens of other issuers.
        vec![one.clone(), issued("https://issuer.example")],
        vec![issued("https://issuer.example"), issued("https://other.example")],
        vec![issued("https://{tenantid}.example"), issued("https://issuer.example")],
    ] {
        let (log, _guard) = Log::capture();
        assert_eq!(served(&keys), Err(TokenError::UnknownKid), "{keys:?}");
        let text = log.text();
        let warnings: Vec<_> = text.lines().filter(|line| line.contains("WARN")).collect();
        assert_eq!(warnings.len(), 1, "one for each load: {text}");
        for place in 0..keys.len() {
            let told = format!("keys[{place}]: another key of the set has its `kid` and its algorithm");
            assert!(warnings[0].contains(&told), "{text}");
        }
        assert!(text.contains("keys=1") && !text.contains("kid=a"), "{text}");
    }
    let verifier = verifier(&jwks(&[named(p256(), "a"), named(other_p256(), "a"), one]), ALL);
    assert_eq!(check(&verifier, "RS256", Some("a")), Ok(()));
    assert_eq!(
        check(&verifier, "ES256", Some("a")),
        Err(TokenError::WrongAlgorithm { expected: Rs256 })
    );
}

#[test]
fn secrets_of_one_kid_are_left_out_too() {
    let rival = with(named(secret(64), "a"), json!({ "k": "A".repeat(64) }));
    let keys = [named(secret(64), "a"), rival, named(secret(64), "b")];
    let verifier = verifier(&jwks(&keys), &[Hs256]);
    assert_eq!(check(&verifier, "HS256", Some("a")), Err(TokenError::UnknownKid));
    assert_eq!(check(&verifier, "HS256", Some("b")), Ok(()));
}

/// A `kid` is compared byte for byte.
#[test]
fn kids_that_only_look_alike_are_two() {
    let keys = ["a", "A", "a ", "á", "a\u{301}", "a\0"].map(|kid| named(rsa(), kid));
    let mut rivals: Vec<_> = keys.into();
    rivals.push(named(other_rsa(), "a"));
    let verifier = verifier(&jwks(&rivals), ALL);
    for kid in ["A", "a ", "á", "a\u{301}", "a\0"] {
        assert_eq!(check(&verifier, "RS256", Some(kid)), Ok(()), "{kid:?}");
    }
    assert_eq!(check(&verifier, "RS256", Some("a")), Err(TokenError::UnknownKid));
}

#[test]
fn a_set_of_nothing_else_has_no_key() {
    for keys in [
        vec![named(rsa(), "a"), named(other_rsa(), "a")],
        vec![rsa(), other_rsa()],
        vec![rsa(), p256()],
    ] {
        let error = open(&jwks(&keys), ALL).unwrap_err();
        assert!(
            matches!(error, JwksFileError::Document(JwksError::NoUsableKey)),
            "{error}"
        );
    }
    // A key without a name is the only one once the rivals are out, and a token without a `kid` means it.
    let verifier = verifier(&jwks(&[p256(), named(rsa(), "a"), named(other_rsa(), "a")]), ALL);
    assert_eq!(check(&verifier, "ES256", None), Ok(()));
    assert_eq!(check(&verifier, "RS256", Some("a")), Err(TokenError::UnknownKid));
}
