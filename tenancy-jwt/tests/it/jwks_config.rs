//! The tables `[[jwt.issuers]]`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use serde::Deserialize;
use serde_json::json;
use tempfile::TempDir;
use tenancy_core::request::VerifiedClaims;
use tenancy_jwt::{JwtConfig, TokenError};

use crate::jwks_support::{jwks, named, rsa, secret, sign, with};
use crate::token_support::{NOW, key_file};

#[derive(Deserialize)]
struct File {
    jwt: JwtConfig,
}

fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    write("red.json", jwks(&[named(rsa(), "1")]).as_bytes());
    write("secrets.json", jwks(&[named(secret(64), "1")]).as_bytes());
    write("private.json", jwks(&[with(rsa(), json!({ "d": "AQAB" }))]).as_bytes());
    let mixed = jwks(&[named(rsa(), "1"), named(secret(64), "2")]);
    write("mixed.json", mixed.as_bytes());
    let certified = rcgen::generate_simple_self_signed(["red.example".to_owned()]).unwrap();
    write("ca.pem", certified.cert.pem().as_bytes());
    write("p256.pem", &key_file("p256.public.pem"));
    folder
}

fn parse(text: &str) -> JwtConfig {
    toml::from_str::<File>(text).unwrap().jwt
}

/// `top` stands in `[jwt]`, `issuers` in one table `[[jwt.issuers]]` each.
fn error_of(top: &str, issuers: &[&str]) -> String {
    let issuers: String = issuers
        .iter()
        .map(|table| format!("[[jwt.issuers]]\n{table}\n"))
        .collect();
    let config = parse(&format!("[jwt]\n{top}\n{issuers}"));
    match config.verifier_builder(folder().path()) {
        Ok(builder) => builder.build().unwrap_err().to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn each_issuer_has_its_own_keys_audience_and_tenants() {
    let config = parse(
        r#"
        [jwt]
        leeway_seconds = 10
        [[jwt.issuers]]
        issuer = "red"
        audience = "for-red"
        jwks_file = "red.json"
        [[jwt.issuers]]
        issuer = "green"
        audience = "for-green"
        tenants = ["acme"]
        [[jwt.issuers.keys]]
        kid = "1"
        algorithm = "ES256"
        public_key_file = "p256.pem"
        [[jwt.issuers]]
        issuer = "blue"
        dangerously_accept_any_audience = true
        jwks_file = "secrets.json"
        algorithms = ["HS384"]
        refresh_seconds = 60
        "#,
    );
    let folder = folder();
    let verifier = config.verifier_builder(folder.path()).unwrap().build().unwrap();
    let verify = |alg, changes: &[&str]| {
        let claims = verifier.verify_at(sign(alg, Some("1"), changes).as_bytes(), NOW)?;
        Ok(claims.tenant().map(|tenant| tenant.as_str().to_owned()))
    };
    assert_eq!(verify("RS256", &["iss=\"red\"", "aud=\"for-red\""]), Ok(None));
    assert_eq!(verify("HS384", &["iss=\"blue\"", "aud="]), Ok(None));
    let green = ["iss=\"green\"", "aud=\"for-green\""];
    let naming = |tenant| [&green[..], &[tenant]].concat();
    assert_eq!(
        verify("ES256", &naming("tenant_id=\"acme\"")),
        Ok(Some("acme".to_owned()))
    );
    assert_eq!(
        verify("ES256", &naming("tenant_id=\"globex\"")),
        Err(TokenError::TenantOfAnotherIssuer)
    );
    assert_eq!(
        verify("RS256", &["iss=\"red\"", "aud=\"for-green\""]),
        Err(TokenError::WrongAudience)
    );
    assert!(matches!(
        verify("RS256", &green),
        Err(TokenError::WrongAlgorithm { .. })
    ));
}

#[test]
fn errors_name_the_setting_and_the_choices() {
    let ready = "issuer = \"red\"\naudience = \"a\"\n";
    let file = &format!("{ready}jwks_file = \"red.json\"");
    let and = |more: &str| format!("{file}\n{more}");
    for (top, issuer, expected) in [
        (
            "issuer = \"i\"",
            file.clone(),
            &["`jwt.issuer`", "`jwt.issuers`", "contradict"][..],
        ),
        (
            "issuer_tenants = []",
            file.clone(),
            &["`jwt.issuer_tenants`", "`jwt.issuers`"],
        ),
        ("audience = \"a\"", file.clone(), &["`jwt.audience`", "`jwt.issuers`"]),
        (
            "dangerously_accept_any_issuer = true",
            file.clone(),
            &["`jwt.dangerously_accept_any_issuer`"],
        ),
        (
            "dangerously_accept_any_audience = true",
            file.clone(),
            &["`jwt.dangerously_accept_any_audience`"],
        ),
        ("keys = [{}]", file.clone(), &["`jwt.keys`", "`jwt.issuers`"]),
        ("leeway_seconds = 61", file.clone(), &["`jwt.leeway_seconds`"]),
        (
            "",
            "audience = \"a\"\njwks_file = \"red.json\"".into(),
            &["`jwt.issuers[0].issuer`", "not empty"],
        ),
        (
            "",
            "issuer = \"red\"\njwks_file = \"red.json\"".into(),
            &[
                "`jwt.issuers[0].audience`",
                "jwt.issuers[0].dangerously_accept_any_audience",
            ],
        ),
        (
            "",
            and("dangerously_accept_any_audience = true"),
            &["`jwt.issuers[0].audience`", "contradict"],
        ),
        (
            "",
            ready.into(),
            &[
                "`jwt.issuers[0]`",
                "`jwks_file`",
                "`jwks_url`",
                "`discovery = true`",
                "`keys`",
            ],
        ),
        (
            "",
            and("jwks_url = \"https://red.example/keys\""),
            &["`jwt.issuers[0].jwks_file`", "`jwt.issuers[0].jwks_url`", "contradict"],
        ),
        (
            "",
            and("discovery = true"),
            &["`jwt.issuers[0].jwks_file`", "`jwt.issuers[0].discovery`"],
        ),
        (
            "",
            and("keys = [{}]"),
            &["`jwt.issuers[0].keys`", "`jwt.issuers[0].jwks_file`"],
        ),
        (
            "",
            and("maximum_age_seconds = 60"),
            &["`jwt.issuers[0].maximum_age_seconds`", "`jwt.issuers[0].jwks_file`"],
        ),
        (
            "",
            and("root_certificates_file = \"ca\""),
            &["`jwt.issuers[0].root_certificates_file`"],
        ),
        (
            "",
            and("dangerously_allow_http = true"),
            &["`jwt.issuers[0].dangerously_allow_http`"],
        ),
        (
            "",
            format!("{ready}algorithms = [\"ES256\"]\nkeys = [{{}}]"),
            &["`jwt.issuers[0].algorithms`"],
        ),
        (
            "",
            format!("{ready}refresh_seconds = 1\nkeys = [{{}}]"),
            &["`jwt.issuers[0].refresh_seconds`"],
        ),
        (
            "",
            format!("{ready}keys = [{{}}]"),
            &["`jwt.issuers[0].keys[0].algorithm`"],
        ),
        (
            "",
            format!("{ready}jwks_file = \"missing\""),
            &["`jwt.issuers[0].jwks_file`", "missing`", "No such file"],
        ),
        (
            "",
            format!("{ready}jwks_file = \"p256.pem\""),
            &["`jwt.issuers[0].jwks_file`", "is no JSON"],
        ),
        (
            "",
            format!("{ready}jwks_file = \"private.json\""),
            &["`jwt.issuers[0].jwks_file`", "private key"],
        ),
        (
            "",
            format!("{ready}jwks_file = \"mixed.json\""),
            &["`jwt.issuers[0].jwks_file`", "secrets beside public keys"],
        ),
        (
            "",
            and("algorithms = [\"ES256\"]"),
            &["`jwt.issuers[0].jwks_file`", "none of its keys"],
        ),
        (
            "",
            and("algorithms = []"),
            &["`jwt.issuers[0].jwks_file`", "at least one algorithm"],
        ),
        ("", and("algorithms = [\"HS256\", \"RS256\"]"), &["together"]),
        ("", and("tenants = [\"Acme\"]"), &["`Acme`"]),
    ] {
        let error = error_of(top, &[&issuer]);
        for part in expected {
            assert!(error.contains(part), "expected {part} in: {error}");
        }
    }
    assert!(error_of("", &[file, file]).contains("`red` is configured twice"));
}

#[cfg(not(feature = "jwks"))]
#[test]
fn what_the_build_cannot_do_is_an_error() {
    for source in ["jwks_url = \"https://red.example/keys\"", "discovery = true"] {
        let error = error_of("", &[&format!("issuer = \"red\"\naudience = \"a\"\n{source}")]);
        assert!(
            error.contains("`jwt.issuers[0].") && error.contains("feature `jwks`"),
            "{error}"
        );
    }
}

#[test]
fn unknown_settings_are_refused() {
    for text in [
        "[[jwt.issuers]]\nisuer = \"i\"",
        "[[jwt.issuers]]\njwks = \"red.json\"",
        "[[jwt.issuers]]\nalgorithms = [\"none\"]",
        "[[jwt.issuers]]\nalgorithms = \"RS256\"",
        "[[jwt.issuers]]\nrefresh_seconds = -1",
        "[[jwt.issuers.keys]]\nsecrt = \"x\"",
    ] {
        assert!(toml::from_str::<File>(text).is_err(), "{text}");
    }
}

#[cfg(feature = "jwks")]
#[tokio::test]
async fn what_cannot_be_fetched_is_an_error() {
    let ready = "issuer = \"https://red.example\"\naudience = \"a\"\n";
    for (more, expected) in [
        (
            "jwks_url = \"http://red.example/keys\"",
            &["`jwt.issuers[0].jwks_url`", "https"][..],
        ),
        ("jwks_url = \"keys\"", &["`jwt.issuers[0].jwks_url`", "absolute"]),
        (
            "discovery = true\nroot_certificates_file = \"missing\"",
            &["`jwt.issuers[0].root_certificates_file`", "No such file"],
        ),
        (
            "discovery = true\nroot_certificates_file = \"red.json\"",
            &["`jwt.issuers[0].root_certificates_file`", "PEM"],
        ),
        (
            "discovery = true\nroot_certificates_file = \"ca.pem\"\nalgorithms = [\"HS256\"]",
            &["`jwt.issuers[0].discovery`", "secrets"],
        ),
        (
            "discovery = true\nroot_certificates_file = \"ca.pem\"\nrefresh_seconds = 0",
            &["`jwt.issuers[0].discovery`", "zero"],
        ),
        (
            "discovery = true\nroot_certificates_file = \"ca.pem\"\nmaximum_age_seconds = 0",
            &["`jwt.issuers[0].discovery`", "zero"],
        ),
    ] {
        let error = error_of("", &[&format!("{ready}{more}")]);
        for part in expected {
            assert!(error.contains(part), "expected {part} in: {error}");
        }
    }
    let error = error_of("", &["issuer = \"red\"\naudience = \"a\"\ndiscovery = true"]);
    assert!(
        error.contains("`jwt.issuers[0].discovery`") && error.contains("absolute"),
        "{error}"
    );
    let config = parse(&format!(
        "[[jwt.issuers]]\n{ready}discovery = true\nroot_certificates_file = \"ca.pem\"\nrefresh_seconds = 60\nmaximum_age_seconds = 600"
    ));
    let verifier = config.verifier_builder(folder().path()).unwrap().build().unwrap();
    let shown = format!("{verifier:?}");
    assert!(
        shown.contains("refresh_interval: 60s") && shown.contains("maximum_age: 600s"),
        "{shown}"
    );
}
