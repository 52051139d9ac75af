//! The migrations of a tenant that is provisioned, and nothing else.

use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::migrate::Migrate;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::lock::lock_and_look;
use super::migrating::{Before, Failed, Migrating, Ran, ledger_sql, of_rows, read_ledger};
use super::provision::Provisioning;
use crate::postgres::citus::tenant_schemas::PlacedSchema;
use crate::postgres::execute::execute;
use crate::postgres::identifier::Literal;
use crate::postgres::versions;
use crate::strategy::ledger::judge;
use crate::transaction::begin::{BEGIN_WITH_LOCK_TIMEOUT, begin_lent};
use crate::{DataVersion, MigrateOptions, Migrated, StrategyError};

/// What there is of a tenant's schema.
struct Found {
    /// Whether the application was let in, which is the last step of provisioning.
    is_provisioned: bool,
    has_ledger: bool,
}

/// No table, or no schema, of this name.
const MISSING: [&str; 2] = ["42P01", "3F000"];

impl Provisioning<'_> {
    /// Runs what is new of the migrations, on a connection that holds the lock of the schema afterwards.
    ///
    /// The lock is held for all of them, and what has run is read under it: a process that was paused and wakes finds what others
    /// have done meanwhile.
    pub(in crate::postgres) async fn migrate(
        &self,
        connection: &mut PgConnection,
        options: &MigrateOptions,
    ) -> Result<Ran, StrategyError> {
        let Some(migrations) = self.migrations else {
            return Ok(Ran {
                migrated: Migrated::default(),
                has_run_alone: false,
            });
        };
        let ledger = self.ledger(migrations);
        let before = self.lock_and_read(connection, &ledger.table_name, options).await?;
        let migrating = Migrating {
            tenant: self.tenant,
            schema: self.schema,
            search_path: self.search_path,
            reach: self.reach,
            ledger: &ledger,
            options,
        };
        let ran = migrating.run(before, connection).await.map_err(Failed::told)?;
        if self.is_sharded {
            PlacedSchema(self.schema).refuse_tables_elsewhere(connection).await?;
        }
        Ok(ran)
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

    /// Locks the schema, and reads under the lock what has run. One message, unless there is no ledger yet.
    async fn lock_and_read(
        &self,
        connection: &mut PgConnection,
        ledger: &str,
        options: &MigrateOptions,
    ) -> Result<Before, StrategyError> {
        let others = options.lock_timeout.saturating_mul(options.attempts.get());
        let others = others.max(Duration::from_millis(1));
        let look = format!(
            "{}; {}; {}",
            self.find_sql(ledger),
            self.record_sql(),
            ledger_sql(ledger)
        );
        match lock_and_look(connection, self.schema, others, &look).await {
            Ok(rows) => {
                let [found, record, applied @ ..] = rows.as_slice() else {
                    return Err(sqlx::Error::RowNotFound.into());
                };
                if !Found::of_row(found)?.is_provisioned {
                    return Err(self.not_provisioned());
                }
                Ok(Before {
                    can_record: self.can_record(record)?,
                    applied: of_rows(applied)?,
                })
            }
            Err(StrategyError::Database(error)) if is_missing(&error) => {
                execute(connection, "rollback".to_owned()).await?;
                lock_and_look(connection, self.schema, others, "").await?;
                let found = self.find(connection, ledger).await?;
                if !found.is_provisioned {
                    return Err(self.not_provisioned());
                }
                if !found.has_ledger {
                    self.make_ledger(connection, ledger).await?;
                }
                Before::read(connection, ledger).await
            }
            Err(error) => Err(error),
        }
    }

    /// The question how versions are recorded here. Once the record is known to be as this version makes it, only whether it is there.
    fn record_sql(&self) -> String {
        versions::look_sql(self.has_record.is_some_and(|known| known.load(Ordering::Relaxed)))
    }

    /// Whether a version can be recorded without anything being made first.
    fn can_record(&self, row: &PgRow) -> Result<bool, sqlx::Error> {
        let is_made = versions::is_made(row)?;
        if let (Some(known), true) = (self.has_record, is_made) {
            known.store(true, Ordering::Relaxed);
        }
        Ok(is_made && !self.is_sharded)
    }

    async fn find(&self, connection: &mut PgConnection, ledger: &str) -> Result<Found, StrategyError> {
        let sql = AssertSqlSafe(self.find_sql(ledger));
        Ok(Found::of_row(&sqlx::raw_sql(sql).fetch_one(connection).await?)?)
    }

    fn find_sql(&self, ledger: &str) -> String {
        format!(
            "select coalesce((select pg_catalog.has_schema_privilege({}::pg_catalog.text::pg_catalog.name, n.oid, 'usage')
                from pg_catalog.pg_namespace n where n.nspname = {}), false),
            pg_catalog.to_regclass({}) is not null",
            Literal(self.application.as_str()),
            Literal(self.schema.as_str()),
            Literal(ledger)
        )
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

impl Found {
    fn of_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            is_provisioned: row.try_get(0)?,
            has_ledger: row.try_get(1)?,
        })
    }
}

fn is_missing(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| MISSING.contains(&&*code))
}
