//! What grows: tenants, and threads.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use tenancy_core::{Access, ClaimMembership, Credentials, Enforcer, MemoryDirectory, Outcome, drive_now};
use tenancy_http::{CachedDirectory, HeaderFields, request_view};

use crate::admission::warm;
use crate::fixture::{chain, claims, header, named, names};
use crate::{Group, Row};

pub(crate) fn group() -> Group {
    let group = Group::default()
        .row(admissions("10 tenants", 10, 1))
        .row(admissions("1,000 tenants", 1_000, 1))
        .against(["10 tenants"], 1.1)
        .row(admissions("1,000,000 tenants", 1_000_000, 1))
        .against(["10 tenants"], 1.25);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let all = (2..=cores).filter(|threads| threads.is_power_of_two() || *threads == cores);
    all.fold(group, |group, threads| {
        group
            .row(admissions(&format!("{threads} threads, each"), 10, threads))
            .against(["10 tenants"], 1.25)
    })
}

struct Shared {
    enforcer: Enforcer,
    directory: CachedDirectory<MemoryDirectory>,
}

/// So many threads admit at once. It takes as long as the slowest, each as often as is asked.
fn admissions(name: &str, tenants: usize, threads: usize) -> Row {
    let shared = Arc::new(Shared {
        enforcer: Enforcer::new(chain([header()])),
        directory: warm(tenants),
    });
    Row::timed(name, move |times| {
        let start = Arc::new(Barrier::new(threads));
        let run = || {
            let (shared, start) = (Arc::clone(&shared), Arc::clone(&start));
            thread::spawn(move || shared.admit(times, &start))
        };
        let running: Vec<_> = (0..threads).map(|_| run()).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).max().unwrap()
    })
}

impl Shared {
    fn admit(&self, times: u64, start: &Barrier) -> Duration {
        let (parts, claims) = (named(), claims());
        start.wait();
        let started = Instant::now();
        for _ in 0..times {
            let fields = HeaderFields::new(&parts.headers).with_names(names());
            let request = request_view(&parts, &parts.uri, &fields, Credentials::Verified(&claims));
            let step = self.enforcer.begin(&request, Access::Scoped);
            let admitted = drive_now(step, &self.directory, &ClaimMembership);
            assert!(matches!(admitted, Ok(Ok(Outcome::Admitted(_)))));
        }
        started.elapsed()
    }
}
