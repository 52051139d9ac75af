//! Whose subject it is, in which roles, and whether it is staff.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use tenancy_core::request::{ClaimPath, Claims, VerifiedClaims};
use tenancy_jwt::{ClaimProblem, TokenError, TokenVerifier};

use crate::token_support;
use crate::token_support::{HEADER, ISSUER, NOW, hmac_key, keyless, payload, sign, verify_payload};

fn verify(changes: &[&str]) -> Result<Claims, TokenError> {
    let roles = ClaimPath::nested(["realm_access", "roles"]).unwrap();
    let verifier = keyless()
        .with_key(hmac_key(Some("main")))
        .with_roles_claim(roles)
        .with_staff_claim(ClaimPath::literal("https://platform/staff").unwrap())
        .build()
        .unwrap();
    verifier.verify_at(sign(HEADER, payload(changes)).as_bytes(), NOW)
}

fn refused(claim: &'static str, problem: ClaimProblem) -> Option<TokenError> {
    Some(TokenError::Claim { claim, problem })
}

#[test]
fn roles_are_strings() {
    for (json, expected) in [
        (r#"{"roles":["editor","view users"]}"#, &["editor", "view users"][..]),
        (r#"{"roles":"editor"}"#, &["editor"]),
        (r#"{"roles":[]}"#, &[]),
        (r#"{"other":["editor"]}"#, &[]),
        ("", &[]),
    ] {
        let claims = verify(&[&format!("realm_access={json}")]).unwrap();
        let roles: Vec<_> = claims.roles().iter().map(ToString::to_string).collect();
        assert_eq!(roles, expected, "{json}");
    }
    let long = format!(r#"{{"roles":["{}"]}}"#, "r".repeat(129));
    for json in [
        r#"{"roles":[""]}"#,
        r#"{"roles":["a\u0000"]}"#,
        r#"{"roles":"a\n"}"#,
        &long,
    ] {
        let error = verify(&[&format!("realm_access={json}")]).unwrap_err();
        assert!(
            matches!(
                &error,
                TokenError::Claim {
                    claim: "roles_claim",
                    problem: ClaimProblem::Name(_)
                }
            ),
            "{json}: {error:?}"
        );
    }
    for json in [
        r#"{"roles":null}"#,
        r#"{"roles":1}"#,
        r#"{"roles":{"a":true}}"#,
        r#"{"roles":["a",null]}"#,
    ] {
        let error = verify(&[&format!("realm_access={json}")]).err();
        assert_eq!(error, refused("roles_claim", ClaimProblem::NotTexts), "{json}");
    }
    let error = verify(&[r#"realm_access=["editor"]"#]).err();
    assert_eq!(error, refused("roles_claim", ClaimProblem::NotObject));
}

#[test]
fn staff_is_said_by_true() {
    for (json, expected) in [("true", true), ("false", false), ("", false)] {
        let claims = verify(&[&format!("https://platform/staff={json}")]).unwrap();
        assert_eq!(claims.is_platform_staff(), expected, "{json}");
    }
    for json in ["null", "1", r#""true""#, "[true]", "{}"] {
        let error = verify(&[&format!("https://platform/staff={json}")]).err();
        assert_eq!(error, refused("staff_claim", ClaimProblem::NotBool), "{json}");
    }
}

/// Neither is read unless it is configured.
#[test]
fn neither_is_read_by_default() {
    let claims = verify_payload(&["roles=[\"editor\"]", "staff=true", "https://platform/staff=true"]).unwrap();
    assert_eq!(claims.roles().iter().count(), 0);
    assert!(!claims.is_platform_staff());
    assert!(verify_payload(&["roles=null", "https://platform/staff=null"]).is_ok());
}

/// Also where any issuer is accepted: the subject is somebody together with it.
#[test]
fn the_issuer_is_told() {
    assert_eq!(verify(&[]).unwrap().issuer(), Some(ISSUER));
    let any = TokenVerifier::builder()
        .with_key(hmac_key(Some("main")))
        .dangerously_accept_any_issuer()
        .with_audience(token_support::AUDIENCE)
        .build()
        .unwrap();
    for (iss, expected) in [("\"https://other\"", Some("https://other")), ("", None), ("1", None)] {
        let token = sign(HEADER, payload(&[&format!("iss={iss}")]));
        assert_eq!(
            any.verify_at(token.as_bytes(), NOW).unwrap().issuer(),
            expected,
            "{iss}"
        );
    }
}
