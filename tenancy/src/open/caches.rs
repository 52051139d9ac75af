//! What a service has cached of its directory: notified of changes, and counted.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use tenancy_cache::{CachedAuthorizer, CachedDirectory, TenantSettings};
use tenancy_core::directory::{Authorizer, Directory, Invalidate};

/// What a service has cached.
#[derive(Default)]
pub(super) struct Caches {
    /// What forgets what has changed.
    pub(super) notified: Vec<Arc<dyn Invalidate>>,
    #[cfg(feature = "metrics")]
    counted: Vec<Arc<dyn Counts>>,
}

impl Caches {
    pub(super) fn add(&mut self, cache: impl Invalidate + Counts + 'static) {
        let cache = Arc::new(cache);
        #[cfg(feature = "metrics")]
        self.counted.push(Arc::clone(&cache) as Arc<dyn Counts>);
        self.notified.push(cache);
    }

    /// Adds to the counters what look-ups have counted, every few seconds, for as long as the task runs.
    #[cfg(feature = "metrics")]
    pub(super) fn record(&self) -> tokio::task::AbortHandle {
        const EVERY: std::time::Duration = std::time::Duration::from_secs(5);
        let counted = self.counted.clone();
        let recording = async move {
            loop {
                tokio::time::sleep(EVERY).await;
                counted.iter().for_each(|cache| cache.record());
            }
        };
        tokio::spawn(recording).abort_handle()
    }
}

/// A cache that counts how look-ups were answered, by the feature `metrics`.
pub(super) trait Counts: Send + Sync {
    /// Adds to the counters what was counted since the last time.
    #[cfg(feature = "metrics")]
    fn record(&self);
}

impl<D: Directory<Entry: Sync>> Counts for CachedDirectory<D> {
    #[cfg(feature = "metrics")]
    fn record(&self) {
        self.record_metrics();
    }
}

impl<A: Authorizer> Counts for CachedAuthorizer<A> {
    #[cfg(feature = "metrics")]
    fn record(&self) {
        self.record_metrics();
    }
}

impl<T: Default + DeserializeOwned + Send + Sync + 'static> Counts for TenantSettings<T> {
    #[cfg(feature = "metrics")]
    fn record(&self) {
        self.record_metrics();
    }
}
