//! Counts the transactions of a pool.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::StrategyError;

/// How many transactions of a pool are under way.
///
/// A pool gives up waiting in one way only, whether all its connections are in use or none can be opened. The number
/// tells the two apart.
#[derive(Clone, Debug, Default)]
pub(crate) struct InUse(Arc<AtomicUsize>);

/// One transaction, until it is dropped.
#[derive(Debug)]
pub(crate) struct InUseGuard(Arc<AtomicUsize>);

impl InUse {
    pub(crate) fn enter(&self) -> InUseGuard {
        self.0.fetch_add(1, Ordering::Relaxed);
        InUseGuard(Arc::clone(&self.0))
    }

    /// What it means that a transaction could not begin on a pool of `max` connections.
    pub(crate) fn refusal(&self, error: sqlx::Error, max: u32) -> StrategyError {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        match error {
            sqlx::Error::PoolTimedOut if self.0.load(Ordering::Relaxed) >= max => StrategyError::TooManyInUse { max },
            error => error.into(),
        }
    }
}

impl Drop for InUseGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
