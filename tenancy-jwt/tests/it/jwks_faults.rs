//! What holds while a key set cannot be fetched, or cannot be used.

#![cfg(feature = "jwks")]

use std::time::Duration;

use Outcome::*;
use serde_json::json;
use tokio::time::{Instant, timeout};

use crate::jwks_script::{Answer, Fixture, Outcome, good, one, two};
use crate::jwks_support::{ed25519, jwks, named, other_p256, other_rsa, p256, rsa, secret, with};
use crate::log::Log;
use crate::token_support;

#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_down_at_the_start_is_a_503_until_it_is_up() {
    let fixture = Fixture::new(Answer::Down);
    for _ in 0..3 {
        assert_eq!(fixture.ask("RS256", "a").await, Unavailable);
    }
    fixture.answer(one());
    let so_far = fixture.count();
    fixture.fetches(so_far + 1).await;
    assert_eq!(fixture.now("RS256", "a"), Verified);
}

/// A token that no key could verify is distinguished from one that cannot be verified now.
#[tokio::test(start_paused = true)]
async fn a_token_that_cannot_hold_is_invalid_without_keys_too() {
    let fixture = Fixture::new(Answer::Down);
    fixture.fetches(1).await;
    for (header, expected) in [
        (r#"{"alg":"RS256","kid":"a"}"#, Unavailable),
        (r#"{"alg":"RS256"}"#, Unavailable),
        (r#"{"alg":"none"}"#, Invalid),
        (r#"{"alg":"HS256","kid":"a"}"#, Invalid),
        (r#"{"alg":"RS256","kid":7}"#, Invalid),
        (r#"{"kid":"a"}"#, Invalid),
    ] {
        let token = format!("{}.e30.e30", token_support::encode(header));
        assert_eq!(fixture.ask_token(&token).await, expected, "{header}");
        if expected == Invalid {
            assert_eq!(fixture.now_token(&token), Invalid, "{header}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn failures_are_repeated_ever_later_and_not_all_at_once() {
    let mut pauses = Vec::new();
    for _ in 0..8 {
        let fixture = Fixture::new(Answer::Down);
        let times = fixture.fetches(10).await;
        for (index, pair) in times.windows(2).enumerate() {
            let longest = (1_u64 << index).min(60) as f64;
            let pause = (pair[1] - pair[0]).as_secs_f64();
            assert!(pause >= longest / 2.0 && pause <= longest + 0.01, "{index}: {pause}");
        }
        pauses.push(times[9] - times[0]);
    }
    pauses.dedup();
    assert!(pauses.len() > 1, "no jitter");

    // One that is good begins the count again.
    let fixture = Fixture::new(Answer::Down);
    fixture.fetches(8).await;
    fixture.answer(one());
    fixture.fetches(9).await;
    fixture.answer(Answer::Down);
    let times = fixture.fetches(11).await;
    assert!(times[10] - times[9] <= Duration::from_millis(1_010));
}

#[tokio::test(start_paused = true)]
async fn the_last_good_keys_hold_until_they_are_too_old() {
    let many: Vec<_> = (0..65).map(|index| named(rsa(), &index.to_string())).collect();
    for bad in [
        Answer::Down,
        Answer::Hangs,
        Answer::Document("<html>".into(), None),
        Answer::Document("{}".into(), None),
        Answer::Document(format!("{}{}", jwks(&[rsa()]), " ".repeat(64 * 1024)), None),
        good(&many),
        Answer::Document(r#"{"keys":{},"keys":[]}"#.into(), None),
        good(&[named(p256(), "b"), with(named(rsa(), "c"), json!({ "d": "AQAB" }))]),
        good(&[named(p256(), "b"), named(secret(64), "c")]),
        good(&[named(p256(), "b"), json!({ "kty": "new", "kid": "c", "k": "AQAB" })]),
    ] {
        let fixture = Fixture::new(one());
        fixture.fetches(1).await;
        fixture.answer(bad.clone());
        fixture.fetches(4).await;
        assert_eq!(fixture.now("RS256", "a"), Verified, "{bad:?}");
        assert_eq!(fixture.now("ES256", "b"), Waits, "{bad:?}");
        fixture
            .clock
            .advance(Duration::from_secs(24 * 60 * 60) - Duration::from_millis(1));
        assert_eq!(fixture.now("RS256", "a"), Verified, "{bad:?}");
        fixture.clock.advance(Duration::from_millis(1));
        assert_eq!(fixture.ask("RS256", "a").await, Unavailable, "{bad:?}");
        fixture.answer(two());
        fixture.fetches(fixture.count() + 1).await;
        assert_eq!(fixture.now("ES256", "b"), Verified, "{bad:?}");
    }
}

/// Neither at the start nor at a rotation does an odd member cost more than itself.
#[tokio::test(start_paused = true)]
async fn a_repeated_kid_leaves_the_other_keys_alone() {
    let encryption = with(named(p256(), "a"), json!({ "use": "enc", "alg": "ECDH-ES" }));
    for keys in [
        vec![named(rsa(), "a"), encryption.clone()],
        vec![encryption, named(rsa(), "a"), named(rsa(), "a")],
        vec![named(p256(), "a"), named(rsa(), "a")],
        vec![named(p256(), "a"), named(other_p256(), "a"), named(rsa(), "a")],
        vec![named(p256(), "x"), named(other_p256(), "x"), named(rsa(), "a")],
        vec![json!(null), json!("key"), json!({ "kid": 7 }), named(rsa(), "a")],
    ] {
        let at_start = Fixture::new(good(&keys));
        at_start.fetches(1).await;
        assert_eq!(at_start.ask("RS256", "a").await, Verified, "{keys:?}");
        let rotated = Fixture::new(good(&[named(ed25519(), "old")]));
        rotated.fetches(1).await;
        rotated.answer(good(&keys));
        assert_eq!(rotated.ask("RS256", "a").await, Verified, "{keys:?}");
        assert_eq!(rotated.now("EdDSA", "old"), Invalid, "{keys:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_left_out_is_told_once_for_each_document() {
    let (log, _guard) = Log::capture();
    let fixture = Fixture::new(good(&[named(rsa(), "a"), named(p256(), "b"), named(other_p256(), "b")]));
    let warnings = || log.text().matches("left out keys of the key set").count();
    fixture.fetches(4).await;
    assert_eq!(fixture.now("RS256", "a"), Verified);
    assert_eq!(warnings(), 1, "{}", log.text());
    assert!(log.text().contains("keys[1]: another key") && log.text().contains("keys[2]: another key"));
    fixture.answer(good(&[named(p256(), "b"), named(other_p256(), "b"), named(rsa(), "a")]));
    fixture.fetches(7).await;
    assert_eq!(warnings(), 2, "{}", log.text());
}

#[tokio::test(start_paused = true)]
async fn an_issuer_may_take_all_its_keys_back() {
    for keys in [
        &[][..],
        &[with(named(rsa(), "a"), json!({ "use": "enc" }))],
        &[named(rsa(), "a"), named(other_rsa(), "a")],
    ] {
        let fixture = Fixture::new(one());
        fixture.fetches(1).await;
        fixture.answer(good(keys));
        fixture.fetches(2).await;
        assert_eq!(fixture.ask("RS256", "a").await, Invalid);
    }
}

#[tokio::test(start_paused = true)]
async fn a_fetcher_that_panics_has_failed_once() {
    let fixture = Fixture::new(one());
    fixture.fetches(1).await;
    fixture.answer(Answer::Panics);
    let began = Instant::now();
    assert_eq!(fixture.ask("ES256", "b").await, Invalid);
    assert_eq!(fixture.now("RS256", "a"), Verified);
    assert_eq!(began.elapsed(), Duration::ZERO, "nobody waits for it");
    fixture.answer(two());
    let again = timeout(Duration::from_secs(60), fixture.fetches(3)).await;
    assert!(again.is_ok(), "it is not asked again");
    assert_eq!(fixture.now("ES256", "b"), Verified);
}

/// What was started in a runtime ends with it. The keys hold for their time, and the log tells why no
/// others come.
#[test]
fn a_runtime_that_has_ended_is_told_and_not_waited_for() {
    let (log, _guard) = Log::capture();
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let (first, second) = (runtime(), runtime());
    let fixture = first.block_on(async {
        let fixture = Fixture::new(one());
        fixture.fetches(1).await;
        assert_eq!(fixture.ask("RS256", "a").await, Verified);
        fixture
    });
    assert!(!log.text().contains("not fetched any more"));
    drop(first);
    assert!(log.text().contains("not fetched any more"), "{}", log.text());
    assert_eq!(
        (fixture.now("RS256", "a"), fixture.now("ES256", "b")),
        (Verified, Invalid)
    );
    fixture.clock.advance(Duration::from_secs(24 * 60 * 60));
    let began = std::time::Instant::now();
    assert_eq!(second.block_on(fixture.ask("RS256", "a")), Unavailable);
    assert!(began.elapsed() < Duration::from_secs(2));
}
