//! How look-ups were answered. Without the feature `metrics` nothing is counted.

/// How a look-up was answered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lookup {
    /// From the thread's own cache.
    Thread,
    /// From the cache of all threads.
    Shared,
    /// It is cached that there is nothing.
    Negative,
    /// By a query.
    Queried,
    /// By a query of another caller, which was under way.
    Waited,
}

#[cfg(feature = "metrics")]
pub(crate) use self::counted::Lookups;
#[cfg(feature = "metrics")]
pub use self::counted::describe_metrics;
#[cfg(not(feature = "metrics"))]
pub(crate) use self::uncounted::Lookups;

#[cfg(feature = "metrics")]
mod counted {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Mutex, PoisonError};

    use metrics::{Unit, counter, describe_counter};
    use thread_local::ThreadLocal;

    use super::Lookup;

    const LOOKUPS: &str = "tenancy_lookups_total";
    const OUTCOMES: [&str; 5] = ["thread", "shared", "negative", "queried", "waited"];

    /// Describes the metrics of caches to the recorder that is installed. Call it once, after installing one.
    ///
    /// | metric | kind | labels |
    /// |---|---|---|
    /// | `tenancy_lookups_total` | counter | `cache`: `tenants`, `members`, `settings`; `outcome`: `thread` and `shared` for what was found in the thread's own cache and in that of all threads, `negative` for a cached miss or denial, `queried`, and `waited` for a query of another caller that was under way |
    ///
    /// It grows when [`CachedDirectory::record_metrics`](crate::CachedDirectory::record_metrics) is called, and those of the other
    /// caches: a look-up itself writes to nothing that threads share.
    pub fn describe_metrics() {
        describe_counter!(LOOKUPS, Unit::Count, "Look-ups in a cache, by how they were answered.");
    }

    /// What each thread has counted, and how much of it is recorded.
    #[derive(Default)]
    pub(crate) struct Lookups {
        threads: ThreadLocal<Counts>,
        recorded: Mutex<[u64; OUTCOMES.len()]>,
    }

    /// Written by one thread alone. Aligned, so that no two threads write to one line of the processor's cache.
    #[derive(Default)]
    #[repr(align(128))]
    struct Counts([AtomicU64; OUTCOMES.len()]);

    impl Lookups {
        pub(crate) fn count(&self, lookup: Lookup) {
            let counts = self.threads.get_or_default();
            if let Some(count) = counts.0.get(lookup as usize) {
                // No other thread writes here: a store is enough.
                count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            }
        }

        /// Adds to the counters what was counted since the last time.
        pub(crate) fn record(&self, cache: &'static str) {
            let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
            for (number, (outcome, recorded)) in OUTCOMES.into_iter().zip(&mut *recorded).enumerate() {
                let counted = self.threads.iter().filter_map(|counts| counts.0.get(number));
                let total: u64 = counted.map(|count| count.load(Ordering::Relaxed)).sum();
                let new = total - *recorded;
                if new > 0 {
                    counter!(LOOKUPS, "cache" => cache, "outcome" => outcome).increment(new);
                    *recorded = total;
                }
            }
        }
    }
}

#[cfg(not(feature = "metrics"))]
mod uncounted {
    use super::Lookup;

    #[derive(Default)]
    pub(crate) struct Lookups {}

    impl Lookups {
        #[expect(clippy::unused_self, reason = "with the feature `metrics` it counts")]
        pub(crate) const fn count(&self, _: Lookup) {}
    }
}
