//! The migrations of one tenant's schema, each committed by itself with its row in the ledger.

use std::time::Instant;

use sqlx::migrate::{Migrate, MigrateError, Migration, Migrator};
use sqlx::{AssertSqlSafe, PgConnection, SqlSafeStr};
use tenancy_core::names::TenantId;

use super::ledger::Before;
use super::one_migration::alone::{Alone, run_sql};
use super::one_migration::at_once::{AtOnce, Clock, Failure};
use super::one_migration::tried::{Tried, attempts, changes_of};
use super::outside::plain::is_plain;
use super::outside::reach::Reach;
use super::outside::watch::OutsideWatch;
use super::pending::{Pending, pending};
use super::session::{Ran, Session};
use crate::postgres::attempts::{Attempts, LockTimeout};
use crate::postgres::citus::several_statements::explained;
use crate::postgres::execute::execute;
use crate::postgres::identifier::{Literal, PgIdentifier};
use crate::postgres::versions::{self, Record};
use crate::statement::ends_its_transaction;
use crate::transaction::begin::{begin_lent, begin_lent_by};
use crate::{MigrateOptions, Migrated, StrategyError};

/// Runs what has not run yet, in the order of the versions.
///
/// A migration and its row in the ledger are one transaction, so each runs once, wherever the last run ended. One that
/// the server refuses to run in a transaction, such as `create index concurrently`, is [`Alone`]. One that fails is
/// undone; those before it stay.
pub(super) struct Migrating<'m> {
    /// Whose version is recorded.
    pub(super) tenant: Option<&'m TenantId>,
    pub(super) schema: &'m PgIdentifier,
    pub(super) search_path: &'m str,
    pub(super) reach: Reach<'m>,
    /// The migrations, with the table that says which have run by its full name.
    pub(super) ledger: &'m Migrator,
    pub(super) options: &'m MigrateOptions,
}

/// What has failed, and which migration, if it was one.
pub(super) struct Failed {
    version: Option<i64>,
    error: StrategyError,
}

impl Failed {
    pub(super) const fn of_migration(version: i64, error: StrategyError) -> Self {
        Self {
            version: Some(version),
            error,
        }
    }

    /// The error alone.
    pub(super) fn untold(self) -> StrategyError {
        self.error
    }

    /// The error, with the version of the migration.
    pub(super) fn told(self) -> StrategyError {
        match self.version {
            Some(version) => StrategyError::Migration {
                version,
                source: Box::new(self.error),
            },
            None => self.error,
        }
    }
}

impl<E: Into<StrategyError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self {
            version: None,
            error: error.into(),
        }
    }
}

impl Migrating<'_> {
    /// Returns what has run. If a migration was tried before, that counts among its attempts.
    pub(super) async fn run(
        &self,
        before: Before,
        mut tried: Option<Tried>,
        connection: &mut PgConnection,
    ) -> Result<Ran, Failed> {
        self.create_schemas(connection).await?;
        let record = before.record;
        let (from, pending) = pending(self.ledger, self.options.baseline, before.applied)?;
        let mut migrated = Migrated::new(from, from, pending.len());
        for one in &pending {
            let version = one.migration.version;
            let attempts = match tried.take_if(|tried| tried.version == version) {
                Some(tried) => tried.attempts,
                None => attempts(self.options),
            };
            let run = self.run_one(one, record, attempts, connection).await;
            run.map_err(|error| Failed::of_migration(version, error))?;
            migrated.to = migrated.to.max(Some(version));
        }
        // Where nothing was to run, or what has run was not the newest, that has run before.
        if let Some(newest) = migrated
            .to
            .filter(|_| pending.last().map(|one| one.migration.version) != migrated.to)
        {
            self.record(newest, connection).await?;
        }
        let session = Session::after(pending.iter().map(|one| one.migration));
        Ok(Ran { migrated, session })
    }

    async fn record(&self, version: i64, connection: &mut PgConnection) -> Result<(), StrategyError> {
        match self.tenant {
            Some(tenant) => versions::record(connection, tenant, version).await,
            None => Ok(()),
        }
    }

    /// The schemas that the migrations ask for by themselves.
    async fn create_schemas(&self, connection: &mut PgConnection) -> Result<(), StrategyError> {
        for name in self.ledger.create_schemas.iter() {
            match self.reach {
                Reach::Schema { shared } if shared.iter().all(|known| known.as_str() != name) => {
                    return Err(StrategyError::ChangedOutside {
                        schema: self.schema.clone(),
                        objects: vec![format!("schema {name}")],
                    });
                }
                Reach::Schema { .. } => {}
                Reach::Database => connection.create_schema_if_not_exists(name).await?,
            }
        }
        Ok(())
    }

    async fn run_one(
        &self,
        pending: &Pending<'_>,
        record: Option<Record>,
        attempts: Attempts,
        connection: &mut PgConnection,
    ) -> Result<(), StrategyError> {
        let migration = pending.migration;
        let clean = self.clean();
        if self.options.baseline.is_some() {
            return self.write_alone(pending, connection).await;
        }
        let ends = ends_its_transaction(migration.sql.as_str());
        if let (Some(statement), Reach::Schema { .. }) = (&ends, self.reach) {
            let version = migration.version;
            return Err(StrategyError::other(format!(
                "the migration {version} ends its transaction by `{statement}`, behind which what it changes outside of \
                the tenant's schema could not be undone: leave that out, each migration commits by itself"
            )));
        }
        let mut attempts = attempts;
        let mut at_once = record.and_then(|record| self.at_once(pending, record, &clean, Clock::Message));
        while !migration.no_tx || ends.is_none() {
            let run = match &at_once {
                Some(message) => match message.run(connection).await {
                    // What is wrong there is looked at step by step.
                    Err(Failure::Behind) => {
                        at_once = None;
                        continue;
                    }
                    Err(Failure::Migration(error)) => Err(error),
                    Ok(()) => Ok(()),
                },
                None => self.run_in_transaction(pending, &clean, connection).await,
            };
            match run {
                Err(error) if migration.no_tx && needs_no_transaction(&error) => break,
                Err(error) => attempts.again(&changes_of(migration.version), error).await?,
                Ok(()) => return Ok(()),
            }
        }
        // It cannot be undone, so it is not interrupted.
        execute(connection, format!("{clean}; reset lock_timeout")).await?;
        let alone = Alone {
            schema: self.schema,
            reach: self.reach,
            ledger: &self.ledger.table_name,
            migration,
            has_begun: pending.has_begun,
        };
        alone.run(connection).await?;
        self.record(migration.version, connection).await
    }

    /// Each begins as the first did, whatever the ones before set in the session.
    pub(super) fn clean(&self) -> String {
        format!(
            "reset session authorization; reset role; reset all; set search_path = {}; {}",
            self.search_path,
            LockTimeout(self.options.lock_timeout).session_sql()
        )
    }

    /// The migration as one message, if nothing has to be looked at between its steps.
    pub(super) fn at_once<'a>(
        &self,
        pending: &Pending<'a>,
        record: Record,
        clean: &str,
        clock: Clock,
    ) -> Option<AtOnce<'a>> {
        let migration = pending.migration;
        let reaches_no_further = match self.reach {
            Reach::Schema { shared } => shared.is_empty(),
            Reach::Database => true,
        };
        if migration.no_tx || pending.has_begun || !reaches_no_further || !is_plain(migration.sql.as_str()) {
            return None;
        }
        let record = self.tenant.map(|tenant| record.statements(tenant, migration.version));
        Some(AtOnce {
            migration,
            clean: clean.to_owned(),
            clock,
            row: self.row_sql(migration, clock.elapsed()),
            record: record.unwrap_or_default(),
        })
    }

    /// The row of a migration that does not run.
    async fn write_alone(&self, pending: &Pending<'_>, connection: &mut PgConnection) -> Result<(), StrategyError> {
        let mut tx = begin_lent(connection, None).await?;
        self.write_row(pending, -1, &mut tx).await?;
        Ok(tx.commit().await?)
    }

    async fn run_in_transaction(
        &self,
        pending: &Pending<'_>,
        clean: &str,
        connection: &mut PgConnection,
    ) -> Result<(), StrategyError> {
        // One message. What is set before `begin` is a part of the transaction then, and is set again with the next one.
        let begin = AssertSqlSafe(format!("{clean}; begin"));
        let mut tx = begin_lent_by(connection, begin.into_sql_str()).await?;
        match self.run_within(pending, &mut tx).await {
            Ok(()) => Ok(tx.commit().await?),
            Err(error) => {
                // The connection may have ended, which is not what has failed.
                let _ = tx.rollback().await;
                Err(error)
            }
        }
    }

    /// The migration, what it may not have changed, and its row.
    async fn run_within(&self, pending: &Pending<'_>, tx: &mut PgConnection) -> Result<(), StrategyError> {
        let migration = pending.migration;
        let version = migration.version;
        let watched = match self.reach {
            Reach::Schema { shared: [] } if is_plain(migration.sql.as_str()) => None,
            Reach::Schema { shared } => Some(OutsideWatch::begin(tx, self.schema, shared).await?),
            Reach::Database => None,
        };
        let begun = Instant::now();
        run_sql(tx, migration).await.map_err(explained)?;
        let elapsed = begun.elapsed();
        if let Some(watch) = watched {
            if watch.has_search_path_changed(tx).await? {
                return Err(StrategyError::SearchPathChanged { version });
            }
            watch.end(tx).await?;
        }
        self.write_row(pending, i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX), tx)
            .await
    }

    /// Its row in the ledger, and the version that the tenant's data has with it.
    async fn write_row(&self, pending: &Pending<'_>, elapsed: i64, tx: &mut PgConnection) -> Result<(), StrategyError> {
        let (migration, table) = (pending.migration, &self.ledger.table_name);
        let version = migration.version;
        if pending.has_begun {
            let sql = format!("delete from {table} where version = $1 and not success");
            let query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
            query.bind(version).execute(&mut *tx).await?;
        }
        // One message, and nothing is prepared: each tenant's ledger has a name of its own.
        execute(tx, self.row_sql(migration, &elapsed.to_string())).await?;
        self.record(version, tx).await
    }

    fn row_sql(&self, migration: &Migration, elapsed: &str) -> String {
        let checksum: String = migration.checksum.iter().map(|byte| format!("{byte:02x}")).collect();
        format!(
            "insert into {} (version, description, success, checksum, execution_time)
            values ({}, {}, true, '\\x{checksum}'::pg_catalog.bytea, {elapsed})",
            self.ledger.table_name,
            migration.version,
            Literal(&migration.description)
        )
    }
}

/// Whether the server refused the migration since it stood in a transaction, before it did anything.
fn needs_no_transaction(error: &StrategyError) -> bool {
    let StrategyError::Migrate(MigrateError::ExecuteMigration(error, _)) = error else {
        return false;
    };
    let code = error.as_database_error().and_then(|error| error.code());
    // The second is a `commit` in a procedure or a block.
    matches!(code.as_deref(), Some("25001" | "2D000"))
}
