//! The file, and the tables `[database]` and `[directory]`.

use std::path::PathBuf;

use tenancy_core::config::{ConfigVersion, EnforcementConfig, ResolutionConfig, TenancyConfig};

use super::strategies::PgStrategiesConfig;
use crate::file::{CacheConfig, JwtTable, LimitsConfig, PoolConfig};

tenancy_core::config::settings! {
    /// A `tenancy.toml` for tenants on PostgreSQL.
    ///
    /// ```
    /// let config: tenancy::config::PostgresConfig = toml::from_str(r#"
    ///     version = 1
    ///     [database]
    ///     url_env = "DATABASE_URL"
    ///     [strategies.row]
    ///     tables = ["notes"]
    /// "#)?;
    /// assert_eq!(config.database.url_env.as_deref(), Some("DATABASE_URL"));
    /// # Ok::<(), toml::de::Error>(())
    /// ```
    pub struct PostgresConfig {
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
        /// How the database is reached that everything is in, unless another table says otherwise.
        pub database: PgDatabaseConfig = PgDatabaseConfig::default(),
        /// Where the directory of tenants is.
        pub directory: PgDirectoryConfig = PgDirectoryConfig::default(),
        /// How tenants' data is kept apart.
        pub strategies: PgStrategiesConfig = PgStrategiesConfig::default(),
    }
}

impl PostgresConfig {
    /// What the core reads of it.
    pub(crate) fn tenancy(&self) -> TenancyConfig {
        let mut tenancy = TenancyConfig::default();
        tenancy.resolution = self.resolution.clone();
        tenancy.enforcement = self.enforcement.clone();
        tenancy
    }

    /// Takes out what names the administrator, wherever it is named.
    pub(crate) fn leave_out_administrator(&mut self) {
        macro_rules! leave_out {
            ($table:expr) => {
                $table.administrator_url_env = None;
                $table.administrator_url_file = None;
            };
        }
        leave_out!(self.database);
        leave_out!(self.directory);
        let strategies = &mut self.strategies;
        if let Some(row) = &mut strategies.row {
            leave_out!(row);
        }
        if let Some(schema) = &mut strategies.schema {
            leave_out!(schema);
        }
        if let Some(database) = &mut strategies.database {
            leave_out!(database);
            for server in database.servers.values_mut() {
                leave_out!(server);
            }
        }
    }
}

tenancy_core::config::settings! {
    /// The table `[database]`: how one PostgreSQL database is reached, as the application and as the administrator.
    ///
    /// A URL is a secret, and never in the file itself. Roles are the user names of the URLs.
    pub struct PgDatabaseConfig {
        /// The environment variable that holds the application's URL.
        pub url_env: Option<String> = None,
        /// The file that holds the application's URL, in place of `url_env`.
        pub url_file: Option<PathBuf> = None,
        /// The environment variable that holds the administrator's URL. If it is not set, the process only serves.
        pub administrator_url_env: Option<String> = None,
        /// The file that holds the administrator's URL. If there is none, the process only serves.
        pub administrator_url_file: Option<PathBuf> = None,
        /// Whether the application's URL leads to a pooler that lends a connection for one transaction, such as PgBouncer
        /// in transaction mode. Default: `false`.
        pub transaction_pooler: bool = false,
        /// Whether each transaction has its tenant in the session's `application_name`, where operators see it. Default: `false`.
        pub tenant_in_application_name: bool = false,
        /// The pool of each strategy that has none of its own.
        pub pool: PoolConfig = PoolConfig::default(),
    }
}

tenancy_core::config::settings! {
    /// The table `[directory]`: where tenants, their names and their members are looked up.
    ///
    /// Without URLs of its own it is in the database of `[database]`, and read by its application's role.
    pub struct PgDirectoryConfig {
        /// The environment variable that holds the URL of a role that reads the directory, directly and not through a
        /// pooler.
        pub url_env: Option<String> = None,
        /// The file that holds that URL, in place of `url_env`.
        pub url_file: Option<PathBuf> = None,
        /// The environment variable that holds the URL of the role that owns the directory's tables.
        pub administrator_url_env: Option<String> = None,
        /// The file that holds that URL.
        pub administrator_url_file: Option<PathBuf> = None,
        /// How many days the names of a tenant that was removed or renamed are given to no other. Default: 30.
        pub quarantine_days: u32 = 30,
        /// How long a change waits for other writers, in seconds, at least 1. Default: 5.
        pub lock_timeout_seconds: u32 = 5,
    }
}
