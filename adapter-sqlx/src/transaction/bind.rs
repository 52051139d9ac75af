//! How a transaction is bound to its tenant: by a record, and by a newer one if the tenant's place says that it is old.

use std::time::Instant;

use sqlx::Database;
use tenancy_core::directory::TenantRecord;

use super::entrant::Entrant;
use super::observation::Beginning;
use super::tenant_db::TenantDb;
use crate::strategy::binding::Binding;
use crate::{
    Begin, FenceRefusal, IsolationStrategy, Purpose, StrategyError, StrategyTransaction, TenantTransaction,
    TransactionError,
};

impl<DB: Database> TenantDb<DB> {
    /// Begins a transaction, unless the tenant's record says that it is not active.
    pub(crate) async fn bind(
        &self,
        entrant: Entrant<'_>,
        begin: Begin,
    ) -> Result<TenantTransaction<DB>, TransactionError> {
        let begun = self.bind_by_record(entrant, begin).await;
        match begun {
            Err(error) if may_be_elsewhere(&error) => match self.look_up_again(entrant.tenant).await {
                Some(record) => self.bind_by_record(entrant.of(&record), begin).await,
                None => Err(error),
            },
            begun => begun,
        }
    }

    async fn bind_by_record(
        &self,
        entrant: Entrant<'_>,
        begin: Begin,
    ) -> Result<TenantTransaction<DB>, TransactionError> {
        let tenant = entrant.tenant;
        if !entrant.may_begin() {
            return Err(TransactionError::NotActive {
                tenant: tenant.id.clone(),
                status: tenant.status,
            });
        }
        self.bind_unjudged(tenant, entrant.narrow(begin), entrant.purpose())
            .await
    }

    pub(super) async fn bind_unjudged(
        &self,
        tenant: &TenantRecord,
        begin: Begin,
        purpose: Purpose,
    ) -> Result<TenantTransaction<DB>, TransactionError> {
        let strategy = self
            .registry
            .find(&tenant.strategy)
            .map_err(|source| TransactionError::UnknownStrategy {
                tenant: tenant.id.clone(),
                source,
            })?;
        let beginning = Beginning::new(tenant);
        let begin = self.begin_unless_refused(
            strategy.as_ref(),
            Binding::new(tenant, begin, purpose),
            beginning.begun(),
        );
        #[cfg(feature = "spans")]
        let begin = beginning.watch(begin);
        let begun = begin.await;
        let begun = begun.map_err(|source| TransactionError::Begin {
            tenant: tenant.id.clone(),
            source,
        });
        let under_way = beginning.end(begun.as_ref().map(drop), self.slow_begin);
        begun.map(|begun| TenantTransaction::new(begun, Some(tenant.id.clone()), under_way))
    }

    /// Begins a transaction, unless the fence has refused the same so often of late that the database need not be asked once more.
    async fn begin_unless_refused(
        &self,
        strategy: &dyn IsolationStrategy<DB>,
        binding: Binding<'_>,
        now: Instant,
    ) -> Result<StrategyTransaction<DB>, StrategyError> {
        let (tenant, purpose) = (binding.tenant(), binding.purpose());
        if let Some(refusal) = self.refused.repeated(tenant, purpose, now) {
            // A caller who tries again at once lets others run, as if the database had been asked.
            tokio::task::coop::consume_budget().await;
            return Err(StrategyError::Fenced(refusal));
        }
        let begun = strategy.begin(binding).await;
        self.refused.note(tenant, purpose, now, &begun);
        begun
    }

    /// The tenant's record as the directory has it now, if its data is elsewhere by that.
    async fn look_up_again(&self, tenant: &TenantRecord) -> Option<TenantRecord> {
        let found = self.directory.as_ref()?.look_up(&tenant.id).await;
        let found = found.inspect_err(
            |error| tracing::warn!(tenant = %tenant.id, "failed to look up a tenant whose data has moved: {error}"),
        );
        found.ok().flatten().filter(|record| record.epoch > tenant.epoch)
    }
}

/// Whether the place says that the tenant's record may be old.
const fn may_be_elsewhere(error: &TransactionError) -> bool {
    matches!(
        error,
        TransactionError::Begin {
            source: StrategyError::Fenced(FenceRefusal::Moved | FenceRefusal::Gone),
            ..
        }
    )
}
