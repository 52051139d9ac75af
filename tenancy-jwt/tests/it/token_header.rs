//! What a header may say, and which key it may choose.

use jsonwebtoken::{Algorithm, EncodingKey};
use tenancy_jwt::{JsonProblem, KeyAlgorithm, TokenError, VerificationKey};

use crate::token_support::{
    NOW, SECRET, encode, hmac_key, key_file, keyless, payload, sign, sign_with, verify, verify_header,
};

const WRONG: TokenError = TokenError::WrongAlgorithm {
    expected: KeyAlgorithm::Hs256,
};

#[test]
fn alg_is_the_keys() {
    for alg in [
        "none", "None", "hs256", "HS384", "RS256", "ES256", "EdDSA", "", " HS256",
    ] {
        assert_eq!(verify_header(&format!(r#"{{"alg":"{alg}"}}"#)), Err(WRONG), "{alg}");
    }
    for header in [
        r#"{"kid":"main"}"#,
        r#"{"alg":null}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"alg":256}"#,
    ] {
        assert_eq!(verify_header(header), Err(TokenError::MalformedAlgorithm), "{header}");
    }
}

#[test]
fn an_unsigned_token_is_refused() {
    let body = encode(payload(&[]));
    for header in [r#"{"alg":"none"}"#, r#"{"alg":"HS256"}"#] {
        let header = encode(header);
        assert_eq!(verify(format!("{header}.{body}.")), Err(TokenError::NotCompact));
        assert!(verify(format!("{header}.{body}.AA")).is_err());
    }
}

#[test]
fn another_secret_or_text_is_refused() {
    let other = EncodingKey::from_secret(b"another secret of thirty-two byte");
    let token = sign_with(br#"{"alg":"HS256"}"#, payload(&[]).as_bytes(), &other, Algorithm::HS256);
    assert_eq!(verify(token), Err(TokenError::InvalidSignature));

    let token = sign(r#"{"alg":"HS256"}"#, payload(&[]));
    let (header, rest) = token.split_once('.').unwrap();
    let (_, signature) = rest.split_once('.').unwrap();
    let forged = format!("{header}.{}.{signature}", encode(payload(&["sub=\"mallory\""])));
    assert_eq!(verify(forged), Err(TokenError::InvalidSignature));

    let token = sign_with(
        br#"{"alg":"HS256"}"#,
        payload(&[]).as_bytes(),
        &EncodingKey::from_secret(SECRET),
        Algorithm::HS512,
    );
    assert_eq!(verify(token), Err(TokenError::InvalidSignature));
}

#[test]
fn a_public_key_is_no_secret() {
    let pem = key_file("rsa-2048.public.pem");
    let key = VerificationKey::public_pem(None, KeyAlgorithm::Rs256, &pem).unwrap();
    let verifier = keyless().with_key(key).build().unwrap();
    let secret = EncodingKey::from_secret(&pem);
    let sign = |alg: &str| {
        let header = format!(r#"{{"alg":"{alg}"}}"#);
        sign_with(header.as_bytes(), payload(&[]).as_bytes(), &secret, Algorithm::HS256)
    };
    let expected = KeyAlgorithm::Rs256;
    let refused = Err(TokenError::WrongAlgorithm { expected });
    assert_eq!(verifier.verify_at(sign("HS256").as_bytes(), NOW), refused);
    let refused = Err(TokenError::InvalidSignature);
    assert_eq!(verifier.verify_at(sign("RS256").as_bytes(), NOW), refused);
}

#[test]
fn no_extension_is_understood() {
    for header in [
        r#"{"alg":"HS256","crit":["exp"]}"#,
        r#"{"alg":"HS256","crit":[]}"#,
        r#"{"alg":"HS256","crit":null}"#,
        r#"{"alg":"HS256","crit":["b64"],"b64":false}"#,
    ] {
        assert_eq!(verify_header(header), Err(TokenError::CriticalExtension), "{header}");
    }
}

#[test]
fn a_token_brings_no_key() {
    for member in ["jku", "x5u", "x5c", "jwk", "b64", "zip", "unheard"] {
        let header = format!(r#"{{"alg":"HS256","{member}":"https://evil.example"}}"#);
        assert!(verify_header(&header).is_ok(), "{member}");
    }
    let evil = EncodingKey::from_secret(b"evilevilevilevilevilevilevilevil");
    let jwk = encode(b"evilevilevilevilevilevilevilevil");
    let header = format!(r#"{{"alg":"HS256","jwk":{{"kty":"oct","k":"{jwk}"}}}}"#);
    let token = sign_with(header.as_bytes(), payload(&[]).as_bytes(), &evil, Algorithm::HS256);
    assert_eq!(verify(token), Err(TokenError::InvalidSignature));
}

#[test]
fn each_name_stands_once() {
    for header in [
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"HS256","\u0061lg":"HS256"}"#,
        r#"{"alg":"HS256","x":{"a":1,"a":1}}"#,
    ] {
        let refused = Err(TokenError::MalformedHeader(JsonProblem::RepeatedName));
        assert_eq!(verify_header(header), refused, "{header}");
    }
}

#[test]
fn a_header_is_an_object_and_nothing_more() {
    for (header, problem) in [
        ("{", JsonProblem::Syntax),
        ("{}{}", JsonProblem::Syntax),
        (r#"{"alg":"HS256",}"#, JsonProblem::Syntax),
        ("\u{feff}{}", JsonProblem::Syntax),
        (r#"{"alg":"\ud800"}"#, JsonProblem::Syntax),
        ("[]", JsonProblem::NotObject),
        ("null", JsonProblem::NotObject),
        (r#""HS256""#, JsonProblem::NotObject),
    ] {
        let refused = Err(TokenError::MalformedHeader(problem));
        assert_eq!(verify_header(header), refused, "{header}");
    }
    let bytes = sign(b"{\"alg\":\"\xff\"}", payload(&[]));
    assert_eq!(verify(bytes), Err(TokenError::MalformedHeader(JsonProblem::Syntax)));
    let deep = format!(r#"{{"alg":"HS256","x":{}{}}}"#, "[".repeat(2_000), "]".repeat(2_000));
    assert_eq!(
        verify_header(&deep),
        Err(TokenError::MalformedHeader(JsonProblem::TooDeep))
    );
}

#[test]
fn kid_is_a_short_string() {
    for kid in [
        "null",
        "1",
        "[\"main\"]",
        "{}",
        "true",
        &format!("\"{}\"", "x".repeat(129)),
    ] {
        let header = format!(r#"{{"alg":"HS256","kid":{kid}}}"#);
        assert_eq!(verify_header(&header), Err(TokenError::MalformedKid), "{kid}");
    }
    for kid in ["", "Main", "main ", "../main", "other", &"x".repeat(128)] {
        let header = format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#);
        assert_eq!(verify_header(&header), Err(TokenError::UnknownKid), "{kid}");
    }
}

#[test]
fn kid_may_be_left_out_where_there_is_one_key() {
    assert!(verify_header(r#"{"alg":"HS256"}"#).is_ok());

    let other = VerificationKey::hmac(Some("other"), KeyAlgorithm::Hs512, &vec![7; 64].into()).unwrap();
    let two = keyless()
        .with_key(hmac_key(Some("main")))
        .with_key(other)
        .build()
        .unwrap();
    let verify = |header: &str| two.verify_at(sign(header, payload(&[])).as_bytes(), NOW);
    assert_eq!(verify(r#"{"alg":"HS256"}"#), Err(TokenError::MissingKid));
    assert!(verify(r#"{"alg":"HS256","kid":"main"}"#).is_ok());
    // The algorithm is that of the chosen key, not of any key.
    let expected = KeyAlgorithm::Hs512;
    assert_eq!(
        verify(r#"{"alg":"HS256","kid":"other"}"#),
        Err(TokenError::WrongAlgorithm { expected })
    );
    assert_eq!(
        verify(r#"{"alg":"HS512","kid":"other"}"#),
        Err(TokenError::InvalidSignature)
    );
}

#[test]
fn a_key_without_a_kid_answers_to_none() {
    let nameless = keyless().with_key(hmac_key(None)).build().unwrap();
    let verify = |header: &str| nameless.verify_at(sign(header, payload(&[])).as_bytes(), NOW);
    assert!(verify(r#"{"alg":"HS256"}"#).is_ok());
    for header in [r#"{"alg":"HS256","kid":"main"}"#, r#"{"alg":"HS256","kid":""}"#] {
        assert_eq!(verify(header), Err(TokenError::UnknownKid), "{header}");
    }
}

#[test]
fn typ_is_the_configured_one() {
    for configured in ["at+jwt", "application/AT+JWT"] {
        let verifier = keyless()
            .with_key(hmac_key(None))
            .with_type(configured)
            .build()
            .unwrap();
        let verify = |typ: &str| {
            let token = sign(format!(r#"{{"alg":"HS256"{typ}}}"#), payload(&[]));
            verifier.verify_at(token.as_bytes(), NOW)
        };
        for good in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
            assert!(verify(&format!(r#","typ":"{good}""#)).is_ok(), "{good}");
        }
        for bad in [
            r#""JWT""#,
            r#""""#,
            "null",
            "1",
            r#"["at+jwt"]"#,
            r#""text/at+jwt""#,
            r#""application/x/at+jwt""#,
        ] {
            assert_eq!(verify(&format!(r#","typ":{bad}"#)), Err(TokenError::WrongType), "{bad}");
        }
        assert_eq!(verify(""), Err(TokenError::WrongType));
    }
    assert!(verify_header(r#"{"alg":"HS256","typ":"whatever"}"#).is_ok());
}

#[test]
fn typ_keeps_application_before_another_slash() {
    let verifier = keyless().with_key(hmac_key(None)).with_type("x/y").build().unwrap();
    for (typ, is_good) in [("x/y", true), ("X/Y", true), ("application/x/y", false)] {
        let token = sign(format!(r#"{{"alg":"HS256","typ":"{typ}"}}"#), payload(&[]));
        assert_eq!(verifier.verify_at(token.as_bytes(), NOW).is_ok(), is_good, "{typ}");
    }
}
