//! What SeaORM begins inside a tenant's transaction.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement, TransactionSession};

use crate::backend::Backend;
use crate::shared::Shared;

/// A transaction inside a tenant's transaction: a savepoint. Dropped, it is undone before the next statement, or before
/// the commit of the whole.
///
/// Use the innermost one that is open. A statement on one around it is inside the innermost one as well, since there is one
/// connection.
pub struct TenantSavepoint<DB: Backend> {
    pub(crate) shared: Arc<Shared<DB>>,
    number: u64,
    has_ended: bool,
}

impl<DB: Backend> TenantSavepoint<DB> {
    pub(crate) async fn begin(shared: &Arc<Shared<DB>>) -> Result<Self, DbErr> {
        Ok(Self {
            number: shared.savepoint().await?,
            shared: Arc::clone(shared),
            has_ended: false,
        })
    }
}

impl<DB: Backend> Drop for TenantSavepoint<DB> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.shared.undo_later(self.number);
        }
    }
}

#[async_trait]
impl<DB: Backend> ConnectionTrait for TenantSavepoint<DB> {
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

#[async_trait]
impl<DB: Backend> TransactionSession for TenantSavepoint<DB> {
    async fn commit(mut self) -> Result<(), DbErr> {
        self.shared.release(self.number).await?;
        self.has_ended = true;
        Ok(())
    }

    async fn rollback(mut self) -> Result<(), DbErr> {
        self.shared.undo(self.number).await?;
        self.has_ended = true;
        Ok(())
    }
}

/// SeaORM's `TransactionTrait`, which is the same inside the transaction and inside a savepoint. Isolation level and access
/// mode are those of the tenant's transaction: asking for others is an error.
macro_rules! transactions {
    ($Type:ident) => {
        #[async_trait::async_trait]
        impl<DB: $crate::Backend> sea_orm::TransactionTrait for $Type<DB> {
            type Transaction = $crate::TenantSavepoint<DB>;

            async fn begin(&self) -> Result<Self::Transaction, sea_orm::DbErr> {
                $crate::TenantSavepoint::begin(&self.shared).await
            }

            async fn begin_with_config(
                &self,
                isolation_level: Option<sea_orm::IsolationLevel>,
                access_mode: Option<sea_orm::AccessMode>,
            ) -> Result<Self::Transaction, sea_orm::DbErr> {
                if isolation_level.is_some() || access_mode.is_some() {
                    let fixed = "isolation level and access mode are those of the tenant's transaction".to_owned();
                    return Err(sea_orm::DbErr::Conn(sea_orm::RuntimeErr::Internal(fixed)));
                }
                self.begin().await
            }

            async fn begin_with_options(
                &self,
                options: sea_orm::TransactionOptions,
            ) -> Result<Self::Transaction, sea_orm::DbErr> {
                self.begin_with_config(options.isolation_level, options.access_mode)
                    .await
            }

            async fn transaction<F, T, E>(&self, callback: F) -> Result<T, sea_orm::TransactionError<E>>
            where
                F: for<'c> FnOnce(
                        &'c Self::Transaction,
                    )
                        -> std::pin::Pin<Box<dyn std::future::Future<Output = Result<T, E>> + Send + 'c>>
                    + Send,
                T: Send,
                E: std::fmt::Display + std::fmt::Debug + Send,
            {
                self.transaction_with_config(callback, None, None).await
            }

            async fn transaction_with_config<F, T, E>(
                &self,
                callback: F,
                isolation_level: Option<sea_orm::IsolationLevel>,
                access_mode: Option<sea_orm::AccessMode>,
            ) -> Result<T, sea_orm::TransactionError<E>>
            where
                F: for<'c> FnOnce(
                        &'c Self::Transaction,
                    )
                        -> std::pin::Pin<Box<dyn std::future::Future<Output = Result<T, E>> + Send + 'c>>
                    + Send,
                T: Send,
                E: std::fmt::Display + std::fmt::Debug + Send,
            {
                let begun = self.begin_with_config(isolation_level, access_mode).await;
                let savepoint = begun.map_err(sea_orm::TransactionError::Connection)?;
                let done = callback(&savepoint).await;
                let ended = match done {
                    Ok(_) => sea_orm::TransactionSession::commit(savepoint).await,
                    Err(_) => sea_orm::TransactionSession::rollback(savepoint).await,
                };
                ended.map_err(sea_orm::TransactionError::Connection)?;
                done.map_err(sea_orm::TransactionError::Transaction)
            }
        }
    };
}
pub(crate) use transactions;

transactions!(TenantSavepoint);

impl<DB: Backend> fmt::Debug for TenantSavepoint<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantSavepoint").finish_non_exhaustive()
    }
}
