//! Keys that are text.

use proptest::prelude::*;
use tenancy_keys::{Namespace, TextKeys};

use crate::hostile::{key, namespace, tenant};
use crate::member;

fn text(namespace: &str, tenant: &str, key: &str) -> String {
    TextKeys::new(namespace.parse().unwrap()).key(&member(tenant), key)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Two keys are equal only if all of their parts are.
    #[test]
    fn a_key_says_where_it_belongs(
        one in (namespace(), tenant(), key()),
        other in (namespace(), tenant(), key()),
        share in (any::<bool>(), any::<bool>(), any::<bool>()),
    ) {
        let other = (
            if share.0 { one.0.clone() } else { other.0 },
            if share.1 { one.1.clone() } else { other.1 },
            if share.2 { one.2.clone() } else { other.2 },
        );
        let texts = [&one, &other].map(|(namespace, tenant, key)| text(namespace, tenant, key));
        prop_assert_eq!(texts[0] == texts[1], one == other, "{:?} {:?}", one, other);
    }

    /// What a prefix of one tenant's finds is that tenant's.
    #[test]
    fn no_key_begins_as_another_tenants_do(
        namespaces in (namespace(), namespace()), tenants in (tenant(), tenant()), own in key(),
    ) {
        let prefix = text(&namespaces.0, &tenants.0, "");
        let is_inside = text(&namespaces.1, &tenants.1, &own).starts_with(&prefix);
        prop_assert_eq!(is_inside, namespaces.0 == namespaces.1 && tenants.0 == tenants.1);
    }
}

#[test]
fn keys_are_as_they_are_documented() {
    for (key, expected) in [
        ("alice", "sessions:acme:alice"),
        ("", "sessions:acme:"),
        ("globex:bob", "sessions:acme:globex:bob"),
        ("../globex", "sessions:acme:../globex"),
    ] {
        assert_eq!(text("sessions", "acme", key), expected);
    }
}

#[test]
fn what_is_no_namespace() {
    let longest = "a".repeat(Namespace::MAX_LEN);
    for namespace in ["a", "sessions", "v1.sessions", "A_b-c", "0", &longest] {
        assert_eq!(namespace.parse::<Namespace>().unwrap().as_str(), namespace);
    }
    let longer = format!("{longest}a");
    for text in [
        "", ":", "a:b", "a/b", "..", ".", "-a", "_a", "a b", "a*", "ä", "a\n", "a\0", "%2e", &longer,
    ] {
        assert!(text.parse::<Namespace>().is_err(), "{text:?}");
    }
}
