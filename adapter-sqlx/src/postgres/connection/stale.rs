//! Connections that are too old to know how tables look now.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Since when tables look as they do. A connection from before may keep statements prepared whose results
/// looked otherwise, and PostgreSQL refuses to run those.
#[derive(Clone, Debug)]
pub(in crate::postgres) struct LastChange {
    opened: Instant,
    /// Nanoseconds after `opened`.
    changed: Arc<AtomicU64>,
}

impl LastChange {
    pub(in crate::postgres) fn new() -> Self {
        Self {
            opened: Instant::now(),
            changed: Arc::default(),
        }
    }

    pub(in crate::postgres) fn mark(&self) {
        self.changed
            .fetch_max(nanoseconds(self.opened.elapsed()), Ordering::SeqCst);
    }

    /// Marks when it is dropped: a future that is dropped while it commits may have committed.
    pub(in crate::postgres) const fn mark_on_drop(&self) -> MarkOnDrop<'_> {
        MarkOnDrop {
            change: self,
            has_changed: true,
        }
    }

    /// Whether a connection of that age was opened later.
    pub(in crate::postgres) fn is_before(&self, age: Duration) -> bool {
        let opened = self.opened.elapsed().saturating_sub(age);
        nanoseconds(opened) >= self.changed.load(Ordering::SeqCst)
    }
}

pub(in crate::postgres) struct MarkOnDrop<'c> {
    change: &'c LastChange,
    has_changed: bool,
}

impl MarkOnDrop<'_> {
    /// Records whether anything has changed, which is known now.
    pub(in crate::postgres) fn known(mut self, has_changed: bool) {
        self.has_changed = has_changed;
    }
}

impl Drop for MarkOnDrop<'_> {
    fn drop(&mut self) {
        if self.has_changed {
            self.change.mark();
        }
    }
}

/// Enough for 584 years.
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
