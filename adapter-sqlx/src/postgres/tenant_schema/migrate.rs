//! The migrations of a tenant that is provisioned, and nothing else.

use std::time::Duration;

use sqlx::PgConnection;
use sqlx::migrate::Migrate;

use super::lock::lock_within;
use super::migrating::{Failed, Migrating, read_ledger};
use super::provision::Provisioning;
use crate::postgres::citus::tenant_schemas::PlacedSchema;
use crate::postgres::execute::execute;
use crate::strategy::ledger::judge;
use crate::transaction::begin::{BEGIN_WITH_LOCK_TIMEOUT, begin_lent};
use crate::{DataVersion, MigrateOptions, Migrated, StrategyError};

/// What there is of a tenant's schema.
struct Found {
    /// Whether the application was let in, which is the last step of provisioning.
    is_provisioned: bool,
    has_ledger: bool,
}

impl Provisioning<'_> {
    /// Runs what is new of the migrations, on a connection that holds the lock of the schema afterwards.
    ///
    /// The lock is held for all of them, and what has run is read under it: a process that was paused and wakes finds what others
    /// have done meanwhile.
    pub(in crate::postgres) async fn migrate(
        &self,
        connection: &mut PgConnection,
        options: &MigrateOptions,
    ) -> Result<Migrated, StrategyError> {
        let Some(migrations) = self.migrations else {
            return Ok(Migrated::default());
        };
        let others = options.lock_timeout.saturating_mul(options.attempts.get());
        lock_within(connection, self.schema, others.max(Duration::from_millis(1))).await?;
        let ledger = self.ledger(migrations);
        let found = self.find(connection, &ledger.table_name).await?;
        if !found.is_provisioned {
            return Err(self.not_provisioned());
        }
        if !found.has_ledger {
            self.make_ledger(connection, &ledger.table_name).await?;
        }
        let migrating = Migrating {
            tenant: self.tenant,
            schema: self.schema,
            search_path: self.search_path,
            reach: self.reach,
            ledger: &ledger,
            options,
        };
        let migrated = migrating.run(connection).await.map_err(Failed::told)?;
        if self.is_sharded {
            PlacedSchema(self.schema).refuse_tables_elsewhere(connection).await?;
        }
        Ok(migrated)
    }

    /// How the tenant stands by its ledger.
    pub(in crate::postgres) async fn version(
        &self,
        connection: &mut PgConnection,
    ) -> Result<DataVersion, StrategyError> {
        let Some(migrations) = self.migrations else {
            return Ok(DataVersion::not_provisioned());
        };
        let ledger = self.ledger(migrations);
        let found = self.find(connection, &ledger.table_name).await?;
        if !found.is_provisioned {
            return Ok(DataVersion::not_provisioned());
        }
        let applied = if found.has_ledger {
            read_ledger(connection, &ledger.table_name).await?
        } else {
            Vec::new()
        };
        Ok(judge(&applied, migrations))
    }

    async fn find(&self, connection: &mut PgConnection, ledger: &str) -> Result<Found, StrategyError> {
        let sql = "
select coalesce((select pg_catalog.has_schema_privilege($2::pg_catalog.text::pg_catalog.name, n.oid, 'usage')
        from pg_catalog.pg_namespace n where n.nspname = $1), false),
    pg_catalog.to_regclass($3) is not null";
        let found = sqlx::query_as(sql)
            .bind(self.schema.as_str())
            .bind(self.application.as_str())
            .bind(ledger);
        let (is_provisioned, has_ledger) = found.fetch_one(connection).await?;
        Ok(Found {
            is_provisioned,
            has_ledger,
        })
    }

    /// For a tenant whose tables were made before there were migrations.
    async fn make_ledger(&self, connection: &mut PgConnection, table: &str) -> Result<(), StrategyError> {
        let mut tx = begin_lent(connection, Some(BEGIN_WITH_LOCK_TIMEOUT)).await?;
        execute(&mut tx, format!("set local search_path = {}", self.search_path)).await?;
        tx.ensure_migrations_table(table).await?;
        execute(
            &mut tx,
            format!("revoke all on table {table} from {}", self.application),
        )
        .await?;
        Ok(tx.commit().await?)
    }

    fn not_provisioned(&self) -> StrategyError {
        match self.tenant {
            Some(tenant) => StrategyError::NotProvisioned { tenant: tenant.clone() },
            None => StrategyError::other(format!("the schema {} is not provisioned", self.schema)),
        }
    }
}
