//! What a file describes, before anything is opened: for tools that look at the databases themselves.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;

use tenancy_core::directory::TenantRecord;
use tenancy_core::names::TenantId;
use tenancy_sqlx::{Place, StrategyError};

use super::database::{OpenDatabase, Opens};
use super::error::OpenError;
use super::prepare::{Parts, Rules};

/// What [`Open::describe`](crate::Open::describe) begins, and awaiting ends.
#[must_use = "nothing is read until it is awaited"]
pub struct Describe<DB: OpenDatabase> {
    pub(super) parts: Parts<DB>,
}

impl<DB: OpenDatabase> fmt::Debug for Describe<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Describe").finish_non_exhaustive()
    }
}

impl<DB: OpenDatabase> IntoFuture for Describe<DB> {
    type Output = Result<Description<DB>, OpenError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async {
            let limits_key = |rules: Rules| rules.limits.and_then(|limits| limits.settings_key);
            let prepared = self.parts.prepare(false, |_, rules, _| Some(limits_key(rules))).await?;
            Ok(Description {
                plan: prepared.plan,
                limits_key: prepared.extra,
            })
        })
    }
}

/// A configuration that is right: every variable, table and folder that it names is read, and nothing is connected.
pub struct Description<DB: OpenDatabase> {
    plan: <DB as Opens>::Plan,
    limits_key: Option<String>,
}

impl<DB: OpenDatabase> Description<DB> {
    /// The key of tenants' settings that has their limits, if they have any there: its value is parsed as
    /// [`LimitSettings`](tenancy_limits::LimitSettings).
    #[must_use]
    pub fn limits_key(&self) -> Option<&str> {
        self.limits_key.as_deref()
    }

    /// The strategies of the configuration, and whether each is to be fenced there.
    pub fn fences(&self) -> impl Iterator<Item = (&'static str, bool)> + use<'_, DB> {
        DB::fences(&self.plan).iter().copied()
    }

    /// Whether the database of a strategy is fenced now, whatever the configuration says. `None` where each tenant's database has
    /// a fence of its own, and where there is no such strategy.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached.
    pub async fn is_database_fenced(&self, strategy: &str) -> Result<Option<bool>, StrategyError> {
        DB::is_database_fenced(&self.plan, strategy).await
    }

    /// Fences the database of a strategy. Doing it again does what is missing. Where each tenant's database has a fence of its
    /// own, nothing happens: [`enable_fence_of`](Self::enable_fence_of) makes it.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached, or refuses it; [`NeedsAdministrator`](StrategyError::NeedsAdministrator) without the
    /// administrator.
    pub async fn enable_fence(&self, strategy: &str) -> Result<(), StrategyError> {
        DB::enable_fence(&self.plan, strategy).await
    }

    /// The places of all tenants of a strategy, by their ids, as the database has them that they share. None where that is not
    /// fenced, and where each tenant's database has a fence of its own.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached; [`NeedsAdministrator`](StrategyError::NeedsAdministrator) without the administrator.
    pub async fn places(&self, strategy: &str) -> Result<Vec<(TenantId, Place)>, StrategyError> {
        DB::places(&self.plan, strategy).await
    }

    /// The place of a tenant that has a database of its own, as that database has it; `None` if it has none yet.
    ///
    /// # Errors
    ///
    /// [`NotProvisioned`](StrategyError::NotProvisioned) if there is no such database,
    /// [`FenceMismatch`](StrategyError::FenceMismatch) if it is not fenced, and as of [`places`](Self::places).
    pub async fn place_of(&self, tenant: &TenantRecord) -> Result<Option<Place>, StrategyError> {
        DB::place_of(&self.plan, tenant).await
    }

    /// Fences the database of a tenant that has one of its own. Doing it again does what is missing.
    ///
    /// # Errors
    ///
    /// [`NotProvisioned`](StrategyError::NotProvisioned) if there is no such database, and as of
    /// [`enable_fence`](Self::enable_fence).
    pub async fn enable_fence_of(&self, tenant: &TenantRecord) -> Result<(), StrategyError> {
        DB::enable_fence_of(&self.plan, tenant).await
    }
}

impl<DB: OpenDatabase> fmt::Debug for Description<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Description").finish_non_exhaustive()
    }
}

#[cfg(feature = "sqlite")]
mod on_sqlite {
    use std::path::Path;

    use sqlx::Sqlite;

    use super::Description;

    impl Description<Sqlite> {
        /// The files and folders that hold the directory and tenants' data, each by its key in the configuration, such as
        /// `directory.file`. The directory's comes first.
        pub fn paths(&self) -> impl Iterator<Item = (&str, &Path)> {
            self.plan.paths.iter().map(|(key, path)| (*key, path.as_path()))
        }
    }
}

#[cfg(feature = "postgres")]
mod on_postgres {
    use sqlx::Postgres;
    use sqlx::postgres::PgConnectOptions;
    use tenancy_core::directory::TenantRecord;
    use tenancy_sqlx::{
        PgDatabaseBuilder, PgDatabaseStrategy, PgRowBuilder, PgRowStrategy, PgRowTables, PgSchemaBuilder,
        PgSchemaStrategy, PgServer, PgTenantSession, StrategyError,
    };

    use super::Description;

    impl Description<Postgres> {
        /// How the directory is reached: as a role that reads it, and as the administrator unless the process only serves.
        #[must_use]
        pub fn directory(&self) -> PgServer {
            self.plan.directory.roles()
        }

        /// How each database is reached that the file describes, by the table of the configuration, such as
        /// `strategies.row`. Those of `[strategies.database.servers]` are not among them.
        #[must_use]
        pub fn servers(&self) -> Vec<(&'static str, PgServer)> {
            let plan = &self.plan;
            let strategies = [
                ("strategies.row", plan.row.as_ref().map(PgRowBuilder::server)),
                ("strategies.schema", plan.schema.as_ref().map(PgSchemaBuilder::server)),
                (
                    "strategies.database",
                    plan.database.as_ref().map(PgDatabaseBuilder::server),
                ),
            ];
            let strategies = strategies
                .into_iter()
                .filter_map(|(key, server)| server.map(|server| (key, server.clone())));
            [("directory", self.directory())]
                .into_iter()
                .chain(strategies)
                .collect()
        }

        /// The tables of the strategy `row`, declared for its roles; `None` without that strategy.
        #[must_use]
        pub fn row_tables(&self) -> Option<&PgRowTables> {
            self.plan.row.as_ref().map(PgRowBuilder::tables)
        }

        /// The administrator's connect options where the tables of the strategy `row` are.
        #[must_use]
        pub fn row_administrator(&self) -> Option<&PgConnectOptions> {
            self.plan.row.as_ref()?.server().administrator_options()
        }

        /// The session of another client, such as `psql`, that sees this tenant.
        ///
        /// # Errors
        ///
        /// If the file does not have the tenant's strategy, or the strategy refuses the tenant.
        pub async fn session_of(&self, tenant: &TenantRecord) -> Result<PgTenantSession, StrategyError> {
            let plan = &self.plan;
            let strategy = tenant.strategy.as_str();
            match (strategy, &plan.row, &plan.schema, &plan.database) {
                (PgRowStrategy::NAME, Some(row), _, _) => row.session_of(tenant),
                (PgSchemaStrategy::NAME, _, Some(schema), _) => schema.session_of(tenant),
                (PgDatabaseStrategy::NAME, _, _, Some(database)) => database.session_of(tenant).await,
                _ => Err(StrategyError::other(format!(
                    "the configuration has no table `[strategies.{strategy}]`"
                ))),
            }
        }
    }
}
