//! Threads that count at once.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tenancy_limits::Limits;

use super::{SECOND, limiter, rate, tenant};

const THREADS: usize = 8;

#[test]
fn no_more_than_the_burst_begin_however_many_threads_try() {
    for _ in 0..50 {
        let (limiter, _clock) = limiter(Limits::none().with_rate(rate(1, SECOND).with_burst(100)));
        let (begun, start) = (AtomicUsize::new(0), Barrier::new(THREADS));
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    start.wait();
                    for _ in 0..100 {
                        begun.fetch_add(usize::from(limiter.enter(&tenant("acme")).is_ok()), Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(begun.into_inner(), 100);
    }
}

#[test]
fn no_more_are_under_way_than_may_be_and_none_is_left() {
    const MOST: usize = 3;
    let (limiter, _clock) = limiter(Limits::none().with_under_way(3));
    let (now, begun, start) = (AtomicUsize::new(0), AtomicUsize::new(0), Barrier::new(THREADS));
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (limiter, now, begun, start) = (&limiter, &now, &begun, &start);
            scope.spawn(move || {
                start.wait();
                for round in 0..5_000 {
                    // Others make the map grow and forget meanwhile.
                    drop(limiter.enter(&tenant(&format!("t{number}-{round}"))));
                    let Ok(permit) = limiter.enter(&tenant("acme")) else {
                        continue;
                    };
                    assert!(now.fetch_add(1, Ordering::SeqCst) < MOST);
                    begun.fetch_add(1, Ordering::Relaxed);
                    now.fetch_sub(1, Ordering::SeqCst);
                    drop(permit);
                }
            });
        }
    });
    assert!(begun.into_inner() >= 5_000);
    let held: Vec<_> = (0..MOST).map(|_| limiter.enter(&tenant("acme")).unwrap()).collect();
    assert!(limiter.enter(&tenant("acme")).is_err());
    drop(held);
}
