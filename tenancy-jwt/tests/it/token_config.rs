//! The table `[jwt]`, and that what it signs it also verifies.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::fs;

use serde::Deserialize;
use tempfile::TempDir;
use tenancy_core::names::{KeyForm, Subject};
use tenancy_core::request::{ClaimPath, VerifiedClaims};
use tenancy_jwt::{JwtConfig, SignTokenError};

use crate::token_support::key_file;

#[derive(Deserialize)]
struct File {
    jwt: JwtConfig,
}

const SECRET: &str = "5ecret5ecret5ecret5ecret5ecret5e";

/// A folder with one of every file that a configuration may name.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    write("secret", format!("{SECRET}\n").as_bytes());
    write("short", b"5ecret\n");
    write("rsa.pem", &key_file("rsa-2048.public.pem"));
    write("private.pem", &key_file("rsa-2048.private.pem"));
    folder
}

fn parse(text: &str) -> JwtConfig {
    toml::from_str::<File>(text).unwrap().jwt
}

/// `settings` stand in `[jwt]`, `keys` in one table `[[jwt.keys]]` each.
fn error_of(settings: &str, keys: &[&str]) -> String {
    let keys: String = keys.iter().map(|key| format!("[[jwt.keys]]\n{key}\n")).collect();
    let config = parse(&format!("[jwt]\n{settings}\n{keys}"));
    let builder = config.verifier_builder(folder().path());
    let error = match builder {
        Ok(builder) => builder.build().unwrap_err().to_string(),
        Err(error) => format!(
            "{error} {}",
            if format!("{error:?}").contains("5ecret") {
                "LEAK"
            } else {
                ""
            }
        ),
    };
    assert!(!error.contains("5ecret") && !error.contains("LEAK"), "{error}");
    error
}

const READY: &str = "issuer = \"i\"\naudience = \"a\"";
const KEY: &str = "algorithm = \"HS256\"\nsecret_file = \"secret\"";

#[test]
fn what_it_signs_it_verifies() {
    let folder = folder();
    for (key, claim) in [
        (KEY.to_owned(), ClaimPath::literal("tenant_id").unwrap()),
        (
            format!("{KEY}\nkid = \"main\""),
            ClaimPath::nested(["org", "main", "id"]).unwrap(),
        ),
        (
            format!("algorithm = \"HS256\"\nsecret = \"{SECRET}\""),
            ClaimPath::literal("org.id").unwrap(),
        ),
    ] {
        let config = parse(&format!("[jwt]\n{READY}\ntyp = \"at+jwt\"\n[[jwt.keys]]\n{key}"));
        let verifier = config.verifier_builder(folder.path()).unwrap();
        let verifier = verifier.with_tenant_claim(claim.clone(), KeyForm::Id).build().unwrap();
        let signer = config.signer(folder.path()).unwrap();
        let alice = Subject::from_static("alice");
        let sign = |tenant, expires_in| signer.sign(&alice, tenant, &claim, expires_in).unwrap();
        let claims = verifier.verify(sign(Some("acme"), 60).as_bytes()).unwrap();
        assert_eq!(claims.subject(), &alice);
        assert_eq!(claims.tenant().unwrap().as_str(), "acme");
        assert_eq!(verifier.verify(sign(None, 60).as_bytes()).unwrap().tenant(), None);
        assert!(!format!("{signer:?} {config:?}").contains("5ecret"));
    }
}

#[test]
fn one_line_end_behind_a_secret_is_not_part_of_it() {
    let folder = folder();
    for (bytes, is_the_secret) in [
        ("", true),
        ("\n", true),
        ("\r\n", true),
        ("\r", false),
        ("\n\n", false),
        (" \n", false),
    ] {
        fs::write(folder.path().join("secret"), format!("{SECRET}{bytes}")).unwrap();
        let by_file = parse(&format!("[jwt]\n{READY}\n[[jwt.keys]]\n{KEY}"));
        let by_value = parse(&format!(
            "[jwt]\n{READY}\n[[jwt.keys]]\nalgorithm = \"HS256\"\nsecret = \"{SECRET}\""
        ));
        let signer = by_value.signer(folder.path()).unwrap();
        let claim = ClaimPath::literal("tenant_id").unwrap();
        let token = signer.sign(&Subject::from_static("a"), None, &claim, 60).unwrap();
        let verifier = by_file.verifier_builder(folder.path()).unwrap().build().unwrap();
        assert_eq!(verifier.verify(token.as_bytes()).is_ok(), is_the_secret, "{bytes:?}");
    }
}

#[test]
fn a_tenant_claim_of_the_tokens_own_is_not_signed() {
    let config = parse(&format!("[jwt]\n{READY}\n[[jwt.keys]]\n{KEY}"));
    let signer = config.signer(folder().path()).unwrap();
    for name in ["sub", "exp", "iat", "iss", "aud"] {
        let claim = ClaimPath::literal(name).unwrap();
        let result = signer.sign(&Subject::from_static("a"), Some("acme"), &claim, 60);
        assert_eq!(result, Err(SignTokenError::TakenClaim));
    }
}

#[test]
fn errors_name_the_setting_and_the_choices() {
    for (settings, keys, expected) in [
        (
            "audience = \"a\"",
            &[KEY][..],
            &["`jwt.issuer` is required", "jwt.dangerously_accept_any_issuer"][..],
        ),
        (
            "issuer = \"i\"",
            &[KEY],
            &["`jwt.audience` is required", "jwt.dangerously_accept_any_audience"],
        ),
        (
            "issuer = \"i\"\ndangerously_accept_any_issuer = true",
            &[KEY],
            &["`jwt.issuer`", "contradict"],
        ),
        (
            "issuer = \"i\"\naudience = \"a\"\ndangerously_accept_any_audience = true",
            &[KEY],
            &["`jwt.audience`", "contradict"],
        ),
        (
            "issuer = \"\"\naudience = \"a\"",
            &[KEY],
            &["`jwt.issuer`", "not empty"],
        ),
        (
            "dangerously_accept_any_issuer = true\nissuer_tenants = []\naudience = \"a\"",
            &[KEY],
            &["`jwt.issuer`", "issuer_tenants"],
        ),
        (
            "issuer = \"i\"\naudience = \"a\"\nleeway_seconds = 61",
            &[KEY],
            &["`jwt.leeway_seconds`", "at most 60"],
        ),
        ("issuer = \"i\"\naudience = \"a\"\ntyp = \"\"", &[KEY], &["`jwt.typ`"]),
        (
            "issuer = \"i\"\naudience = \"a\"\nissuer_tenants = [\"Acme\"]",
            &[KEY],
            &["`Acme`", "tenant id"],
        ),
        (READY, &[], &["`jwt.keys`", "at least one"]),
        (
            READY,
            &["secret_file = \"secret\""],
            &["`jwt.keys[0].algorithm`", "`HS256`", "`EdDSA`"],
        ),
        (
            READY,
            &["algorithm = \"HS256\""],
            &["`jwt.keys[0]`", "`secret_file`", "`secret`"],
        ),
        (
            READY,
            &["algorithm = \"RS256\""],
            &["`jwt.keys[0]`", "`public_key_file`"],
        ),
        (
            READY,
            &["algorithm = \"HS256\"\nsecret = \"5ecret\"\nsecret_file = \"secret\""],
            &["exactly one of"],
        ),
        (
            READY,
            &["algorithm = \"HS256\"\nsecret = \"5ecret\"\npublic_key_file = \"rsa.pem\""],
            &["`jwt.keys[0]`", "`secret` alone"],
        ),
        (
            READY,
            &["algorithm = \"HS256\"\npublic_key_file = \"rsa.pem\""],
            &["`jwt.keys[0]`", "`secret_file`"],
        ),
        (
            READY,
            &["algorithm = \"RS256\"\nsecret = \"5ecret\""],
            &["`jwt.keys[0]`", "`public_key_file`"],
        ),
        (
            READY,
            &["algorithm = \"RS256\"\nsecret = \"5ecret\"\npublic_key_file = \"rsa.pem\""],
            &["`public_key_file` alone"],
        ),
        (
            READY,
            &["algorithm = \"HS256\"\nsecret = \"5ecret\""],
            &["`jwt.keys[0]`", "6 bytes", "at least 32"],
        ),
        (
            READY,
            &["kid = \"main\"\nalgorithm = \"HS256\"\nsecret_file = \"short\""],
            &["`main`", "6 bytes"],
        ),
        (
            READY,
            &["kid = \"\"\nalgorithm = \"HS256\"\nsecret_file = \"secret\""],
            &["`jwt.keys[0]`", "`kid`", "128"],
        ),
        (
            READY,
            &["algorithm = \"HS256\"\nsecret_file = \"missing\""],
            &["`jwt.keys[0].secret_file`", "missing`", "No such file"],
        ),
        (
            READY,
            &["algorithm = \"RS256\"\npublic_key_file = \"missing\""],
            &["`jwt.keys[0].public_key_file`", "No such file"],
        ),
        (
            READY,
            &["algorithm = \"RS256\"\npublic_key_file = \"private.pem\""],
            &["`jwt.keys[0]`", "`PUBLIC KEY`"],
        ),
        (
            READY,
            &["algorithm = \"ES256\"\npublic_key_file = \"rsa.pem\""],
            &["`jwt.keys[0]`", "RSA", "P-256"],
        ),
        (READY, &[KEY, KEY], &["no `kid`"]),
        (
            READY,
            &[&format!("{KEY}\nkid = \"a\""), &format!("{KEY}\nkid = \"a\"")],
            &["`kid` `a`"],
        ),
    ] {
        let error = error_of(settings, keys);
        for part in expected {
            assert!(error.contains(part), "expected {part} in: {error}");
        }
    }
}

#[test]
fn unknown_settings_are_refused() {
    for text in [
        "[jwt]\nisuer = \"i\"",
        "[jwt]\n[[jwt.keys]]\nsecrt = \"x\"",
        "[jwt]\n[[jwt.keys]]\nalgorithm = \"none\"",
        "[jwt]\n[[jwt.keys]]\nalgorithm = \"hs256\"",
        "[jwt]\nleeway_seconds = -1",
    ] {
        assert!(toml::from_str::<File>(text).is_err(), "{text}");
    }
}

#[test]
fn a_public_key_signs_nothing() {
    let config = parse(&format!(
        "[jwt]\n{READY}\n[[jwt.keys]]\nalgorithm = \"RS256\"\npublic_key_file = \"rsa.pem\""
    ));
    assert!(config.verifier_builder(folder().path()).unwrap().build().is_ok());
    assert!(
        config
            .signer(folder().path())
            .unwrap_err()
            .to_string()
            .contains("HS256")
    );
}

#[test]
fn an_absolute_path_is_kept() {
    let folder = folder();
    let path = folder.path().join("secret");
    let config = parse(&format!(
        "[jwt]\n{READY}\n[[jwt.keys]]\nalgorithm = \"HS256\"\nsecret_file = {path:?}"
    ));
    assert!(config.verifier_builder("/elsewhere".as_ref()).is_ok());
}

#[test]
fn the_cache_of_verified_tokens_has_its_settings() {
    for (setting, named) in [
        ("capacity = 0", "jwt.token_cache.capacity"),
        ("capacity = 1000001", "jwt.token_cache.capacity"),
        ("time_to_live_seconds = 0", "jwt.token_cache.time_to_live_seconds"),
        ("time_to_live_seconds = 3601", "jwt.token_cache.time_to_live_seconds"),
    ] {
        let error = error_of(&format!("{READY}\ntoken_cache = {{ {setting} }}"), &[KEY]);
        assert!(error.contains(named), "{setting}: {error}");
    }
    let unknown = format!("[jwt]\n{READY}\ntoken_cache = {{ size = 1 }}");
    assert!(toml::from_str::<File>(&unknown).is_err());
    for (setting, is_on) in [("", true), ("token_cache = { enabled = false }", false)] {
        let config = parse(&format!("[jwt]\n{READY}\n{setting}\n[[jwt.keys]]\n{KEY}\n"));
        let verifier = config.verifier_builder(folder().path()).unwrap().build().unwrap();
        let signer = config.signer(folder().path()).unwrap();
        let claim = ClaimPath::literal("tenant_id").unwrap();
        let token = signer
            .sign(&"alice".parse::<Subject>().unwrap(), None, &claim, 600)
            .unwrap();
        let verify = || verifier.verify_cached(token.as_bytes()).unwrap();
        assert_eq!(std::sync::Arc::ptr_eq(&verify(), &verify()), is_on, "{setting}");
    }
}
