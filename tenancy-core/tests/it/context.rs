//! The tenant of a task: where it is found, where it is not, and that it never stays behind.
#![cfg(feature = "std")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::thread;

use tenancy_core::context::{self, TenantScope};
use tenancy_core::directory::TenantRecord;
use tenancy_core::enforce::{Admitted, Outcome};
use tenancy_core::names::ResolverName;

fn admitted(id: &str) -> Admitted {
    let record = TenantRecord::new(id.parse().unwrap(), "row".parse().unwrap());
    Admitted::dangerously_assume(record, ResolverName::from_static("test"), "alice".parse().unwrap())
}

fn current() -> Option<String> {
    context::current().ok().map(|admitted| admitted.id().to_string())
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Waits once.
async fn pause() {
    let mut waited = false;
    std::future::poll_fn(|_| {
        if std::mem::replace(&mut waited, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

#[test]
fn two_tasks_on_one_thread_do_not_mix() {
    let task = |id: &'static str| {
        context::scope(admitted(id), async move {
            for _ in 0..100 {
                assert_eq!(current().as_deref(), Some(id));
                pause().await;
            }
        })
    };
    let (mut acme, mut globex) = (pin!(task("acme")), pin!(task("globex")));
    for _ in 0..100 {
        assert!(poll(acme.as_mut()).is_pending());
        assert_eq!(current(), None);
        assert!(poll(globex.as_mut()).is_pending());
        assert_eq!(current(), None);
    }
    assert!(poll(acme).is_ready());
    assert!(poll(globex).is_ready());
}

#[test]
fn nested_scopes_restore_the_outer_one() {
    let outer = context::scope(admitted("acme"), async {
        context::scope(admitted("globex"), async {
            pause().await;
            assert_eq!(current().as_deref(), Some("globex"));
        })
        .await;
        assert_eq!(current().as_deref(), Some("acme"));
        assert_eq!(
            context::sync_scope(admitted("initech"), current).as_deref(),
            Some("initech")
        );
        assert_eq!(current().as_deref(), Some("acme"));
    });
    let mut outer = pin!(outer);
    assert!(poll(outer.as_mut()).is_pending());
    assert_eq!(current(), None);
    assert!(poll(outer).is_ready());
    assert_eq!(current(), None);
}

#[test]
fn a_panic_leaves_nothing_behind() {
    let mut future = pin!(context::scope(admitted("acme"), async { panic!("on purpose") }));
    assert!(catch_unwind(AssertUnwindSafe(|| poll::<_>(future.as_mut()))).is_err());
    assert_eq!(current(), None);
    assert!(catch_unwind(|| context::sync_scope(admitted("acme"), || panic!("on purpose"))).is_err());
    assert_eq!(current(), None);
}

#[test]
fn a_replaced_scope_goes_to_whoever_entered_the_one_before() {
    let scope = |id| Some(TenantScope::from(admitted(id)));
    // Nobody would leave it.
    assert_eq!(context::replace(scope("globex")), Err(scope("globex")));
    assert_eq!(current(), None);
    for mut entered in [scope("acme"), None] {
        let before = entered.clone();
        context::sync_scope(admitted("initech"), || {
            context::enter(&mut entered, || {
                context::sync_scope(admitted("hooli"), || {});
                assert_eq!(context::replace(scope("globex")), Ok(before));
                assert_eq!(current().as_deref(), Some("globex"));
            });
            assert_eq!(current().as_deref(), Some("initech"));
        });
        assert_eq!((entered, current()), (scope("globex"), None));
    }
    let panicking = || {
        context::replace(scope("globex")).unwrap();
        panic!("on purpose")
    };
    assert!(catch_unwind(|| context::enter(&mut None, panicking)).is_err());
    assert_eq!(context::replace(None), Err(None));
    assert_eq!(current(), None);
}

#[test]
fn a_dropped_task_leaves_nothing_behind() {
    {
        let mut future = pin!(context::scope(admitted("acme"), pause()));
        assert!(poll(future.as_mut()).is_pending());
    }
    assert_eq!(current(), None);
}

#[test]
fn threads_have_no_tenant_unless_it_is_carried() {
    context::sync_scope(admitted("acme"), || {
        assert_eq!(thread::spawn(current).join().unwrap(), None);
        let carried = context::carry_sync(current);
        assert_eq!(thread::spawn(carried).join().unwrap().as_deref(), Some("acme"));
        let carried = context::carry(async { current() });
        let Poll::Ready(seen) = thread::spawn(|| poll(pin!(carried))).join().unwrap() else {
            panic!()
        };
        assert_eq!(seen.as_deref(), Some("acme"));
    });
    assert_eq!(context::carry_sync(current)(), None);
    // What was wrapped outside a scope does not pick one up where it is run.
    let (job, task) = (context::carry_sync(current), context::carry(async { current() }));
    context::sync_scope(admitted("globex"), || {
        assert_eq!(job(), None);
        assert_eq!(poll(pin!(task)), Poll::Ready(None));
        assert_eq!(current().as_deref(), Some("globex"));
    });
}

#[test]
fn a_visit_and_an_optional_route_are_no_members_scope() {
    let outside = context::current().unwrap_err().to_string();
    assert!(
        outside.contains("scoped()") && outside.contains("context::carry"),
        "{outside}"
    );
    context::sync_scope(admitted("acme").to_visit(), || {
        assert!(context::current().unwrap_err().to_string().contains("visit"));
        assert_eq!(context::current_visit().unwrap().id().as_str(), "acme");
    });
    context::sync_scope(TenantScope::from(Outcome::NoTenant), || {
        assert!(context::current().is_err());
        assert!(context::current_visit().is_err());
        assert!(context::bound().is_some());
    });
    context::sync_scope(admitted("acme"), || {
        assert_eq!(context::current_visit().unwrap().id().as_str(), "acme")
    });
}
