//! How each tenant's database is fenced, for operators.

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tenancy_core::directory::TenantRecord;

use super::builder::PgDatabaseBuilder;
use super::found::is_not_provisioned;
use crate::postgres::fence::{install, place, standing};
use crate::postgres::server::PgServer;
use crate::{Place, StrategyError};

impl PgDatabaseBuilder {
    /// The tenant's place, as its database has it, whatever the configuration says; `None` if it has none yet.
    ///
    /// # Errors
    ///
    /// [`NotProvisioned`](StrategyError::NotProvisioned) if it has no database, [`FenceMismatch`](StrategyError::FenceMismatch) if
    /// that is not fenced, [`NeedsAdministrator`](StrategyError::NeedsAdministrator) without the administrator, and if it cannot be
    /// reached.
    pub async fn place_of(&self, tenant: &TenantRecord) -> Result<Option<Place>, StrategyError> {
        let (options, _) = self.administered(tenant, "read the place of a tenant").await?;
        let mut connection = connect(&options, tenant).await?;
        let is_database_fenced = standing::is_fenced(&mut connection).await?;
        if !is_database_fenced {
            return Err(StrategyError::FenceMismatch { is_database_fenced });
        }
        let place = place::read(&mut connection, &tenant.id).await?;
        connection.close().await?;
        Ok(place)
    }

    /// Fences the tenant's database, as the administrator. Doing it again does what is missing. No migration runs.
    ///
    /// # Errors
    ///
    /// [`NotProvisioned`](StrategyError::NotProvisioned) if it has no database,
    /// [`NeedsAdministrator`](StrategyError::NeedsAdministrator) without the administrator, and if the database cannot be reached
    /// or refuses it.
    pub async fn enable_fence_of(&self, tenant: &TenantRecord) -> Result<(), StrategyError> {
        let (options, server) = self.administered(tenant, "enable the fence").await?;
        let application = match &self.application_role {
            Some(role) => role.clone(),
            None => server.application_role().map_err(StrategyError::other)?,
        };
        let mut connection = connect(&options, tenant).await?;
        install::enable(&mut connection, &[application]).await?;
        Ok(connection.close().await?)
    }

    async fn administered(
        &self,
        tenant: &TenantRecord,
        operation: &'static str,
    ) -> Result<(PgConnectOptions, PgServer), StrategyError> {
        let database = self.names.of(&tenant.id)?;
        let server = self.servers.of(tenant).await?;
        let options = server.administrator_for(operation)?.clone().database(database.as_str());
        Ok((options, server))
    }
}

async fn connect(options: &PgConnectOptions, tenant: &TenantRecord) -> Result<sqlx::PgConnection, StrategyError> {
    match options.connect().await {
        Err(error) if is_not_provisioned(&error) => Err(StrategyError::NotProvisioned {
            tenant: tenant.id.clone(),
        }),
        connection => Ok(connection?),
    }
}
