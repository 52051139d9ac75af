//! What the requests and the task that refreshes share.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::timeout;

use crate::jwks::jwk_set::JwkRules;
use crate::key::key_set::KeySet;
use tenancy_core::clock::Clock;

pub(super) struct Shared {
    pub(super) rules: JwkRules,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) times: Times,
    last_good: RwLock<Option<Good>>,
    progress: watch::Sender<Progress>,
}

/// How often, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// Between fetches, where the issuer does not say.
    pub(super) refresh_interval: Duration,
    /// Between fetches for the sake of unknown keys.
    pub(super) unknown_key_interval: Duration,
    /// That a request waits for one.
    pub(super) wait: Duration,
    /// That a fetch may take.
    pub(super) timeout: Duration,
    /// That keys are used without their issuer.
    pub(super) maximum_age: Duration,
}

struct Good {
    keys: Arc<KeySet>,
    /// When its fetch began: the keys may be as old as the request for them.
    fetched_at: Instant,
}

#[derive(Default)]
struct Progress {
    /// A fetch is requested, and has not begun.
    wanted: bool,
    under_way: bool,
    /// How many fetches have come to an end.
    finished: u64,
    last_wanted: Option<Instant>,
    /// Nothing is fetched any more.
    ended: bool,
}

/// When a fetch began, as seen by a caller that waits for it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Began {
    Earlier,
    Later,
}

impl Shared {
    pub(super) fn new(rules: JwkRules, clock: Arc<dyn Clock>, times: Times) -> Self {
        Self {
            rules,
            clock,
            times,
            last_good: RwLock::new(None),
            // The first fetch is about to begin: callers that come before it wait for it.
            progress: watch::Sender::new(Progress {
                wanted: true,
                ..Progress::default()
            }),
        }
    }

    /// The keys of the last fetch that was good, unless they are too old.
    pub(super) fn current(&self) -> Option<Arc<KeySet>> {
        let last_good = self.last_good.read().unwrap_or_else(PoisonError::into_inner);
        let good = last_good.as_ref()?;
        let age = self.clock.now().saturating_duration_since(good.fetched_at);
        (age < self.times.maximum_age).then(|| Arc::clone(&good.keys))
    }

    pub(super) fn set(&self, keys: Arc<KeySet>, fetched_at: Instant) {
        *self.last_good.write().unwrap_or_else(PoisonError::into_inner) = Some(Good { keys, fetched_at });
    }

    /// Whether a fetch may bring a key that is unknown: one is under way, or it is time for one.
    pub(super) fn may_refresh(&self) -> bool {
        let progress = self.progress.borrow();
        progress.is_expected() || progress.is_due(self.clock.now(), self.times.unknown_key_interval)
    }

    /// Waits for a fetch that brings an unknown key. A fetch that has begun already may have read the key set before the
    /// key was published: if it does not help, this waits for the next one as well.
    pub(super) async fn refresh_for_unknown_kid(&self, has_helped: impl Fn() -> bool + Send) {
        let refreshed = async {
            if self.next_fetch().await == Some(Began::Earlier) && !has_helped() {
                self.next_fetch().await;
            }
        };
        let _ = timeout(self.times.wait, refreshed).await;
    }

    /// Waits for the fetch that is under way, or for a new one if it is time for one. All that wait in the meantime wait
    /// for the same fetch.
    async fn next_fetch(&self) -> Option<Began> {
        let mut progress = self.progress.subscribe();
        let now = self.clock.now();
        let mut expected = None;
        self.progress.send_if_modified(|progress| {
            let asks = !progress.is_expected() && progress.is_due(now, self.times.unknown_key_interval);
            if asks {
                progress.wanted = true;
                progress.last_wanted = Some(now);
            }
            let began = if progress.under_way {
                Began::Earlier
            } else {
                Began::Later
            };
            expected = progress.is_expected().then_some((began, progress.finished + 1));
            asks
        });
        let (began, goal) = expected?;
        let done = progress.wait_for(|progress| progress.finished >= goal || progress.ended);
        // The sender is not dropped: it is ours.
        done.await.is_ok().then_some(began)
    }

    /// Waits until a request needs a fetch.
    pub(super) async fn wanted(&self) {
        let mut progress = self.progress.subscribe();
        // The sender is not dropped: it is ours.
        let _ = progress.wait_for(|progress| progress.wanted).await;
    }

    pub(super) fn begin(&self) {
        self.progress.send_modify(|progress| {
            progress.wanted = false;
            progress.under_way = true;
        });
    }

    pub(super) fn finish(&self) {
        self.progress.send_modify(|progress| {
            progress.under_way = false;
            progress.finished += 1;
        });
    }

    /// Fetches nothing any more. Says whether anything was fetched up to now.
    pub(super) fn end(&self) -> bool {
        self.progress
            .send_if_modified(|progress| !std::mem::replace(&mut progress.ended, true))
    }
}

impl Progress {
    const fn is_expected(&self) -> bool {
        !self.ended && (self.wanted || self.under_way)
    }

    fn is_due(&self, now: Instant, interval: Duration) -> bool {
        let is_late = |last| now.saturating_duration_since(last) >= interval;
        !self.ended && self.last_wanted.is_none_or(is_late)
    }
}
