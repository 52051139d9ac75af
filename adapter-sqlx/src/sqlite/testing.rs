//! No isolation, for tests.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::migrate::Migrator;
use sqlx::pool::PoolOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Sqlite, SqliteConnection, SqlitePool};
use tenancy_core::directory::TenantRecord;
use tenancy_core::names::StrategyName;
use tokio::sync::Mutex;

use super::migrate;
use crate::{AcrossTenants, Binding, IsolationStrategy, Mode, StrategyError, StrategyFuture, StrategyTransaction};

/// The strategy `none`: one database in memory that all tenants share.
///
/// It goes with the records of [`InsecureTestStub`](tenancy_core::testing::InsecureTestStub).
/// Transactions are one after the other.
///
/// # Security
///
/// This is no isolation at all. It is for tests of code that stands behind tenancy.
pub struct InsecureTestStrategy {
    pool: SqlitePool,
    /// Keeps the database alive while the pool has no connection.
    _anchor: Mutex<SqliteConnection>,
}

impl InsecureTestStrategy {
    /// The name under which records choose this strategy.
    pub const NAME: &'static str = "none";

    /// A new database in memory, with these tables.
    ///
    /// # Errors
    ///
    /// If the migrations fail.
    pub async fn open(migrations: &Migrator) -> Result<Self, StrategyError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("/tenancy-test-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let options = SqliteConnectOptions::new()
            .filename(name)
            .vfs("memdb")
            .create_if_missing(true);
        let anchor = migrate::connect(&options, Some(migrations), None).await?;
        let pool = PoolOptions::new().max_connections(1).connect_lazy_with(options);
        Ok(Self {
            pool,
            _anchor: Mutex::new(anchor),
        })
    }
}

impl IsolationStrategy<Sqlite> for InsecureTestStrategy {
    fn name(&self) -> StrategyName {
        StrategyName::from_static(Self::NAME)
    }

    fn begin<'f>(&'f self, binding: Binding<'f>) -> StrategyFuture<'f, StrategyTransaction<Sqlite>> {
        Box::pin(async move {
            // Set anew each time, so that it does not matter what the last transaction left.
            let statement = match binding.mode() {
                Mode::ReadWrite => "pragma query_only = off; begin immediate",
                Mode::ReadOnly => "pragma query_only = on; begin",
            };
            Ok(StrategyTransaction::begin(self.pool.acquire().await?, statement).await?)
        })
    }

    fn provision<'f>(&'f self, _: &'f TenantRecord) -> StrategyFuture<'f, ()> {
        Box::pin(async { Ok(()) })
    }

    fn begin_across_tenants<'f>(&'f self, _: AcrossTenants) -> StrategyFuture<'f, StrategyTransaction<Sqlite>> {
        Box::pin(async {
            let statement = "pragma query_only = off; begin immediate";
            Ok(StrategyTransaction::begin(self.pool.acquire().await?, statement).await?)
        })
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.pool.close())
    }
}

impl fmt::Debug for InsecureTestStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InsecureTestStrategy").finish_non_exhaustive()
    }
}
