//! From the tables to what is opened: the builders of the strategies, and the directory's connect options.

use std::time::Duration;

use tenancy_core::names::PlacementName;
use tenancy_sqlx::{
    PgDatabaseBuilder, PgDatabaseStrategy, PgIdentifier, PgRowBuilder, PgRowStrategy, PgSchemaBuilder,
    PgSchemaStrategy, PoolSettings,
};

use super::config::{PgDirectoryConfig, PostgresConfig};
use super::parts::{declared, identifiers, parsed, prefix, servers};
use super::strategies::{PgDatabaseStrategyConfig, PgRowConfig, PgSchemaConfig};
use super::urls::{Reach, Server, Urls, urls};
use crate::file::pool::seconds;
use crate::file::{Check, Migrations, PoolConfig, folder, minimum_version};

/// What is opened. Nothing is connected yet.
pub(crate) struct PostgresPlan {
    pub(crate) directory: Server,
    /// The role that only reads it, where the administrator has set it up.
    pub(crate) reader: PgIdentifier,
    pub(crate) quarantine: Duration,
    pub(crate) lock_timeout: Duration,
    pub(crate) row: Option<PgRowBuilder>,
    pub(crate) schema: Option<PgSchemaBuilder>,
    pub(crate) database: Option<PgDatabaseBuilder>,
    /// The strategies of the file, and whether each is fenced.
    pub(crate) fences: Vec<(&'static str, bool)>,
}

/// Reads every URL, table and folder that the file names. `None` if something is wrong, and noted.
pub(crate) async fn plan(
    config: &PostgresConfig,
    compiled: &mut Migrations,
    check: &mut Check,
) -> Option<PostgresPlan> {
    let default = urls!(config.database).reach("database", check);
    let pool = config.database.pool.settings("database.pool", check);
    let shared = Shared {
        default,
        pool,
        has_transaction_pooler: config.database.transaction_pooler,
        names_tenants: config.database.tenant_in_application_name,
    };
    let directory = shared.server("directory", &urls!(config.directory), check);
    let (quarantine, lock_timeout) = directory_times(&config.directory, check);
    let strategies = &config.strategies;
    let row = match &strategies.row {
        Some(row) => Some(shared.row(row, strategies.tenant_schemas(), compiled, check).await),
        None => None,
    };
    let schema = match &strategies.schema {
        Some(schema) => Some(shared.schema(schema, compiled, check).await),
        None => None,
    };
    let database = match &strategies.database {
        Some(database) => Some(shared.database(database, compiled, check).await),
        None => None,
    };
    let directory = directory?;
    let reader = check.value("directory", directory.roles().application_role())?;
    Some(PostgresPlan {
        directory,
        reader,
        quarantine,
        lock_timeout,
        row: all(row)?,
        schema: all(schema)?,
        database: all(database)?,
        fences: strategies.fences(),
    })
}

/// Nothing of a strategy that is absent, and `None` of one that is wrong.
#[expect(clippy::option_option, reason = "absent is one thing, and wrong another")]
fn all<T>(strategy: Option<Option<T>>) -> Option<Option<T>> {
    match strategy {
        Some(Some(builder)) => Some(Some(builder)),
        Some(None) => None,
        None => Some(None),
    }
}

fn directory_times(config: &PgDirectoryConfig, check: &mut Check) -> (Duration, Duration) {
    let day = Duration::from_secs(24 * 60 * 60);
    let lock_timeout = seconds(
        "directory.lock_timeout_seconds".to_owned(),
        Some(config.lock_timeout_seconds),
        check,
    );
    (
        day * config.quarantine_days,
        lock_timeout.unwrap_or(Duration::from_secs(5)),
    )
}

/// What every strategy has unless its table says otherwise.
struct Shared {
    default: Reach,
    pool: PoolSettings,
    has_transaction_pooler: bool,
    names_tenants: bool,
}

impl Shared {
    /// The server of the table `key`: its own, or that of `[database]`.
    fn server(&self, key: &str, urls: &Urls<'_>, check: &mut Check) -> Option<Server> {
        match (urls.reach(key, check), &self.default) {
            (Reach::Server(server), _) => Some(*server),
            (Reach::Absent, Reach::Server(server)) => Some((**server).clone()),
            (Reach::Wrong, _) | (Reach::Absent, Reach::Wrong) => None,
            (Reach::Absent, Reach::Absent) => {
                check.missing(
                    "database.url_env",
                    "required: the environment variable that holds the application's URL",
                );
                None
            }
        }
    }

    fn pool(&self, key: &str, own: Option<&PoolConfig>, check: &mut Check) -> PoolSettings {
        own.map_or(self.pool, |own| own.settings(&format!("{key}.pool"), check))
    }

    async fn row(
        &self,
        config: &PgRowConfig,
        tenant_schemas: Option<&str>,
        compiled: &mut Migrations,
        check: &mut Check,
    ) -> Option<PgRowBuilder> {
        const KEY: &str = "strategies.row";
        let server = self.server(KEY, &urls!(config), check);
        let migrations = folder("row", config.migrations.as_deref(), compiled, check).await;
        let minimum = minimum_version("row", config.minimum_version, migrations.as_ref(), check);
        let pool = self.pool(KEY, config.pool.as_ref(), check);
        let lock_timeout = seconds(
            format!("{KEY}.lock_timeout_seconds"),
            config.lock_timeout_seconds,
            check,
        );
        // Checked also where the server cannot be reached.
        let declared = declared(config, server.as_ref(), check);
        let declared = declared.map(|declared| match tenant_schemas {
            Some(prefix) => declared.with_tenant_schemas(prefix),
            None => declared,
        });
        let extensions = identifiers(&format!("{KEY}.extension_schemas"), &config.extension_schemas, check);
        let mut builder = PgRowStrategy::builder(server?.roles(), declared?).with_pool(pool);
        if let Some(lock_timeout) = lock_timeout {
            builder = builder.with_lock_timeout(lock_timeout);
        }
        if let Some(migrations) = migrations.filter(|_| !check.places_alone) {
            builder = builder.with_migrations(migrations);
        }
        for schema in extensions {
            builder = builder.with_extension_schema(schema.as_str()).ok()?;
        }
        if config.fence {
            builder = builder.with_fence();
        }
        if let Some(minimum) = minimum {
            builder = builder.with_minimum_version(minimum);
        }
        if self.names_tenants {
            builder = builder.with_tenant_in_application_name();
        }
        Some(if self.has_transaction_pooler {
            builder.with_transaction_pooler()
        } else {
            builder
        })
    }

    async fn schema(
        &self,
        config: &PgSchemaConfig,
        compiled: &mut Migrations,
        check: &mut Check,
    ) -> Option<PgSchemaBuilder> {
        const KEY: &str = "strategies.schema";
        let server = self.server(KEY, &urls!(config), check);
        let migrations = folder("schema", config.migrations.as_deref(), compiled, check).await;
        let minimum = minimum_version("schema", config.minimum_version, migrations.as_ref(), check);
        let pool = self.pool(KEY, config.pool.as_ref(), check);
        let extensions = identifiers(&format!("{KEY}.extension_schemas"), &config.extension_schemas, check);
        let prefix = prefix(KEY, config.prefix.as_deref(), check);
        let mut builder = PgSchemaStrategy::builder(server?.roles()).with_pool(pool);
        if let Some(prefix) = prefix {
            builder = builder.with_prefix(prefix);
        }
        if let Some(migrations) = migrations {
            builder = builder.with_migrations(migrations);
        }
        for schema in extensions {
            builder = builder.with_extension_schema(schema.as_str()).ok()?;
        }
        if config.citus && config.fence {
            check.problem(
                format!("{KEY}.fence"),
                "a Citus cluster has no fence: remove this key, or `citus`",
            );
        }
        if config.citus && config.minimum_version.is_some() {
            check.problem(
                format!("{KEY}.minimum_version"),
                "a Citus cluster has no record of versions: remove this key, or `citus`",
            );
        }
        if config.fence {
            builder = builder.with_fence();
        }
        if let Some(minimum) = minimum {
            builder = builder.with_minimum_version(minimum);
        }
        if config.citus {
            builder = builder.with_citus();
        }
        if !config.prepared_statements {
            builder = builder.without_prepared_statements();
        }
        if self.names_tenants {
            builder = builder.with_tenant_in_application_name();
        }
        Some(if self.has_transaction_pooler {
            builder.with_transaction_pooler()
        } else {
            builder
        })
    }

    async fn database(
        &self,
        config: &PgDatabaseStrategyConfig,
        compiled: &mut Migrations,
        check: &mut Check,
    ) -> Option<PgDatabaseBuilder> {
        const KEY: &str = "strategies.database";
        let server = self.server(KEY, &urls!(config), check);
        let servers = servers(config, check);
        let migrations = folder("database", config.migrations.as_deref(), compiled, check).await;
        let minimum = minimum_version("database", config.minimum_version, migrations.as_ref(), check);
        let own = config.pool.as_ref();
        let pool = own.map_or(self.pool, |own| {
            own.settings_of_each_tenant("strategies.database.pool", "set `max_connections_per_tenant`", check)
        });
        let prefix = prefix(KEY, config.prefix.as_deref(), check);
        let template: Option<PgIdentifier> = parsed(&format!("{KEY}.template"), config.template.as_deref(), check);
        if config.max_connections_per_tenant == Some(0) {
            check.problem(
                format!("{KEY}.max_connections_per_tenant"),
                "expected a number of at least 1",
            );
        }
        let servers = servers?;
        let mut builder = PgDatabaseStrategy::builder(server?.roles()).with_pool(pool);
        if !servers.is_empty() {
            builder = builder.with_servers(move |placement: PlacementName| {
                let found = servers.get(&placement).map(Server::roles);
                async move { Ok(found) }
            });
        }
        if let Some(prefix) = prefix {
            builder = builder.with_prefix(prefix);
        }
        if let Some(template) = template {
            builder = builder.with_template(template.as_str()).ok()?;
        }
        if config.migrated_template {
            builder = builder.with_migrated_template();
        }
        if let Some(migrations) = migrations.filter(|_| !check.places_alone) {
            builder = builder.with_migrations(migrations);
        }
        if config.fence {
            builder = builder.with_fence();
        }
        if let Some(minimum) = minimum {
            builder = builder.with_minimum_version(minimum);
        }
        if let Some(max) = config.max_connections_per_tenant {
            builder = builder.with_max_connections_per_tenant(usize::try_from(max).unwrap_or(usize::MAX));
        }
        if let Some(max) = config.max_waiting {
            builder = builder.with_max_waiting(usize::try_from(max).unwrap_or(usize::MAX));
        }
        if self.names_tenants {
            builder = builder.with_tenant_in_application_name();
        }
        Some(if self.has_transaction_pooler {
            builder.with_transaction_pooler()
        } else {
            builder
        })
    }
}
