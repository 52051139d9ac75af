//! The right of one request to be under way.

use std::fmt;
use std::sync::Arc;

use crate::counters::Counters;

/// The right of one request to be under way. Hold it until the response's body has ended, or the work is done.
#[must_use = "the request counts as under way for as long as the permit is held"]
pub struct Permit(Option<Arc<Counters>>);

impl Permit {
    pub(crate) const fn new(counters: Option<Arc<Counters>>) -> Self {
        Self(counters)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(counters) = &self.0 {
            counters.leave();
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}
