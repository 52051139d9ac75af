//! A tenant's transaction as SeaORM's connection.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement};
use tenancy_core::enforce::Admitted;
use tenancy_sqlx::{TenantDb, TenantTransaction, TransactionError};

use crate::backend::Backend;
use crate::savepoint::transactions;
use crate::shared::Shared;

/// A tenant's transaction, on which SeaORM's entities and queries run. Dropped, it rolls back.
pub struct TenantConnection<DB: Backend> {
    pub(crate) shared: Arc<Shared<DB>>,
}

impl<DB: Backend> TenantConnection<DB> {
    /// Begins a transaction in which a member reads and writes.
    ///
    /// # Errors
    ///
    /// As of [`TenantDb::begin`].
    pub async fn begin(db: &TenantDb<DB>, tenant: &Admitted) -> Result<Self, TransactionError> {
        db.begin(tenant).await.map(Self::from)
    }

    /// Begins a transaction in which a member reads.
    ///
    /// # Errors
    ///
    /// As of [`TenantDb::begin_read`].
    pub async fn begin_read(db: &TenantDb<DB>, tenant: &Admitted) -> Result<Self, TransactionError> {
        db.begin_read(tenant).await.map(Self::from)
    }

    /// Begins a transaction of the tenant that the running task is bound to.
    ///
    /// # Errors
    ///
    /// As of [`TenantDb::begin_current`].
    pub async fn begin_current(db: &TenantDb<DB>) -> Result<Self, TransactionError> {
        db.begin_current().await.map(Self::from)
    }

    /// Commits what was done. Savepoints that were dropped are undone first.
    ///
    /// # Errors
    ///
    /// If the database does not confirm it, or if a savepoint is still open: everything is rolled back then.
    pub async fn commit(self) -> Result<(), TransactionError> {
        self.shared.commit().await
    }
}

impl<DB: Backend> From<TenantTransaction<DB>> for TenantConnection<DB> {
    fn from(tx: TenantTransaction<DB>) -> Self {
        Self {
            shared: Shared::new(tx),
        }
    }
}

#[async_trait]
impl<DB: Backend> ConnectionTrait for TenantConnection<DB> {
    fn get_database_backend(&self) -> DbBackend {
        DB::BACKEND
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.shared.execute(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.shared.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.shared.query_one(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.shared.query_all(statement).await
    }
}

transactions!(TenantConnection);

impl<DB: Backend> fmt::Debug for TenantConnection<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantConnection").finish_non_exhaustive()
    }
}
