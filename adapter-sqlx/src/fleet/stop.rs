//! The signal that ends a run early.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Ends a run early: what is being migrated is finished, the rest stays pending, and the run can be resumed. All clones are one
/// signal. A command raises it at SIGINT.
///
/// ```
/// use tenancy_sqlx::fleet::Stop;
///
/// let stop = Stop::new();
/// let handler = stop.clone();
/// handler.raise();
/// assert!(stop.is_raised());
/// ```
#[derive(Clone, Debug, Default)]
#[doc(alias = "CancellationToken")]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// A signal that is not raised.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Raises it. It cannot be taken back.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it is raised.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
