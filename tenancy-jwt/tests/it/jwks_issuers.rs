//! Several issuers, each with keys of its own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use KeyAlgorithm::*;
use tenancy_core::request::VerifiedClaims;
use tenancy_jwt::{
    BuildVerifierError, ClaimProblem, JsonProblem, KeyAlgorithm, TokenError, TokenVerifier, TrustedIssuer,
    VerificationKey,
};

use crate::jwks_support;
use crate::jwks_support::{p256, rsa, secret, sign};
use crate::token_support;
use crate::token_support::{NOW, SECRET, encode, hmac_key, keyless};

/// A key by which any issuer could be meant: all have the same `kid`.
fn key(jwk: serde_json::Value) -> VerificationKey {
    let accepted = if jwk.get("k").is_some() {
        &[Hs256][..]
    } else {
        &KeyAlgorithm::PUBLIC
    };
    VerificationKey::from_jwk(jwks_support::named(jwk, "1").to_string().as_bytes(), accepted).unwrap()
}

fn red() -> TrustedIssuer {
    TrustedIssuer::new("https://red.example", [key(rsa())]).with_audience("for-red")
}

fn green() -> TrustedIssuer {
    TrustedIssuer::new("https://green.example", [key(p256())])
        .with_audience("for-green")
        .with_tenants(["acme"])
}

fn verifier() -> TokenVerifier {
    let builder = TokenVerifier::builder();
    builder
        .with_trusted_issuer(red())
        .with_trusted_issuer(green())
        .build()
        .unwrap()
}

fn check(token: &str) -> Result<Option<String>, TokenError> {
    let claims = verifier().verify_at(token.as_bytes(), NOW)?;
    Ok(claims.tenant().map(|tenant| tenant.as_str().to_owned()))
}

const RED: &[&str] = &["iss=\"https://red.example\"", "aud=\"for-red\""];
const GREEN: &[&str] = &["iss=\"https://green.example\"", "aud=\"for-green\""];

#[test]
fn keys_verify_their_issuers_tokens_and_nobody_elses() {
    assert_eq!(check(&sign("RS256", Some("1"), RED)), Ok(None));
    assert_eq!(check(&sign("ES256", Some("1"), GREEN)), Ok(None));
    // Signed by the other issuer, in the name of this one.
    assert_eq!(
        check(&sign("ES256", Some("1"), RED)),
        Err(TokenError::WrongAlgorithm { expected: Rs256 })
    );
    assert_eq!(
        check(&sign("RS256", Some("1"), GREEN)),
        Err(TokenError::WrongAlgorithm { expected: Es256 })
    );
}

#[test]
fn keys_of_one_algorithm_are_told_apart_too() {
    let mine = VerificationKey::hmac(Some("1"), Hs256, &vec![7; 64].into()).unwrap();
    let other = VerificationKey::hmac(Some("1"), Hs256, &SECRET.to_vec().into()).unwrap();
    let verifier = TokenVerifier::builder()
        .with_trusted_issuer(TrustedIssuer::new("https://red.example", [mine]).with_audience("for-red"))
        .with_trusted_issuer(TrustedIssuer::new("https://green.example", [other]).with_audience("for-green"))
        .build()
        .unwrap();
    let verify = |changes| {
        verifier
            .verify_at(sign("HS256", Some("1"), changes).as_bytes(), NOW)
            .map(drop)
    };
    assert_eq!(verify(RED), Ok(()));
    assert_eq!(verify(GREEN), Err(TokenError::InvalidSignature));
}

#[test]
fn audiences_and_tenants_are_the_issuers_own() {
    let with = |base: &[&'static str], more: &'static str| [base, &[more]].concat();
    assert_eq!(
        check(&sign("RS256", Some("1"), &with(RED, "aud=\"for-green\""))),
        Err(TokenError::WrongAudience)
    );
    let named = |tenant| move |base| with(base, tenant);
    let (acme, globex) = (named("tenant_id=\"acme\""), named("tenant_id=\"globex\""));
    assert_eq!(
        check(&sign("ES256", Some("1"), &acme(GREEN))),
        Ok(Some("acme".to_owned()))
    );
    assert_eq!(
        check(&sign("ES256", Some("1"), &globex(GREEN))),
        Err(TokenError::TenantOfAnotherIssuer)
    );
    assert_eq!(
        check(&sign("RS256", Some("1"), &globex(RED))),
        Ok(Some("globex".to_owned()))
    );
}

#[test]
fn an_issuer_that_cannot_be_told_is_none() {
    let claim = |problem| TokenError::Claim { claim: "iss", problem };
    for (change, expected) in [
        ("iss=\"https://blue.example\"", TokenError::UnknownIssuer),
        ("iss=\"https://red.example/\"", TokenError::UnknownIssuer),
        ("iss=\"https://RED.example\"", TokenError::UnknownIssuer),
        ("iss=", claim(ClaimProblem::Missing)),
        ("iss=null", claim(ClaimProblem::NotText)),
        ("iss=[\"https://red.example\"]", claim(ClaimProblem::NotText)),
        (
            "iss=\"https://red.example\",\"iss\":\"https://green.example\"",
            TokenError::MalformedPayload(JsonProblem::RepeatedName),
        ),
    ] {
        assert_eq!(check(&sign("RS256", Some("1"), &[change])), Err(expected), "{change}");
    }
}

/// What is said of a payload before its signature holds is who it claims to be by, and no more.
#[test]
fn nothing_else_is_looked_at_before_the_signature() {
    for changes in [&["exp=1"][..], &["exp="], &["aud=7"], &["sub="], &["tenant_id=[]"]] {
        let token = sign("RS256", Some("1"), &[RED, changes].concat());
        let (signed, _) = token.rsplit_once('.').unwrap();
        let forged = format!("{signed}.{}", encode([1; 256]));
        assert_eq!(check(&forged), Err(TokenError::InvalidSignature), "{changes:?}");
        assert!(
            matches!(check(&token), Err(error) if error != TokenError::InvalidSignature),
            "{changes:?}"
        );
    }
    // Nor is a payload looked at behind a header that is refused, or in what is no token.
    assert_eq!(
        check(&format!("{}.e30.e30", encode("{}x"))),
        Err(TokenError::MalformedHeader(JsonProblem::Syntax))
    );
    assert_eq!(check("!.!.!"), Err(TokenError::NotCompact));
}

#[test]
fn shared_keys_and_issuers_with_keys_of_their_own_go_together() {
    let shared = || keyless().with_key(hmac_key(Some("1")));
    let verifier = shared().with_trusted_issuer(red()).build().unwrap();
    let verify = |token: String| verifier.verify_at(token.as_bytes(), NOW).map(drop);
    let ours = |changes: &[&str]| token_support::sign(r#"{"alg":"HS256","kid":"1"}"#, token_support::payload(changes));
    assert_eq!(verify(ours(&[])), Ok(()));
    assert_eq!(verify(sign("RS256", Some("1"), RED)), Ok(()));
    assert_eq!(verify(ours(RED)), Err(TokenError::WrongAlgorithm { expected: Rs256 }));
    assert_eq!(
        verify(sign("RS256", Some("1"), &[])),
        Err(TokenError::WrongAlgorithm { expected: Hs256 })
    );
    // A secret and public keys are no danger to each other where they are different issuers'.
    assert!(shared().with_trusted_issuer(green()).build().is_ok());
}

#[test]
fn an_issuer_is_told_once_and_completely() {
    let bare = |issuer: &str| TrustedIssuer::new(issuer, [key(secret(64))]);
    let one = |issuer| TokenVerifier::builder().with_trusted_issuer(issuer);
    let repeated = |issuer: &str| BuildVerifierError::RepeatedIssuer {
        issuer: issuer.to_owned(),
    };
    for (builder, expected) in [
        (one(bare("i")), BuildVerifierError::NoAudience),
        (
            one(bare("i").with_audience("a").dangerously_accept_any_audience()),
            BuildVerifierError::AnyAudience,
        ),
        (one(bare("").with_audience("a")), BuildVerifierError::EmptyName),
        (one(bare("i").with_audience("")), BuildVerifierError::EmptyName),
        (
            one(red()).dangerously_accept_any_issuer(),
            BuildVerifierError::AnyIssuer,
        ),
        (one(red()).with_trusted_issuer(red()), repeated("https://red.example")),
        (
            one(red())
                .with_key(hmac_key(None))
                .with_issuer("https://red.example")
                .with_audience("a"),
            repeated("https://red.example"),
        ),
        (
            keyless()
                .with_key(hmac_key(None).with_issuer(token_support::ISSUER))
                .with_issuer(token_support::ISSUER),
            repeated(token_support::ISSUER),
        ),
        // The builder gets all of a setting, or none of it.
        (one(red()).with_key(hmac_key(None)), BuildVerifierError::NoIssuer),
        (one(red()).with_issuer("i"), BuildVerifierError::NoAudience),
        (one(red()).with_audience("a"), BuildVerifierError::NoIssuer),
        (
            one(red()).with_issuer("i").with_audience("a"),
            BuildVerifierError::NoKey,
        ),
        (
            one(TrustedIssuer::new("i", []).with_audience("a")),
            BuildVerifierError::NoKey,
        ),
        (
            one(TrustedIssuer::new("i", [key(rsa()).with_issuer("j")]).with_audience("a")),
            BuildVerifierError::KeyOfUnknownIssuer { kid: "1".into() },
        ),
    ] {
        assert_eq!(builder.build().unwrap_err(), expected);
    }
    let bound = one(bare("i").with_audience("a").with_tenants(["Acme"])).build();
    assert!(matches!(bound, Err(BuildVerifierError::IssuersTenant { tenant, .. }) if tenant == "Acme"));
    assert!(one(bare("i").dangerously_accept_any_audience()).build().is_ok());
}
