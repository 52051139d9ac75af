//! The one way to all tenants at once, which is written down before it opens.

use std::error::Error;
use std::future::Future;

use sqlx::Database;
use tenancy_core::names::StrategyName;

use super::observation::UnderWay;
use super::tenant_db::TenantDb;
use crate::strategy::binding::AcrossTenants;
use crate::{Attribution, Reason, StrategyError, TenantTransaction, TransactionError};

/// Where it is written down who looks at all tenants at once, and why.
///
/// A [`SqlDirectory`](crate::SqlDirectory) that can be changed does, as an event
/// ([`EventKind::ACCESSED_ACROSS_TENANTS`](crate::EventKind::ACCESSED_ACROSS_TENANTS)). Implement it for an audit log of your own.
#[doc(alias = "audit")]
pub trait AccessLog: Send + Sync {
    /// Why it could not be written down.
    type Error: Error + Send + Sync + 'static;

    /// Writes down that somebody is about to begin a transaction that sees all tenants of a strategy. It must be durable when this
    /// returns: the transaction begins then.
    ///
    /// # Errors
    ///
    /// If it is not written down. The transaction does not begin.
    fn record_access_across_tenants(
        &self,
        strategy: &StrategyName,
        by: &Attribution,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

impl<L: AccessLog + ?Sized> AccessLog for &L {
    type Error = L::Error;

    fn record_access_across_tenants(
        &self,
        strategy: &StrategyName,
        by: &Attribution,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send {
        (**self).record_access_across_tenants(strategy, by)
    }
}

impl<DB: Database> TenantDb<DB> {
    /// Begins a transaction that sees every tenant of the strategy `row`, for administration. Who does it and why is written into `log`
    /// first, and is durable before anything is read; what is not written down does not begin.
    ///
    /// ```no_run
    /// # async fn example<DB: tenancy_sqlx::DirectoryDatabase>(
    /// #     db: tenancy_sqlx::TenantDb<DB>,
    /// #     directory: tenancy_sqlx::SqlDirectory<DB>,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let (who, why) = ("ops:olga".parse()?, "storage used per tenant, ticket 4711".parse()?);
    /// let tx = db.dangerously_begin_across_tenants(&directory, who, why).await?;
    /// # drop(tx);
    /// # Ok(()) }
    /// ```
    ///
    /// # Security
    ///
    /// Nothing is filtered: the tables are seen by their own names, and rows carry any tenant.
    /// Never serve a tenant's request from it.
    ///
    /// # Errors
    ///
    /// If no strategy `row` is registered, if the log cannot be written, which a directory that is open for reading only cannot be, or
    /// if the transaction cannot begin. In the last case it is written down all the same.
    #[doc(alias = "every tenant")]
    pub async fn dangerously_begin_across_tenants(
        &self,
        log: &impl AccessLog,
        who: tenancy_core::names::Subject,
        why: Reason,
    ) -> Result<TenantTransaction<DB>, TransactionError> {
        let row = StrategyName::from_static("row");
        let other = |error| TransactionError::AcrossTenants(StrategyError::other(error));
        let strategy = self.registry.find(&row).map_err(other)?;
        let by = Attribution::new(who).with_reason(why);
        let recorded = log.record_access_across_tenants(&row, &by).await;
        recorded.map_err(|error| TransactionError::AcrossTenants(StrategyError::other(error)))?;
        let begun = strategy.begin_across_tenants(AcrossTenants::new()).await;
        begun
            .map(|begun| TenantTransaction::new(begun, None, UnderWay::default()))
            .map_err(TransactionError::AcrossTenants)
    }
}
