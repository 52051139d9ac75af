//! Migrations before the policies: with bounded waits, and with no moment in which a new table is open.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use sqlx::PgConnection;
use sqlx::migrate::{Migrate, Migration, Migrator};

use crate::postgres::attempts::{Attempts, LockTimeout, is_lock_timeout, is_transaction_over, pause};
use crate::postgres::citus::several_statements::explained;
use crate::postgres::execute::execute;
use crate::postgres::identifier::Literal;
use crate::postgres::row::row_tables::PgRowTables;
use crate::postgres::row::table::PgTenantTable;
use crate::transaction::begin::begin_lent;
use crate::{MigrateOptions, StrategyError};

/// How long migrations of another process are waited for.
const OTHERS: Duration = Duration::from_secs(600);

/// How long one try to lock the migrations waits. A session that waits keeps its snapshot, for which
/// `create index concurrently` waits in turn: this is over before the server takes the two for a deadlock.
const TRY: Duration = Duration::from_millis(300);

/// Runs what is new of the migrations. If nothing is, it takes no lock and writes nothing.
pub(in crate::postgres::row) struct Migrating<'m> {
    migrations: Migrator,
    is_locking: bool,
    schema: &'m PgRowTables,
    wait: LockTimeout,
    attempts: u32,
    /// Up to which version they are written into the ledger and not run.
    baseline: Option<i64>,
}

impl<'m> Migrating<'m> {
    pub(in crate::postgres::row) fn new(mut migrations: Migrator, schema: &'m PgRowTables, wait: LockTimeout) -> Self {
        let is_locking = migrations.locking;
        // The lock is taken once for all of them, here.
        migrations.set_locking(false);
        Self {
            migrations,
            is_locking,
            schema,
            wait,
            attempts: Attempts::MAX,
            baseline: None,
        }
    }

    pub(in crate::postgres::row) fn with(self, options: &MigrateOptions) -> Self {
        Self {
            attempts: options.attempts.get(),
            baseline: options.baseline,
            ..self
        }
    }

    /// The session's lock time-out is this one afterwards. Returns how many have run.
    pub(in crate::postgres::row) async fn run(&self, connection: &mut PgConnection) -> Result<usize, StrategyError> {
        set_lock_timeout(connection, self.wait).await?;
        if self.is_up_to_date(connection).await? {
            return Ok(0);
        }
        if self.is_locking {
            self.lock(connection).await?;
        }
        let ran = self.run_locked(connection).await?;
        if self.is_locking {
            // After an error the connection is closed, and the lock with it.
            connection.unlock().await?;
        }
        Ok(ran)
    }

    async fn run_locked(&self, connection: &mut PgConnection) -> Result<usize, StrategyError> {
        // Runs none of them, and fails if what has run before is not what these are.
        self.migrations.run_direct(Some(i64::MIN), connection, false).await?;
        let applied = connection.list_applied_migrations(&self.migrations.table_name).await?;
        let applied: HashSet<i64> = applied.iter().map(|one| one.version).collect();
        let mut ran = 0;
        for migration in self.up().filter(|one| !applied.contains(&one.version)) {
            let version = migration.version;
            match self.baseline {
                Some(baseline) if version > baseline => break,
                Some(_) => connection.skip(&self.migrations.table_name, migration).await?,
                None => {
                    let run = self.run_one(migration, connection).await;
                    run.map_err(|source| StrategyError::Migration {
                        version,
                        source: Box::new(source),
                    })?;
                }
            }
            ran += 1;
        }
        if self.baseline.is_none() {
            self.migrations.run_direct(None, connection, false).await?;
        }
        Ok(ran)
    }

    fn up(&self) -> impl Iterator<Item = &Migration> {
        let is_up = |migration: &&Migration| !migration.migration_type.is_down_migration();
        self.migrations.iter().filter(is_up)
    }

    async fn run_one(&self, migration: &Migration, connection: &mut PgConnection) -> Result<(), StrategyError> {
        let before = self.tables(connection).await?;
        if migration.no_tx {
            // It cannot be undone, so it is not interrupted.
            execute(connection, "reset lock_timeout".to_owned()).await?;
            self.run_alone(migration, &before, connection).await?;
            return set_lock_timeout(connection, self.wait).await;
        }
        let object = format!("what the migration {} changes", migration.version);
        let mut attempts = Attempts::of_migration(self.wait, self.attempts);
        loop {
            match self.run_in_transaction(migration, &before, connection).await {
                Ok(()) => return Ok(()),
                // It says `commit` itself. If it is applied by now, it is not applied again.
                Err(error) if is_transaction_over(&error) => {
                    roll_back(connection).await;
                    return self.run_alone(migration, &before, connection).await;
                }
                Err(error) => attempts.again(&object, error).await?,
            }
        }
    }

    /// As sqlx runs it: a new table is closed only afterwards.
    async fn run_alone(
        &self,
        migration: &Migration,
        before: &[i64],
        connection: &mut PgConnection,
    ) -> Result<(), StrategyError> {
        self.migrations
            .run_direct(Some(migration.version), connection, false)
            .await
            .map_err(explained)?;
        self.guard_new_tables(before, connection).await
    }

    /// The migration is a savepoint in this transaction, and commits with it.
    ///
    /// `run_direct` is hidden in sqlx's documentation and there for this: the compiler cannot prove that the future of
    /// `run` is `Send` where the connection is borrowed.
    async fn run_in_transaction(
        &self,
        migration: &Migration,
        before: &[i64],
        connection: &mut PgConnection,
    ) -> Result<(), StrategyError> {
        let mut tx = begin_lent(connection, None).await?;
        self.migrations
            .run_direct(Some(migration.version), &mut *tx, false)
            .await
            .map_err(explained)?;
        self.guard_new_tables(before, &mut tx).await?;
        Ok(tx.commit().await?)
    }

    /// Closes declared tables that were not there before, until the policies open them: default privileges may have
    /// let the application in.
    ///
    /// Row-level security is not forced yet, so later migrations see the rows as their owner.
    async fn guard_new_tables(&self, before: &[i64], connection: &mut PgConnection) -> Result<(), StrategyError> {
        let sql = "
select format('alter table %I.%I enable row level security', n.nspname, c.relname)
from unnest($1::text[], $2::text[]) as d(schema, name)
join pg_catalog.pg_namespace n on n.nspname = d.schema
join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = d.name
where c.relkind in ('r', 'p') and not c.relrowsecurity and c.oid::int8 <> all ($3)";
        let sql: Vec<String> = sqlx::query_scalar(sql)
            .bind(self.schema.names(PgTenantTable::schema))
            .bind(self.schema.names(PgTenantTable::name))
            .bind(before)
            .fetch_all(&mut *connection)
            .await?;
        if sql.is_empty() {
            return Ok(());
        }
        // A table with checks that are still due cannot be altered.
        execute(connection, "set constraints all immediate".to_owned()).await?;
        for statement in sql {
            execute(connection, statement).await?;
        }
        Ok(())
    }

    /// The declared tables that exist, by number.
    async fn tables(&self, connection: &mut PgConnection) -> Result<Vec<i64>, StrategyError> {
        let sql = "
select c.oid::int8 from unnest($1::text[], $2::text[]) as d(schema, name)
join pg_catalog.pg_namespace n on n.nspname = d.schema
join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = d.name";
        let tables = sqlx::query_scalar(sql)
            .bind(self.schema.names(PgTenantTable::schema))
            .bind(self.schema.names(PgTenantTable::name))
            .fetch_all(connection)
            .await?;
        Ok(tables)
    }

    /// Whether all have run, as they are now.
    async fn is_up_to_date(&self, connection: &mut PgConnection) -> Result<bool, StrategyError> {
        let Migrator {
            table_name,
            create_schemas,
            ignore_missing,
            ..
        } = &self.migrations;
        let sql = "select to_regclass($1) is not null and not exists (
            select from unnest($2::text[]) as s(name) where to_regnamespace(name) is null)";
        let schemas: Vec<&str> = create_schemas.iter().map(|name| &**name).collect();
        let is_there: bool = sqlx::query_scalar(sql)
            .bind(&**table_name)
            .bind(schemas)
            .fetch_one(&mut *connection)
            .await?;
        if !is_there || connection.dirty_version(table_name).await?.is_some() {
            return Ok(false);
        }
        let applied = connection.list_applied_migrations(table_name).await?;
        let mut missing: HashMap<i64, _> = applied.into_iter().map(|one| (one.version, one.checksum)).collect();
        let all = self.up().all(|migration| {
            missing
                .remove(&migration.version)
                .is_some_and(|sum| sum == migration.checksum)
        });
        Ok(all && (missing.is_empty() || *ignore_missing))
    }

    /// Waits until no other process migrates this database.
    async fn lock(&self, connection: &mut PgConnection) -> Result<(), StrategyError> {
        let begun = Instant::now();
        set_lock_timeout(connection, LockTimeout(TRY)).await?;
        let mut tries = 1;
        while let Err(error) = connection.lock().await.map_err(StrategyError::from) {
            if !is_lock_timeout(&error) {
                return Err(error);
            }
            if begun.elapsed() > OTHERS {
                return Err(StrategyError::LocksHeld {
                    object: "the migrations of this database".to_owned(),
                    attempts: tries,
                    source: Box::new(error),
                });
            }
            tries += 1;
            pause(TRY).await;
        }
        set_lock_timeout(connection, self.wait).await
    }
}

/// Ends what is open. The savepoint that sqlx goes back to is gone, so that fails first; each failure ends one call.
async fn roll_back(connection: &mut PgConnection) {
    for _ in 0..2 {
        let _ = execute(connection, "rollback".to_owned()).await;
    }
}

async fn set_lock_timeout(connection: &mut PgConnection, wait: LockTimeout) -> Result<(), StrategyError> {
    Ok(execute(connection, format!("set lock_timeout = {}", Literal(&wait.setting()))).await?)
}
