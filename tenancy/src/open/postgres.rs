//! What a file for PostgreSQL describes, opened.

use std::error::Error;
use std::path::Path;

use sqlx::Postgres;
use sqlx::postgres::PgConnectOptions;
#[cfg(feature = "http")]
use tenancy_core::config::EnforcementConfig;
use tenancy_core::config::TenancyConfig;
use tenancy_core::directory::TenantRecord;
use tenancy_core::names::{ReservedNames, TenantId};
use tenancy_sqlx::{PgChanges, PgDirectory, Place, StrategyError};

use super::builder::Open;
use super::database::{ForMigrations, OpenDatabase, Opener, Opens};
use super::error::OpenFailure;
#[cfg(feature = "http")]
use crate::file::JwtTable;
use crate::file::postgres::{PostgresConfig, PostgresPlan, Server, plan};
use crate::file::{CacheConfig, Check, LimitsConfig, Migrations};

impl OpenDatabase for Postgres {}

impl PostgresConfig {
    /// Opens this configuration, of which `base_dir` is the folder that its paths begin in.
    pub fn open(self, base_dir: impl AsRef<Path>) -> Open<Postgres> {
        Open::of_config(self, base_dir.as_ref())
    }
}

impl Opens for Postgres {
    type Config = PostgresConfig;
    type Plan = PostgresPlan;
    type Reach = PgConnectOptions;
    type Feed = PgChanges;

    fn tenancy(config: &PostgresConfig) -> TenancyConfig {
        config.tenancy()
    }

    #[cfg(feature = "http")]
    fn enforcement(config: &PostgresConfig) -> &EnforcementConfig {
        &config.enforcement
    }

    #[cfg(feature = "http")]
    fn jwt(config: &PostgresConfig) -> Option<&JwtTable> {
        config.jwt.as_ref()
    }

    fn cache(config: &PostgresConfig) -> &CacheConfig {
        &config.cache
    }

    fn limits(config: &PostgresConfig) -> &LimitsConfig {
        &config.limits
    }

    fn strategies(config: &PostgresConfig) -> Vec<&'static str> {
        let strategies = &config.strategies;
        let named = [
            strategies.row.as_ref().map(|_| "row"),
            strategies.schema.as_ref().map(|_| "schema"),
            strategies.database.as_ref().map(|_| "database"),
        ];
        named.into_iter().flatten().collect()
    }

    async fn plan(config: &PostgresConfig, compiled: &mut Migrations, check: &mut Check) -> Option<PostgresPlan> {
        plan(config, compiled, check).await
    }

    fn leave_out_administrator(config: &mut PostgresConfig) {
        config.leave_out_administrator();
    }

    fn fence(config: &mut PostgresConfig, strategy: &str) {
        config.strategies.fence(strategy);
    }

    fn leave_out_unfenced(plan: &mut PostgresPlan) {
        for (strategy, is_fenced) in &plan.fences {
            match *strategy {
                _ if *is_fenced => {}
                "row" => plan.row = None,
                "schema" => plan.schema = None,
                "database" => plan.database = None,
                _ => {}
            }
        }
    }

    fn fences(plan: &PostgresPlan) -> &[(&'static str, bool)] {
        &plan.fences
    }

    async fn is_database_fenced(plan: &PostgresPlan, strategy: &str) -> Result<Option<bool>, StrategyError> {
        if let ("row", Some(row)) = (strategy, &plan.row) {
            return Ok(Some(row.is_database_fenced().await?));
        }
        if let ("schema", Some(schema)) = (strategy, &plan.schema) {
            return Ok(Some(schema.is_database_fenced().await?));
        }
        Ok(None)
    }

    async fn enable_fence(plan: &PostgresPlan, strategy: &str) -> Result<(), StrategyError> {
        if let ("row", Some(row)) = (strategy, &plan.row) {
            row.enable_fence().await?;
        }
        if let ("schema", Some(schema)) = (strategy, &plan.schema) {
            schema.enable_fence().await?;
        }
        Ok(())
    }

    async fn places(plan: &PostgresPlan, strategy: &str) -> Result<Vec<(TenantId, Place)>, StrategyError> {
        if let ("row", Some(row)) = (strategy, &plan.row) {
            return row.places().await;
        }
        if let ("schema", Some(schema)) = (strategy, &plan.schema) {
            return schema.places().await;
        }
        Ok(Vec::new())
    }

    async fn place_of(plan: &PostgresPlan, tenant: &TenantRecord) -> Result<Option<Place>, StrategyError> {
        match &plan.database {
            Some(database) => database.place_of(tenant).await,
            None => Ok(None),
        }
    }

    async fn enable_fence_of(plan: &PostgresPlan, tenant: &TenantRecord) -> Result<(), StrategyError> {
        match &plan.database {
            Some(database) => database.enable_fence_of(tenant).await,
            None => Ok(()),
        }
    }

    async fn open_directory(
        plan: &PostgresPlan,
        reserved: ReservedNames,
        reads: bool,
    ) -> Result<PgDirectory, OpenFailure> {
        let Server {
            application,
            administrator,
        } = &plan.directory;
        let changes = administrator.as_ref().filter(|_| !reads);
        let directory = match changes {
            Some(administrator) => PgDirectory::open(administrator.clone()).await,
            None => PgDirectory::open_read_only(administrator.as_ref().unwrap_or(application).clone()).await,
        };
        let directory = directory
            .map_err(|error| OpenFailure::new("directory", error))?
            .with_reserved_names(reserved)
            .with_quarantine(plan.quarantine)
            .with_lock_timeout(plan.lock_timeout);
        if changes.is_some()
            && let Err(error) = directory.allow_reading(&plan.reader).await
        {
            directory.close().await;
            return Err(OpenFailure::new("directory", error));
        }
        Ok(directory)
    }

    fn openers(plan: &mut PostgresPlan, migrates: Option<ForMigrations>) -> Vec<Opener<Self>> {
        let row = plan.row.take().map(|row| match migrates {
            Some(_) => Opener::new("row", row.open_for_migrations()),
            None => Opener::new("row", row.open()),
        });
        let schema = plan.schema.take().map(|schema| Opener::new("schema", schema.open()));
        let database = plan.database.take();
        let database = database.map(|database| Opener::new("database", database.open()));
        [row, schema, database].into_iter().flatten().collect()
    }

    fn reach(plan: &PostgresPlan) -> PgConnectOptions {
        plan.directory.application.clone()
    }

    async fn feed(reach: &PgConnectOptions) -> Result<Option<PgChanges>, Box<dyn Error + Send + Sync>> {
        Ok(Some(PgChanges::connect(reach.clone()).await?))
    }
}
