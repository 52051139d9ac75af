//! What is held of tenants that are idle.

use tenancy_limits::Limits;

use super::{SECOND, limiter, rate, tenant};

#[test]
fn tenants_that_are_idle_are_forgotten() {
    let (limiter, clock) = limiter(Limits::none().with_rate(rate(1, SECOND)).with_under_way(5));
    for number in 0..100_000 {
        drop(limiter.enter(&tenant(&format!("t{number}"))).unwrap());
        if number % 100 == 0 {
            clock.advance(SECOND);
        }
    }
    assert!(limiter.tenants() <= 64 * 64, "{}", limiter.tenants());
}

#[test]
fn a_tenant_with_a_request_under_way_is_not_forgotten() {
    let (limiter, clock) = limiter(Limits::none().with_under_way(1));
    let busy = |number| tenant(&format!("busy{number}"));
    let held: Vec<_> = (0..1000).map(|number| limiter.enter(&busy(number)).unwrap()).collect();
    clock.advance(SECOND * 100);
    for number in 0..50_000 {
        drop(limiter.enter(&tenant(&format!("t{number}"))).unwrap());
    }
    for number in 0..1000 {
        assert!(limiter.enter(&busy(number)).is_err(), "{number}");
    }
    drop(held);
    drop(limiter.enter(&busy(0)).unwrap());
}

#[test]
fn a_tenant_that_has_spent_its_rate_is_not_forgotten_before_its_time() {
    let (limiter, clock) = limiter(Limits::none().with_rate(rate(1, SECOND * 3600)));
    let spent = |number| tenant(&format!("spent{number}"));
    for number in 0..1000 {
        drop(limiter.enter(&spent(number)).unwrap());
    }
    clock.advance(SECOND * 3599);
    for number in 0..50_000 {
        drop(limiter.enter(&tenant(&format!("t{number}"))).unwrap());
    }
    for number in 0..1000 {
        assert!(limiter.enter(&spent(number)).is_err(), "{number}");
    }
    clock.advance(SECOND);
    drop(limiter.enter(&spent(0)).unwrap());
}
