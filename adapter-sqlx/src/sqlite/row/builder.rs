//! How the strategy `row` is opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::{Connection, SqliteConnection};
use tenancy_core::names::TenantId;

use super::catalog;
use super::declarations::Declarations;
use super::row_pool::{RowSchema, install, row_pool};
use super::strategy::SqliteRowStrategy;
use super::table::TenantTable;
use crate::sqlite::connections::Connections;
use crate::sqlite::fence;
use crate::sqlite::migrate;
use crate::sqlite::pool::FilePlan;
use crate::sqlite::versions;
use crate::strategy::minimum_version::judge_minimum;
use crate::{Mode, Place, PoolSettings, StrategyError};

/// Which file holds the rows of many tenants, and which of its tables do. [`SqliteRowStrategy::builder`] makes one.
#[derive(Debug)]
#[must_use]
pub struct SqliteRowBuilder {
    file: PathBuf,
    declared: Declarations,
    migrations: Option<Arc<Migrator>>,
    plan: FilePlan,
    is_fenced: bool,
    minimum_version: Option<i64>,
}

const DEFAULT_POOL: PoolSettings = PoolSettings::new().with_max_connections(8);

impl SqliteRowStrategy {
    /// Describes the file to open.
    pub fn builder(file: impl AsRef<Path>) -> SqliteRowBuilder {
        SqliteRowBuilder {
            file: file.as_ref().to_owned(),
            declared: Declarations::default(),
            migrations: None,
            plan: FilePlan::new(DEFAULT_POOL),
            is_fenced: false,
            minimum_version: None,
        }
    }
}

impl SqliteRowBuilder {
    /// Declares a table that holds tenants' rows.
    pub fn with_table(mut self, table: TenantTable) -> Self {
        self.declared.tables.push(table);
        self
    }

    /// Accepts that the table, view or virtual table `name` shows rows of all tenants to every tenant.
    ///
    /// [`open`](Self::open) refuses a view over a base table, a table with the tenant's column that is not
    /// declared, and a trigger that writes rows of a base table into a table that is not declared. Of those
    /// named here it accepts each one. Declare a table instead wherever it can have the tenant's column.
    ///
    /// # Security
    ///
    /// Nothing filters what a query reads by this name, and a removal of a tenant leaves it as it is. This is for a
    /// table that only [`dangerously_begin_across_tenants`](crate::TenantDb::dangerously_begin_across_tenants)
    /// reads, and for what is meant to be public.
    pub fn dangerously_expose(mut self, name: impl Into<String>) -> Self {
        self.declared.exposed.push(name.into());
        self
    }

    /// Migrations to run when the file is opened. They see the tables by their own names.
    pub fn with_migrations(self, migrations: Migrator) -> Self {
        Self {
            migrations: Some(Arc::new(migrations)),
            ..self
        }
    }

    /// Sets the connection limit and the timeouts. The default is 8 connections that write and 8 that read.
    pub fn with_pool(mut self, settings: PoolSettings) -> Self {
        self.plan.settings = settings.or(self.plan.settings);
        self
    }

    /// Sets how long a transaction waits for another writer. The default is 5 seconds, and the most 24 days.
    #[doc(alias = "SQLITE_BUSY")]
    pub const fn with_busy_timeout(mut self, timeout: Duration) -> Self {
        self.plan.busy_timeout = timeout;
        self
    }

    /// Declares that the file is fenced: each transaction looks at its tenant's place when it begins, so that a suspended or archived
    /// tenant is refused at once, whatever this process has cached.
    ///
    /// [`enable_fence`](Self::enable_fence) fences the file. [`open`](Self::open) fails with
    /// [`FenceMismatch`](StrategyError::FenceMismatch) if it is not, and without this if it is; so do the connections of a strategy
    /// that was open before.
    pub const fn with_fence(mut self) -> Self {
        self.is_fenced = true;
        self
    }

    /// Fences the file: it makes the table `tenancy_places` in it. Doing it again changes nothing.
    ///
    /// Afterwards let the places follow the directory, by
    /// [`finish_pending_places`](crate::SqlDirectory::finish_pending_places). `drop table tenancy_places` takes the fence away.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened or written.
    pub async fn enable_fence(&self) -> Result<(), StrategyError> {
        let options = self.plan.connect_options(&self.file).create_if_missing(true);
        let mut connection = migrate::connect(&options, None, None).await?;
        fence::enable(&mut connection).await?;
        Ok(connection.close().await?)
    }

    /// Whether the file is fenced now, whatever the configuration says.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened.
    pub async fn is_database_fenced(&self) -> Result<bool, StrategyError> {
        let mut connection = migrate::connect(&self.plan.connect_options(&self.file), None, None).await?;
        let is_fenced = fence::is_fenced(&mut connection).await?;
        connection.close().await?;
        Ok(is_fenced)
    }

    /// The places of all tenants, by their ids, as the file has them; none if it is not fenced. For operators, who compare them with
    /// the directory's records.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened.
    pub async fn places(&self) -> Result<Vec<(TenantId, Place)>, StrategyError> {
        let mut connection = migrate::connect(&self.plan.connect_options(&self.file), None, None).await?;
        let places = if fence::is_fenced(&mut connection).await? {
            fence::read_all(&mut connection).await?
        } else {
            Vec::new()
        };
        connection.close().await?;
        Ok(places)
    }

    /// Sets the least version of the tables with which this process serves: that of the migration that this release needs. Default: none.
    ///
    /// It is looked at when the file is opened, behind the migrations, and not in each transaction: the tables are all tenants', and
    /// their version only grows.
    pub const fn with_minimum_version(mut self, version: i64) -> Self {
        self.minimum_version = Some(version);
        self
    }

    /// Refuses tables that are behind.
    async fn require_minimum(&self, connection: &mut SqliteConnection) -> Result<(), StrategyError> {
        let Some(minimum) = self.minimum_version else {
            return Ok(());
        };
        let ledger = self
            .migrations
            .as_ref()
            .map_or("_sqlx_migrations", |migrations| &migrations.table_name);
        if versions::of_ledger(connection, ledger).await? < Some(minimum) {
            return Err(StrategyError::TablesBehind { minimum });
        }
        Ok(())
    }

    /// Opens the file, creates it if it is missing, migrates it and proves its schema.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened or migrated; [`MinimumTooGreat`](StrategyError::MinimumTooGreat) and
    /// [`TablesBehind`](StrategyError::TablesBehind); and [`StrategyError::UnsafeSchema`] if its
    /// tables would not keep tenants apart.
    pub async fn open(self) -> Result<SqliteRowStrategy, StrategyError> {
        judge_minimum(self.minimum_version, self.migrations.as_deref())?;
        let plan = self.plan;
        let options = plan.connect_options(&self.file);
        let create = options.clone().create_if_missing(true);
        let mut connection = migrate::connect(&create, self.migrations.as_deref(), None).await?;
        self.require_minimum(&mut connection).await?;
        install(&mut connection, &self.declared, self.is_fenced).await?;
        catalog::prove_all_declared(&mut connection, &self.declared).await?;
        connection.close().await?;
        Ok(self.into_strategy(true))
    }

    /// Opens the strategy for a [`Fleet`](crate::fleet::Fleet) that plans and runs the migrations of the tables: none of them runs
    /// here, and the schema is not proved. The file is made if it is missing. No transaction begins.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened.
    pub async fn open_for_migrations(self) -> Result<SqliteRowStrategy, StrategyError> {
        let create = self.plan.connect_options(&self.file).create_if_missing(true);
        migrate::connect(&create, None, None).await?.close().await?;
        Ok(self.into_strategy(false))
    }

    fn into_strategy(self, serves: bool) -> SqliteRowStrategy {
        let plan = self.plan;
        let options = plan.connect_options(&self.file);
        let schema = Arc::new(RowSchema::new(self.declared, self.is_fenced));
        let alone = FilePlan {
            settings: plan.settings.with_max_connections(1),
            ..plan
        };
        SqliteRowStrategy {
            file: options.clone(),
            migrations: self.migrations,
            serves,
            read_write: row_pool(plan, options.clone(), &schema, Mode::ReadWrite)
                .with_tenant_shares(plan.settings.tenant_shares()),
            read_only: row_pool(plan, options.clone().read_only(true), &schema, Mode::ReadOnly)
                .with_tenant_shares(plan.settings.tenant_shares()),
            across_tenants: Connections::new(alone.pool(options)),
            schema,
        }
    }
}
