//! The file, and its tables `[directory]` and `[strategies.*]`.

use std::path::PathBuf;

use tenancy_core::config::{ConfigVersion, EnforcementConfig, ResolutionConfig, TenancyConfig};

use crate::file::{CacheConfig, JwtTable, LimitsConfig, PoolConfig};

tenancy_core::config::settings! {
    /// A `tenancy.toml` for tenants in SQLite files.
    pub struct SqliteConfig {
        /// The version of the format. Default: 1.
        pub version: ConfigVersion = ConfigVersion::V1,
        /// How requests name tenants.
        pub resolution: ResolutionConfig = ResolutionConfig::default(),
        /// Who is let in.
        pub enforcement: EnforcementConfig = EnforcementConfig::default(),
        /// Whose tokens are accepted. Default: the caller of [`open`](crate::open) gives an authenticator.
        pub jwt: Option<JwtTable> = None,
        /// How long the directory's answers are cached.
        pub cache: CacheConfig = CacheConfig::default(),
        /// What each tenant may use of one process.
        pub limits: LimitsConfig = LimitsConfig::default(),
        /// Where the directory of tenants is.
        pub directory: SqliteDirectoryConfig = SqliteDirectoryConfig::default(),
        /// How tenants' data is kept apart.
        pub strategies: SqliteStrategiesConfig = SqliteStrategiesConfig::default(),
    }
}

impl SqliteConfig {
    /// What the core reads of it.
    pub(crate) fn tenancy(&self) -> TenancyConfig {
        let mut tenancy = TenancyConfig::default();
        tenancy.resolution = self.resolution.clone();
        tenancy.enforcement = self.enforcement.clone();
        tenancy
    }
}

tenancy_core::config::settings! {
    /// The table `[directory]`: where tenants, their names and their members are looked up.
    pub struct SqliteDirectoryConfig {
        /// The file. Required. It is made if it is missing.
        pub file: Option<PathBuf> = None,
        /// How many days the names of a tenant that was removed or renamed are given to no other. Default: 30.
        pub quarantine_days: u32 = 30,
    }
}

tenancy_core::config::settings! {
    /// The table `[strategies]`: those that tenants' records may name.
    pub struct SqliteStrategiesConfig {
        /// Rows of shared tables. Default: absent.
        pub row: Option<SqliteRowConfig> = None,
        /// A file for each tenant. Default: absent.
        pub database: Option<SqliteDatabaseStrategyConfig> = None,
    }
}

impl SqliteStrategiesConfig {
    /// The strategies that have a table, and whether each is fenced.
    pub(crate) fn fences(&self) -> Vec<(&'static str, bool)> {
        let row = self.row.as_ref().map(|row| ("row", row.fence));
        let database = self.database.as_ref().map(|database| ("database", database.fence));
        [row, database].into_iter().flatten().collect()
    }

    /// Fences a strategy, whatever its table says.
    pub(crate) fn fence(&mut self, name: &str) {
        match (name, &mut self.row, &mut self.database) {
            ("row", Some(row), _) => row.fence = true,
            ("database", _, Some(database)) => database.fence = true,
            _ => {}
        }
    }
}

tenancy_core::config::settings! {
    /// The table `[strategies.row]`: which tables of which file hold rows of many tenants.
    pub struct SqliteRowConfig {
        /// The file. Required. It is made if it is missing.
        pub file: Option<PathBuf> = None,
        /// The tables. At least one is required.
        pub tables: Vec<SqliteTableConfig> = Vec::new(),
        /// Tables and views that show rows of all tenants to every tenant, on purpose. Default: none.
        pub dangerously_exposed: Vec<String> = Vec::new(),
        /// The folder of migrations. Default: those that are compiled in.
        pub migrations: Option<PathBuf> = None,
        /// The least version of the tables with which a process serves, that of a migration. Default: none.
        pub minimum_version: Option<u64> = None,
        /// Whether the file is fenced, so that a suspension is in force at once. `tenancy fence on` fences it. Default: `false`.
        pub fence: bool = false,
        /// How long a transaction waits for another writer, in seconds, at least 1. Default: 5.
        pub busy_timeout_seconds: Option<u32> = None,
        /// The pool. Default: 8 connections that write and 8 that read.
        pub pool: PoolConfig = PoolConfig::default(),
    }
}

tenancy_core::config::settings! {
    /// An entry of `strategies.row.tables`: a table that holds rows of many tenants.
    pub struct SqliteTableConfig {
        /// The name by which queries see the tenant's rows. Required.
        pub name: Option<String> = None,
        /// The name of the table itself. Required.
        pub base_table: Option<String> = None,
        /// The column that holds the tenant's id. Default: `tenant_id`.
        pub tenant_column: Option<String> = None,
    }
}

tenancy_core::config::settings! {
    /// The table `[strategies.database]`: a file for each tenant.
    pub struct SqliteDatabaseStrategyConfig {
        /// The folder of the files. Required. It is made if it is missing.
        pub folder: Option<PathBuf> = None,
        /// The folder of migrations of each tenant. Default: those that are compiled in.
        pub migrations: Option<PathBuf> = None,
        /// The least version of a tenant's data with which the tenant is served, that of a migration. Default: none, and tenants that are behind
        /// are served.
        pub minimum_version: Option<u64> = None,
        /// Whether the tenants' files are fenced, so that a suspension is in force at once. `tenancy fence on` fences them. Default: `false`.
        pub fence: bool = false,
        /// The greatest number of files that are open at once, at least 1. Default: 64.
        pub max_open: Option<u32> = None,
        /// How long a transaction waits for another writer, in seconds, at least 1. Default: 5.
        pub busy_timeout_seconds: Option<u32> = None,
        /// The pool of each file. Default: 4 connections that write and 4 that read.
        pub pool: PoolConfig = PoolConfig::default(),
    }
}
