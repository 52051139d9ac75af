//! What a process without HTTP works with.

use std::error::Error;
use std::fmt;

use tenancy_core::directory::ChangeFeed;
use tenancy_sqlx::{SqlDirectory, TenantDb};

use super::database::{OpenDatabase, Opens};

/// Tenants' data and the directory, for a worker or a command: what [`Open::without_http`](crate::Open::without_http)
/// opens.
pub struct Data<DB: OpenDatabase> {
    /// Begins transactions that see one tenant.
    pub db: TenantDb<DB>,
    /// The tenants, their names and their members. Without the administrator it can only be read.
    pub directory: SqlDirectory<DB>,
    pub(crate) reach: <DB as Opens>::Reach,
}

impl<DB: OpenDatabase> Data<DB> {
    /// Subscribes to the directory's changes, for caches of your own. `None` on SQLite, which notifies of none.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached.
    pub async fn changes(&self) -> Result<Option<impl ChangeFeed + 'static + use<DB>>, Box<dyn Error + Send + Sync>> {
        DB::feed(&self.reach).await
    }

    /// Closes the databases.
    pub async fn close(&self) {
        self.db.close().await;
        self.directory.close().await;
    }
}

impl<DB: OpenDatabase> fmt::Debug for Data<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Data")
            .field("db", &self.db)
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}
