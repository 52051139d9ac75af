//! A transaction that can see one tenant only.

use std::fmt;
use std::ops::{Deref, DerefMut};

use sqlx::Database;
use tenancy_core::names::TenantId;

use super::observation::UnderWay;
use crate::{StrategyTransaction, TransactionError};

/// A transaction that is bound to its tenant, and is the connection to it.
///
/// Dropped, it rolls back.
///
/// ```no_run
/// # use tenancy_sqlx::{TenantDb, TransactionError};
/// # async fn example(db: TenantDb<sqlx::Sqlite>) -> Result<(), Box<dyn std::error::Error>> {
/// let mut tx = db.begin_current().await?;
/// sqlx::query("update notes set done = 1").execute(&mut *tx).await?;
/// tx.commit().await?;
/// # Ok(()) }
/// ```
#[must_use = "a transaction that is dropped rolls back"]
pub struct TenantTransaction<DB: Database> {
    inner: StrategyTransaction<DB>,
    tenant: Option<TenantId>,
    _under_way: UnderWay,
}

impl<DB: Database> TenantTransaction<DB> {
    pub(super) const fn new(inner: StrategyTransaction<DB>, tenant: Option<TenantId>, under_way: UnderWay) -> Self {
        Self {
            inner,
            tenant,
            _under_way: under_way,
        }
    }

    /// The tenant that it is bound to; `None` if it sees all tenants
    /// ([`dangerously_begin_across_tenants`](crate::TenantDb::dangerously_begin_across_tenants)).
    #[must_use]
    pub const fn tenant(&self) -> Option<&TenantId> {
        self.tenant.as_ref()
    }

    /// Commits what was done.
    ///
    /// # Errors
    ///
    /// If the database does not confirm it, and if the transaction is no longer open: a savepoint
    /// whose beginning was cancelled takes the whole transaction with it.
    pub async fn commit(self) -> Result<(), TransactionError> {
        self.inner.commit().await
    }

    /// Undoes what was done.
    ///
    /// # Errors
    ///
    /// If the database does not confirm it. It is undone even so.
    pub async fn rollback(self) -> Result<(), TransactionError> {
        self.inner.rollback().await
    }
}

impl<DB: Database> Deref for TenantTransaction<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &Self::Target {
        self.inner.connection()
    }
}

impl<DB: Database> DerefMut for TenantTransaction<DB> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.inner.connection_mut()
    }
}

impl<DB: Database> fmt::Debug for TenantTransaction<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantTransaction")
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}
