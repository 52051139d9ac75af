//! Tests of the bound on connections.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use super::*;

fn budget_of(max: usize, max_per_tenant: usize, max_waiting: usize) -> ConnectionBudget<&'static str, u32> {
    ConnectionBudget::new(BudgetLimits {
        max,
        max_per_tenant,
        max_waiting,
        timeout: Duration::from_secs(3600),
    })
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn take(budget: &ConnectionBudget<&'static str, u32>, key: &'static str) -> Permit<&'static str, u32> {
    match poll(pin!(budget.take(&key))) {
        Poll::Ready(permit) => permit.ok().unwrap(),
        Poll::Pending => panic!("{key} waits"),
    }
}

fn accounts_for_all(budget: &ConnectionBudget<&'static str, u32>) {
    let state = budget.shared.state();
    let in_use: usize = state.in_use.values().sum();
    assert_eq!(state.free + state.idle.len() + in_use, budget.limits().max);
}

#[tokio::test]
async fn what_was_used_is_cached_for_the_same_tenant() {
    let budget = budget_of(2, 2, 9);
    let mut permit = take(&budget, "a");
    assert!(permit.cached().is_none() && permit.take_evicted().is_none());
    permit.cache(1);
    drop(permit);
    assert!(take(&budget, "b").cached().is_none());
    assert_eq!(take(&budget, "a").cached(), Some(&1));
    accounts_for_all(&budget);
}

#[tokio::test]
async fn the_least_recently_used_is_evicted() {
    let budget = budget_of(2, 2, 9);
    for (key, value) in [("a", 1), ("b", 2), ("a", 1)] {
        take(&budget, key).cache(value);
    }
    let mut permit = take(&budget, "c");
    assert_eq!(permit.take_evicted(), Some(2));
    assert!(permit.cached().is_none());
    drop(permit);
    assert_eq!(take(&budget, "a").cached(), Some(&1));
    accounts_for_all(&budget);
}

#[tokio::test]
async fn those_who_wait_are_served_in_order_and_never_beyond_the_bound() {
    let budget = budget_of(1, 1, 9);
    let mut used = take(&budget, "a");
    used.cache(1);
    let (mut first, mut second) = (Box::pin(budget.take(&"b")), Box::pin(budget.take(&"a")));
    assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
    drop(used);
    assert!(poll(second.as_mut()).is_pending());
    let Poll::Ready(Ok(mut permit)) = poll(first.as_mut()) else {
        panic!("the first still waits")
    };
    assert_eq!(permit.take_evicted(), Some(1));
    accounts_for_all(&budget);
    drop(permit);
    assert!(matches!(poll(second.as_mut()), Poll::Ready(Ok(_))));
}

/// A tenant that is at its own bound is in nobody else's way.
#[tokio::test]
async fn a_tenant_at_its_own_bound_holds_no_permit() {
    let budget = budget_of(2, 1, 9);
    let of_a = take(&budget, "a");
    let mut more = Box::pin(budget.take(&"a"));
    assert!(poll(more.as_mut()).is_pending());
    drop(take(&budget, "b"));
    let of_b = take(&budget, "b");
    drop(of_a);
    assert!(matches!(poll(more.as_mut()), Poll::Ready(Ok(_))));
    drop(of_b);
}

#[tokio::test]
async fn too_many_callers_that_wait_are_refused_and_those_that_gave_up_do_not_count() {
    let budget = budget_of(1, 1, 1);
    let used = take(&budget, "a");
    let mut waiting = Box::pin(budget.take(&"b"));
    assert!(poll(waiting.as_mut()).is_pending());
    assert!(matches!(
        poll(pin!(budget.take(&"c"))),
        Poll::Ready(Err(Exhausted::Full))
    ));
    drop(waiting);
    let mut waiting = Box::pin(budget.take(&"c"));
    assert!(poll(waiting.as_mut()).is_pending());
    drop(used);
    assert!(matches!(poll(waiting.as_mut()), Poll::Ready(Ok(_))));
}

/// A caller that stops waiting after its permit was sent, and before it received it, loses none.
#[tokio::test]
async fn a_permit_that_nobody_takes_comes_back() {
    let budget = budget_of(1, 1, 9);
    let used = take(&budget, "a");
    let (mut first, mut second) = (Box::pin(budget.take(&"b")), Box::pin(budget.take(&"c")));
    assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
    drop(used);
    drop(first);
    assert!(matches!(poll(second.as_mut()), Poll::Ready(Ok(_))));
    drop(second);
    accounts_for_all(&budget);
    assert_eq!(budget.shared.state().free, 1);
}

#[tokio::test]
async fn waiting_ends() {
    let limits = budget_of(1, 1, 9).limits();
    let budget = ConnectionBudget::new(BudgetLimits {
        timeout: Duration::ZERO,
        ..limits
    });
    let _used = take(&budget, "a");
    assert!(matches!(budget.take(&"b").await, Err(Exhausted::Full)));
}

#[tokio::test]
async fn nothing_is_handed_out_after_the_end() {
    let budget = budget_of(2, 2, 9);
    take(&budget, "a").cache(1);
    let (mut used, other) = (take(&budget, "b"), take(&budget, "c"));
    used.cache(2);
    drop(other);
    let mut waiting = Box::pin(budget.take(&"b"));
    let _ = poll(waiting.as_mut());
    let closed = budget.close();
    assert!(closed.len() <= 1);
    drop(used);
    assert!(budget.close().is_empty());
    assert!(matches!(
        poll(pin!(budget.take(&"a"))),
        Poll::Ready(Err(Exhausted::Closed))
    ));
}

#[tokio::test]
async fn a_tenant_is_forgotten() {
    let budget = budget_of(3, 3, 9);
    let both = [take(&budget, "a"), take(&budget, "a")];
    both.into_iter()
        .zip(1..)
        .for_each(|(mut permit, value)| permit.cache(value));
    take(&budget, "b").cache(3);
    assert_eq!(budget.forget(&"a"), [1, 2]);
    assert!(take(&budget, "a").cached().is_none());
    assert_eq!(take(&budget, "b").cached(), Some(&3));
    accounts_for_all(&budget);
}
