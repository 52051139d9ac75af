//! Provisioning of all tenants, one after the other or several at a time.

use std::num::NonZeroUsize;

use sqlx::Database;
use tenancy_core::directory::{TenantRecord, TenantStatus};
use tenancy_core::names::TenantId;
use tokio::task::JoinSet;

use crate::{ProvisionError, TenantDb};

/// What happens to a tenant while all are provisioned.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProvisionProgress<'p> {
    /// It is being provisioned.
    Started(&'p TenantId),
    /// It is provisioned and migrated.
    Done(&'p TenantId),
    /// It failed. The others continue.
    Failed(&'p TenantId, &'p ProvisionError),
    /// It is archived: nothing is made for it.
    Skipped(&'p TenantId),
}

/// The outcome for each tenant.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct ProvisionSummary {
    /// Tenants that are provisioned and migrated.
    pub done: Vec<TenantId>,
    /// Tenants that failed, and why.
    pub failed: Vec<(TenantId, ProvisionError)>,
    /// Tenants that are archived.
    pub skipped: Vec<TenantId>,
}

impl<DB: Database> TenantDb<DB> {
    /// Provisions tenants, and so runs the migrations that are new, at most `at_once` at a time.
    ///
    /// One that fails does not stop the others. Dropped, it stops; what was done is done, and doing it again
    /// goes on from there. `observe` is called for each step, in the order in which it happens.
    ///
    /// It needs a tokio runtime.
    ///
    /// # Panics
    ///
    /// If a strategy panics.
    pub async fn provision_all(
        &self,
        tenants: impl IntoIterator<Item = TenantRecord>,
        at_once: NonZeroUsize,
        mut observe: impl FnMut(ProvisionProgress<'_>),
    ) -> ProvisionSummary {
        let mut tenants = tenants.into_iter();
        let mut running = JoinSet::new();
        let mut summary = ProvisionSummary::default();
        loop {
            while running.len() < at_once.get()
                && let Some(tenant) = tenants.next()
            {
                if tenant.status == TenantStatus::Archived {
                    observe(ProvisionProgress::Skipped(&tenant.id));
                    summary.skipped.push(tenant.id);
                    continue;
                }
                observe(ProvisionProgress::Started(&tenant.id));
                let db = self.clone();
                running.spawn(async move {
                    let outcome = db.provision(&tenant).await;
                    (tenant.id, outcome)
                });
            }
            match running.join_next().await {
                None => return summary,
                Some(Ok((id, Ok(())))) => {
                    observe(ProvisionProgress::Done(&id));
                    summary.done.push(id);
                }
                Some(Ok((id, Err(error)))) => {
                    observe(ProvisionProgress::Failed(&id, &error));
                    summary.failed.push((id, error));
                }
                Some(Err(error)) => {
                    // Nobody aborts these tasks, so it has panicked.
                    if let Ok(panic) = error.try_into_panic() {
                        std::panic::resume_unwind(panic);
                    }
                }
            }
        }
    }
}
