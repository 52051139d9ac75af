//! How often requests begin.

use std::time::Duration;

use tenancy_limits::{LimitExceeded, Limits, Rate, TenantLimiter};

use super::{SECOND, limiter, rate, tenant};

/// How long to wait for the next request.
fn refused(limiter: &TenantLimiter, id: &str) -> Duration {
    let refused = limiter.enter(&tenant(id)).unwrap_err();
    assert!(matches!(refused, LimitExceeded::Rate { .. }), "{refused}");
    match refused {
        LimitExceeded::Rate { retry_after } => retry_after,
        _ => Duration::ZERO,
    }
}

#[test]
fn as_many_as_the_burst_come_at_once_and_the_next_when_its_time_has_come() {
    let (limiter, clock) = limiter(Limits::none().with_rate(rate(4, SECOND).with_burst(3)));
    for _ in 0..3 {
        drop(limiter.enter(&tenant("acme")).unwrap());
    }
    assert_eq!(refused(&limiter, "acme"), Duration::from_millis(250));
    assert_eq!(
        refused(&limiter, "acme"),
        Duration::from_millis(250),
        "a refusal counts nothing"
    );
    clock.advance(Duration::from_millis(249));
    assert_eq!(refused(&limiter, "acme"), Duration::from_millis(1));
    clock.advance(Duration::from_millis(1));
    drop(limiter.enter(&tenant("acme")).unwrap());
    assert_eq!(refused(&limiter, "acme"), Duration::from_millis(250));
}

#[test]
fn an_idle_tenant_saves_no_more_than_its_burst() {
    let (limiter, clock) = limiter(Limits::none().with_rate(rate(10, SECOND).with_burst(2)));
    drop(limiter.enter(&tenant("acme")).unwrap());
    clock.advance(SECOND * 1000);
    for _ in 0..2 {
        drop(limiter.enter(&tenant("acme")).unwrap());
    }
    refused(&limiter, "acme");
}

#[test]
fn one_tenants_requests_are_not_the_others() {
    let (limiter, _clock) = limiter(Limits::none().with_rate(rate(1, SECOND)));
    drop(limiter.enter(&tenant("acme")).unwrap());
    refused(&limiter, "acme");
    drop(limiter.enter(&tenant("globex")).unwrap());
}

#[test]
fn a_tenant_has_limits_of_its_own() {
    let (limiter, _clock) = limiter(Limits::none().with_rate(rate(1, SECOND)));
    let limiter = limiter.with_limits_of(|tenant| match tenant.id.as_str() {
        "acme" => Some(Limits::none().with_rate(rate(3, SECOND))),
        "initech" => Some(Limits::none()),
        _ => None,
    });
    for _ in 0..3 {
        drop(limiter.enter(&tenant("acme")).unwrap());
    }
    refused(&limiter, "acme");
    drop(limiter.enter(&tenant("globex")).unwrap());
    refused(&limiter, "globex");
    for _ in 0..100 {
        drop(limiter.enter(&tenant("initech")).unwrap());
    }
}

#[test]
fn rates_that_mean_nothing_are_not_made() {
    for (requests, period) in [
        (0, SECOND),
        (1, Duration::ZERO),
        (2, Duration::from_nanos(1)),
        (1, Duration::MAX),
        (u32::MAX, SECOND),
        (1, Duration::from_secs(30 * 24 * 60 * 60 + 1)),
    ] {
        assert_eq!(Rate::new(requests, period), None, "{requests} in {period:?}");
    }
    assert_eq!(Rate::per_second(0), None);
    let slowest = rate(1, Duration::from_secs(30 * 24 * 60 * 60)).with_burst(u32::MAX);
    assert_eq!(slowest.burst(), u32::MAX);
    let (limiter, clock) = limiter(Limits::none().with_rate(slowest));
    clock.advance(Duration::from_secs(u64::from(u32::MAX)));
    for _ in 0..1000 {
        drop(limiter.enter(&tenant("acme")).unwrap());
    }
    assert_eq!(rate(5, SECOND).with_burst(0).burst(), 1);
}
