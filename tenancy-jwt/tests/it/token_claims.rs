//! What a payload must say: who, when, from whom, for whom.

use std::time::Duration;

use tenancy_core::request::VerifiedClaims;
use tenancy_jwt::{ClaimProblem, JsonProblem, KeyAlgorithm, TokenError, TokenVerifier, VerificationKey};

use crate::token_support;
use crate::token_support::{AUDIENCE, HEADER, ISSUER, NOW, hmac_key, keyless, payload, sign, verify, verify_payload};

fn refused(claim: &'static str, problem: ClaimProblem) -> TokenError {
    TokenError::Claim { claim, problem }
}

#[test]
fn exp_is_required_and_passes() {
    assert_eq!(verify_payload(&["exp="]), Err(refused("exp", ClaimProblem::Missing)));
    // The default leeway is 30 seconds.
    for (exp, expected) in [
        ("1700000600", None),
        ("1699999971", None),
        ("1699999970.001", None),
        ("1.700000600e9", None),
        ("253402300799", None),
        ("1699999970", Some(TokenError::Expired)),
        ("1699999969.9", Some(TokenError::Expired)),
        ("0", Some(TokenError::Expired)),
        ("-0", Some(TokenError::Expired)),
        ("1", Some(TokenError::Expired)),
    ] {
        assert_eq!(verify_payload(&[&format!("exp={exp}")]).err(), expected, "{exp}");
    }
}

/// A connection that outlasts the token's time ends at the first second at which the token would be refused.
#[test]
fn claims_say_when_the_token_is_refused() {
    for (exp, expires_at) in [
        ("1700000600", 1_700_000_630),
        ("1699999970.001", 1_700_000_001),
        ("1700000599.5", 1_700_000_630),
        ("253402300799", 253_402_300_829),
    ] {
        let claims = verify_payload(&[&format!("exp={exp}")]).unwrap();
        assert_eq!(claims.expires_at(), Some(expires_at), "{exp}");
        let token = sign(HEADER, payload(&[&format!("exp={exp}")]));
        let verifier = token_support::verifier();
        assert!(verifier.verify_at(token.as_bytes(), expires_at - 1).is_ok(), "{exp}");
        assert_eq!(
            verifier.verify_at(token.as_bytes(), expires_at),
            Err(TokenError::Expired),
            "{exp}"
        );
    }
}

#[test]
fn times_are_numbers_in_reach() {
    for claim in ["exp", "nbf", "iat"] {
        for json in ["null", "\"1700000600\"", "true", "[1700000600]", "{}"] {
            let error = verify_payload(&[&format!("{claim}={json}")]).unwrap_err();
            assert_eq!(error, refused(claim, ClaimProblem::NotNumber), "{claim} {json}");
        }
        for json in [
            "-1",
            "-1e300",
            "1e300",
            "253402300800",
            "18446744073709551615",
            "99999999999999999999",
            "-9223372036854775808",
        ] {
            let error = verify_payload(&[&format!("{claim}={json}")]).unwrap_err();
            assert_eq!(error, refused(claim, ClaimProblem::NotTime), "{claim} {json}");
        }
        for json in ["NaN", "Infinity", "1e400", "0x10", "01", "1."] {
            let error = verify_payload(&[&format!("{claim}={json}")]).unwrap_err();
            assert_eq!(
                error,
                TokenError::MalformedPayload(JsonProblem::Syntax),
                "{claim} {json}"
            );
        }
    }
}

#[test]
fn numbers_may_be_kept_as_text_by_another_crate() {
    let number = |text: &str| format!(r#"exp={{"$serde_json::private::Number":"{text}"}}"#);
    assert!(verify_payload(&[&number("1700000600")]).is_ok());
    for bad in ["nan", "inf", "1e400", "-1"] {
        let error = verify_payload(&[&number(bad)]).unwrap_err();
        assert_eq!(error, refused("exp", ClaimProblem::NotTime), "{bad}");
    }
}

#[test]
fn nbf_and_iat_are_honoured() {
    for (claim, error) in [("nbf", TokenError::NotYetValid), ("iat", TokenError::IssuedInFuture)] {
        for (seconds, expected) in [
            ("0", None),
            ("1700000030", None),
            ("1700000030.5", Some(error)),
            ("1700000031", Some(error)),
        ] {
            assert_eq!(
                verify_payload(&[&format!("{claim}={seconds}")]).err(),
                expected,
                "{claim} {seconds}"
            );
        }
    }
}

#[test]
fn leeway_is_as_configured() {
    for leeway in [0, 60] {
        let verifier = keyless()
            .with_key(hmac_key(None))
            .with_leeway(Duration::from_secs(leeway))
            .build()
            .unwrap();
        let token = sign(r#"{"alg":"HS256"}"#, payload(&[&format!("exp={NOW}")]));
        assert!(
            verifier
                .verify_at(token.as_bytes(), NOW + leeway - u64::from(leeway > 0))
                .is_ok()
                == (leeway > 0)
        );
        assert_eq!(
            verifier.verify_at(token.as_bytes(), NOW + leeway),
            Err(TokenError::Expired)
        );
    }
    // No time of the clock makes it panic.
    let token = sign(HEADER, payload(&[]));
    assert_eq!(
        token_support::verifier().verify_at(token.as_bytes(), u64::MAX),
        Err(TokenError::Expired)
    );
    assert!(token_support::verifier().verify_at(token.as_bytes(), 0).is_ok());
}

#[test]
fn the_systems_clock_is_the_default() {
    let token = sign(HEADER, payload(&[]));
    assert_eq!(
        token_support::verifier().verify(token.as_bytes()),
        Err(TokenError::Expired)
    );
    let token = sign(HEADER, payload(&["exp=4000000000"]));
    assert!(token_support::verifier().verify(token.as_bytes()).is_ok());
}

#[test]
fn iss_is_the_configured_string() {
    assert_eq!(verify_payload(&["iss="]), Err(refused("iss", ClaimProblem::Missing)));
    for json in ["null", "1", "{}", &format!("[\"{ISSUER}\"]")] {
        let error = verify_payload(&[&format!("iss={json}")]).unwrap_err();
        assert_eq!(error, refused("iss", ClaimProblem::NotText), "{json}");
    }
    for iss in [
        "",
        "https://issuer.example/",
        "HTTPS://ISSUER.EXAMPLE",
        "https://issuer.example.evil",
    ] {
        let error = verify_payload(&[&format!("iss=\"{iss}\"")]).unwrap_err();
        assert_eq!(error, TokenError::UnknownIssuer, "{iss}");
    }
}

#[test]
fn aud_has_ours() {
    assert_eq!(verify_payload(&["aud="]), Err(refused("aud", ClaimProblem::Missing)));
    for good in [
        r#""notes""#,
        r#"["notes"]"#,
        r#"["other","notes"]"#,
        r#"["notes","other"]"#,
    ] {
        assert!(verify_payload(&[&format!("aud={good}")]).is_ok(), "{good}");
    }
    for bad in [
        "null",
        "1",
        "{}",
        r#"["notes",1]"#,
        r#"["notes",null]"#,
        r#"[["notes"]]"#,
    ] {
        let error = verify_payload(&[&format!("aud={bad}")]).unwrap_err();
        assert_eq!(error, refused("aud", ClaimProblem::NotTexts), "{bad}");
    }
    for bad in [
        r#""""#,
        r#""Notes""#,
        r#""notes ""#,
        r#""notesx""#,
        "[]",
        r#"["other"]"#,
    ] {
        let error = verify_payload(&[&format!("aud={bad}")]).unwrap_err();
        assert_eq!(error, TokenError::WrongAudience, "{bad}");
    }
}

#[test]
fn opting_out_is_loud_and_of_one_thing() {
    let any_issuer = TokenVerifier::builder()
        .dangerously_accept_any_issuer()
        .with_audience(AUDIENCE);
    let any_issuer = any_issuer.with_key(hmac_key(None)).build().unwrap();
    let any_audience = TokenVerifier::builder()
        .with_issuer(ISSUER)
        .dangerously_accept_any_audience();
    let any_audience = any_audience.with_key(hmac_key(None)).build().unwrap();
    let sign = |changes: &[&str]| sign(r#"{"alg":"HS256"}"#, payload(changes)).into_bytes();
    assert!(any_issuer.verify_at(&sign(&["iss="]), NOW).is_ok());
    assert!(any_issuer.verify_at(&sign(&["aud="]), NOW).is_err());
    assert!(any_audience.verify_at(&sign(&["aud="]), NOW).is_ok());
    assert!(any_audience.verify_at(&sign(&["iss="]), NOW).is_err());
}

#[test]
fn sub_is_required() {
    assert_eq!(verify_payload(&["sub="]), Err(refused("sub", ClaimProblem::Missing)));
    for json in ["null", "1", r#"["alice"]"#] {
        let error = verify_payload(&[&format!("sub={json}")]).unwrap_err();
        assert_eq!(error, refused("sub", ClaimProblem::NotText), "{json}");
    }
    let long = "x".repeat(256);
    for sub in ["", r"a\u0000", r"a\n", r"a\u007f", &long] {
        let error = verify_payload(&[&format!("sub=\"{sub}\"")]).unwrap_err();
        assert!(
            matches!(
                error,
                TokenError::Claim {
                    claim: "sub",
                    problem: ClaimProblem::Name(_)
                }
            ),
            "{sub}"
        );
    }
    let longest = "x".repeat(255);
    let claims = verify_payload(&[&format!("sub=\"{longest}\"")]).unwrap();
    assert_eq!(claims.subject().as_str(), longest);
}

#[test]
fn each_name_stands_once() {
    let whole = payload(&[]);
    let members = whole.trim_matches(['{', '}']);
    for payload in [
        format!(r#"{{{members},"sub":"mallory"}}"#),
        format!(r#"{{{members},"\u0073ub":"alice"}}"#),
        format!(r#"{{"tenant_id":"acme",{members},"tenant_id":"globex"}}"#),
        format!(r#"{{{members},"org":{{"tenant":"acme","tenant":"globex"}}}}"#),
        format!(r#"{{{members},"x":[{{"a":1,"a":1}}]}}"#),
    ] {
        let error = verify(sign(HEADER, &payload)).unwrap_err();
        assert_eq!(
            error,
            TokenError::MalformedPayload(JsonProblem::RepeatedName),
            "{payload}"
        );
    }
}

#[test]
fn a_payload_is_a_flat_enough_object() {
    for (payload, problem) in [
        ("", JsonProblem::Syntax),
        ("[]", JsonProblem::NotObject),
        ("{}x", JsonProblem::Syntax),
    ] {
        let token = sign(HEADER, if payload.is_empty() { " " } else { payload });
        assert_eq!(verify(token), Err(TokenError::MalformedPayload(problem)), "{payload}");
    }
    let nested = |depth: usize| verify_payload(&[&format!("x={}1{}", "[".repeat(depth), "]".repeat(depth))]);
    assert!(nested(15).is_ok());
    assert_eq!(nested(16), Err(TokenError::MalformedPayload(JsonProblem::TooDeep)));
}

#[test]
fn a_key_signs_for_its_issuer_only() {
    let key = |kid: &str, byte: u8, issuer: &str| {
        let key = VerificationKey::hmac(Some(kid), KeyAlgorithm::Hs256, &vec![byte; 32].into()).unwrap();
        key.with_issuer(issuer)
    };
    let verifier = keyless().with_issuer("https://other.example");
    let verifier = verifier
        .with_key(hmac_key(Some("main")).with_issuer(ISSUER))
        .with_key(key("other", 1, "https://other.example"));
    let verifier = verifier.build().unwrap();
    let ours = sign(HEADER, payload(&[]));
    assert!(verifier.verify_at(ours.as_bytes(), NOW).is_ok());
    let theirs = sign(HEADER, payload(&["iss=\"https://other.example\""]));
    assert_eq!(
        verifier.verify_at(theirs.as_bytes(), NOW),
        Err(TokenError::KeyOfAnotherIssuer)
    );
}

#[test]
fn no_error_repeats_the_token() {
    for changes in [
        ["sub=\"\\n5ecret\""],
        ["iss=\"5ecret\""],
        ["aud=\"5ecret\""],
        ["tenant_id=\"5ecret!\""],
        ["exp=\"5ecret\""],
    ] {
        let error = verify_payload(&changes).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("5ecret"), "{error}");
    }
}
