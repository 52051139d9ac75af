//! Refusals of the fence, as a file reports them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{FenceRefusal, StrategyError};

/// What the trigger raises, before the SQLSTATE that PostgreSQL has for it.
const PREFIX: &str = "tenancy ";

fn refusal(error: &sqlx::Error) -> Option<FenceRefusal> {
    let message = error.as_database_error()?.message();
    FenceRefusal::of_sqlstate(message.strip_prefix(PREFIX)?)
}

pub(in crate::sqlite) fn is_refusal(error: &sqlx::Error) -> bool {
    refusal(error).is_some()
}

pub(in crate::sqlite) fn fenced(error: sqlx::Error) -> StrategyError {
    match refusal(&error) {
        Some(refusal) => StrategyError::Fenced(refusal),
        None => error.into(),
    }
}

/// Whether the newest connection to a file has shown that the file is not fenced as the strategy is.
///
/// A pool would retry for as long as its acquire time-out if a new connection were refused. So the connection is made, and what
/// uses it asks here.
#[derive(Clone, Debug, Default)]
pub(in crate::sqlite) struct FenceWatch {
    pub(in crate::sqlite) is_fenced: bool,
    /// The least version with which the tenant is served.
    pub(in crate::sqlite) minimum_version: Option<i64>,
    differs: Arc<AtomicBool>,
}

impl FenceWatch {
    pub(in crate::sqlite) fn new(is_fenced: bool, minimum_version: Option<i64>) -> Self {
        Self {
            is_fenced,
            minimum_version,
            differs: Arc::default(),
        }
    }

    /// Records what a new connection has shown. Returns whether it is as it is to be.
    pub(in crate::sqlite) fn see(&self, is_database_fenced: bool) -> bool {
        let is_same = is_database_fenced == self.is_fenced;
        self.differs.store(!is_same, Ordering::Relaxed);
        is_same
    }

    /// Refuses a file that is not as the strategy.
    pub(in crate::sqlite) fn require(&self) -> Result<(), StrategyError> {
        if self.differs.load(Ordering::Relaxed) {
            let is_database_fenced = !self.is_fenced;
            return Err(StrategyError::FenceMismatch { is_database_fenced });
        }
        Ok(())
    }
}
