//! What of the handle can be set.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Database;
use tenancy_core::directory::Directory;

use super::refused::Refused;
use super::tenant_db::TenantDb;

impl<DB: Database> TenantDb<DB> {
    /// Where a tenant's record is read once more if its fenced place says that the data has moved since: then the transaction
    /// begins where the data is now. Without it the error is [`FenceRefusal::Moved`](crate::FenceRefusal::Moved), until caches know the new record.
    ///
    /// Give it the directory itself, and no cache of it.
    #[must_use]
    pub fn with_directory(self, directory: impl Directory + 'static) -> Self {
        Self {
            directory: Some(Arc::new(directory)),
            ..self
        }
    }

    /// Sets how long a transaction may take to begin before that is logged, at the level warn. Default: 1 s. A slow one has
    /// most often waited for a connection of its pool.
    #[must_use]
    pub fn with_slow_begin(self, slow_begin: Duration) -> Self {
        Self { slow_begin, ..self }
    }

    /// Sets how long a refusal of the [fence](crate::IsolationStrategy::is_fenced) is repeated from memory, once the database has
    /// given it four times: so many callers of a closed tenant do not occupy the connections of the others. Default: 100 ms, and
    /// twice as long with each refusal that follows, up to 800 ms. Zero queries the database each time;
    /// a minute is the most.
    ///
    /// It is repeated to callers with the same record of the tenant, and where a later record would be needed to get in: closed, gone and
    /// moved. A suspension binds at once, since only refusals are repeated. A tenant that is active again may be refused for
    /// so long to callers whose record is still the old one.
    #[must_use]
    pub fn with_repeated_refusals(self, repeated_for: Duration) -> Self {
        Self {
            refused: Arc::new(Refused::new(repeated_for)),
            ..self
        }
    }
}
