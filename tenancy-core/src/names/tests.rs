use crate::names::ParseProblem;
use std::string::ToString;

use super::name::*;

#[test]
fn tenant_ids_have_one_spelling() {
    for good in ["a", "0", "acme", "a-b_c", "a-", &"x".repeat(63)] {
        let id = TenantId::parse(good.as_bytes()).unwrap();
        assert_eq!(id.to_string(), good);
        assert_eq!(id.to_string().parse::<TenantId>().unwrap(), id);
    }
    for bad in [
        "",
        "A",
        "acmE",
        "-a",
        "_a",
        "a b",
        " a",
        "a\0",
        "é",
        "a.b",
        "a/b",
        &"x".repeat(64),
    ] {
        assert!(TenantId::parse(bad.as_bytes()).is_err(), "{bad:?}");
    }
    assert!(TenantId::parse(b"a\xff").is_err());
}

#[test]
fn external_ids_are_case_sensitive() {
    let upper: ExternalId = "org_9ybsU1dN".parse().unwrap();
    assert_ne!(upper, "org_9ybsu1dn".parse::<ExternalId>().unwrap());
    assert!("a,b".parse::<ExternalId>().is_err());
    assert!("x".repeat(128).parse::<ExternalId>().is_ok());
    assert!("x".repeat(129).parse::<ExternalId>().is_err());
}

#[test]
fn subjects_hold_255_bytes_and_no_control_characters() {
    assert!("auth0|5f7c".parse::<Subject>().is_ok());
    assert!("é".repeat(127).parse::<Subject>().is_ok());
    assert!("x".repeat(255).parse::<Subject>().is_ok());
    assert!("x".repeat(256).parse::<Subject>().is_err());
    for bad in ["", "a\0", "a\n", "a\u{7f}", "a\u{85}"] {
        assert!(bad.parse::<Subject>().is_err(), "{bad:?}");
    }
}

#[test]
fn field_names_are_lower_cased_tokens() {
    assert_eq!("X-Tenant-ID".parse::<FieldName>().unwrap(), "x-tenant-id");
    for bad in ["", "x tenant", "x:tenant", "x\u{e9}", &"x".repeat(65)] {
        assert!(bad.parse::<FieldName>().is_err(), "{bad:?}");
    }
}

#[test]
fn errors_tell_the_grammar_and_not_the_text() {
    let error = "Secret!".parse::<TenantId>().unwrap_err();
    assert_eq!(error.problem(), ParseProblem::Alphabet);
    assert!(!error.to_string().contains("Secret"));
}
