//! Rows of many tenants in one file.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use sqlx::migrate::Migrator;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Sqlite};
use tenancy_core::directory::TenantRecord;
use tenancy_core::names::{StrategyName, TenantId};

use super::row_pool::{RowSchema, install};
use super::{catalog, removal};
use crate::drift::{DriftOptions, StrategyDrift};
use crate::sqlite::commit_guard::SqliteCommit;
use crate::sqlite::connections::Connections;
use crate::sqlite::fence;
use crate::sqlite::migrate;
use crate::sqlite::migrate_steps::{self, Steps};
use crate::strategy::isolation_strategy::not_fenced;
use crate::{
    AcrossTenants, Binding, DataVersion, IsolationStrategy, MigrateOptions, Migrated, MigrationTarget, Mode, Place,
    PlaceChange, Removal, StrategyError, StrategyFuture, StrategyMigrations, StrategyTransaction,
};

/// The strategy `row`: tenants share one file, and each sees its own rows.
///
/// SQLite has no policies. So each connection sees a declared table through a temporary view of the
/// name that queries use, filtered by the tenant that `begin` sets inside the transaction, and
/// triggers write through it:
///
/// - A forgotten `WHERE` reads, updates or deletes the tenant's own rows only.
/// - An `INSERT` may leave the tenant's column out; it is filled in. One that names another tenant
///   is an error, and so is an `UPDATE` that gives a row away.
/// - Without a tenant there are no rows, and an `INSERT` is an error.
/// - `begin` takes the write lock at once (`BEGIN IMMEDIATE`) and waits for it for the busy timeout at
///   most, so a transaction never fails half-way for having read first.
/// - Read-only transactions come from a pool that opened the file read-only.
///
/// [`open`](crate::SqliteRowBuilder::open) proves the schema first, and refuses one that would leak: a
/// tenant's column that is not `TEXT NOT NULL`, a primary key or unique index without it, a foreign
/// key that does not pair it or whose action reaches further, a table that has it and is not declared,
/// and whatever shows the rows of a base table beside its view:
///
/// - a view or virtual table that reads it, by whatever other views,
/// - a trigger that sees its rows and writes to a table that is not declared, such as a full-text index or an
///   audit table. SQLite itself says what views read and triggers write.
///
/// A new connection proves it again after a change. Then [`begin`](crate::TenantDb::begin) fails at once with
/// [`StrategyError::UnsafeSchema`], which names the object.
///
/// A tenant's transaction cannot change the schema. Its commit fails with
/// [`TransactionError::SchemaChanged`](crate::TransactionError::SchemaChanged) and undoes everything, and a
/// `COMMIT` that is sent as SQL fails with SQLite's error 531 whatever it would commit. Migrations run at
/// [`open`](crate::SqliteRowBuilder::open), or in
/// [`dangerously_begin_across_tenants`](crate::TenantDb::dangerously_begin_across_tenants).
///
/// A trigger may write to another declared table, in the transaction's tenant only: a write to another
/// tenant's row is an error.
///
/// # Differences from a table
///
/// - `INSERT … ON CONFLICT` (upsert) is refused by SQLite on a view. `INSERT OR REPLACE` and
///   `INSERT OR IGNORE` work, within the tenant. `docs/isolation.md` has an upsert for every strategy.
/// - `rows_affected` is 0 and `last_insert_rowid` unchanged. Count updates and deletes with `RETURNING`.
/// - `RETURNING` tells what the statement gave, not what was stored: no defaults, and generated columns
///   as they were. **With `OR IGNORE` it returns rows that were not written**: use a plain `INSERT`, and
///   take its unique error for the answer. Make ids in the application.
/// - An `UPDATE` writes every column of its rows. A trigger of yours on a base table that is for some
///   columns (`UPDATE OF`) fires for all, and what it changes in the same row can be overwritten.
/// - What is given for a generated column is ignored.
/// - A column that is left out, **or set to null**, gets the base table's default where it has one.
/// - Tables that are not declared are shared by all tenants.
///
/// # Security
///
/// This guards against mistakes, not against hostile SQL. Around it goes SQL that names the base
/// table, writes to the temporary tables `tenancy_bound` and `tenancy_installed`, attaches the file once more,
/// shadows the base table by a temporary one, or rolls the transaction back and changes the schema outside of
/// any. Triggers that you make on a base table see all tenants: compare the tenant's column in what they read.
/// Give tenants who bring their own SQL the strategy `database`, in a process of their own.
///
/// After each transaction the connection is checked, and closed where it could reach data otherwise: an
/// open transaction, temporary objects, attached files, foreign keys or writes turned off, and pragmas that
/// change what statements do. Other pragmas stay with the connection, and so do hooks that are set on it: set
/// neither. An update hook of yours takes the place of the one that lets a transaction commit.
pub struct SqliteRowStrategy {
    pub(super) read_write: Connections,
    pub(super) read_only: Connections,
    pub(super) across_tenants: Connections,
    pub(super) schema: Arc<RowSchema>,
    pub(super) file: SqliteConnectOptions,
    pub(super) migrations: Option<Arc<Migrator>>,
    /// Whether the schema is proved, and transactions begin.
    pub(super) serves: bool,
}

/// Fails unless the schema, from here on, is the one that was proved when the connection was made: the transaction has its lock or
/// its snapshot by now, and between the choice of the connection and this another process may have migrated.
const SAME_SCHEMA: &str = "update temp.tenancy_installed
    set main = iif(main = (select schema_version from pragma_schema_version), main, null)";

/// How many connections in a row may turn out to be from before a migration.
const STALE: u32 = 20;

/// Whether [`SAME_SCHEMA`] has failed.
fn is_schema_stale(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|error| error.message().contains("tenancy_installed.main"))
}

impl SqliteRowStrategy {
    /// The name under which records choose this strategy.
    pub const NAME: &'static str = "row";

    fn require_serving(&self) -> Result<(), StrategyError> {
        if self.serves {
            return Ok(());
        }
        Err(StrategyError::other(
            "the strategy `row` was opened for migrations, and no transaction begins: its schema is not proved",
        ))
    }

    /// Runs what is new, and proves the schema.
    async fn migrate_tables(&self, options: &MigrateOptions) -> Result<Migrated, StrategyError> {
        let Some(migrations) = self.migrations.as_deref() else {
            return Ok(Migrated::default());
        };
        let steps = Steps {
            migrations,
            tenant: None,
            options,
        };
        let migrated = steps.run(&self.file).await?;
        let mut connection = migrate::connect(&self.file, None, None).await?;
        install(&mut connection, &self.schema.declared, self.schema.is_fenced).await?;
        catalog::prove_all_declared(&mut connection, &self.schema.declared).await?;
        connection.close().await?;
        Ok(migrated)
    }

    async fn begin(&self, binding: Binding<'_>) -> Result<StrategyTransaction<Sqlite>, StrategyError> {
        self.require_serving()?;
        let mut tries = 1;
        loop {
            match self.begin_once(&binding).await {
                // Another process has migrated since the connection was chosen. It is closed, and a new one has other views.
                Err(StrategyError::Database(error)) if is_schema_stale(&error) && tries < STALE => tries += 1,
                begun => return begun,
            }
        }
    }

    async fn begin_once(&self, binding: &Binding<'_>) -> Result<StrategyTransaction<Sqlite>, StrategyError> {
        let (pool, begin) = match binding.mode() {
            Mode::ReadWrite => (&self.read_write, "begin immediate"),
            Mode::ReadOnly => (&self.read_only, "begin"),
        };
        let (connection, counted) = pool.acquire_for(binding.id()).await?;
        let begun = if self.schema.is_fenced {
            fence::begin(connection, format!("{begin}; {SAME_SCHEMA}; {}", fence::bind(binding))).await
        } else {
            // A tenant's id has neither quotes nor backslashes, and the statement takes no parameters.
            let statement = format!(
                "{begin}; {SAME_SCHEMA}; delete from temp.tenancy_bound; insert into temp.tenancy_bound values ('{}')",
                binding.id()
            );
            let begun = StrategyTransaction::begin(connection, AssertSqlSafe(statement)).await;
            begun.map_err(StrategyError::from)
        };
        let begun = match begun {
            Err(refused @ StrategyError::Fenced(_)) => return Err(refused),
            begun => begun.map_err(|error| self.schema.refusal().unwrap_or(error))?,
        };
        let begun = begun.with_lease(counted);
        Ok(match binding.mode() {
            Mode::ReadWrite => begun.with_commit(&SqliteCommit),
            Mode::ReadOnly => begun,
        })
    }

    /// A connection that sees the file as it is. It is closed afterwards: a future that is dropped leaves nothing in it.
    async fn fence_connection(&self) -> Result<PoolConnection<Sqlite>, StrategyError> {
        if !self.schema.is_fenced {
            return Err(not_fenced(Self::NAME));
        }
        let mut connection = self.across_tenants.pool().acquire().await?;
        connection.close_on_drop();
        Ok(connection)
    }

    async fn remove_rows(&self, tenant: &TenantId) -> Result<(), StrategyError> {
        self.require_serving()?;
        let mut connection = self.across_tenants.pool().acquire().await?;
        connection.close_on_drop();
        removal::remove_rows(&mut connection, &self.schema.declared, tenant).await
    }
}

impl IsolationStrategy<Sqlite> for SqliteRowStrategy {
    fn name(&self) -> StrategyName {
        StrategyName::from_static(Self::NAME)
    }

    fn begin<'f>(&'f self, binding: Binding<'f>) -> StrategyFuture<'f, StrategyTransaction<Sqlite>> {
        Box::pin(self.begin(binding))
    }

    fn provision<'f>(&'f self, _: &'f TenantRecord) -> StrategyFuture<'f, ()> {
        // The tables are there since the file was opened, and rows need no place to be made.
        Box::pin(async { Ok(()) })
    }

    fn begin_across_tenants<'f>(&'f self, _: AcrossTenants) -> StrategyFuture<'f, StrategyTransaction<Sqlite>> {
        Box::pin(async {
            self.require_serving()?;
            let (connection, in_use) = self.across_tenants.acquire().await?;
            let begun = StrategyTransaction::begin(connection, "begin immediate").await?;
            Ok(begun.with_lease(in_use))
        })
    }

    fn remove<'f>(&'f self, removal: Removal<'f>) -> StrategyFuture<'f, ()> {
        Box::pin(self.remove_rows(removal.id()))
    }

    fn migrations(&self) -> Option<StrategyMigrations<'_>> {
        self.migrations.as_deref().map(StrategyMigrations::of_shared_tables)
    }

    fn migrate<'f>(&'f self, _: MigrationTarget<'f>, options: &'f MigrateOptions) -> StrategyFuture<'f, Migrated> {
        Box::pin(self.migrate_tables(options))
    }

    fn version<'f>(&'f self, _: MigrationTarget<'f>) -> StrategyFuture<'f, DataVersion> {
        Box::pin(async {
            match self.migrations.as_deref() {
                Some(migrations) => migrate_steps::version(&self.file, migrations).await,
                None => Ok(DataVersion::not_provisioned()),
            }
        })
    }

    fn drift<'f>(&'f self, _: &'f [&'f TenantRecord], _: &'f DriftOptions) -> StrategyFuture<'f, StrategyDrift> {
        Box::pin(async { Ok(StrategyDrift::of_shared_tables(self.name())) })
    }

    fn is_fenced(&self) -> bool {
        self.schema.is_fenced
    }

    fn place<'f>(&'f self, tenant: &'f TenantRecord) -> StrategyFuture<'f, Option<Place>> {
        Box::pin(async {
            let mut connection = self.fence_connection().await?;
            fence::read(&mut connection, &tenant.id).await
        })
    }

    fn change_place<'f>(&'f self, tenant: &'f TenantRecord, change: PlaceChange) -> StrategyFuture<'f, Option<Place>> {
        Box::pin(async move {
            let mut connection = self.fence_connection().await?;
            fence::change(&mut connection, &tenant.id, change).await
        })
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            self.read_write.pool().close().await;
            self.read_only.pool().close().await;
            self.across_tenants.pool().close().await;
        })
    }
}

impl fmt::Debug for SqliteRowStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteRowStrategy").finish_non_exhaustive()
    }
}
