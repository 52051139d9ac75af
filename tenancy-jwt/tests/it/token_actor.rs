//! Who acts in the subject's place: the claim `act` of RFC 8693.

use tenancy_core::request::VerifiedClaims;
use tenancy_jwt::{ClaimProblem, TokenError};

use crate::token_support::{HEADER, NOW, hmac_key, keyless, payload, sign, verify_payload};

#[test]
fn an_actor_is_named_and_reads() {
    for (json, expected) in [
        (r#"{"sub":"support:carol"}"#, ("support:carol", None)),
        (
            r#"{"sub":"carol","iss":"https://staff.example"}"#,
            ("carol", Some("https://staff.example")),
        ),
        // The current actor is the outermost; those before are for information.
        (r#"{"sub":"carol","act":{"sub":"dave"}}"#, ("carol", None)),
        (r#"{"sub":"Łucja","act":17,"more":null}"#, ("Łucja", None)),
    ] {
        let claims = verify_payload(&[&format!("act={json}")]).unwrap();
        let actor = claims.actor().unwrap();
        let issuer = actor.issuer().map(|issuer| issuer.as_str());
        assert_eq!((actor.subject().as_str(), issuer), expected, "{json}");
        assert_eq!((actor.grant(), actor.may_write()), (None, false), "{json}");
    }
    assert!(verify_payload(&[]).unwrap().actor().is_none());
    // A grant is a directory's word, and no token's.
    let forged = verify_payload(&[r#"act={"sub":"carol","grant":"acme","may_write":true}"#]).unwrap();
    assert_eq!(
        forged.actor().map(|actor| (actor.grant(), actor.may_write())),
        Some((None, false))
    );
}

#[test]
fn what_is_no_actor_is_an_invalid_token() {
    for (json, expected) in [
        ("\"carol\"", ClaimProblem::NotNames),
        ("[]", ClaimProblem::NotNames),
        ("true", ClaimProblem::NotNames),
        ("{}", ClaimProblem::Missing),
        (r#"{"iss":"https://staff.example"}"#, ClaimProblem::Missing),
        (r#"{"sub":7}"#, ClaimProblem::NotText),
        (r#"{"sub":null}"#, ClaimProblem::NotText),
        (r#"{"sub":"carol","iss":7}"#, ClaimProblem::NotText),
    ] {
        let error = verify_payload(&[&format!("act={json}")]).err();
        let problem = expected;
        assert_eq!(error, Some(TokenError::Claim { claim: "act", problem }), "{json}");
    }
    let long = format!(r#"{{"sub":"{}"}}"#, "c".repeat(256));
    let long_issuer = long.replacen("sub", "iss", 1).replacen('{', r#"{"sub":"carol","#, 1);
    for json in [
        r#"{"sub":""}"#,
        r#"{"sub":"a\u0000b"}"#,
        r#"{"sub":"a\nb"}"#,
        &long,
        r#"{"sub":"carol","iss":""}"#,
        r#"{"sub":"carol","iss":"a\u0000b"}"#,
        &long_issuer,
    ] {
        let error = verify_payload(&[&format!("act={json}")]).unwrap_err();
        let is_name = matches!(
            error,
            TokenError::Claim {
                claim: "act",
                problem: ClaimProblem::Name(_)
            }
        );
        assert!(is_name, "{json}: {error:?}");
    }
    assert!(
        verify_payload(&[r#"act={"sub":"a","sub":"b"}"#]).is_err(),
        "a name twice"
    );
}

#[test]
fn actors_write_where_that_is_said_loudly() {
    let verifier = keyless()
        .with_key(hmac_key(Some("main")))
        .dangerously_let_actors_write()
        .build()
        .unwrap();
    let token = sign(HEADER, payload(&[r#"act={"sub":"carol"}"#]));
    let claims = verifier.verify_at(token.as_bytes(), NOW).unwrap();
    assert!(claims.actor().unwrap().may_write());
}
