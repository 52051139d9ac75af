//! The places of tenants' data, each in the tenant's own database.

use sqlx::{ConnectOptions, Connection, PgConnection};
use tenancy_core::directory::TenantRecord;

use super::found::is_not_provisioned;
use super::strategy::PgDatabaseStrategy;
use crate::postgres::fence::{place, standing};
use crate::strategy::isolation_strategy::not_fenced;
use crate::transaction::begin::begin_lent;
use crate::{Place, PlaceChange, StrategyError};

impl PgDatabaseStrategy {
    /// The administrator's connection to a tenant's database; `None` if it has none.
    async fn connect_to_place(
        &self,
        tenant: &TenantRecord,
        operation: &'static str,
    ) -> Result<Option<PgConnection>, StrategyError> {
        if !self.plan.is_fenced {
            return Err(not_fenced(Self::NAME));
        }
        let database = self.names.of(&tenant.id)?;
        let server = self.servers.of(tenant).await?;
        let options = server.administrator_for(operation)?.clone().database(database.as_str());
        let mut connection = match options.connect().await {
            Err(error) if is_not_provisioned(&error) => return Ok(None),
            connection => connection?,
        };
        let is_database_fenced = standing::is_fenced(&mut connection).await?;
        if is_database_fenced {
            Ok(Some(connection))
        } else {
            Err(StrategyError::FenceMismatch { is_database_fenced })
        }
    }

    pub(super) async fn place_of(&self, tenant: &TenantRecord) -> Result<Option<Place>, StrategyError> {
        let Some(mut connection) = self.connect_to_place(tenant, "read the place of a tenant").await? else {
            return Ok(None);
        };
        let place = place::read(&mut connection, &tenant.id).await?;
        connection.close().await?;
        Ok(place)
    }

    pub(super) async fn change_place_of(
        &self,
        tenant: &TenantRecord,
        change: PlaceChange,
    ) -> Result<Option<Place>, StrategyError> {
        let Some(mut connection) = self.connect_to_place(tenant, "change the place of a tenant").await? else {
            return Ok(None);
        };
        let mut tx = begin_lent(&mut connection, Some(place::BEGIN)).await?;
        let place = place::change(&mut tx, &tenant.id, change).await?;
        tx.commit().await?;
        connection.close().await?;
        Ok(place)
    }
}
