//! The issuer for tests: its tokens are accepted, and each wrong one is refused for what is wrong with it.

use serde_json::json;
use tenancy_core::names::TenantKey;
use tenancy_core::request::VerifiedClaims;
use tenancy_jwt::testing::TestIssuer;
use tenancy_jwt::{JwksFile, TokenVerifier, TrustedIssuer};

fn issuer() -> TestIssuer {
    TestIssuer::new("https://login.example", "notes")
}

#[test]
fn its_tokens_are_accepted() {
    let issuer = issuer();
    let verifier = issuer.verifier().build().unwrap();
    let token = issuer.token("alice").with_tenant("acme").sign();
    let claims = verifier.verify(token.as_bytes()).unwrap();
    assert_eq!(claims.subject().as_str(), "alice");
    assert_eq!(claims.issuer(), Some("https://login.example"));
    assert_eq!(claims.tenant(), Some(&TenantKey::Id("acme".parse().unwrap())));
    assert_eq!(
        verifier.verify(issuer.token("bob").sign().as_bytes()).unwrap().tenant(),
        None
    );
}

/// The same token without a fault is in order, so that the fault is what is refused.
#[test]
fn each_wrong_token_is_refused_for_its_fault() {
    let issuer = issuer();
    let verifier = issuer.verifier().without_token_cache().build().unwrap();
    let token = || issuer.token("alice").with_tenant("acme");
    for (wrong, fault) in [
        (token().expired(), "the token has expired"),
        (token().not_yet_valid(), "the token is not valid yet"),
        (
            token().for_audience("billing"),
            "the token's `aud` has no configured audience",
        ),
        (
            token().by_issuer("https://login.example.evil"),
            "the token's `iss` is no configured issuer",
        ),
        (
            token().signed_by(&TestIssuer::new("https://login.example", "notes")),
            "the signature is invalid",
        ),
        (token().with_kid("another"), "no configured key has the token's `kid`"),
        (
            token().unsigned(),
            "the token is not three non-empty base64url parts without padding",
        ),
        (token().without_claim("exp"), "the claim `exp` is missing"),
        (token().without_claim("sub"), "the claim `sub` is missing"),
        (
            token().with_claim("tenant_id", json!(["acme"])),
            "the claim `tenant_claim` is no string",
        ),
        (
            token().with_header("crit", json!(["exp"])),
            "the header has `crit`, and no extension is understood",
        ),
        (
            token().with_header("alg", "HS256"),
            "the header's `alg` is not `ES256`, the algorithm of its key",
        ),
    ] {
        let refused = verifier.verify(wrong.sign().as_bytes()).unwrap_err();
        assert_eq!(refused.to_string(), fault);
    }
    assert!(verifier.verify(token().sign().as_bytes()).is_ok());
}

#[test]
fn its_key_set_is_one_that_verifiers_read() {
    let (one, other) = (issuer(), TestIssuer::new("https://other.example", "notes"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwks.json");
    std::fs::write(&file, one.jwks()).unwrap();
    let keys = JwksFile::builder(&file).build().unwrap();
    let from_file = TrustedIssuer::new(one.name(), keys).with_audience(one.audience());
    let verifier = TokenVerifier::builder()
        .with_trusted_issuer(from_file)
        .with_trusted_issuer(other.trusted())
        .build()
        .unwrap();
    for issuer in [&one, &other] {
        let claims = verifier.verify(issuer.token("alice").sign().as_bytes()).unwrap();
        assert_eq!(claims.issuer(), Some(issuer.name()));
    }
    // Neither signs for the other.
    let forged = one.token("alice").by_issuer(other.name()).sign();
    assert!(verifier.verify(forged.as_bytes()).is_err());
}

#[cfg(feature = "jwks")]
#[tokio::test]
async fn its_key_set_can_be_fetched() {
    let issuer = issuer();
    let keys = tenancy_jwt::RemoteJwks::builder(issuer.clone()).build().unwrap();
    let trusted = TrustedIssuer::new(issuer.name(), keys).with_audience(issuer.audience());
    let verifier = TokenVerifier::builder().with_trusted_issuer(trusted).build().unwrap();
    let token = issuer.token("alice").sign();
    let claims = verifier.verify_refreshing(token.as_bytes()).await.unwrap();
    assert_eq!(claims.subject().as_str(), "alice");
}
