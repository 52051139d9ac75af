//! From the tables to what is opened: the builders of the strategies, and the directory's connect options.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use tenancy_core::names::PlacementName;
use tenancy_sqlx::{
    PgDatabaseBuilder, PgDatabaseStrategy, PgIdentifier, PgRowBuilder, PgRowStrategy, PgRowTables, PgSchemaBuilder,
    PgSchemaStrategy, PgSetting, PoolSettings,
};

use super::config::{PgDirectoryConfig, PostgresConfig};
use super::strategies::{PgDatabaseStrategyConfig, PgRowConfig, PgSchemaConfig};
use super::tables::{in_schema, tables, view};
use super::urls::{Reach, Server, Urls, urls};
use crate::file::pool::seconds;
use crate::file::{Check, Migrations, PoolConfig, folder};

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
        if config.fence {
            builder = builder.with_fence();
        }
        if config.citus {
            builder = builder.with_citus();
        }
        if !config.prepared_statements {
            builder = builder.without_prepared_statements();
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
        let pool = self.pool(KEY, config.pool.as_ref(), check);
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
        if let Some(max) = config.max_connections_per_tenant {
            builder = builder.with_max_connections_per_tenant(usize::try_from(max).unwrap_or(usize::MAX));
        }
        if let Some(max) = config.max_waiting {
            builder = builder.with_max_waiting(usize::try_from(max).unwrap_or(usize::MAX));
        }
        Some(if self.has_transaction_pooler {
            builder.with_transaction_pooler()
        } else {
            builder
        })
    }
}

/// The declaration of `[strategies.row]`.
fn declared(config: &PgRowConfig, server: Option<&Server>, check: &mut Check) -> Option<PgRowTables> {
    const KEY: &str = "strategies.row";
    let tables = tables(&config.tables, check);
    let mut views = Vec::new();
    for (index, name) in config.views.iter().enumerate() {
        views.extend(check.value(format!("{KEY}.views[{index}]"), view(name)));
    }
    let mut shared = Vec::new();
    for (index, name) in config.shared_tables.iter().enumerate() {
        let (schema, name) = in_schema(name);
        let key = format!("{KEY}.shared_tables[{index}]");
        let table = schema
            .parse::<PgIdentifier>()
            .and_then(|_| name.parse::<PgIdentifier>());
        shared.extend(check.value(key, table).map(|_| (schema, name)));
    }
    let setting: Option<PgSetting> = parsed(&format!("{KEY}.setting"), config.setting.as_deref(), check);
    let administrator: Option<PgIdentifier> = parsed(
        &format!("{KEY}.administrator_role"),
        config.administrator_role.as_deref(),
        check,
    );
    let others = identifiers(&format!("{KEY}.other_applications"), &config.other_applications, check);
    let server = server?;
    let declared = match administrator {
        Some(administrator) => PgRowTables::new(server.application.get_username(), administrator.as_str()),
        None => server.roles().row_tables(),
    };
    let mut declared = check.value(KEY, declared)?;
    for table in tables {
        declared = declared.with_table(table);
    }
    for view in views {
        declared = declared.with_view(view);
    }
    for (schema, name) in shared {
        declared = declared.with_shared_table(schema, name).ok()?;
    }
    for role in others {
        declared = declared.with_application(role.as_str()).ok()?;
    }
    Some(match setting {
        Some(setting) => declared.with_setting(setting),
        None => declared,
    })
}

/// The servers by their placements, or `None` if one is wrong.
fn servers(config: &PgDatabaseStrategyConfig, check: &mut Check) -> Option<HashMap<PlacementName, Server>> {
    let mut servers = HashMap::new();
    let mut is_whole = true;
    for (name, server) in &config.servers {
        let key = format!("strategies.database.servers.{name}");
        let placement: Option<PlacementName> = check.value(key.as_str(), name.parse());
        let reach = urls!(server).reach(&key, check);
        if matches!(reach, Reach::Absent) {
            check.missing(
                format!("{key}.url_env"),
                "required: the environment variable that holds the application's URL on this server",
            );
        }
        match (placement, reach) {
            (Some(placement), Reach::Server(server)) => drop(servers.insert(placement, *server)),
            _ => is_whole = false,
        }
    }
    is_whole.then_some(servers)
}

/// A prefix of names in SQL: it needs room for an id.
fn prefix(key: &str, given: Option<&str>, check: &mut Check) -> Option<String> {
    let prefix = given?;
    if prefix.len() >= PgIdentifier::MAX_LEN || prefix.contains('\0') {
        let longest = PgIdentifier::MAX_LEN - 1;
        check.problem(
            format!("{key}.prefix"),
            format!("expected at most {longest} bytes, so that an id has room behind it"),
        );
        return None;
    }
    Some(prefix.to_owned())
}

fn identifiers(key: &str, names: &[String], check: &mut Check) -> Vec<PgIdentifier> {
    let mut found = Vec::new();
    for (index, name) in names.iter().enumerate() {
        found.extend(check.value(format!("{key}[{index}]"), name.parse::<PgIdentifier>()));
    }
    found
}

fn parsed<T: FromStr<Err: fmt::Display>>(key: &str, text: Option<&str>, check: &mut Check) -> Option<T> {
    text.and_then(|text| check.value(key, text.parse()))
}
