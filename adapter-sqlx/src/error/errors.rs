//! What can go wrong with a tenant's data.

use std::error::Error;
use std::path::PathBuf;

use sqlx::migrate::MigrateError;
use tenancy_core::context::OutOfScope;
use tenancy_core::directory::TenantStatus;
use tenancy_core::names::{PlacementName, StrategyName, TenantId};
use thiserror::Error;

use crate::FenceRefusal;
use crate::strategy::unknown_strategy::UnknownStrategy;

/// Why a transaction could not be begun or ended.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TransactionError {
    /// The current task has no tenant, or only visits one.
    #[error("failed to begin a transaction without a tenant")]
    OutOfScope(#[from] OutOfScope),
    /// The tenant's record names a strategy that is not registered.
    #[error("failed to begin a transaction of the tenant `{tenant}`")]
    UnknownStrategy {
        /// The tenant.
        tenant: TenantId,
        /// The strategy, and the ones that are registered.
        source: UnknownStrategy,
    },
    /// The tenant's record says that it is not active, so its data is not served.
    #[error("failed to begin a transaction of the tenant `{tenant}`, which is {} and not active", status.as_str())]
    NotActive {
        /// The tenant.
        tenant: TenantId,
        /// What its record says.
        status: TenantStatus,
    },
    /// The strategy could not begin.
    #[error("failed to begin a transaction of the tenant `{tenant}`")]
    Begin {
        /// The tenant.
        tenant: TenantId,
        /// What the strategy says.
        source: StrategyError,
    },
    /// A transaction across tenants could not be begun.
    #[error("failed to begin a transaction across tenants")]
    AcrossTenants(#[source] StrategyError),
    /// The transaction was ended behind its back, or a savepoint in it was left open: what was done may be
    /// lost. Its connection is closed.
    #[error("failed to end a transaction that is not open")]
    NotOpen,
    /// A statement of the transaction has failed, so that nothing of it can be committed: it was rolled back.
    #[error("failed to commit: an earlier statement of the transaction has failed, and it was rolled back")]
    Failed,
    /// The transaction created, altered or dropped tables or other objects that all tenants share, or the schema
    /// was changed just before it began. It was rolled back: only migrations change the schema.
    #[error("failed to commit a transaction that changes the schema of all tenants")]
    SchemaChanged,
    /// The transaction was not committed.
    #[error("failed to commit a transaction")]
    Commit(#[source] sqlx::Error),
    /// The transaction was not rolled back by this call. Its connection does so when it returns.
    #[error("failed to roll back a transaction")]
    Rollback(#[source] sqlx::Error),
}

/// Why an operation of a strategy failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StrategyError {
    /// The database refused or could not be reached.
    #[error("failed to query the database")]
    Database(#[from] sqlx::Error),
    /// The migrations failed.
    #[error("failed to run the migrations")]
    Migrate(#[from] MigrateError),
    /// This migration failed. Those before it stay, and the next run goes on with it.
    #[error("failed to run the migration {version}")]
    Migration {
        /// Its version.
        version: i64,
        /// Why it failed.
        source: Box<StrategyError>,
    },
    /// The file system refused.
    #[error("failed to use the file `{}`", path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// What the file system says.
        source: std::io::Error,
    },
    /// The tenant has no database or schema of its own yet, or no longer has one, or not all of its first migrations
    /// have run in it. Beginning a transaction never creates one.
    #[error("the tenant `{tenant}` has no place for its data: provision it first")]
    NotProvisioned {
        /// The tenant.
        tenant: TenantId,
    },
    /// All connections, or as many tenants' databases as may be open at once, are in use, and none became free in time.
    #[doc(alias = "pool exhausted")]
    #[doc(alias = "connection limit")]
    #[error("failed to get a connection in time: all {max} are in use")]
    TooManyInUse {
        /// The bound.
        max: usize,
    },
    /// The tenant has as many transactions under way as it may while the pool is nearly used up
    /// ([`with_max_transactions_per_tenant`](crate::PoolSettings::with_max_transactions_per_tenant)), and none of them ended in time.
    #[error("failed to begin in time: the tenant has its share of the connections in use, which is {max}")]
    TenantShareInUse {
        /// The share.
        max: usize,
    },
    /// The tables would not keep tenants apart.
    #[cfg(feature = "sqlite")]
    #[error("refused the schema")]
    UnsafeSchema(#[from] crate::sqlite::UnsafeSchema),
    /// The tenant's record names a placement that is not known.
    #[error("the tenant `{tenant}` is placed on `{placement}`, which is not known")]
    UnknownPlacement {
        /// The tenant.
        tenant: TenantId,
        /// The place.
        placement: PlacementName,
    },
    /// The database would not keep tenants' rows apart.
    #[cfg(feature = "postgres")]
    #[error("refused the database")]
    UnsafeDatabase(#[from] crate::postgres::PgReport),
    /// Other sessions hold locks on what has to be changed. Nothing is changed.
    #[cfg(feature = "postgres")]
    #[error("failed to lock {object} in {attempts} attempts: other sessions hold locks")]
    LocksHeld {
        /// What was to be changed.
        object: String,
        /// How often it was tried.
        attempts: u32,
        /// The last attempt's error.
        source: Box<StrategyError>,
    },
    /// The tenant's id names no schema or database.
    #[cfg(feature = "postgres")]
    #[error("failed to name the schema or database of the tenant `{tenant}`")]
    SchemaName {
        /// The tenant.
        tenant: TenantId,
        /// Why not.
        source: crate::postgres::SchemaNameError,
    },
    /// The id is one of several spellings of a value in the tenants' column, or none.
    #[error("the id `{tenant}` is not how the tenants' column spells a value")]
    NotCanonical {
        /// The tenant.
        tenant: TenantId,
    },
    /// The administrator's role does not provably see every row of a declared table. What works on the rows of all
    /// tenants refuses to begin: row-level security would filter it without an error.
    #[cfg(feature = "postgres")]
    #[error("{}", filtered(role, table, policy.as_deref()))]
    AdministratorFiltered {
        /// The role that the administrator's connection acts as.
        role: String,
        /// The table, as SQL spells it.
        table: String,
        /// The restrictive policy that may hide rows. Without one, no permissive policy shows the role all of them.
        policy: Option<String>,
    },
    /// A removal left rows behind, and was rolled back. A trigger or a rule keeps or restores them, or a constraint
    /// refused.
    #[error("{rows} rows of the tenant `{tenant}` remain in {table}{}", remaining(others))]
    Remaining {
        /// The tenant.
        tenant: TenantId,
        /// The first table that still has rows, as SQL spells it.
        table: String,
        /// How many it has.
        rows: u64,
        /// The other tables that still have rows, and how many.
        others: Box<[(String, u64)]>,
        /// What the database refused at last, if it refused anything: rows may also stay without an error.
        source: Option<Box<sqlx::Error>>,
    },
    /// The tenant's database cannot be removed: transactions on it are still open, or a file of it is back.
    #[error("failed to remove the database of the tenant `{tenant}`, which is in use")]
    InUse {
        /// The tenant.
        tenant: TenantId,
    },
    /// A migration of the strategy `schema` changed what is outside of the tenant's schema, and so is every tenant's. It was
    /// rolled back, and those before it stay.
    #[cfg(feature = "postgres")]
    #[error("the migrations change what is outside of the schema {schema}: {}", objects.join(", "))]
    ChangedOutside {
        /// The tenant's schema.
        schema: crate::postgres::PgIdentifier,
        /// What was made, altered, dropped or written, each with its kind.
        objects: Vec<String>,
    },
    /// A migration of the strategy `schema` changed the search path, by which it and later ones would name the tables of
    /// another schema; also where it presets the path of later sessions. It was rolled back, and those before it stay.
    #[cfg(feature = "postgres")]
    #[error("the migration {version} changes the search path, which names the tenant's schema")]
    SearchPathChanged {
        /// The migration's version.
        version: i64,
    },
    /// The removal of a tenant's schema would take with it what is not the tenant's. Nothing was removed.
    #[cfg(feature = "postgres")]
    #[error("failed to remove the schema of the tenant `{tenant}`, with which would go: {}", objects.join(", "))]
    WouldRemoveMore {
        /// The tenant.
        tenant: TenantId,
        /// What depends on the schema from outside, and what other roles own in it, each with its kind.
        objects: Vec<String>,
    },
    /// The strategy cannot do this.
    #[error("the strategy `{strategy}` has no {operation}")]
    Unsupported {
        /// The strategy.
        strategy: StrategyName,
        /// The operation.
        operation: &'static str,
    },
    /// The operation needs the administrator, and the strategy or the directory was opened without. A process that only
    /// serves requests leaves it to one that administers.
    #[cfg(feature = "postgres")]
    #[error(
        "only the administrator can {operation}, and none is configured here: run it where \
        `PgServer::new(application, administrator)` has the administrator's connect options"
    )]
    NeedsAdministrator {
        /// The operation.
        operation: &'static str,
    },
    /// The directory's tables are not there yet, or not all that this version reads.
    #[cfg(feature = "postgres")]
    #[error(
        "the directory is not set up for this version: open it once as the administrator (`PgDirectory::open`, or a process \
        with the administrator's URL of its `tenancy.toml`), which makes its tables"
    )]
    DirectoryNotSetUp,
    /// The role may not read the directory.
    #[cfg(feature = "postgres")]
    #[error("the role {role} may not read the directory: run as the administrator: {grants}")]
    DirectoryUnreadable {
        /// The role, as SQL spells it.
        role: String,
        /// The statements that let it read.
        grants: String,
    },
    /// The place of the tenant's data refuses the transaction. The connection is kept.
    #[error("the place of the tenant's data refuses the transaction")]
    Fenced(#[source] FenceRefusal),
    /// The database is fenced and the strategy was opened without [`with_fence`](crate::PgRowBuilder::with_fence), or the other way
    /// round.
    #[error("{}", mismatch(*is_database_fenced))]
    FenceMismatch {
        /// Whether the database is fenced.
        is_database_fenced: bool,
    },
    /// The least version that is to be served is greater than that of the newest migration: no tenant would be served.
    #[error("the minimum version {minimum} is greater than the newest migration's, {}", known(*newest))]
    MinimumTooGreat {
        /// The least version that is to be served.
        minimum: i64,
        /// The version of the newest migration, if there is one.
        newest: Option<i64>,
    },
    /// The tables that tenants share do not have the version that this process needs, or it is not known which one they have. Run the
    /// migrations first, as the administrator.
    #[error(
        "the tables that tenants share are behind the version {minimum} that this service needs: run the migrations first"
    )]
    TablesBehind {
        /// The least version that is to be served.
        minimum: i64,
    },
    /// The strategy has been closed.
    #[error("the strategy is closed")]
    Closed,
    /// An error of a strategy of your own.
    #[error(transparent)]
    Other(Box<dyn Error + Send + Sync>),
}

impl StrategyError {
    /// An error of a strategy of your own.
    pub fn other(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Other(error.into())
    }
}

fn known(version: Option<i64>) -> String {
    version.map_or_else(|| "and there is none".to_owned(), |version| version.to_string())
}

const fn mismatch(is_database_fenced: bool) -> &'static str {
    if is_database_fenced {
        "the database is fenced, and the strategy is not: open it `with_fence`, so that no transaction begins beside the fence"
    } else {
        "the strategy is fenced, and the database is not: enable the fence in it first (`enable_fence`)"
    }
}

#[cfg(feature = "postgres")]
fn filtered(role: &str, table: &str, policy: Option<&str>) -> String {
    match policy {
        Some(policy) => format!("the policy {policy} may hide rows of {table} from the administrator {role}"),
        None => format!("no policy shows the administrator {role} all rows of {table}"),
    }
}

fn remaining(others: &[(String, u64)]) -> String {
    others
        .iter()
        .map(|(table, rows)| format!(", {rows} in {table}"))
        .collect()
}
