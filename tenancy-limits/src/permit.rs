//! The right of one request to be under way.

use std::fmt;
use std::sync::Arc;

use crate::counters::Counters;

/// The right of one request to be under way. Hold it until the response's body has ended, or the work is done: the
/// request counts as under way until the last clone is dropped.
#[derive(Clone)]
#[must_use = "the request counts as under way for as long as the permit is held"]
pub struct Permit(#[expect(dead_code, reason = "it is held to be dropped")] Option<Arc<Entered>>);

impl Permit {
    pub(crate) const fn unlimited() -> Self {
        Self(None)
    }

    /// For a request that the counters have counted.
    pub(crate) fn of(counters: Arc<Counters>) -> Self {
        Self(Some(Arc::new(Entered(counters))))
    }
}

/// A request that has been counted, and is not any more when this is dropped.
struct Entered(Arc<Counters>);

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}
