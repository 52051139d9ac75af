//! The versions of all tenants whose data is in one database, read by one question.

use std::fmt;
use std::future::Future;

use tenancy_core::names::TenantId;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::{DataVersion, StrategyError};

/// How many versions are in memory at once.
const AHEAD: usize = 256;

/// The versions of all tenants of a strategy, in the order of their ids' bytes, as they are read.
///
/// They are read by a task while they are consumed, so that memory does not grow with the number of tenants. Dropped, it ends the
/// task.
#[derive(Debug)]
pub struct Survey {
    found: mpsc::Receiver<Result<Surveyed, StrategyError>>,
    reader: AbortHandle,
}

/// A tenant that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Surveyed {
    /// The tenant.
    pub tenant: TenantId,
    /// The version of its data; `None` if it has a place and its version is not recorded, so that its ledger must be read.
    pub version: Option<DataVersion>,
}

/// Receives what a reader finds.
#[derive(Clone)]
pub struct Surveyor(mpsc::Sender<Result<Surveyed, StrategyError>>);

impl Survey {
    /// Reads in a task of its own. `read` reports the tenants in the order of their ids' bytes, each once.
    ///
    /// It needs a tokio runtime.
    pub fn spawn<F, R>(read: F) -> Self
    where
        F: FnOnce(Surveyor) -> R,
        R: Future<Output = Result<(), StrategyError>> + Send + 'static,
    {
        let (sender, found) = mpsc::channel(AHEAD);
        let reading = read(Surveyor(sender.clone()));
        let task = tokio::spawn(async move {
            if let Err(error) = reading.await {
                // Nobody listens any more if this fails.
                let _ = sender.send(Err(error)).await;
            }
        });
        Self {
            found,
            reader: task.abort_handle(),
        }
    }

    /// The next tenant; `None` behind the last one.
    ///
    /// # Errors
    ///
    /// If the versions cannot be read on.
    pub async fn next(&mut self) -> Result<Option<Surveyed>, StrategyError> {
        self.found.recv().await.transpose()
    }
}

impl Surveyor {
    /// Reports a tenant. Returns `false` if nobody listens any more.
    pub async fn found(&self, tenant: TenantId, version: Option<DataVersion>) -> bool {
        self.0.send(Ok(Surveyed { tenant, version })).await.is_ok()
    }
}

impl fmt::Debug for Surveyor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surveyor").finish_non_exhaustive()
    }
}

impl Drop for Survey {
    fn drop(&mut self) {
        self.reader.abort();
    }
}
