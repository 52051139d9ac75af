//! How a server is reached, in both roles.

use sqlx::postgres::PgConnectOptions;

/// How one PostgreSQL server is reached: as the application, and as the administrator.
///
/// The application's connections run tenants' transactions. The administrator's own the tables, migrate them and
/// provision tenants.
///
/// ```
/// use tenancy_sqlx::PgServer;
///
/// let server = PgServer::new("postgres://app@localhost/notes".parse()?, "postgres://admin@localhost/notes".parse()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Security
///
/// Use two roles. The application's must be neither superuser nor owner of tenants' tables, nor have `BYPASSRLS`.
#[derive(Clone, Debug)]
pub struct PgServer {
    pub(in crate::postgres) application: PgConnectOptions,
    pub(in crate::postgres) administrator: PgConnectOptions,
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
            administrator,
        }
    }
}
