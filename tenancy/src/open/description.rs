//! What a file describes, before anything is opened: for tools that look at the databases themselves.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;

use super::database::{OpenDatabase, Opens};
use super::error::OpenError;
use super::prepare::Parts;

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
            let prepared = self.parts.prepare(false, |_, _, _| Some(())).await?;
            Ok(Description { plan: prepared.plan })
        })
    }
}

/// A configuration that is right: every variable, table and folder that it names is read, and nothing is connected.
pub struct Description<DB: OpenDatabase> {
    plan: <DB as Opens>::Plan,
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
