//! When a key set is fetched, and who waits for it.

#![cfg(feature = "jwks")]

use std::sync::Arc;
use std::time::Duration;

use Outcome::*;
use tenancy_jwt::{AlgorithmsError, JwksFetcher, KeyAlgorithm, RemoteJwks, RemoteJwksError};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::jwks_script;
use crate::jwks_script::{Answer, Fixture, Outcome, good, one, two};
use crate::jwks_support::{ed25519, jwks, named, rsa};
use crate::log::Log;
use crate::token_support;

#[tokio::test(start_paused = true)]
async fn the_first_request_waits_for_the_first_fetch() {
    let held = Arc::new(Notify::new());
    let fixture = Fixture::new(Answer::Held(Arc::clone(&held), Box::new(one())));
    assert_eq!(fixture.now("RS256", "a"), Waits);
    let (outcome, ()) = tokio::join!(fixture.ask("RS256", "a"), async {
        fixture.fetches(1).await;
        held.notify_one();
    });
    assert_eq!(outcome, Verified);
    assert_eq!(fixture.now("RS256", "a"), Verified);
    assert_eq!(fixture.count(), 1);
}

/// A fetch that is about to begin serves those who come meanwhile, and is not theirs.
#[tokio::test(start_paused = true)]
async fn a_fetch_that_is_due_anyway_is_joined() {
    let held = Arc::new(Notify::new());
    let fixture = Fixture::new(Answer::Held(Arc::clone(&held), Box::new(one())));
    let (outcome, ()) = tokio::join!(fixture.ask("ES256", "b"), async {
        fixture.fetches(1).await;
        held.notify_one();
    });
    assert_eq!(outcome, Invalid);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(fixture.count(), 1);
    fixture.answer(two());
    assert_eq!(fixture.ask("ES256", "b").await, Verified);
    assert_eq!(fixture.count(), 2);
}

/// One that had begun already may have asked before the key was there. It is joined, and where it does not
/// help there is another, if it is time for one.
#[tokio::test(start_paused = true)]
async fn a_key_that_appears_during_a_fetch_is_found() {
    let held = Arc::new(Notify::new());
    for (late, count) in [(one(), 2), (two(), 1)] {
        let fixture = Fixture::new(Answer::Held(Arc::clone(&held), Box::new(late)));
        fixture.fetches(1).await;
        fixture.answer(two());
        let began = Instant::now();
        let (outcome, ()) = tokio::join!(fixture.ask("ES256", "b"), async { held.notify_one() });
        assert_eq!((outcome, fixture.count()), (Verified, count));
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
    // All of that within the time that a request waits.
    let fixture = Fixture::new(one());
    fixture.fetches(1).await;
    fixture.answer(Answer::Held(Arc::clone(&held), Box::new(one())));
    let times = fixture.fetches(2).await;
    fixture.answer(Answer::Hangs);
    let (outcome, ()) = tokio::join!(fixture.ask("ES256", "b"), async {
        sleep(Duration::from_millis(1_500)).await;
        held.notify_one();
    });
    assert_eq!((outcome, fixture.count()), (Invalid, 3));
    assert_eq!(times[1].elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_two_seconds_and_a_fetch_takes_five() {
    let fixture = Fixture::new(one());
    fixture.fetches(1).await;
    fixture.answer(Answer::Hangs);
    let began = Instant::now();
    assert_eq!(fixture.ask("ES256", "b").await, Invalid);
    assert_eq!(began.elapsed(), Duration::from_secs(2));
    let times = fixture.fetches(3).await;
    let pause = times[2] - times[1];
    assert!(
        pause >= Duration::from_millis(5_500) && pause <= Duration::from_millis(6_010),
        "{pause:?}"
    );
    assert_eq!(fixture.now("RS256", "a"), Verified);
}

#[tokio::test(start_paused = true)]
async fn it_is_fetched_again_before_it_is_stale() {
    let hour = 3_600;
    for (max_age, expected) in [
        (None, 300),
        (Some(0), 60),
        (Some(59), 60),
        (Some(61), 61),
        (Some(2 * hour), 2 * hour),
        // At the latest when half of the keys' time is over.
        (Some(24 * hour), 12 * hour),
        (Some(u64::MAX), 12 * hour),
    ] {
        let fixture = Fixture::new(Answer::Document(jwks(&[rsa()]), max_age));
        let times = fixture.fetches(3).await;
        for pair in times.windows(2) {
            let pause = (pair[1] - pair[0]).as_secs();
            assert_eq!(pause, expected, "{max_age:?}");
        }
    }
    let fixture = Fixture::with(one(), |builder| {
        builder
            .with_refresh_interval(Duration::from_secs(7))
            .with_maximum_age(Duration::from_secs(100))
    });
    let times = fixture.fetches(2).await;
    assert_eq!((times[1] - times[0]).as_secs(), 7);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_is_fetched_at_most_once_in_a_while() {
    let fixture = Fixture::new(one());
    fixture.fetches(1).await;
    fixture.answer(two());
    assert_eq!(fixture.now("ES256", "b"), Waits);
    assert_eq!(fixture.count(), 1, "asking whether it waits fetches nothing");
    assert_eq!(fixture.ask("ES256", "b").await, Verified);
    assert_eq!((fixture.count(), fixture.now("ES256", "b")), (2, Verified));

    fixture.answer(good(&[named(ed25519(), "c")]));
    fixture.clock.advance(Duration::from_millis(29_999));
    assert_eq!(
        (fixture.now("EdDSA", "c"), fixture.ask("EdDSA", "c").await),
        (Invalid, Invalid)
    );
    assert_eq!(fixture.count(), 2);
    fixture.clock.advance(Duration::from_millis(1));
    assert_eq!(fixture.ask("EdDSA", "c").await, Verified);
    assert_eq!(fixture.count(), 3);
    // Keys that are gone verify nothing any more.
    assert_eq!(
        (fixture.now("RS256", "a"), fixture.now("ES256", "b")),
        (Invalid, Invalid)
    );
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_unknown_keys_costs_one_fetch_and_nobody_else() {
    let fixture = Arc::new(Fixture::new(one()));
    fixture.fetches(1).await;
    let held = Arc::new(Notify::new());
    fixture.answer(Answer::Held(Arc::clone(&held), Box::new(two())));
    let mut flood = JoinSet::new();
    for index in 0..100 {
        let fixture = Arc::clone(&fixture);
        flood.spawn(async move { fixture.ask("RS256", &format!("x{index}")).await });
    }
    let mut honest = JoinSet::new();
    for _ in 0..50 {
        let fixture = Arc::clone(&fixture);
        honest.spawn(async move { fixture.ask("ES256", "b").await });
    }
    fixture.fetches(2).await;
    // All wait by now, and who has a known key does not.
    assert!(flood.try_join_next().is_none() && honest.try_join_next().is_none());
    assert_eq!(fixture.now("RS256", "a"), Verified);
    held.notify_one();
    assert!(honest.join_all().await.iter().all(|outcome| *outcome == Verified));
    assert!(flood.join_all().await.iter().all(|outcome| *outcome == Invalid));
    for index in 0..100 {
        assert_eq!(fixture.now("RS256", &format!("y{index}")), Invalid);
        assert_eq!(fixture.ask("RS256", &format!("y{index}")).await, Invalid);
    }
    assert_eq!(fixture.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn tokens_that_no_key_could_verify_fetch_nothing() {
    let fixture = Fixture::new(one());
    fixture.fetches(1).await;
    fixture.answer(two());
    let encoded = |header: &str| format!("{}.e30.e30", token_support::encode(header));
    for token in [
        "a.b.c".to_owned(),
        encoded("{}"),
        encoded(r#"{"alg":"none","kid":"x"}"#),
        encoded(r#"{"alg":"HS256","kid":"x"}"#),
        encoded(r#"{"alg":"RS256","kid":7}"#),
        encoded(r#"{"alg":"RS256","kid":"x","crit":["x"]}"#),
        // Of a known key, but not its own.
        encoded(r#"{"alg":"RS256","kid":"a"}"#),
        encoded(r#"{"alg":"ES256","kid":"a"}"#),
    ] {
        assert_eq!(fixture.now_token(&token), Invalid, "{token}");
        assert_eq!(fixture.ask_token(&token).await, Invalid, "{token}");
    }
    assert_eq!(fixture.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn keys_that_were_fetched_again_are_young_again() {
    let fixture = Fixture::new(one());
    for fetch in 1..4 {
        fixture.fetches(fetch).await;
        assert_eq!(fixture.now("RS256", "a"), Verified);
        fixture.clock.advance(Duration::from_secs(23 * 60 * 60));
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_fetched_for_a_verifier_that_is_gone() {
    let (log, _guard) = Log::capture();
    let fixture = Fixture::new(one());
    fixture.fetches(1).await;
    let script = fixture.drop_verifier();
    sleep(Duration::from_secs(24 * 60 * 60)).await;
    assert_eq!(script.count(), 1);
    assert_eq!(Arc::strong_count(&script), 1, "the task is gone");
    assert!(!log.text().contains("not fetched any more"), "which is no fault");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_fetched_at_all_is_told_at_the_start() {
    let start = |algorithms: &[KeyAlgorithm], interval, age| {
        RemoteJwks::builder(jwks_script::Script::new(Answer::Down))
            .with_algorithms(algorithms.iter().copied())
            .with_refresh_interval(interval)
            .with_maximum_age(age)
            .build()
            .err()
    };
    let (second, rs) = (Duration::from_secs(1), KeyAlgorithm::Rs256);
    for (algorithms, interval, age, expected) in [
        (&[rs][..], second, second, None),
        (
            &[],
            second,
            second,
            Some(RemoteJwksError::Algorithms(AlgorithmsError::Empty)),
        ),
        (
            &[KeyAlgorithm::Hs256],
            second,
            second,
            Some(RemoteJwksError::Algorithms(AlgorithmsError::SecretFromNetwork)),
        ),
        (
            &[rs, KeyAlgorithm::Hs512],
            second,
            second,
            Some(RemoteJwksError::Algorithms(AlgorithmsError::SecretFromNetwork)),
        ),
        (&[rs], Duration::ZERO, second, Some(RemoteJwksError::NoTime)),
        (&[rs], second, Duration::ZERO, Some(RemoteJwksError::NoTime)),
    ] {
        assert_eq!(start(algorithms, interval, age), expected);
    }
    let elsewhere = std::thread::spawn(|| {
        let script = jwks_script::Script::new(Answer::Down);
        assert_eq!(script.name(), "script");
        RemoteJwks::builder(script).build().err()
    });
    assert_eq!(elsewhere.join().unwrap(), Some(RemoteJwksError::NoRuntime));
}
