//! Pools whose connections see the rows of one tenant, through views that are proved first.

use std::sync::{Arc, Mutex, PoisonError};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, SqliteConnection, SqlitePool};
use thiserror::Error;

use super::catalog;
use super::catalog_error::CatalogError;
use super::declarations::Declarations;
use super::views;
use crate::sqlite::begin::Binds;
use crate::sqlite::commit::{self, SqliteCommit};
use crate::sqlite::fence;
use crate::sqlite::pool::{FilePlan, remember};
use crate::sqlite::warm_pool::WarmPool;
use crate::transaction::begin::begin_lent;
use crate::{Mode, StrategyError};

/// What the connections of a strategy share: what was declared, and why the file is refused by now.
#[derive(Debug, Default)]
pub(in crate::sqlite) struct RowSchema {
    pub(in crate::sqlite) declared: Declarations,
    pub(in crate::sqlite) is_fenced: bool,
    refusal: Mutex<Option<Arc<CatalogError>>>,
}

impl RowSchema {
    pub(in crate::sqlite) const fn new(declared: Declarations, is_fenced: bool) -> Self {
        Self {
            declared,
            is_fenced,
            refusal: Mutex::new(None),
        }
    }

    /// Why the last connection that was made is not served.
    ///
    /// The pool would retry for as long as the acquire time-out says, and then tell of that time-out only. So
    /// a connection that is refused is handed out without the table of the bound tenant: the statement that
    /// begins a transaction fails on it at once, the connection is closed, and the reason is found here.
    pub(in crate::sqlite) fn refusal(&self) -> Option<StrategyError> {
        let refusal = self.refusal.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        Some(match &*refusal {
            CatalogError::Unsafe(error) => StrategyError::UnsafeSchema(error.clone()),
            CatalogError::FenceMismatch { is_database_fenced } => StrategyError::FenceMismatch {
                is_database_fenced: *is_database_fenced,
            },
            CatalogError::Database(_) => sqlx::Error::Configuration(Box::new(SharedRefusal(refusal))).into(),
        })
    }

    fn set_refusal(&self, refusal: Option<CatalogError>) {
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = refusal.map(Arc::new);
    }
}

/// A reason that several callers are given.
#[derive(Debug, Error)]
#[error(transparent)]
struct SharedRefusal(Arc<CatalogError>);

/// A pool of connections that see `schema` through views. Those that write do not commit changes of the schema.
pub(in crate::sqlite) fn row_pool(
    plan: FilePlan,
    connect: SqliteConnectOptions,
    schema: &Arc<RowSchema>,
    mode: Mode,
) -> WarmPool {
    let binds = if schema.is_fenced {
        Binds::Entrant
    } else {
        Binds::Tenant
    };
    let pool = WarmPool::new(installing_pool(plan, connect, schema, mode), mode, binds);
    match mode {
        Mode::ReadWrite => pool.with_commit(&SqliteCommit::GUARDED),
        Mode::ReadOnly => pool,
    }
}

fn installing_pool(plan: FilePlan, connect: SqliteConnectOptions, schema: &Arc<RowSchema>, mode: Mode) -> SqlitePool {
    let schema = Arc::clone(schema);
    plan.options()
        .after_connect(move |connection, _| {
            let schema = Arc::clone(&schema);
            Box::pin(async move {
                let refusal = install(connection, &schema.declared, schema.is_fenced).await.err();
                if let Some(refusal) = &refusal {
                    tracing::error!("a connection is refused: {refusal}");
                    // Without this table no transaction begins on it.
                    sqlx::raw_sql("drop table if exists temp.tenancy_bound")
                        .execute(connection)
                        .await?;
                } else if mode == Mode::ReadWrite {
                    commit::install(connection).await?;
                }
                schema.set_refusal(refusal);
                Ok(())
            })
        })
        .connect_lazy_with(connect)
}

/// Proves the schema, and gives a fresh connection its views and triggers.
pub(in crate::sqlite) async fn install(
    connection: &mut SqliteConnection,
    declared: &Declarations,
    is_fenced: bool,
) -> Result<(), CatalogError> {
    let is_database_fenced = fence::is_fenced(connection).await?;
    if is_database_fenced != is_fenced {
        return Err(CatalogError::FenceMismatch { is_database_fenced });
    }
    // The proof lists what triggers read, and the checks of foreign keys are no part of that.
    sqlx::raw_sql("pragma foreign_keys = off")
        .execute(&mut *connection)
        .await?;
    // One transaction, so that the catalog that is read is the one that is remembered.
    let mut tx = begin_lent(connection, None).await?;
    let bases = catalog::prove(&mut tx, declared).await?;
    for base in &bases {
        sqlx::raw_sql(AssertSqlSafe(views::create(base)))
            .execute(&mut *tx)
            .await?;
    }
    remember(&mut tx, is_fenced, None).await?;
    tx.commit().await?;
    sqlx::raw_sql("pragma foreign_keys = on")
        .execute(&mut *connection)
        .await?;
    for base in &bases {
        sqlx::raw_sql(AssertSqlSafe(views::compile(base)))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
