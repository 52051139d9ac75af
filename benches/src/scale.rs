//! What grows: tenants, and threads.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use tenancy_core::directory::{Directory, MemoryDirectory};
use tenancy_core::enforce::Enforcer;
use tenancy_core::names::TenantKey;
use tenancy_core::request::{Claims, Credentials};
use tenancy_http::CachedDirectory;

use crate::admission::{admit, warm};
use crate::fixture::{chain, claims, header, header_name, named};
use crate::measure::runtime;
use crate::{Group, Row};

pub(crate) fn group() -> Group {
    let group = Group::default()
        .row(admissions("10 tenants", 10, 1))
        .row(admissions("1,000 tenants", 1_000, 1))
        .against(["10 tenants"], 1.1)
        .row(admissions("1,000,000 tenants", 1_000_000, 1))
        .against(["10 tenants"], 1.25)
        .row(in_turn("100 tenants, in turn", 100))
        .against(["10 tenants"], None)
        .row(in_turn("5,000 tenants, in turn", 5_000))
        .against(["10 tenants"], None);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let all = (2..=cores).filter(|threads| threads.is_power_of_two() || *threads == cores);
    all.fold(group, |group, threads| {
        let apart = format!("{threads} threads, each with an enforcer and a cache of its own");
        group
            .row(on_threads(&apart, (0..threads).map(|_| Shared::new(10)).collect()))
            .against(["10 tenants"], None)
            .row(admissions(
                &format!("{threads} threads, each, of one enforcer and cache"),
                10,
                threads,
            ))
            .against([&*apart], 1.1)
    })
}

struct Shared {
    enforcer: Enforcer,
    directory: CachedDirectory<MemoryDirectory>,
}

/// So many threads admit at once.
fn admissions(name: &str, tenants: usize, threads: usize) -> Row {
    let shared = Shared::new(tenants);
    on_threads(name, vec![shared; threads])
}

/// A thread for each admits at once. It takes as long as the slowest, each as often as is asked.
fn on_threads(name: &str, threads: Vec<Arc<Shared>>) -> Row {
    Row::timed(name, move |times| {
        let start = Arc::new(Barrier::new(threads.len()));
        let run = |shared: &Arc<Shared>| {
            let (shared, start) = (Arc::clone(shared), Arc::clone(&start));
            thread::spawn(move || shared.admit(times, &start))
        };
        let running: Vec<_> = threads.iter().map(run).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).max().unwrap()
    })
}

/// Each request names the next of so many tenants, all of which the cache has: more than a thread keeps near it,
/// where they are many.
fn in_turn(name: &str, tenants: usize) -> Row {
    let (enforcer, directory, runtime) = (Enforcer::new(chain([header()])), warm(tenants), runtime());
    let requests: Vec<_> = (1..=tenants)
        .map(|place| {
            let id = if place == tenants {
                "acme".to_owned()
            } else {
                format!("t{place}")
            };
            let key = TenantKey::Id(id.parse().unwrap());
            assert!(runtime.block_on(directory.find(&key)).unwrap().is_some());
            let mut parts = named();
            parts.headers.insert(header_name(), id.parse().unwrap());
            (parts, Claims::new("alice".parse().unwrap()).with_tenant(key))
        })
        .collect();
    let mut next = 0;
    Row::new(name, move || {
        let (parts, claims) = &requests[next];
        next = (next + 1) % requests.len();
        admit(&enforcer, &directory, parts, Credentials::Verified(claims));
    })
}

impl Shared {
    fn new(tenants: usize) -> Arc<Self> {
        Arc::new(Self {
            enforcer: Enforcer::new(chain([header()])),
            directory: warm(tenants),
        })
    }

    fn admit(&self, times: u64, start: &Barrier) -> Duration {
        let (parts, claims) = (named(), claims());
        start.wait();
        let started = Instant::now();
        for _ in 0..times {
            admit(&self.enforcer, &self.directory, &parts, Credentials::Verified(&claims));
        }
        started.elapsed()
    }
}
