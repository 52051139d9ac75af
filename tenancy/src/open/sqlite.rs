//! What a file for SQLite describes, opened.

use std::error::Error;
use std::path::Path;

use sqlx::Sqlite;
use tenancy_cache::LocalChangeFeed;
#[cfg(feature = "http")]
use tenancy_core::config::EnforcementConfig;
use tenancy_core::config::TenancyConfig;
use tenancy_core::directory::TenantRecord;
use tenancy_core::names::{ReservedNames, TenantId};
use tenancy_sqlx::{Place, SqliteDirectory, StrategyError};

use super::builder::Open;
use super::database::{ForMigrations, OpenDatabase, Opener, Opens};
use super::error::OpenFailure;
#[cfg(feature = "http")]
use crate::file::JwtTable;
use crate::file::sqlite::{SqliteConfig, SqlitePlan, plan};
use crate::file::{CacheConfig, Check, LimitsConfig, Migrations};

impl OpenDatabase for Sqlite {}

impl SqliteConfig {
    /// Opens this configuration, of which `base_dir` is the folder that its paths begin in.
    pub fn open(self, base_dir: impl AsRef<Path>) -> Open<Sqlite> {
        Open::of_config(self, base_dir.as_ref())
    }
}

impl Opens for Sqlite {
    type Config = SqliteConfig;
    type Plan = SqlitePlan;
    type Reach = ();
    type Feed = LocalChangeFeed;

    fn tenancy(config: &SqliteConfig) -> TenancyConfig {
        config.tenancy()
    }

    #[cfg(feature = "http")]
    fn enforcement(config: &SqliteConfig) -> &EnforcementConfig {
        &config.enforcement
    }

    #[cfg(feature = "http")]
    fn jwt(config: &SqliteConfig) -> Option<&JwtTable> {
        config.jwt.as_ref()
    }

    fn cache(config: &SqliteConfig) -> &CacheConfig {
        &config.cache
    }

    fn limits(config: &SqliteConfig) -> &LimitsConfig {
        &config.limits
    }

    fn strategies(config: &SqliteConfig) -> Vec<&'static str> {
        let row = config.strategies.row.as_ref().map(|_| "row");
        let database = config.strategies.database.as_ref().map(|_| "database");
        [row, database].into_iter().flatten().collect()
    }

    async fn plan(config: &SqliteConfig, compiled: &mut Migrations, check: &mut Check) -> Option<SqlitePlan> {
        plan(config, compiled, check).await
    }

    fn leave_out_administrator(_: &mut SqliteConfig) {}

    fn fence(config: &mut SqliteConfig, strategy: &str) {
        config.strategies.fence(strategy);
    }

    fn leave_out_unfenced(plan: &mut SqlitePlan) {
        for (strategy, is_fenced) in &plan.fences {
            match *strategy {
                _ if *is_fenced => {}
                "row" => plan.row = None,
                "database" => plan.database = None,
                _ => {}
            }
        }
    }

    fn fences(plan: &SqlitePlan) -> &[(&'static str, bool)] {
        &plan.fences
    }

    async fn is_database_fenced(plan: &SqlitePlan, strategy: &str) -> Result<Option<bool>, StrategyError> {
        if let ("row", Some(row)) = (strategy, &plan.row) {
            return Ok(Some(row.is_database_fenced().await?));
        }
        Ok(None)
    }

    async fn enable_fence(plan: &SqlitePlan, strategy: &str) -> Result<(), StrategyError> {
        if let ("row", Some(row)) = (strategy, &plan.row) {
            row.enable_fence().await?;
        }
        Ok(())
    }

    async fn places(plan: &SqlitePlan, strategy: &str) -> Result<Vec<(TenantId, Place)>, StrategyError> {
        if let ("row", Some(row)) = (strategy, &plan.row) {
            return row.places().await;
        }
        Ok(Vec::new())
    }

    async fn place_of(plan: &SqlitePlan, tenant: &TenantRecord) -> Result<Option<Place>, StrategyError> {
        match &plan.database {
            Some(database) => database.place_of(tenant).await,
            None => Ok(None),
        }
    }

    async fn enable_fence_of(plan: &SqlitePlan, tenant: &TenantRecord) -> Result<(), StrategyError> {
        match &plan.database {
            Some(database) => database.enable_fence_of(tenant).await,
            None => Ok(()),
        }
    }

    async fn open_directory(
        plan: &SqlitePlan,
        reserved: ReservedNames,
        _: bool,
    ) -> Result<SqliteDirectory, OpenFailure> {
        let directory = SqliteDirectory::open(&plan.directory).await;
        let directory = directory.map_err(|error| OpenFailure::new("directory", error))?;
        Ok(directory.with_reserved_names(reserved).with_quarantine(plan.quarantine))
    }

    fn openers(plan: &mut SqlitePlan, migrates: Option<ForMigrations>) -> Vec<Opener<Self>> {
        let row = plan.row.take().map(|row| match migrates {
            Some(_) => Opener::new("row", row.open_for_migrations()),
            None => Opener::new("row", row.open()),
        });
        let database = plan.database.take();
        let database = database.map(|database| Opener::new("database", database.open()));
        [row, database].into_iter().flatten().collect()
    }

    fn reach(_: &SqlitePlan) {}

    async fn feed((): &()) -> Result<Option<LocalChangeFeed>, Box<dyn Error + Send + Sync>> {
        Ok(None)
    }
}
