//! Whatever the bytes: no panic, and nothing verifies but what was signed.

use std::sync::LazyLock;

use proptest::prelude::*;
use tenancy_jwt::TokenVerifier;

use crate::token_support;
use crate::token_support::{HEADER, NOW, encode, payload, sign};

static VERIFIER: LazyLock<TokenVerifier> = LazyLock::new(token_support::verifier);
static TOKEN: LazyLock<Vec<u8>> = LazyLock::new(|| sign(HEADER, payload(&["tenant_id=\"acme\""])).into_bytes());

fn verifies(token: &[u8]) -> bool {
    VERIFIER.verify_at(token, NOW).is_ok()
}

#[test]
fn no_byte_of_a_token_can_be_changed_removed_or_added() {
    assert!(verifies(&TOKEN));
    for index in 0..TOKEN.len() {
        for byte in 0..=u8::MAX {
            let mut changed = TOKEN.clone();
            if changed[index] != byte {
                changed[index] = byte;
                assert!(!verifies(&changed), "{index} {byte}");
            }
        }
        let mut shorter = TOKEN.clone();
        shorter.remove(index);
        assert!(!verifies(&shorter), "{index}");
        assert!(!verifies(&TOKEN[..index]), "{index}");
        for byte in [b'.', b'=', b' ', b'A', 0] {
            let mut longer = TOKEN.clone();
            longer.insert(index, byte);
            assert!(!verifies(&longer), "{index} {byte}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn soup_never_verifies(bytes: Vec<u8>) {
        prop_assert!(!verifies(&bytes));
    }

    #[test]
    fn encoded_soup_never_verifies(header: Vec<u8>, payload: Vec<u8>, signature: Vec<u8>) {
        let token = format!("{}.{}.{}", encode(header), encode(payload), encode(signature));
        prop_assert!(!verifies(token.as_bytes()));
    }

    #[test]
    fn signed_soup_does_not_panic(header in r#"\{"alg":"HS256"[ -~]{0,40}\}?"#, payload in r#"[\[\]{}",:0-9a-z\\u.+-]{1,80}"#) {
        let _ = VERIFIER.verify_at(sign(header, payload).as_bytes(), NOW);
    }

    #[test]
    fn any_number_is_judged_without_panic(number: f64, whole: i64) {
        for exp in [format!("{number:e}"), whole.to_string()] {
            let verified = VERIFIER.verify_at(sign(HEADER, payload(&[&format!("exp={exp}")])).as_bytes(), NOW);
            let seconds: f64 = exp.parse().unwrap();
            let is_valid = seconds > NOW as f64 - 30.0 && seconds <= 253_402_300_799.0;
            prop_assert_eq!(verified.is_ok(), is_valid, "{}", exp);
        }
    }
}
