//! A bound on the transactions of one tenant, so that its flood leaves connections to others.

mod turns;
#[cfg(test)]
mod turns_tests;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tenancy_core::names::TenantId;
use tokio::sync::oneshot;

pub(crate) use self::turns::ShareLimits;
use self::turns::Turns;
use crate::StrategyError;

/// What lets tenants take connections of one pool.
#[derive(Clone)]
pub(crate) struct TenantShares(Arc<Mutex<Turns<oneshot::Sender<Share>>>>);

/// One transaction of a tenant that is counted, until this is dropped: after its connection has been given back, however it has
/// ended.
pub(crate) struct Share {
    shares: TenantShares,
    tenant: TenantId,
}

impl TenantShares {
    pub(crate) fn new(limits: ShareLimits) -> Self {
        Self(Arc::new(Mutex::new(Turns::new(limits))))
    }

    /// Counts a transaction of the tenant, once it may begin. It waits no longer than `timeout`; what of that is left is for the
    /// pool.
    ///
    /// A future that is dropped while it waits counts nothing.
    pub(crate) async fn enter(&self, tenant: &TenantId, timeout: Duration) -> Result<(Share, Duration), StrategyError> {
        let begun = Instant::now();
        let (waiting, receiver) = {
            let mut turns = self.lock();
            if turns.enter(tenant) {
                return Ok((self.share(tenant.clone()), timeout));
            }
            let (sender, receiver) = oneshot::channel();
            let arrival = turns.wait(tenant, sender);
            let shares = self.clone();
            let tenant = tenant.clone();
            (
                Waiting {
                    shares,
                    tenant,
                    arrival,
                },
                receiver,
            )
        };
        match tokio::time::timeout(timeout, receiver).await {
            Ok(Ok(share)) => Ok((share, timeout.saturating_sub(begun.elapsed()))),
            _ => Err(waiting.refusal()),
        }
    }

    fn share(&self, tenant: TenantId) -> Share {
        let shares = self.clone();
        Share { shares, tenant }
    }

    /// Nothing that is done under the lock is left half done by a panic.
    fn lock(&self) -> MutexGuard<'_, Turns<oneshot::Sender<Share>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let served = self.shares.lock().leave(&self.tenant);
        for (tenant, sender) in served {
            // One that has stopped waiting meanwhile does not take it, and so its share ends here. That locks again, so never under
            // the lock.
            let _ = sender.send(self.shares.share(tenant));
        }
    }
}

/// One that waits, until this is dropped.
struct Waiting {
    shares: TenantShares,
    tenant: TenantId,
    arrival: u64,
}

impl Waiting {
    /// Why it has waited in vain.
    fn refusal(&self) -> StrategyError {
        let turns = self.shares.lock();
        let ShareLimits { max, per_tenant } = turns.limits();
        if turns.under_way(&self.tenant) >= per_tenant {
            StrategyError::TenantShareInUse { max: per_tenant }
        } else {
            StrategyError::TooManyInUse { max }
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let left = self.shares.lock().give_up(&self.tenant, self.arrival);
        drop(left);
    }
}

impl fmt::Debug for TenantShares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantShares")
            .field("limits", &self.lock().limits())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Share").finish_non_exhaustive()
    }
}
