//! Every name type: what parses is displayed as it was, and is in the alphabet that the oracle knows.
#![no_main]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use tenancy_core::names::{Domain, ExternalId, FieldName, ResolverName, Slug, StrategyName, Subject, TenantId};
use tenancy_core::resolve::ParameterName;
use tenancy_oracle::{is_domain, is_external_id, is_id};

fuzz_target!(|bytes: &[u8]| {
    assert_eq!(
        TenantId::parse(bytes).is_ok(),
        std::str::from_utf8(bytes).is_ok_and(is_id)
    );
    assert_eq!(
        ExternalId::parse(bytes).is_ok(),
        std::str::from_utf8(bytes).is_ok_and(is_external_id)
    );
    let Ok(text) = std::str::from_utf8(bytes) else {
        assert!(Subject::parse(bytes).is_err());
        return;
    };
    assert_eq!(stays::<TenantId>(text), stays::<Slug>(text));
    stays::<ExternalId>(text);
    stays::<StrategyName>(text);
    stays::<ResolverName>(text);
    stays::<ParameterName>(text);
    assert_eq!(
        stays::<Subject>(text),
        (1..=255).contains(&text.len()) && !text.chars().any(char::is_control)
    );
    // These two fold case, and a domain loses one trailing dot.
    folds::<FieldName>(text, &text.to_ascii_lowercase());
    let lower = text.to_ascii_lowercase();
    let domain = lower.strip_suffix('.').unwrap_or(&lower);
    if folds::<Domain>(text, domain) {
        assert!(is_domain(domain));
    }
});

/// Whether the text parses; then it is displayed as it was.
fn stays<T: FromStr + Display + Debug + PartialEq>(text: &str) -> bool {
    folds::<T>(text, text)
}

/// Whether the text parses; then it is displayed as `canonical`, which parses to the same.
fn folds<T: FromStr + Display + Debug + PartialEq>(text: &str, canonical: &str) -> bool {
    let Ok(parsed) = text.parse::<T>() else {
        return false;
    };
    assert_eq!(parsed.to_string(), canonical);
    assert_eq!(canonical.parse::<T>().ok(), Some(parsed));
    true
}
