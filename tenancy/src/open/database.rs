//! What differs between the databases.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::de::DeserializeOwned;
#[cfg(feature = "http")]
use tenancy_core::config::EnforcementConfig;
use tenancy_core::config::TenancyConfig;
use tenancy_core::directory::{ChangeFeed, TenantRecord};
use tenancy_core::names::{ReservedNames, TenantId};
use tenancy_sqlx::{DirectoryDatabase, IsolationStrategy, Place, SqlDirectory, StrategyError};

use super::error::OpenFailure;
#[cfg(feature = "http")]
use crate::file::JwtTable;
use crate::file::{CacheConfig, Check, LimitsConfig, Migrations};

/// A database that [`open`](crate::open) opens: `sqlx::Postgres` and `sqlx::Sqlite`, by the features of the same names.
///
/// No other type can implement it.
#[expect(private_bounds, reason = "it is sealed: its operations are private")]
pub trait OpenDatabase: Opens {}

/// A strategy of the file, and the future that opens it.
pub(crate) struct Opener<DB: DirectoryDatabase> {
    pub(crate) name: &'static str,
    pub(crate) open: Opening<DB>,
}

/// Opens a strategy.
pub(crate) type Opening<DB> =
    Pin<Box<dyn Future<Output = Result<Arc<dyn IsolationStrategy<DB>>, StrategyError>> + Send>>;

impl<DB: DirectoryDatabase> Opener<DB> {
    pub(crate) fn new<S: IsolationStrategy<DB>>(
        name: &'static str,
        open: impl Future<Output = Result<S, StrategyError>> + Send + 'static,
    ) -> Self {
        let open = Box::pin(async move {
            let strategy: Arc<dyn IsolationStrategy<DB>> = Arc::new(open.await?);
            Ok(strategy)
        });
        Self { name, open }
    }
}

/// That strategies are opened to be migrated, and not to serve.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ForMigrations {
    /// Whether the directory is opened for reading.
    pub(crate) reads: bool,
}

pub(crate) trait Opens: DirectoryDatabase {
    /// The tables of the file.
    type Config: Clone + Default + fmt::Debug + DeserializeOwned + Send + Sync;
    /// What they come to, before anything is connected.
    type Plan: Send + Sync;
    /// How the feed of changes is reached.
    type Reach: Clone + Send + Sync;
    /// The database's own feed of the directory's changes.
    type Feed: ChangeFeed + 'static;

    fn tenancy(config: &Self::Config) -> TenancyConfig;
    #[cfg(feature = "http")]
    fn enforcement(config: &Self::Config) -> &EnforcementConfig;
    #[cfg(feature = "http")]
    fn jwt(config: &Self::Config) -> Option<&JwtTable>;
    fn cache(config: &Self::Config) -> &CacheConfig;
    fn limits(config: &Self::Config) -> &LimitsConfig;
    /// The strategies that have a table.
    fn strategies(config: &Self::Config) -> Vec<&'static str>;

    /// Reads what the tables name: variables, files, folders.
    fn plan(
        config: &Self::Config,
        compiled: &mut Migrations,
        check: &mut Check,
    ) -> impl Future<Output = Option<Self::Plan>> + Send;

    /// Removes what names the administrator.
    fn leave_out_administrator(config: &mut Self::Config);

    /// Fences a strategy, whatever its table says.
    fn fence(config: &mut Self::Config, strategy: &str);

    /// Removes the strategies that are not fenced.
    fn leave_out_unfenced(plan: &mut Self::Plan);

    /// The strategies of the file, and whether each is fenced.
    fn fences(plan: &Self::Plan) -> &[(&'static str, bool)];

    /// Whether the database of a strategy is fenced. `None` if each tenant has a fence of its own.
    fn is_database_fenced(
        plan: &Self::Plan,
        strategy: &str,
    ) -> impl Future<Output = Result<Option<bool>, StrategyError>> + Send;

    /// Fences the database of a strategy. Where each tenant has a fence of its own, nothing happens.
    fn enable_fence(plan: &Self::Plan, strategy: &str) -> impl Future<Output = Result<(), StrategyError>> + Send;

    /// The places of all tenants of a strategy whose database they share; none of another.
    fn places(
        plan: &Self::Plan,
        strategy: &str,
    ) -> impl Future<Output = Result<Vec<(TenantId, Place)>, StrategyError>> + Send;

    /// The place of a tenant that has a database of its own.
    fn place_of(
        plan: &Self::Plan,
        tenant: &TenantRecord,
    ) -> impl Future<Output = Result<Option<Place>, StrategyError>> + Send;

    /// Fences the database of a tenant that has one of its own.
    fn enable_fence_of(
        plan: &Self::Plan,
        tenant: &TenantRecord,
    ) -> impl Future<Output = Result<(), StrategyError>> + Send;

    /// Opens the directory alone; for reading, if it `reads`.
    fn open_directory(
        plan: &Self::Plan,
        reserved: ReservedNames,
        reads: bool,
    ) -> impl Future<Output = Result<SqlDirectory<Self>, OpenFailure>> + Send;

    /// What opens each strategy: to serve, unless it is to be migrated.
    fn openers(plan: &mut Self::Plan, migrates: Option<ForMigrations>) -> Vec<Opener<Self>>;

    /// How the feed of changes is reached.
    fn reach(plan: &Self::Plan) -> Self::Reach;

    /// Subscribes to the directory's changes. `None` if the database notifies of none.
    fn feed(
        reach: &Self::Reach,
    ) -> impl Future<Output = Result<Option<Self::Feed>, Box<dyn Error + Send + Sync>>> + Send;
}
