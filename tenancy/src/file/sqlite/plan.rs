//! From the tables to what is opened: the builders of the strategies, and the directory's file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tenancy_sqlx::{
    SqliteDatabaseBuilder, SqliteDatabaseStrategy, SqliteRowBuilder, SqliteRowStrategy, TenantTable, TenantTableError,
};

use super::config::{SqliteConfig, SqliteDatabaseStrategyConfig, SqliteRowConfig, SqliteTableConfig};
use crate::file::pool::seconds;
use crate::file::{Check, Migrations, folder, minimum_version};

/// What is opened. Nothing is yet.
pub(crate) struct SqlitePlan {
    pub(crate) directory: PathBuf,
    /// What holds the directory and tenants' data, by its key.
    pub(crate) paths: Vec<(&'static str, PathBuf)>,
    pub(crate) quarantine: Duration,
    pub(crate) row: Option<SqliteRowBuilder>,
    pub(crate) database: Option<SqliteDatabaseBuilder>,
    /// The strategies of the file, and whether each is fenced.
    pub(crate) fences: Vec<(&'static str, bool)>,
}

/// Reads every table and folder that the file names. `None` if something is wrong, and noted.
pub(crate) async fn plan(config: &SqliteConfig, compiled: &mut Migrations, check: &mut Check) -> Option<SqlitePlan> {
    let directory = required("directory.file", config.directory.file.as_deref(), "the file", check);
    let (mut row, mut database) = (None, None);
    let mut is_whole = true;
    if let Some(config) = &config.strategies.row {
        row = row_builder(config, compiled, check).await;
        is_whole &= row.is_some();
    }
    if let Some(config) = &config.strategies.database {
        database = database_builder(config, compiled, check).await;
        is_whole &= database.is_some();
    }
    let directory = directory?;
    let named = [
        ("directory.file", config.directory.file.as_deref()),
        (
            "strategies.row.file",
            config.strategies.row.as_ref().and_then(|row| row.file.as_deref()),
        ),
        (
            "strategies.database.folder",
            config
                .strategies
                .database
                .as_ref()
                .and_then(|database| database.folder.as_deref()),
        ),
    ];
    let paths = named
        .into_iter()
        .filter_map(|(key, path)| path.map(|path| (key, check.path(path))));
    is_whole.then_some(SqlitePlan {
        directory,
        paths: paths.collect(),
        quarantine: Duration::from_secs(24 * 60 * 60) * config.directory.quarantine_days,
        row,
        database,
        fences: config.strategies.fences(),
    })
}

async fn row_builder(
    config: &SqliteRowConfig,
    compiled: &mut Migrations,
    check: &mut Check,
) -> Option<SqliteRowBuilder> {
    const KEY: &str = "strategies.row";
    let file = required("strategies.row.file", config.file.as_deref(), "the file", check);
    let migrations = folder("row", config.migrations.as_deref(), compiled, check).await;
    let minimum = minimum_version("row", config.minimum_version, migrations.as_ref(), check);
    let migrations = migrations.filter(|_| !check.serves_only && !check.places_alone);
    let pool = config.pool.settings("strategies.row.pool", check);
    let busy_timeout = seconds(
        format!("{KEY}.busy_timeout_seconds"),
        config.busy_timeout_seconds,
        check,
    );
    let tables = tables(&config.tables, check);
    let mut builder = SqliteRowStrategy::builder(file?).with_pool(pool);
    for table in tables {
        builder = builder.with_table(table);
    }
    for name in &config.dangerously_exposed {
        builder = builder.dangerously_expose(name);
    }
    if let Some(timeout) = busy_timeout {
        builder = builder.with_busy_timeout(timeout);
    }
    if config.fence {
        builder = builder.with_fence();
    }
    if let Some(minimum) = minimum {
        builder = builder.with_minimum_version(minimum);
    }
    Some(match migrations {
        Some(migrations) => builder.with_migrations(migrations),
        None => builder,
    })
}

async fn database_builder(
    config: &SqliteDatabaseStrategyConfig,
    compiled: &mut Migrations,
    check: &mut Check,
) -> Option<SqliteDatabaseBuilder> {
    const KEY: &str = "strategies.database";
    let directory = required(
        "strategies.database.folder",
        config.folder.as_deref(),
        "the folder",
        check,
    );
    let migrations = folder("database", config.migrations.as_deref(), compiled, check).await;
    let minimum = minimum_version("database", config.minimum_version, migrations.as_ref(), check);
    let migrations = migrations.filter(|_| !check.serves_only && !check.places_alone);
    let pool = config
        .pool
        .settings_of_each_tenant("strategies.database.pool", "remove the key", check);
    let busy_timeout = seconds(
        format!("{KEY}.busy_timeout_seconds"),
        config.busy_timeout_seconds,
        check,
    );
    if config.max_open == Some(0) {
        check.problem(format!("{KEY}.max_open"), "expected a number of at least 1");
    }
    let mut builder = SqliteDatabaseStrategy::builder(directory?).with_pool(pool);
    if let Some(max) = config.max_open {
        builder = builder.with_max_open(usize::try_from(max).unwrap_or(usize::MAX));
    }
    if let Some(timeout) = busy_timeout {
        builder = builder.with_busy_timeout(timeout);
    }
    if config.fence {
        builder = builder.with_fence();
    }
    if let Some(minimum) = minimum {
        builder = builder.with_minimum_version(minimum);
    }
    Some(match migrations {
        Some(migrations) => builder.with_migrations(migrations),
        None => builder,
    })
}

fn required(key: &str, path: Option<&Path>, what: &str, check: &mut Check) -> Option<PathBuf> {
    match path {
        Some(path) if path.as_os_str().is_empty() => {
            check.problem(key, format!("expected the path of {what}"));
            None
        }
        Some(path) => Some(check.path(path)),
        None => {
            check.missing(key, format!("required: the path of {what}"));
            None
        }
    }
}

fn tables(entries: &[SqliteTableConfig], check: &mut Check) -> Vec<TenantTable> {
    const LIST: &str = "strategies.row.tables";
    if entries.is_empty() {
        check.missing(
            LIST,
            "at least one table is required, as in `tables = [{ name = \"notes\", base_table = \"notes_rows\" }]`",
        );
    }
    let mut tables = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let key = format!("{LIST}[{index}]");
        for (name, given) in [("name", &entry.name), ("base_table", &entry.base_table)] {
            match given {
                None => check.missing(format!("{key}.{name}"), "required"),
                Some(given) if names.iter().any(|other| other.eq_ignore_ascii_case(given)) => {
                    check.problem(key.as_str(), "a table of this name is declared twice: remove one");
                }
                Some(given) => names.push(given.clone()),
            }
        }
        if let (Some(name), Some(base)) = (&entry.name, &entry.base_table) {
            tables.extend(check.value(key.as_str(), table(name, base, entry.tenant_column.as_deref())));
        }
    }
    tables
}

fn table(name: &str, base: &str, column: Option<&str>) -> Result<TenantTable, TenantTableError> {
    let table = TenantTable::new(name, base)?;
    match column {
        Some(column) => table.with_tenant_column(column),
        None => Ok(table),
    }
}
