//! Each thread caches what it finds often: such an entry must be forgotten, and expire, as every other does.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::convert::Infallible;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use tenancy_cache::{CacheLimits, CachedDirectory, CoarseClock};
use tenancy_core::clock::{Clock, ManualClock};
use tenancy_core::directory::{
    Change, Directory, Invalidate, MemoryDirectory, MemoryEntry, TenantEntry, TenantHandle, TenantRecord,
};
use tenancy_core::names::TenantKey;

use crate::cache_support::directory::{id, key, record};
use crate::cache_support::members::Fixture;

/// More often than it takes until a thread has its own copy.
const PROMOTING: usize = 40;

/// `None` where there is something to wait for.
fn at_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

fn now<F: Future>(future: F) -> F::Output {
    at_once(future).unwrap()
}

fn directory(limits: CacheLimits) -> CachedDirectory<MemoryDirectory> {
    let entries = ["acme", "globex"].map(|id| MemoryEntry::new(record(id)));
    CachedDirectory::builder(MemoryDirectory::new(entries).unwrap())
        .with_limits(limits)
        .build()
}

/// Queries on a thread of its own, `PROMOTING` times for each command; `None` if nothing was cached once.
struct Asker {
    tell: mpsc::Sender<&'static str>,
    told: mpsc::Receiver<Option<TenantHandle>>,
}

impl Asker {
    fn of(cached: &CachedDirectory<MemoryDirectory>) -> Self {
        let (tell, names) = mpsc::channel::<&'static str>();
        let (answers, told) = mpsc::channel();
        let cached = cached.clone();
        thread::spawn(move || {
            for name in names {
                let kept = (0..PROMOTING).map(|_| {
                    cached
                        .peek(&key(name), |entry| entry.cloned())
                        .flatten()
                        .map(|entry| entry.handle())
                });
                let last = kept.reduce(|before, after| before.and(after)).flatten();
                if answers.send(last).is_err() {
                    return;
                }
            }
        });
        Self { tell, told }
    }

    fn ask(&self, name: &'static str) -> Option<TenantHandle> {
        self.tell.send(name).unwrap();
        self.told.recv().unwrap()
    }
}

#[test]
fn each_thread_has_a_copy_of_what_it_finds_often() {
    let cached = directory(CacheLimits::new());
    let askers = [Asker::of(&cached), Asker::of(&cached)];
    assert!(now(cached.find(&key("acme"))).unwrap().is_some());
    let [one, other] = askers.each_ref().map(|asker| asker.ask("acme").unwrap());
    assert_eq!(one, other);
    assert!(!std::ptr::eq::<TenantRecord>(&*one, &*other), "no counter is shared");
    let again = askers[0].ask("acme").unwrap();
    assert!(std::ptr::eq::<TenantRecord>(&*one, &*again), "copied once");
}

#[test]
fn all_threads_forget() {
    let cached = directory(CacheLimits::new());
    let askers = [Asker::of(&cached), Asker::of(&cached)];
    for forget in [
        (|cached| cached.forget(&id("acme"))) as fn(&CachedDirectory<MemoryDirectory>),
        CachedDirectory::forget_all,
    ] {
        for name in ["acme", "globex"] {
            assert!(now(cached.find(&key(name))).unwrap().is_some());
            assert!(askers.iter().all(|asker| asker.ask(name).is_some()), "{name}");
        }
        forget(&cached);
        assert!(askers.iter().all(|asker| asker.ask("acme").is_none()));
    }
    // What was forgotten with one tenant of two is the one; the other is in the cache of its thread again.
    now(cached.find(&key("acme"))).unwrap();
    now(cached.find(&key("globex"))).unwrap();
    cached.forget(&id("acme"));
    assert!(askers.iter().all(|asker| asker.ask("globex").is_some()));
}

/// The name is that of another tenant until now: its copies are not those of the tenant that changed.
#[test]
fn all_threads_forget_a_name_that_goes_to_another_tenant() {
    let cached = directory(CacheLimits::new());
    let asker = Asker::of(&cached);
    now(cached.find(&key("globex"))).unwrap();
    assert!(asker.ask("globex").is_some());
    cached.invalidate(&Change::Tenant {
        id: id("initech"),
        names: vec![key("globex")],
    });
    assert!(asker.ask("globex").is_none());
}

#[test]
fn an_entry_of_a_thread_expires() {
    let clock = Arc::new(ManualClock::new());
    let cached = directory(CacheLimits::new().with_clock(Arc::clone(&clock)));
    let asker = Asker::of(&cached);
    now(cached.find(&key("acme"))).unwrap();
    assert!(asker.ask("acme").is_some());
    clock.advance(Duration::from_secs(60) - Duration::from_nanos(1));
    assert!(asker.ask("acme").is_some());
    clock.advance(Duration::from_nanos(1));
    assert!(asker.ask("acme").is_none());
}

/// The directory answers with the current version. A query that begins after a version was published, and older answers
/// were forgotten, never sees an older one.
#[test]
fn no_query_sees_what_was_forgotten_before_it_began() {
    struct Versions(Arc<AtomicU64>);

    impl Directory for Versions {
        type Entry = TenantRecord;
        type Error = Infallible;

        async fn find(&self, _: &TenantKey) -> Result<Option<TenantRecord>, Infallible> {
            let slug = format!("v{}", self.0.load(Ordering::SeqCst));
            Ok(Some(record("acme").with_slug(slug.parse().unwrap())))
        }
    }

    let version = Arc::new(AtomicU64::new(0));
    let cached = CachedDirectory::new(Versions(Arc::clone(&version)));
    let (told, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let read = || {
        let mut seen = 0;
        while !is_over.load(Ordering::Relaxed) {
            let at_least = told.load(Ordering::Acquire);
            let entry = match cached.peek(&key("acme"), |entry| entry.cloned()) {
                Some(kept) => kept.unwrap(),
                None => match at_once(cached.find(&key("acme"))) {
                    Some(found) => found.unwrap().unwrap(),
                    // Another asks just now.
                    None => continue,
                },
            };
            let found = entry.handle().slug.as_str().trim_start_matches('v').parse().unwrap();
            assert!(found >= at_least, "{found} after {at_least}");
            seen = seen.max(found);
        }
        seen
    };
    thread::scope(|scope| {
        let readers = [(); 3].map(|()| scope.spawn(read));
        for next in 1..=2_000 {
            version.store(next, Ordering::SeqCst);
            cached.forget(&id("acme"));
            told.store(next, Ordering::Release);
            // So that each version gets into the cache of some thread.
            for _ in 0..PROMOTING {
                let _ = cached.peek(&key("acme"), |entry| entry.cloned());
            }
        }
        is_over.store(true, Ordering::Relaxed);
        let seen = readers.map(|reader| reader.join().unwrap());
        assert!(seen.iter().any(|seen| *seen > 0), "{seen:?}");
    });
}

#[tokio::test]
async fn a_removed_member_who_came_often_is_refused() {
    let fixture = Fixture::new();
    fixture.members.set("acme - alice", "editor");
    for _ in 0..PROMOTING {
        assert_eq!(fixture.enter("acme - alice").await, (200, "editor".into()));
    }
    assert_eq!(fixture.members.asked(), 1);
    fixture.members.0.lock().unwrap().0.clear();
    assert_eq!(fixture.enter("acme - alice").await.0, 200, "kept");
    fixture.cached.forget(&id("acme"), &"alice".parse().unwrap());
    assert_eq!(fixture.enter("acme - alice").await.0, 403);
}

#[test]
fn the_coarse_clock_is_behind_by_its_resolution_at_most() {
    let resolution = CoarseClock.resolution();
    assert!(resolution <= Duration::from_millis(20), "{resolution:?}");
    let mut last = CoarseClock.now();
    for _ in 0..10_000 {
        let before = Instant::now();
        let coarse = CoarseClock.now();
        assert!(coarse + resolution >= before);
        assert!(coarse >= last);
        last = coarse;
    }
}

/// Else an answer would be served beyond its time, by the time that the clock is behind.
#[test]
fn by_a_clock_that_may_be_behind_answers_end_earlier() {
    struct Behind(ManualClock);

    impl Clock for Behind {
        fn now(&self) -> Instant {
            self.0.now()
        }

        fn resolution(&self) -> Duration {
            Duration::from_secs(2)
        }
    }

    let clock = Arc::new(Behind(ManualClock::new()));
    let cached = directory(CacheLimits::new().with_clock(Arc::clone(&clock)));
    for name in ["acme", "nosuch"] {
        let time_to_live = Duration::from_secs(if name == "acme" { 60 } else { 5 });
        now(cached.find(&key(name))).unwrap();
        clock.0.advance(time_to_live - Duration::from_millis(2_001));
        assert!(cached.peek(&key(name), |_| ()).is_some(), "{name}");
        clock.0.advance(Duration::from_millis(1));
        assert!(cached.peek(&key(name), |_| ()).is_none(), "{name}");
    }
}
