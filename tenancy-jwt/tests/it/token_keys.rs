//! Which keys are refused when they are loaded, and that the others verify.

use std::time::Duration;

use KeyAlgorithm::*;
use jsonwebtoken::{Algorithm, EncodingKey};
use tenancy_jwt::{BuildVerifierError, KeyAlgorithm, KeyError, KeyProblem, TokenError, TokenVerifier, VerificationKey};

use crate::token_support;
use crate::token_support::{AUDIENCE, ISSUER, NOW, SECRET, hmac_key, key_file, keyless, payload, sign_with};

fn load(algorithm: KeyAlgorithm, file: &str) -> Result<VerificationKey, KeyError> {
    VerificationKey::public_pem(Some("main"), algorithm, &key_file(file))
}

fn hmac(algorithm: KeyAlgorithm, length: usize) -> Result<VerificationKey, KeyError> {
    VerificationKey::hmac(Some("main"), algorithm, &vec![7; length].into())
}

#[test]
fn every_algorithm_verifies_its_own_tokens() {
    let rsa = EncodingKey::from_rsa_pem(&key_file("rsa-2048.private.pem")).unwrap();
    let p256 = EncodingKey::from_ec_pem(&key_file("p256.private.pem")).unwrap();
    let p384 = EncodingKey::from_ec_pem(&key_file("p384.private.pem")).unwrap();
    let ed25519 = EncodingKey::from_ed_pem(&key_file("ed25519.private.pem")).unwrap();
    let secret = EncodingKey::from_secret(&[7; 64]);
    let rsa_file = || load(Rs256, "rsa-2048.public.pem");
    let cases = [
        (Hs256, Algorithm::HS256, &secret, hmac(Hs256, 64)),
        (Hs384, Algorithm::HS384, &secret, hmac(Hs384, 64)),
        (Hs512, Algorithm::HS512, &secret, hmac(Hs512, 64)),
        (Rs256, Algorithm::RS256, &rsa, rsa_file()),
        (Rs256, Algorithm::RS256, &rsa, load(Rs256, "rsa-2048.pkcs1.public.pem")),
        (Rs384, Algorithm::RS384, &rsa, load(Rs384, "rsa-2048.public.pem")),
        (Rs512, Algorithm::RS512, &rsa, load(Rs512, "rsa-2048.public.pem")),
        (Ps256, Algorithm::PS256, &rsa, load(Ps256, "rsa-2048.public.pem")),
        (Ps384, Algorithm::PS384, &rsa, load(Ps384, "rsa-2048.public.pem")),
        (Ps512, Algorithm::PS512, &rsa, load(Ps512, "rsa-2048.public.pem")),
        (Es256, Algorithm::ES256, &p256, load(Es256, "p256.public.pem")),
        (Es384, Algorithm::ES384, &p384, load(Es384, "p384.public.pem")),
        (EdDsa, Algorithm::EdDSA, &ed25519, load(EdDsa, "ed25519.public.pem")),
    ];
    for (algorithm, library, private, public) in cases {
        let verifier = keyless().with_key(public.unwrap()).build().unwrap();
        let sign = |alg: &str, payload: &str| {
            let header = format!(r#"{{"alg":"{alg}","kid":"main"}}"#);
            sign_with(header.as_bytes(), payload.as_bytes(), private, library)
        };
        let token = sign(algorithm.as_str(), &payload(&[]));
        assert!(verifier.verify_at(token.as_bytes(), NOW).is_ok(), "{algorithm}");

        let (_, signature) = token.rsplit_once('.').unwrap();
        let other = sign(algorithm.as_str(), &payload(&["sub=\"mallory\""]));
        let (signed, _) = other.rsplit_once('.').unwrap();
        let forged = format!("{signed}.{signature}");
        assert_eq!(
            verifier.verify_at(forged.as_bytes(), NOW),
            Err(TokenError::InvalidSignature),
            "{algorithm}"
        );

        let renamed = if algorithm == Rs256 { "PS256" } else { "RS256" };
        let renamed = sign(renamed, &payload(&[]));
        let refused = Err(TokenError::WrongAlgorithm { expected: algorithm });
        assert_eq!(verifier.verify_at(renamed.as_bytes(), NOW), refused);
    }
}

#[test]
fn a_secret_is_as_long_as_the_hash() {
    for (algorithm, required) in [(Hs256, 32), (Hs384, 48), (Hs512, 64)] {
        assert!(hmac(algorithm, required).is_ok());
        for length in [0, 1, required - 1] {
            let error = hmac(algorithm, length).unwrap_err();
            let expected = KeyProblem::SecretTooShort {
                algorithm,
                length,
                required,
            };
            assert_eq!((error.kid(), error.problem()), (Some("main"), expected));
        }
    }
    let message = hmac(Hs256, 16).unwrap_err().to_string();
    assert_eq!(message, "key `main`: the secret has 16 bytes, HS256 needs at least 32");
}

#[test]
fn a_key_is_of_its_algorithms_kind() {
    let kinds = [
        ("rsa-2048.public.pem", "RSA"),
        ("rsa-1024.public.pem", "RSA"),
        ("p256.public.pem", "P-256"),
        ("p384.public.pem", "P-384"),
        ("p521.public.pem", "P-521"),
        ("secp256k1.public.pem", "secp256k1"),
        ("ed25519.public.pem", "Ed25519"),
    ];
    for (file, found) in kinds {
        for (algorithm, required) in [
            (Rs256, "RSA"),
            (Ps512, "RSA"),
            (Es256, "P-256"),
            (Es384, "P-384"),
            (EdDsa, "Ed25519"),
        ] {
            let problem = load(algorithm, file).err().map(|error| error.problem());
            let expected = if found != required {
                Some(KeyProblem::WrongKind {
                    algorithm,
                    found,
                    required,
                })
            } else if file == "rsa-1024.public.pem" {
                Some(KeyProblem::RsaSize { bits: 1024 })
            } else {
                None
            };
            assert_eq!(problem, expected, "{algorithm} {file}");
        }
    }
}

/// CVE-2017-15361, by published moduli that have its fingerprint.
#[test]
fn rsa_keys_that_can_be_factored_are_refused() {
    for file in ["roca-2048.public.pem", "roca-4096.public.pem"] {
        for algorithm in [Rs256, Ps512] {
            let problem = load(algorithm, file).unwrap_err().problem();
            assert_eq!(problem, KeyProblem::RocaModulus, "{algorithm} {file}");
        }
    }
}

#[test]
fn anything_but_one_public_key_is_refused() {
    for (file, expected) in [
        ("p256.private.pem", KeyProblem::NotPublic),
        ("rsa-2048.private.pem", KeyProblem::NotPublic),
        ("ed25519.private.pem", KeyProblem::NotPublic),
        ("p256.certificate.pem", KeyProblem::NotPublic),
        ("x25519.public.pem", KeyProblem::Unreadable),
        ("README.md", KeyProblem::NotPem),
    ] {
        for algorithm in [Rs256, Es256, EdDsa] {
            assert_eq!(
                load(algorithm, file).unwrap_err().problem(),
                expected,
                "{algorithm} {file}"
            );
        }
    }
    let twice = key_file("p256.public.pem").repeat(2);
    let point = "-----BEGIN PUBLIC KEY-----\nMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA=\n-----END PUBLIC KEY-----\n";
    for (pem, expected) in [
        (b"".as_slice(), KeyProblem::NotPem),
        (SECRET, KeyProblem::NotPem),
        (&twice, KeyProblem::NotPem),
        (point.as_bytes(), KeyProblem::Unreadable),
    ] {
        let error = VerificationKey::public_pem(None, EdDsa, pem).unwrap_err();
        assert_eq!(error.problem(), expected);
    }
}

#[test]
fn secrets_and_public_keys_are_not_mistaken() {
    for algorithm in [Rs256, Ps256, Es256, Es384, EdDsa] {
        let error = hmac(algorithm, 512).unwrap_err();
        assert_eq!(error.problem(), KeyProblem::NotSymmetric { algorithm });
    }
    for algorithm in [Hs256, Hs384, Hs512] {
        let error = load(algorithm, "rsa-2048.public.pem").unwrap_err();
        assert_eq!(error.problem(), KeyProblem::NotAsymmetric { algorithm });
    }
}

#[test]
fn a_kid_has_1_to_128_bytes() {
    for (kid, is_good) in [
        ("x".repeat(128), true),
        ("x".repeat(129), false),
        (String::new(), false),
    ] {
        let key = VerificationKey::hmac(Some(&kid), Hs256, &SECRET.to_vec().into());
        assert_eq!(key.is_ok(), is_good);
    }
}

#[test]
fn keys_of_one_set_are_told_apart() {
    let build = |keys: Vec<VerificationKey>| {
        let builder = keys.into_iter().fold(keyless(), |builder, key| builder.with_key(key));
        builder.build().map(|_| ()).map_err(|error| error.to_string())
    };
    let rsa = |kid| VerificationKey::public_pem(kid, Rs256, &key_file("rsa-2048.public.pem")).unwrap();
    assert_eq!(build(vec![hmac_key(Some("a")), hmac_key(Some("b"))]), Ok(()));
    assert_eq!(
        build(vec![rsa(Some("a")), load(Es256, "p256.public.pem").unwrap()]),
        Ok(())
    );
    for (keys, expected) in [
        (vec![], BuildVerifierError::NoKey),
        (
            vec![hmac_key(Some("a")), hmac_key(Some("b")), hmac_key(Some("a"))],
            BuildVerifierError::RepeatedKid { kid: "a".into() },
        ),
        (
            vec![hmac_key(Some("a")), hmac_key(None)],
            BuildVerifierError::KeyWithoutKid,
        ),
        (vec![hmac_key(None), hmac_key(None)], BuildVerifierError::KeyWithoutKid),
        (vec![hmac_key(Some("a")), rsa(Some("b"))], BuildVerifierError::MixedKeys),
        (vec![rsa(Some("a")), hmac_key(Some("b"))], BuildVerifierError::MixedKeys),
    ] {
        assert_eq!(build(keys), Err(expected.to_string()));
    }
}

#[test]
fn a_verifier_is_told_what_it_needs() {
    let key = || hmac_key(Some("main"));
    let bare = || TokenVerifier::builder().with_key(key());
    let ready = || keyless().with_key(key());
    for (builder, expected) in [
        (bare().with_audience(AUDIENCE), BuildVerifierError::NoIssuer),
        (bare().with_issuer(ISSUER), BuildVerifierError::NoAudience),
        (ready().dangerously_accept_any_issuer(), BuildVerifierError::AnyIssuer),
        (
            ready().dangerously_accept_any_audience(),
            BuildVerifierError::AnyAudience,
        ),
        (ready().with_leeway(Duration::from_secs(61)), BuildVerifierError::Leeway),
        (
            ready().with_leeway(Duration::from_millis(60_001)),
            BuildVerifierError::Leeway,
        ),
        (ready().with_type(""), BuildVerifierError::EmptyName),
        (
            bare().with_issuer("").with_audience(AUDIENCE),
            BuildVerifierError::EmptyName,
        ),
        (
            bare().with_issuer(ISSUER).with_audience(""),
            BuildVerifierError::EmptyName,
        ),
        (
            ready().with_issuer("other"),
            BuildVerifierError::KeyWithoutIssuer { kid: "main".into() },
        ),
        (
            keyless().with_key(key().with_issuer("other")),
            BuildVerifierError::KeyOfUnknownIssuer { kid: "main".into() },
        ),
    ] {
        assert_eq!(builder.build().unwrap_err(), expected);
    }
    let bound = bare().with_audience(AUDIENCE).with_issuer_of(ISSUER, ["Acme"]).build();
    assert!(matches!(bound, Err(BuildVerifierError::IssuersTenant { tenant, .. }) if tenant == "Acme"));
    assert!(ready().with_leeway(Duration::from_secs(60)).build().is_ok());
}

#[test]
fn debug_shows_no_key() {
    let secret = "0123456789abcdef";
    let shown = format!("{:?} {:?}", hmac_key(Some("main")), token_support::verifier());
    assert!(
        shown.contains("main") && !shown.contains(secret) && !shown.contains("48, 49, 50"),
        "{shown}"
    );
}
