//! Which tenants a token names.

#![expect(clippy::panic, reason = "it tells which error was not expected")]

use tenancy_core::directory::TenantRecord;
use tenancy_core::names::{KeyForm, TenantKey};
use tenancy_core::request::{ClaimPath, Claims, VerifiedClaims};
use tenancy_jwt::{ClaimProblem, TokenError, TokenVerifier};

use crate::token_support::{AUDIENCE, ISSUER, NOW, hmac_key, keyless, payload, sign, verify_payload};

const HEADER: &str = r#"{"alg":"HS256"}"#;

fn verify(verifier: &TokenVerifier, changes: &[&str]) -> Result<Claims, TokenError> {
    verifier.verify_at(sign(HEADER, payload(changes)).as_bytes(), NOW)
}

fn problem(result: Result<Claims, TokenError>) -> Option<ClaimProblem> {
    match result {
        Err(TokenError::Claim { problem, .. }) => Some(problem),
        Err(error) => panic!("{error}"),
        Ok(_) => None,
    }
}

#[test]
fn an_absent_claim_names_no_tenant() {
    assert_eq!(verify_payload(&[]).unwrap().tenant(), None);
}

#[test]
fn a_present_claim_is_a_name_in_its_form() {
    let claims = verify_payload(&["tenant_id=\"acme\""]).unwrap();
    assert!(matches!(claims.tenant(), Some(TenantKey::Id(id)) if id == "acme"));
    for json in ["null", "1", "true", "[]", "{}", r#"["acme"]"#, r#"{"id":"acme"}"#] {
        let refused = problem(verify_payload(&[&format!("tenant_id={json}")]));
        assert_eq!(refused, Some(ClaimProblem::NotText), "{json}");
    }
    for text in [
        "",
        " ",
        " acme",
        "acme ",
        r"acme\u0000",
        "ACME",
        "a/b",
        r"acme\n",
        &"x".repeat(64),
    ] {
        let refused = problem(verify_payload(&[&format!("tenant_id=\"{text}\"")]));
        assert!(matches!(refused, Some(ClaimProblem::Name(_))), "{text:?}");
    }
}

#[test]
fn the_form_is_as_configured() {
    let claim = ClaimPath::literal("https://example.com/tenant").unwrap();
    for (form, text, is_good) in [
        (KeyForm::Slug, "acme", true),
        (KeyForm::External, "org_9ybsU1dN", true),
        (KeyForm::Id, "org_9ybsU1dN", false),
    ] {
        let verifier = keyless()
            .with_key(hmac_key(None))
            .with_tenant_claim(claim.clone(), form)
            .build()
            .unwrap();
        let change = format!("https://example.com/tenant=\"{text}\"");
        let result = verify(&verifier, &[&change]);
        assert_eq!(result.is_ok(), is_good, "{form:?}");
        if let Ok(claims) = result {
            assert_eq!(claims.tenant(), Some(&form.parse(text.as_bytes()).unwrap()));
        }
        // The default claim is not read, then.
        assert!(verify(&verifier, &["tenant_id=1"]).is_ok());
    }
}

#[test]
fn a_literal_name_does_not_nest() {
    let claim = ClaimPath::literal("org.tenant").unwrap();
    let verifier = keyless()
        .with_key(hmac_key(None))
        .with_tenant_claim(claim, KeyForm::Id)
        .build()
        .unwrap();
    assert_eq!(verify(&verifier, &[r#"org={"tenant":"acme"}"#]).unwrap().tenant(), None);
    assert!(verify(&verifier, &[r#"org.tenant="acme""#]).unwrap().tenant().is_some());
}

#[test]
fn a_nested_claim_stands_under_objects() {
    let claim = ClaimPath::nested(["org", "main", "tenant"]).unwrap();
    let verifier = keyless()
        .with_key(hmac_key(None))
        .with_tenant_claim(claim, KeyForm::Id)
        .build()
        .unwrap();
    let claims = verify(&verifier, &[r#"org={"main":{"tenant":"acme"}}"#]).unwrap();
    assert_eq!(claims.tenant().unwrap().as_str(), "acme");
    for absent in ["org={}", r#"org={"main":{}}"#, r#"tenant="acme""#] {
        assert_eq!(verify(&verifier, &[absent]).unwrap().tenant(), None, "{absent}");
    }
    for malformed in [
        "org=null",
        "org=1",
        "org=[]",
        "org=\"acme\"",
        r#"org={"main":null}"#,
        r#"org={"main":["tenant"]}"#,
    ] {
        assert_eq!(
            problem(verify(&verifier, &[malformed])),
            Some(ClaimProblem::NotObject),
            "{malformed}"
        );
    }
    let null = problem(verify(&verifier, &[r#"org={"main":{"tenant":null}}"#]));
    assert_eq!(null, Some(ClaimProblem::NotText));
}

#[test]
fn the_list_claim_is_an_array_of_names() {
    let list = ClaimPath::nested(["access", "tenants"]).unwrap();
    let verifier = keyless()
        .with_key(hmac_key(None))
        .with_tenants_claim(list)
        .build()
        .unwrap();
    let of = |json: &str| verify(&verifier, &[&format!(r#"access={{"tenants":{json}}}"#)]);
    let key = |text: &str| KeyForm::Id.parse(text.as_bytes()).unwrap();

    let claims = of(r#"["acme","globex"]"#).unwrap();
    let alice = Claims::new(claims.subject().clone()).with_issuer(ISSUER);
    assert_eq!(claims, alice.clone().with_tenants([key("acme"), key("globex")]));
    for none in [of("[]"), verify(&verifier, &[]), verify(&verifier, &["access={}"])] {
        assert_eq!(none.unwrap(), alice);
    }
    for bad in [
        "null",
        "\"acme\"",
        "{}",
        "1",
        r#"["acme",1]"#,
        r#"["acme",null]"#,
        r#"[["acme"]]"#,
    ] {
        assert_eq!(problem(of(bad)), Some(ClaimProblem::NotList), "{bad}");
    }
    for bad in [r#"["acme","Globex"]"#, r#"[""]"#] {
        assert!(matches!(problem(of(bad)), Some(ClaimProblem::Name(_))), "{bad}");
    }
    assert_eq!(
        problem(verify(&verifier, &["access=null"])),
        Some(ClaimProblem::NotObject)
    );
}

#[test]
fn an_issuer_speaks_for_its_tenants_only() {
    let verifier = TokenVerifier::builder()
        .with_issuer_of(ISSUER, ["acme", "globex"])
        .with_audience(AUDIENCE);
    let verifier = verifier.with_tenants_claim(ClaimPath::literal("tenants").unwrap());
    let verifier = verifier.with_key(hmac_key(None)).build().unwrap();
    assert!(verify(&verifier, &[]).is_ok());
    assert!(verify(&verifier, &["tenant_id=\"acme\"", r#"tenants=["acme","globex"]"#]).is_ok());
    for changes in [["tenant_id=\"initech\""], [r#"tenants=["acme","initech"]"#]] {
        assert_eq!(
            verify(&verifier, &changes),
            Err(TokenError::TenantOfAnotherIssuer),
            "{changes:?}"
        );
    }
    // Also where the token names none, and someone else decides on membership.
    let silent = verify(&verifier, &[]).unwrap();
    let tenant = |id: &str| TenantRecord::new(id.parse().unwrap(), "row".parse().unwrap());
    assert!(silent.may_speak_for(&tenant("acme")));
    assert!(!silent.may_speak_for(&tenant("initech")));
}
