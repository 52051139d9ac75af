//! How many requests are under way.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tenancy_limits::{LimitExceeded, Limits};

use super::{SECOND, limiter, rate, tenant};

#[test]
fn a_request_is_under_way_until_its_permit_is_dropped() {
    let (limiter, _clock) = limiter(Limits::none().with_under_way(2));
    let first = limiter.enter(&tenant("acme")).unwrap();
    let _second = limiter.enter(&tenant("acme")).unwrap();
    assert_eq!(limiter.enter(&tenant("acme")).unwrap_err(), LimitExceeded::UnderWay);
    let _other = limiter.enter(&tenant("globex")).unwrap();
    drop(first);
    let _third = limiter.enter(&tenant("acme")).unwrap();
    assert_eq!(limiter.enter(&tenant("acme")).unwrap_err(), LimitExceeded::UnderWay);
}

#[test]
fn a_refusal_by_one_limit_is_not_counted_by_the_other() {
    let limits = Limits::none().with_under_way(1).with_rate(rate(2, SECOND));
    let (limiter, _clock) = limiter(limits);
    let first = limiter.enter(&tenant("acme")).unwrap();
    for _ in 0..10 {
        assert_eq!(limiter.enter(&tenant("acme")).unwrap_err(), LimitExceeded::UnderWay);
    }
    drop(first);
    drop(limiter.enter(&tenant("acme")).unwrap());
    for _ in 0..10 {
        let refused = limiter.enter(&tenant("acme")).unwrap_err();
        assert!(matches!(refused, LimitExceeded::Rate { .. }), "{refused:?}");
    }
}

#[test]
fn a_panic_leaves_nothing_under_way() {
    let (limiter, _clock) = limiter(Limits::none().with_under_way(1));
    for _ in 0..3 {
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _permit = limiter.enter(&tenant("acme")).unwrap();
            panic!("in a request");
        }));
        assert!(panicked.is_err());
    }
    drop(limiter.enter(&tenant("acme")).unwrap());
}

#[test]
fn none_at_a_time_stands_for_one() {
    let (limiter, _clock) = limiter(Limits::none().with_under_way(0));
    let _first = limiter.enter(&tenant("acme")).unwrap();
    assert!(limiter.enter(&tenant("acme")).is_err());
}
