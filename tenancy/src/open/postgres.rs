//! What a file for PostgreSQL describes, opened.

use std::error::Error;
use std::path::Path;

use sqlx::Postgres;
use sqlx::postgres::PgConnectOptions;
#[cfg(feature = "http")]
use tenancy_core::config::EnforcementConfig;
use tenancy_core::config::TenancyConfig;
use tenancy_core::names::ReservedNames;
use tenancy_sqlx::{IsolationStrategy, PgChanges, PgDirectory, StrategyError, StrategyRegistry};

use super::builder::Open;
use super::database::{Connected, OpenDatabase, Opens};
use super::error::OpenFailure;
#[cfg(feature = "http")]
use crate::file::JwtTable;
use crate::file::postgres::{PostgresConfig, PostgresPlan, plan};
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

    async fn connect(
        plan: PostgresPlan,
        reserved: ReservedNames,
        failures: &mut Vec<OpenFailure>,
    ) -> Connected<Self, PgConnectOptions> {
        let mut registry = StrategyRegistry::new();
        if let Some(row) = plan.row {
            register("row", row.open().await, &mut registry, failures);
        }
        if let Some(schema) = plan.schema {
            register("schema", schema.open().await, &mut registry, failures);
        }
        if let Some(database) = plan.database {
            register("database", database.open().await, &mut registry, failures);
        }
        let reach = plan.directory.application.clone();
        let directory = match &plan.directory.administrator {
            Some(administrator) => PgDirectory::open(administrator.clone()).await,
            None => PgDirectory::open_read_only(reach.clone()).await,
        };
        let directory = directory.map_err(|error| failures.push(OpenFailure::new("directory", error)));
        let directory = directory.ok().map(|directory| {
            directory
                .with_reserved_names(reserved)
                .with_quarantine(plan.quarantine)
                .with_lock_timeout(plan.lock_timeout)
        });
        if let Some(directory) = directory.as_ref().filter(|_| plan.directory.administrator.is_some())
            && let Err(error) = directory.allow_reading(&plan.reader).await
        {
            failures.push(OpenFailure::new("directory", error));
        }
        Connected {
            registry,
            directory,
            reach,
        }
    }

    async fn feed(reach: &PgConnectOptions) -> Result<Option<PgChanges>, Box<dyn Error + Send + Sync>> {
        Ok(Some(PgChanges::connect(reach.clone()).await?))
    }
}

fn register(
    name: &str,
    opened: Result<impl IsolationStrategy<Postgres>, StrategyError>,
    registry: &mut StrategyRegistry<Postgres>,
    failures: &mut Vec<OpenFailure>,
) {
    let key = format!("strategies.{name}");
    match opened {
        Ok(strategy) => {
            if let Err(error) = registry.register(std::sync::Arc::new(strategy)) {
                failures.push(OpenFailure::new(key, error));
            }
        }
        Err(error) => failures.push(OpenFailure::new(key, error)),
    }
}
