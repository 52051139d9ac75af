//! The migrations of the tables that tenants share: run once for all of them, and how the tables stand.

use sqlx::{ConnectOptions, Connection, PgConnection};

use super::strategy::PgRowStrategy;
use crate::postgres::attempts::LockTimeout;
use crate::postgres::tenant_schema::ledger::read_ledger;
use crate::strategy::ledger::judge;
use crate::{DataVersion, MigrateOptions, Migrated, StrategyError};

impl PgRowStrategy {
    /// As when the database is opened: migrates, applies the declaration, and verifies the result.
    pub(super) async fn migrate_tables(&self, options: &MigrateOptions) -> Result<Migrated, StrategyError> {
        let from = self.version_of_tables().await?.version;
        let mut builder = self.builder.as_ref().clone();
        builder.lock_timeout = LockTimeout(options.lock_timeout);
        let administrator = builder.server.administrator_for("migrate the tables")?.clone();
        let changes = self.last_change.mark_on_drop();
        let (_, ran) = builder.set_up(administrator, options).await?;
        changes.known(ran > 0);
        Ok(Migrated::new(from, self.version_of_tables().await?.version, ran))
    }

    pub(super) async fn version_of_tables(&self) -> Result<DataVersion, StrategyError> {
        let Some(migrations) = self.builder.migrations.as_deref() else {
            return Ok(DataVersion::not_provisioned());
        };
        let administrator = self
            .builder
            .server
            .administrator_for("read the version of the tables")?;
        let mut connection: PgConnection = administrator.connect().await?;
        let has_ledger: bool = sqlx::query_scalar("select pg_catalog.to_regclass($1) is not null")
            .bind(&*migrations.table_name)
            .fetch_one(&mut connection)
            .await?;
        let applied = if has_ledger {
            read_ledger(&mut connection, &migrations.table_name).await?
        } else {
            Vec::new()
        };
        connection.close().await?;
        Ok(judge(&applied, migrations))
    }
}
