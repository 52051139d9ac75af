//! The cache of verified tokens: what is served from it, and what no longer is.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tenancy_core::clock::ManualClock;
use tenancy_core::directory::{Change, Invalidate};
use tenancy_core::names::{Subject, TenantId};
use tenancy_core::request::{Claims, VerifiedClaims};
use tenancy_jwt::{JwksFile, KeyAlgorithm, TokenCacheLimits, TokenError, TokenVerifier, TrustedIssuer};

use crate::jwks_support;
use crate::jwks_support::{jwks, named, p256, rsa};
use crate::token_support::{AUDIENCE, HEADER, ISSUER, NOW, hmac_key, keyless, payload, sign, verifier};

fn cached(verifier: &TokenVerifier, token: &str, now: u64) -> Result<Arc<Claims>, TokenError> {
    verifier.verify_cached_at(token.as_bytes(), now)
}

/// Whether two calls were answered by one verification.
fn is_one_verification(verifier: &TokenVerifier, token: &str, now: u64) -> bool {
    let first = cached(verifier, token, now).unwrap();
    Arc::ptr_eq(&first, &cached(verifier, token, now).unwrap())
}

fn with_limits(limits: TokenCacheLimits) -> TokenVerifier {
    let builder = keyless().with_key(hmac_key(Some("main")));
    builder.with_token_cache(limits).build().unwrap()
}

#[test]
fn a_token_is_verified_once() {
    let verifier = verifier();
    let token = sign(HEADER, payload(&[]));
    assert!(is_one_verification(&verifier, &token, NOW));
    assert_eq!(
        *cached(&verifier, &token, NOW).unwrap(),
        verifier.verify_at(token.as_bytes(), NOW).unwrap()
    );
}

#[test]
fn one_switch_turns_it_off() {
    let builder = keyless().with_key(hmac_key(Some("main")));
    let verifier = builder.without_token_cache().build().unwrap();
    assert!(!is_one_verification(&verifier, &sign(HEADER, payload(&[])), NOW));
}

#[test]
fn a_hit_allocates_nothing() {
    let verifier = verifier();
    let token = sign(HEADER, payload(&["roles=[\"a\"]"]));
    cached(&verifier, &token, NOW).unwrap();
    let counted = allocation_counter::measure(|| drop(cached(&verifier, &token, NOW).unwrap()));
    assert_eq!(counted.count_total, 0);
}

/// The times are asked at every hit, by the leeway of the verification.
#[test]
fn nothing_is_served_outside_of_its_times() {
    let verifier = verifier();
    let token = sign(HEADER, payload(&[&format!("nbf={NOW}"), &format!("iat={NOW}")]));
    cached(&verifier, &token, NOW).unwrap();
    for (now, verdict) in [
        (NOW + 600 + 29, Ok(())),
        (NOW + 600 + 31, Err(TokenError::Expired)),
        // A clock that was set back.
        (NOW - 30, Ok(())),
        (NOW - 31, Err(TokenError::NotYetValid)),
    ] {
        assert_eq!(cached(&verifier, &token, now).map(drop), verdict, "{now}");
        let in_full = verifier.verify_at(token.as_bytes(), now).map(drop);
        assert_eq!(in_full, verdict, "{now}, in full");
    }
}

#[test]
fn a_token_is_kept_for_its_time_to_live() {
    let verifier = with_limits(TokenCacheLimits::new().with_time_to_live(Duration::from_secs(10)));
    let token = sign(HEADER, payload(&[]));
    let first = cached(&verifier, &token, NOW).unwrap();
    let is_kept = |now| Arc::ptr_eq(&first, &cached(&verifier, &token, now).unwrap());
    assert!(is_kept(NOW + 9));
    assert!(!is_kept(NOW + 10));
}

/// A clock that was set back would keep it for longer than was asked for.
#[test]
fn a_token_is_not_kept_before_its_verification() {
    let verifier = verifier();
    let token = sign(HEADER, payload(&[]));
    let first = cached(&verifier, &token, NOW).unwrap();
    assert!(!Arc::ptr_eq(&first, &cached(&verifier, &token, NOW - 1).unwrap()));
}

/// Neither by its signature nor by bits that base64 leaves over.
#[test]
fn a_token_that_differs_anywhere_is_another() {
    let verifier = verifier();
    let token = sign(HEADER, payload(&[]));
    cached(&verifier, &token, NOW).unwrap();
    for place in 0..token.len() {
        let mut other = token.clone().into_bytes();
        other[place] = if other[place] == b'A' { b'B' } else { b'A' };
        let other = String::from_utf8(other).unwrap();
        assert!(cached(&verifier, &other, NOW).is_err(), "{place}");
    }
    for other in [
        format!("{token}="),
        format!("{token} "),
        format!("{token}A"),
        format!(" {token}"),
    ] {
        assert!(cached(&verifier, &other, NOW).is_err());
    }
}

#[test]
fn refused_tokens_are_not_kept() {
    let verifier = verifier();
    let early = sign(HEADER, payload(&[&format!("nbf={}", NOW + 100)]));
    assert_eq!(cached(&verifier, &early, NOW).unwrap_err(), TokenError::NotYetValid);
    assert!(cached(&verifier, &early, NOW + 100).is_ok());
    let long = "a".repeat(9000);
    assert_eq!(cached(&verifier, &long, NOW).unwrap_err(), TokenError::TooLong);
}

#[test]
fn other_keys_verify_every_token_anew() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("jwks.json");
    let clock = Arc::new(ManualClock::new());
    let both = jwks(&[named(p256(), "a"), named(rsa(), "b")]);
    std::fs::write(&path, &both).unwrap();
    let keys = JwksFile::builder(&path)
        .with_algorithms([KeyAlgorithm::Es256, KeyAlgorithm::Rs256])
        .with_clock(Arc::clone(&clock))
        .build()
        .unwrap();
    let issuer = TrustedIssuer::new(ISSUER, keys).with_audience(AUDIENCE);
    let verifier = TokenVerifier::builder().with_trusted_issuer(issuer).build().unwrap();
    let token = jwks_support::sign("ES256", Some("a"), &[]);
    assert!(is_one_verification(&verifier, &token, NOW));

    // The key is withdrawn: the token that it had signed goes with it.
    std::fs::write(&path, jwks(&[named(rsa(), "b")])).unwrap();
    clock.advance(Duration::from_secs(60));
    assert_eq!(cached(&verifier, &token, NOW).unwrap_err(), TokenError::UnknownKid);
}

#[test]
fn a_subject_is_forgotten_on_request() {
    let verifier = verifier();
    let tokens = [payload(&[]), payload(&["sub=\"bob\""])].map(|payload| sign(HEADER, payload));
    let kept = || tokens.each_ref().map(|token| cached(&verifier, token, NOW).unwrap());
    let [alice, bob] = kept();
    let is_same = |others: [Arc<Claims>; 2]| [Arc::ptr_eq(&alice, &others[0]), Arc::ptr_eq(&bob, &others[1])];
    assert_eq!(is_same(kept()), [true, true]);
    // Another issuer's alice is somebody else.
    verifier.forget_subject(Some("https://other.example"), &Subject::from_static("alice"));
    verifier.forget_subject(None, &Subject::from_static("alice"));
    assert_eq!(is_same(kept()), [true, true]);
    verifier.forget_subject(Some(ISSUER), &Subject::from_static("alice"));
    assert_eq!(is_same(kept()), [false, true]);
    verifier.forget_all();
    assert_eq!(is_same(kept()), [false, false]);
}

#[test]
fn it_follows_changes() {
    let verifier = verifier();
    let token = sign(HEADER, payload(&[]));
    let alice = Subject::from_static("alice");
    let tenant: TenantId = "acme".parse().unwrap();
    let subject = |issuer: Option<&str>, subject: &Subject| Change::Subject {
        issuer: issuer.map(Into::into),
        subject: subject.clone(),
    };
    for (change, stays) in [
        (Change::tenant(tenant.clone()), true),
        (
            Change::Member {
                tenant,
                subject: alice.clone(),
            },
            true,
        ),
        (subject(None, &Subject::from_static("bob")), true),
        (subject(Some("https://other.example"), &alice), true),
        (subject(Some(ISSUER), &alice), false),
        (subject(None, &alice), false),
        (Change::Everything, false),
    ] {
        let before = cached(&verifier, &token, NOW).unwrap();
        verifier.invalidate(&change);
        let after = cached(&verifier, &token, NOW).unwrap();
        assert_eq!(Arc::ptr_eq(&before, &after), stays, "{change}");
    }
}

#[test]
fn a_flood_of_tokens_stays_within_the_bound() {
    let verifier = with_limits(TokenCacheLimits::new().with_capacity(100));
    let token = |number: u32| sign(HEADER, payload(&[&format!("sub=\"s{number}\"")]));
    let first: Vec<_> = (0..1000)
        .map(|number| cached(&verifier, &token(number), NOW).unwrap())
        .collect();
    // What is held twice is held by the cache.
    let kept = first.iter().filter(|claims| Arc::strong_count(claims) > 1).count();
    assert!((1..=100).contains(&kept), "{kept}");
}

#[test]
fn limits_that_cannot_be_are_refused() {
    for limits in [
        TokenCacheLimits::new().with_capacity(0),
        TokenCacheLimits::new().with_capacity(1_000_001),
        TokenCacheLimits::new().with_time_to_live(Duration::from_millis(999)),
        TokenCacheLimits::new().with_time_to_live(Duration::from_secs(3601)),
        TokenCacheLimits::new().with_time_to_live(Duration::MAX),
    ] {
        let builder = keyless().with_key(hmac_key(Some("main")));
        assert!(builder.with_token_cache(limits.clone()).build().is_err(), "{limits:?}");
    }
}

#[test]
fn what_is_shown_of_it_holds_no_token() {
    let verifier = verifier();
    let token = sign(HEADER, payload(&[]));
    let claims = cached(&verifier, &token, NOW).unwrap();
    let shown = format!("{verifier:?}");
    assert!(!shown.contains(claims.subject().as_str()), "{shown}");
    assert!(token.split('.').all(|part| !shown.contains(part)), "{shown}");
}
