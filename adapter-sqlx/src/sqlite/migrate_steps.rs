//! The migrations of a file that is there, each committed by itself.

use std::collections::HashMap;

use sqlx::migrate::{Migrate, MigrateError, Migration, Migrator};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use tenancy_core::names::TenantId;

use super::migrate::connect;
use super::pool::with_busy_timeout;
use super::versions;
use crate::error::classify::is_busy;
use crate::strategy::data_version::up;
use crate::strategy::ledger::{Applied, judge};
use crate::transaction::begin::begin_lent;
use crate::{DataVersion, MigrateOptions, Migrated, StrategyError};

/// Runs what has not run yet, in the order of the versions.
///
/// The file's write lock is the lock: what has run is read inside the transaction of each migration, which takes it first. A
/// migration that runs in no transaction, such as `vacuum`, has its row written behind it, and bears being run again.
pub(super) struct Steps<'m> {
    pub(super) migrations: &'m Migrator,
    /// Whose version is recorded.
    pub(super) tenant: Option<&'m TenantId>,
    pub(super) options: &'m MigrateOptions,
}

impl Steps<'_> {
    /// Runs them on a file that is opened so.
    pub(super) async fn run(&self, file: &SqliteConnectOptions) -> Result<Migrated, StrategyError> {
        let file = with_busy_timeout(file.clone(), self.options.lock_timeout);
        let mut connection = connect(&file, None, None).await?;
        let migrated = self.run_on(&mut connection).await?;
        connection.close().await?;
        Ok(migrated)
    }

    async fn run_on(&self, connection: &mut SqliteConnection) -> Result<Migrated, StrategyError> {
        let before = read_ledger(connection, &self.migrations.table_name).await?;
        self.refuse_unknown(&before)?;
        let from = judge(&before, self.migrations).version;
        let mut migrated = Migrated::new(from, from, 0);
        let baseline = self.options.baseline.unwrap_or(i64::MAX);
        for migration in up(self.migrations).filter(|migration| migration.version <= baseline) {
            let version = migration.version;
            let run = self.run_one(migration, connection).await;
            let has_run = run.map_err(|source| StrategyError::Migration {
                version,
                source: Box::new(source),
            })?;
            migrated.ran += usize::from(has_run);
            migrated.to = migrated.to.max(Some(version));
        }
        if let (Some(tenant), Some(version)) = (self.tenant, migrated.to) {
            versions::record(connection, tenant, version).await?;
        }
        Ok(migrated)
    }

    fn refuse_unknown(&self, applied: &[Applied]) -> Result<(), StrategyError> {
        let is_unknown = |version: &i64| !self.migrations.version_exists(*version);
        let unknown = applied.iter().map(|(version, ..)| *version).find(is_unknown);
        match unknown.filter(|_| !self.migrations.ignore_missing) {
            Some(version) => Err(MigrateError::VersionMissing(version).into()),
            None => Ok(()),
        }
    }

    /// Returns whether it has run: another process may have run it meanwhile.
    async fn run_one(&self, migration: &Migration, connection: &mut SqliteConnection) -> Result<bool, StrategyError> {
        let mut made = 1;
        loop {
            let run = if migration.no_tx && self.options.baseline.is_none() {
                self.run_alone(migration, connection).await
            } else {
                self.run_in_transaction(migration, connection).await
            };
            match run {
                // The database has waited for the lock, but not for each of those that it takes.
                Err(error) if is_busy(&error) && made < self.options.attempts.get() => {
                    made += 1;
                    tokio::time::sleep(self.options.lock_timeout / 4).await;
                }
                done => return done,
            }
        }
    }

    async fn run_in_transaction(
        &self,
        migration: &Migration,
        connection: &mut SqliteConnection,
    ) -> Result<bool, StrategyError> {
        let mut tx = begin_lent(connection, Some("begin immediate")).await?;
        let table = &*self.migrations.table_name;
        tx.ensure_migrations_table(table).await?;
        if self.has_run(migration, &mut tx).await? {
            return Ok(false);
        }
        if self.options.baseline.is_none() {
            execute(migration, &mut tx).await?;
        }
        self.write_row(migration, &mut tx).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn run_alone(&self, migration: &Migration, connection: &mut SqliteConnection) -> Result<bool, StrategyError> {
        connection.ensure_migrations_table(&self.migrations.table_name).await?;
        if self.has_run(migration, connection).await? {
            return Ok(false);
        }
        execute(migration, connection).await?;
        let mut tx = begin_lent(connection, Some("begin immediate")).await?;
        if !self.has_run(migration, &mut tx).await? {
            self.write_row(migration, &mut tx).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn has_run(&self, migration: &Migration, connection: &mut SqliteConnection) -> Result<bool, StrategyError> {
        let applied = read_ledger(connection, &self.migrations.table_name).await?;
        let applied: HashMap<i64, Applied> = applied.into_iter().map(|one| (one.0, one)).collect();
        match applied.get(&migration.version) {
            None => Ok(false),
            Some((version, _, false)) => Err(MigrateError::Dirty(*version).into()),
            Some((_, checksum, true)) if **checksum == *migration.checksum => Ok(true),
            Some((version, ..)) => Err(MigrateError::VersionMismatch(*version).into()),
        }
    }

    async fn write_row(&self, migration: &Migration, tx: &mut SqliteConnection) -> Result<(), StrategyError> {
        tx.skip(&self.migrations.table_name, migration).await?;
        match self.tenant {
            Some(tenant) => versions::record(tx, tenant, migration.version).await,
            None => Ok(()),
        }
    }
}

async fn execute(migration: &Migration, connection: &mut SqliteConnection) -> Result<(), StrategyError> {
    let run = sqlx::raw_sql(migration.sql.clone()).execute(connection).await;
    run.map_err(|error| MigrateError::ExecuteMigration(error, migration.version))?;
    Ok(())
}

/// How a file stands by its ledger.
pub(super) async fn version(file: &SqliteConnectOptions, migrations: &Migrator) -> Result<DataVersion, StrategyError> {
    let mut connection = connect(file, None, None).await?;
    let applied = read_ledger(&mut connection, &migrations.table_name).await?;
    connection.close().await?;
    Ok(judge(&applied, migrations))
}

/// What the ledger says; nothing if there is none.
async fn read_ledger(connection: &mut SqliteConnection, table: &str) -> Result<Vec<Applied>, StrategyError> {
    let is_there: bool = sqlx::query_scalar("select exists (select 1 from main.sqlite_schema where name = $1)")
        .bind(table)
        .fetch_one(&mut *connection)
        .await?;
    if !is_there {
        return Ok(Vec::new());
    }
    let sql = format!("select version, checksum, success from {table}");
    let rows: Vec<(i64, Vec<u8>, bool)> = sqlx::query_as(AssertSqlSafe(sql)).fetch_all(connection).await?;
    Ok(rows)
}
