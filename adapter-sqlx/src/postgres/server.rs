//! How a server is reached, in one role or in both.

use std::fmt;

use sqlx::postgres::PgConnectOptions;

use crate::StrategyError;
use crate::postgres::identifier::{ParseIdentifierError, PgIdentifier};
use crate::postgres::row::PgRowTables;

/// How one PostgreSQL server is reached: as the application, and as the administrator unless the process only serves.
///
/// The application's connections run tenants' transactions. The administrator's own the tables, migrate them and
/// provision tenants. The names of both roles are the user names of their connect options, so nothing else repeats them.
///
/// ```
/// use tenancy_sqlx::PgServer;
///
/// let server = PgServer::new("postgres://app@localhost/notes".parse()?, "postgres://admin@localhost/notes".parse()?);
/// // A process that serves, and can neither migrate nor provision.
/// let serving = PgServer::application_only("postgres://app@localhost/notes".parse()?);
/// assert!(server.has_administrator() && !serving.has_administrator());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Security
///
/// Use two roles. The application's must be neither superuser nor owner of tenants' tables, nor have `BYPASSRLS`.
///
/// A process that serves requests needs no administrator: give it [`application_only`](Self::application_only), and keep
/// the administrator's credentials where tenants are provisioned and migrations run.
#[derive(Clone)]
pub struct PgServer {
    pub(in crate::postgres) application: PgConnectOptions,
    pub(in crate::postgres) administrator: Option<PgConnectOptions>,
}

impl PgServer {
    /// A server by the connect options of both roles.
    ///
    /// The administrator must connect directly and not through a pooler. For the strategy `database` the
    /// administrator's database is the one from which databases are created, and the application's is not used.
    #[must_use]
    pub const fn new(application: PgConnectOptions, administrator: PgConnectOptions) -> Self {
        Self {
            application,
            administrator: Some(administrator),
        }
    }

    /// A server by the connect options of the application alone, for a process that only serves.
    ///
    /// Nothing is migrated, granted or provisioned through it. What needs the administrator fails with
    /// [`StrategyError::NeedsAdministrator`].
    #[must_use]
    pub const fn application_only(application: PgConnectOptions) -> Self {
        Self {
            application,
            administrator: None,
        }
    }

    /// Whether the administrator's connect options are there.
    #[must_use]
    pub const fn has_administrator(&self) -> bool {
        self.administrator.is_some()
    }

    /// The application's connect options. They hold its password.
    #[must_use]
    pub const fn application_options(&self) -> &PgConnectOptions {
        &self.application
    }

    /// The administrator's connect options, if they are there. They hold its password.
    #[must_use]
    pub const fn administrator_options(&self) -> Option<&PgConnectOptions> {
        self.administrator.as_ref()
    }

    /// The role that the application connects as.
    ///
    /// # Errors
    ///
    /// If the user name of its connect options is not a valid name in SQL.
    pub fn application_role(&self) -> Result<PgIdentifier, ParseIdentifierError> {
        self.application.get_username().parse()
    }

    /// A declaration without tables, for the roles of this server: what [`PgRowStrategy::builder`] takes.
    ///
    /// Without an administrator its role is the owner of the declared tables, as the catalog has it.
    ///
    /// [`PgRowStrategy::builder`]: crate::PgRowStrategy::builder
    ///
    /// # Errors
    ///
    /// If the user name of the connect options of a role is not a valid name in SQL.
    pub fn row_tables(&self) -> Result<PgRowTables, ParseIdentifierError> {
        let application = self.application.get_username();
        match &self.administrator {
            Some(administrator) => PgRowTables::new(application, administrator.get_username()),
            None => PgRowTables::for_application(application),
        }
    }

    /// The administrator's connect options, for this operation.
    pub(in crate::postgres) fn administrator_for(
        &self,
        operation: &'static str,
    ) -> Result<&PgConnectOptions, StrategyError> {
        let administrator = self.administrator.as_ref();
        administrator.ok_or(StrategyError::NeedsAdministrator { operation })
    }
}

/// The options of sqlx show their password, so only what is no secret is written here.
impl fmt::Debug for PgServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let administrator = self.administrator.as_ref().map(PgConnectOptions::get_username);
        f.debug_struct("PgServer")
            .field("host", &self.application.get_host())
            .field("database", &self.application.get_database())
            .field("application", &self.application.get_username())
            .field("administrator", &administrator)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_holds_no_password() {
        let options: PgConnectOptions = "postgres://app:hidden@localhost/notes".parse().unwrap();
        let admin: PgConnectOptions = "postgres://admin:hidden@localhost/notes".parse().unwrap();
        for server in [
            PgServer::new(options.clone(), admin),
            PgServer::application_only(options),
        ] {
            let tables = server.row_tables().unwrap();
            let builder = crate::PgRowStrategy::builder(server.clone(), tables);
            let schema = crate::PgSchemaStrategy::builder(server.clone());
            let database = crate::PgDatabaseStrategy::builder(server.clone());
            for text in [
                format!("{server:?}"),
                format!("{builder:?}"),
                format!("{schema:?} {database:?}"),
            ] {
                assert!(!text.contains("hidden"), "{text}");
            }
            assert!(format!("{server:?}").contains("app"));
        }
    }
}
