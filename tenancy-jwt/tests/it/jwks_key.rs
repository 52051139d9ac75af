//! One JWK: which are keys, and which are not and why.

use KeyAlgorithm::*;
use serde_json::{Value, json};
use tenancy_jwt::{ClaimProblem, JsonProblem, JwkProblem, KeyAlgorithm, KeyProblem, TokenError, VerificationKey};

use crate::jwks_support::{ed25519, p256, p384, rsa, rsa_of, secret, sign, with};
use crate::token_support::{NOW, keyless};

const SECRETS: [KeyAlgorithm; 3] = [Hs256, Hs384, Hs512];

fn load(jwk: &Value, accepted: &[KeyAlgorithm]) -> Result<VerificationKey, JwkProblem> {
    VerificationKey::from_jwk(jwk.to_string().as_bytes(), accepted)
}

#[test]
fn a_key_has_its_own_algorithm_or_the_first_that_fits() {
    let all = KeyAlgorithm::PUBLIC.as_slice();
    for (jwk, accepted, expected) in [
        (rsa(), all, Rs256),
        (rsa(), &[Es256, Ps384, Rs256], Ps384),
        (with(rsa(), json!({ "alg": "RS512" })), all, Rs512),
        (with(rsa(), json!({ "alg": "PS256" })), all, Ps256),
        (p256(), all, Es256),
        (with(p256(), json!({ "alg": "ES256" })), &[Es256], Es256),
        (p384(), all, Es384),
        (ed25519(), all, EdDsa),
        (with(ed25519(), json!({ "alg": "EdDSA" })), all, EdDsa),
        (secret(64), &SECRETS, Hs256),
        (with(secret(64), json!({ "alg": "HS512" })), &SECRETS, Hs512),
    ] {
        let key = load(&jwk, accepted).unwrap();
        assert_eq!(key.algorithm(), expected, "{jwk}");
        let verifier = keyless().with_key(key).build().unwrap();
        let token = sign(expected.as_str(), None, &[]);
        assert!(verifier.verify_at(token.as_bytes(), NOW).is_ok(), "{jwk}");
        let other = if expected == Rs384 { "RS256" } else { "RS384" };
        let refused = verifier.verify_at(sign(other, None, &[]).as_bytes(), NOW);
        assert_eq!(refused, Err(TokenError::WrongAlgorithm { expected }), "{jwk}");
    }
}

/// The tokens of RFC 7515 A.1 to A.3 and of RFC 8037 A.4 under the keys that stand there. Their payloads
/// are not for us, which is seen only behind a signature that holds.
#[test]
fn keys_of_the_rfcs_verify_their_tokens() {
    let joe = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let missing = |claim| {
        Err(TokenError::Claim {
            claim,
            problem: ClaimProblem::Missing,
        })
    };
    for (jwk, accepted, token, expected) in [
        (
            json!({ "kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow" }),
            SECRETS.as_slice(),
            format!("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{joe}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            missing("aud"),
        ),
        (
            json!({ "kty": "RSA", "e": "AQAB", "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ" }),
            &[Rs256],
            format!(
                "eyJhbGciOiJSUzI1NiJ9.{joe}.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
            ),
            missing("aud"),
        ),
        (
            json!({ "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" }),
            &[Es256],
            format!(
                "eyJhbGciOiJFUzI1NiJ9.{joe}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
            ),
            missing("aud"),
        ),
        (
            json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }),
            &[EdDsa],
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg".to_owned(),
            Err(TokenError::MalformedPayload(JsonProblem::Syntax)),
        ),
    ] {
        let verifier = tenancy_jwt::TokenVerifier::builder()
            .with_key(load(&jwk, accepted).unwrap())
            .with_issuer("joe")
            .with_audience("notes")
            .build()
            .unwrap();
        assert_eq!(verifier.verify_at(token.as_bytes(), 1_300_819_000), expected, "{jwk}");
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (first, rest) = signature.split_at(1);
        let other = if first == "A" { "B" } else { "A" };
        let forged = format!("{signed}.{other}{rest}");
        assert_eq!(verifier.verify_at(forged.as_bytes(), NOW), Err(TokenError::InvalidSignature));
    }
}

#[test]
fn what_is_no_key_says_why() {
    let member = JwkProblem::Member;
    let off_curve = p256()["y"]
        .as_str()
        .unwrap()
        .replacen(['A', 'B', 'a', 'b', 'c', 'd'], "E", 1);
    for (jwk, expected) in [
        // RFC 7517 A.1: a key for encryption.
        (
            json!({ "kty": "EC", "crv": "P-256", "use": "enc", "kid": "1",
                "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM" }),
            JwkProblem::NotForSignatures,
        ),
        (with(rsa(), json!({ "use": "SIG" })), JwkProblem::NotForSignatures),
        (with(rsa(), json!({ "use": ["sig"] })), member("use")),
        (with(rsa(), json!({ "key_ops": [] })), JwkProblem::NotForSignatures),
        (
            with(rsa(), json!({ "key_ops": ["sign", "encrypt"] })),
            JwkProblem::NotForSignatures,
        ),
        (with(rsa(), json!({ "key_ops": "verify" })), member("key_ops")),
        (with(rsa(), json!({ "kty": null })), member("kty")),
        (with(rsa(), json!({ "kty": 1 })), member("kty")),
        (with(rsa(), json!({ "kty": "rsa" })), JwkProblem::UnknownType),
        (with(rsa(), json!({ "kty": "AKP" })), JwkProblem::UnknownType),
        (with(p256(), json!({ "crv": null })), member("crv")),
        (with(p256(), json!({ "crv": "P-521" })), JwkProblem::UnknownCurve),
        (with(p256(), json!({ "crv": "secp256k1" })), JwkProblem::UnknownCurve),
        (with(p256(), json!({ "crv": "Ed25519" })), JwkProblem::UnknownCurve),
        (with(ed25519(), json!({ "crv": "X25519" })), JwkProblem::UnknownCurve),
        (with(ed25519(), json!({ "crv": "P-256" })), JwkProblem::UnknownCurve),
        (with(rsa(), json!({ "alg": "none" })), JwkProblem::UnknownAlgorithm),
        (with(rsa(), json!({ "alg": "rs256" })), JwkProblem::UnknownAlgorithm),
        (with(rsa(), json!({ "alg": "RSA-OAEP" })), JwkProblem::UnknownAlgorithm),
        (with(rsa(), json!({ "alg": 256 })), member("alg")),
        (
            with(rsa(), json!({ "alg": "ES256" })),
            JwkProblem::WrongAlgorithm { algorithm: Es256 },
        ),
        (
            with(rsa(), json!({ "alg": "HS256" })),
            JwkProblem::WrongAlgorithm { algorithm: Hs256 },
        ),
        (
            with(p256(), json!({ "alg": "ES384" })),
            JwkProblem::WrongAlgorithm { algorithm: Es384 },
        ),
        (
            with(p256(), json!({ "alg": "RS256" })),
            JwkProblem::WrongAlgorithm { algorithm: Rs256 },
        ),
        (
            with(ed25519(), json!({ "alg": "ES256" })),
            JwkProblem::WrongAlgorithm { algorithm: Es256 },
        ),
        (secret(64), JwkProblem::NotAccepted),
        (with(secret(64), json!({ "alg": "HS256" })), JwkProblem::NotAccepted),
        (
            with(secret(64), json!({ "alg": "RS256" })),
            JwkProblem::WrongAlgorithm { algorithm: Rs256 },
        ),
        (with(rsa(), json!({ "kid": 7 })), member("kid")),
        (
            with(rsa(), json!({ "kid": "" })),
            JwkProblem::Key(KeyProblem::InvalidKid),
        ),
        (
            with(p256(), json!({ "kid": "x".repeat(129) })),
            JwkProblem::Key(KeyProblem::InvalidKid),
        ),
        (
            rsa_of("rsa-1024.public.pem"),
            JwkProblem::Key(KeyProblem::RsaSize { bits: 1024 }),
        ),
        (rsa_of("roca-2048.public.pem"), JwkProblem::Key(KeyProblem::RocaModulus)),
        (rsa_of("roca-4096.public.pem"), JwkProblem::Key(KeyProblem::RocaModulus)),
        (with(rsa(), json!({ "k": "AQAB" })), JwkProblem::PrivateKey),
        (with(p256(), json!({ "k": 7 })), JwkProblem::PrivateKey),
        (with(rsa(), json!({ "n": null })), member("n")),
        (with(rsa(), json!({ "n": "" })), member("n")),
        (with(rsa(), json!({ "n": "AQAB=" })), member("n")),
        (with(rsa(), json!({ "n": "AQ+B" })), member("n")),
        (
            with(rsa(), json!({ "n": format!("AAAA{}", rsa()["n"].as_str().unwrap()) })),
            JwkProblem::NoSuchKey,
        ),
        (with(rsa(), json!({ "e": null })), member("e")),
        (with(rsa(), json!({ "e": "AR" })), member("e")),
        (with(rsa(), json!({ "e": "AA" })), JwkProblem::NoSuchKey),
        (with(rsa(), json!({ "e": "AQ" })), JwkProblem::NoSuchKey),
        (with(rsa(), json!({ "e": "AQAA" })), JwkProblem::NoSuchKey),
        (with(p256(), json!({ "y": null })), member("y")),
        (with(p256(), json!({ "y": "AQAB" })), member("y")),
        (with(p256(), json!({ "y": p384()["y"] })), member("y")),
        (with(p256(), json!({ "y": off_curve })), JwkProblem::NoSuchKey),
        (
            with(p256(), json!({ "x": p256()["y"], "y": p256()["x"] })),
            JwkProblem::NoSuchKey,
        ),
        (with(ed25519(), json!({ "x": null })), member("x")),
        (with(ed25519(), json!({ "x": "AQAB" })), member("x")),
    ] {
        assert_eq!(load(&jwk, &KeyAlgorithm::PUBLIC).err(), Some(expected), "{jwk}");
    }
    for (jwk, expected) in [
        (
            secret(31),
            JwkProblem::Key(KeyProblem::SecretTooShort {
                algorithm: Hs256,
                length: 31,
                required: 32,
            }),
        ),
        (
            with(secret(48), json!({ "alg": "HS512" })),
            JwkProblem::Key(KeyProblem::SecretTooShort {
                algorithm: Hs512,
                length: 48,
                required: 64,
            }),
        ),
        (with(secret(64), json!({ "k": null })), member("k")),
        (with(secret(64), json!({ "k": "" })), member("k")),
        (with(secret(64), json!({ "k": "a secret" })), member("k")),
        (rsa(), JwkProblem::NotAccepted),
    ] {
        assert_eq!(load(&jwk, &SECRETS).err(), Some(expected), "{jwk}");
    }
}

#[test]
fn what_is_accepted_is_said() {
    assert_eq!(load(&rsa(), &[Es256]).err(), Some(JwkProblem::NotAccepted));
    assert_eq!(
        load(&with(rsa(), json!({ "alg": "RS384" })), &[Rs256]).err(),
        Some(JwkProblem::NotAccepted)
    );
    assert_eq!(load(&p384(), &[Es256]).err(), Some(JwkProblem::NotAccepted));
    assert_eq!(load(&rsa(), &[]).err(), Some(JwkProblem::NotAccepted));
}

#[test]
fn a_private_key_is_refused_whatever_it_is() {
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "priv"] {
        for jwk in [rsa(), p256(), ed25519(), json!({ "kty": "unknown" })] {
            let jwk = with(jwk, json!({ member: "AQAB" }));
            assert_eq!(
                load(&jwk, &KeyAlgorithm::PUBLIC).err(),
                Some(JwkProblem::PrivateKey),
                "{jwk}"
            );
        }
    }
}

#[test]
fn what_is_not_understood_or_points_elsewhere_is_ignored() {
    let jwk = with(
        rsa(),
        json!({ "x5c": ["!"], "x5u": "https://evil.example", "jku": 7, "x5t": {}, "exp": 1, "key_ops": ["verify", 3] }),
    );
    assert_eq!(load(&jwk, &[Rs256]).unwrap().algorithm(), Rs256);
}

#[test]
fn json_is_strict() {
    let twice = rsa().to_string().replacen('{', r#"{"kty":"oct","#, 1);
    for (text, expected) in [
        (twice.as_str(), JsonProblem::RepeatedName),
        ("[]", JsonProblem::NotObject),
        ("", JsonProblem::Syntax),
        ("{} {}", JsonProblem::Syntax),
    ] {
        let problem = VerificationKey::from_jwk(text.as_bytes(), &[Rs256]).err();
        assert_eq!(problem, Some(JwkProblem::Json(expected)), "{text}");
    }
}
