//! What threads cost each other.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use tenancy_core::directory::MemoryDirectory;
use tenancy_core::enforce::Enforcer;
use tenancy_core::request::Credentials;
use tenancy_http::CachedDirectory;

use crate::admission::{admit, warm};
use crate::fixture::{chain, claims, header, named};
use crate::{Group, Row};

pub(crate) fn group() -> Group {
    let group = Group::default().row(admissions("one thread", 1));
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let all = (2..=cores).filter(|threads| threads.is_power_of_two() || *threads == cores);
    all.fold(group, |group, threads| {
        let apart = format!("{threads} threads, each with an enforcer and a cache of its own");
        group
            .row(on_threads(&apart, (0..threads).map(|_| Shared::new()).collect()))
            .against(["one thread"], None)
            .row(admissions(
                &format!("{threads} threads, each, of one enforcer and cache"),
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
fn admissions(name: &str, threads: usize) -> Row {
    let shared = Shared::new();
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

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            enforcer: Enforcer::new(chain([header()])),
            directory: warm(10),
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
