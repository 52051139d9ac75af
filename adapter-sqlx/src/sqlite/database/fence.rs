//! How each tenant's file is fenced, for operators.

use sqlx::{Connection, SqliteConnection};
use tenancy_core::directory::TenantRecord;

use super::builder::SqliteDatabaseBuilder;
use super::tenant_file::{identify, path_of};
use crate::sqlite::{fence, migrate};
use crate::{Place, StrategyError};

impl SqliteDatabaseBuilder {
    /// The tenant's place, as its file has it, whatever the configuration says; `None` if it has none yet.
    ///
    /// # Errors
    ///
    /// [`NotProvisioned`](StrategyError::NotProvisioned) if it has no file, [`FenceMismatch`](StrategyError::FenceMismatch) if that
    /// is not fenced, and if it cannot be opened.
    pub async fn place_of(&self, tenant: &TenantRecord) -> Result<Option<Place>, StrategyError> {
        let mut connection = self.connect(tenant).await?;
        fence::require(&mut connection, true).await?;
        let place = fence::read(&mut connection, &tenant.id).await?;
        connection.close().await?;
        Ok(place)
    }

    /// Fences the tenant's file. Doing it again changes nothing. No migration runs.
    ///
    /// # Errors
    ///
    /// [`NotProvisioned`](StrategyError::NotProvisioned) if it has no file, and if that cannot be opened or written.
    pub async fn enable_fence_of(&self, tenant: &TenantRecord) -> Result<(), StrategyError> {
        let mut connection = self.connect(tenant).await?;
        fence::enable(&mut connection).await?;
        Ok(connection.close().await?)
    }

    async fn connect(&self, tenant: &TenantRecord) -> Result<SqliteConnection, StrategyError> {
        let path = path_of(&self.directory, &tenant.id);
        if identify(&path)?.is_none() {
            return Err(StrategyError::NotProvisioned {
                tenant: tenant.id.clone(),
            });
        }
        migrate::connect(&self.plan.connect_options(&path), None, None).await
    }
}
