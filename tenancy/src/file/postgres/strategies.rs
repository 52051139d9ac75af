//! The tables `[strategies.row]`, `[strategies.schema]` and `[strategies.database]`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::tables::PgTableEntry;
use crate::file::PoolConfig;

tenancy_core::config::settings! {
    /// The table `[strategies]`: those that tenants' records may name.
    pub struct PgStrategiesConfig {
        /// Rows of shared tables. Default: absent.
        pub row: Option<PgRowConfig> = None,
        /// A schema for each tenant. Default: absent.
        pub schema: Option<PgSchemaConfig> = None,
        /// A database for each tenant. Default: absent.
        pub database: Option<PgDatabaseStrategyConfig> = None,
    }
}

tenancy_core::config::settings! {
    /// The table `[strategies.row]`: which tables hold rows of many tenants.
    pub struct PgRowConfig {
        /// As in `[database]`, whose URLs are used without these.
        pub url_env: Option<String> = None,
        /// As in `[database]`.
        pub url_file: Option<PathBuf> = None,
        /// As in `[database]`.
        pub administrator_url_env: Option<String> = None,
        /// As in `[database]`.
        pub administrator_url_file: Option<PathBuf> = None,
        /// The tables. At least one is required.
        pub tables: Vec<PgTableEntry> = Vec::new(),
        /// Views of these tables that the application reads, as `view` or `schema.view`. Default: none.
        pub views: Vec<String> = Vec::new(),
        /// Tables without a tenant that the application may write, as `table` or `schema.table`. Default: none.
        pub shared_tables: Vec<String> = Vec::new(),
        /// The role that administers the tables, where it is not their owner and the process only serves. Default: their
        /// owner.
        pub administrator_role: Option<String> = None,
        /// Other roles by which services serve the same tables. Default: none.
        pub other_applications: Vec<String> = Vec::new(),
        /// The setting that binds a transaction to its tenant. Default: `app.tenant_id`.
        pub setting: Option<String> = None,
        /// Schemas that are searched after those of the tables. Default: none.
        pub extension_schemas: Vec<String> = Vec::new(),
        /// The folder of migrations. Default: those that are compiled in.
        pub migrations: Option<PathBuf> = None,
        /// The least version of the tables with which a process serves, that of a migration. Default: none.
        pub minimum_version: Option<u64> = None,
        /// Whether the database is fenced, so that a suspension is in force at once. `tenancy fence on` fences it. Default: `false`.
        pub fence: bool = false,
        /// How long one attempt to change a table waits for a lock, in seconds, at least 1. Default: 2.
        pub lock_timeout_seconds: Option<u32> = None,
        /// The application's pool. Default: that of `[database]`, and then 10 connections.
        pub pool: Option<PoolConfig> = None,
    }
}

tenancy_core::config::settings! {
    /// The table `[strategies.schema]`: a schema for each tenant.
    pub struct PgSchemaConfig {
        /// As in `[database]`, whose URLs are used without these.
        pub url_env: Option<String> = None,
        /// As in `[database]`.
        pub url_file: Option<PathBuf> = None,
        /// As in `[database]`.
        pub administrator_url_env: Option<String> = None,
        /// As in `[database]`.
        pub administrator_url_file: Option<PathBuf> = None,
        /// What stands before the id in a schema's name. Default: `tenant_`.
        pub prefix: Option<String> = None,
        /// Schemas that are searched after the tenant's. Default: none.
        pub extension_schemas: Vec<String> = Vec::new(),
        /// The folder of migrations of each tenant. Default: those that are compiled in.
        pub migrations: Option<PathBuf> = None,
        /// The least version of a tenant's data with which the tenant is served, that of a migration. Default: none, and tenants that are behind
        /// are served.
        pub minimum_version: Option<u64> = None,
        /// Whether statements stay prepared. Default: `true`.
        pub prepared_statements: bool = true,
        /// Whether the database is fenced, so that a suspension is in force at once. `tenancy fence on` fences it. Default: `false`.
        pub fence: bool = false,
        /// Whether the database is a Citus cluster's. Default: `false`.
        pub citus: bool = false,
        /// The application's pool. Default: that of `[database]`, and then 10 connections.
        pub pool: Option<PoolConfig> = None,
    }
}

tenancy_core::config::settings! {
    /// The table `[strategies.database]`: a database for each tenant.
    pub struct PgDatabaseStrategyConfig {
        /// As in `[database]`, whose URLs are used without these. The server of tenants whose record names no placement.
        pub url_env: Option<String> = None,
        /// As in `[database]`.
        pub url_file: Option<PathBuf> = None,
        /// As in `[database]`.
        pub administrator_url_env: Option<String> = None,
        /// As in `[database]`.
        pub administrator_url_file: Option<PathBuf> = None,
        /// Other servers, by the placement that a tenant's record names. Default: none.
        pub servers: BTreeMap<String, PgServerConfig> = BTreeMap::new(),
        /// What stands before the id in a database's name. Default: `tenant_`.
        pub prefix: Option<String> = None,
        /// What new databases are copies of. Default: `template1`.
        pub template: Option<String> = None,
        /// Whether new databases are copies of one that has run the migrations. Default: `false`.
        pub migrated_template: bool = false,
        /// The folder of migrations of each tenant. Default: those that are compiled in.
        pub migrations: Option<PathBuf> = None,
        /// The least version of a tenant's data with which the tenant is served, that of a migration. Default: none, and tenants that are behind
        /// are served.
        pub minimum_version: Option<u64> = None,
        /// Whether the tenants' databases are fenced, so that a suspension is in force at once. `tenancy fence on` fences them. Default: `false`.
        pub fence: bool = false,
        /// The greatest number of connections that one tenant uses at a time, at least 1. Default: 5.
        pub max_connections_per_tenant: Option<u32> = None,
        /// How many callers may wait for a connection at a time. Default: 1000.
        pub max_waiting: Option<u32> = None,
        /// The application's connections to all servers together. Default: that of `[database]`, and then 50 connections.
        pub pool: Option<PoolConfig> = None,
    }
}

tenancy_core::config::settings! {
    /// A table `[strategies.database.servers.NAME]`: another server.
    pub struct PgServerConfig {
        /// As in `[database]`. Required, or `url_file`.
        pub url_env: Option<String> = None,
        /// As in `[database]`.
        pub url_file: Option<PathBuf> = None,
        /// As in `[database]`.
        pub administrator_url_env: Option<String> = None,
        /// As in `[database]`.
        pub administrator_url_file: Option<PathBuf> = None,
    }
}

impl PgStrategiesConfig {
    /// The strategies that have a table, and whether each is fenced.
    pub(crate) fn fences(&self) -> Vec<(&'static str, bool)> {
        let fences = [
            self.row.as_ref().map(|row| ("row", row.fence)),
            self.schema.as_ref().map(|schema| ("schema", schema.fence)),
            self.database.as_ref().map(|database| ("database", database.fence)),
        ];
        fences.into_iter().flatten().collect()
    }

    /// Fences a strategy, whatever its table says.
    pub(crate) fn fence(&mut self, name: &str) {
        match (name, &mut self.row, &mut self.schema, &mut self.database) {
            ("row", Some(row), _, _) => row.fence = true,
            ("schema", _, Some(schema), _) => schema.fence = true,
            ("database", _, _, Some(database)) => database.fence = true,
            _ => {}
        }
    }

    /// What the names of tenants' own schemas begin with. They may be in the database of `row`.
    pub(super) fn tenant_schemas(&self) -> Option<&str> {
        let schema = self.schema.as_ref()?;
        Some(schema.prefix.as_deref().unwrap_or("tenant_"))
    }
}
