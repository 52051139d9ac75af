//! A database on PostgreSQL that is thrown away.

use std::fmt;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use uuid::Uuid;

use super::verifier::verifier;
use crate::{
    PgDatabaseBuilder, PgDatabaseStrategy, PgDirectory, PgIdentifier, PgRowBuilder, PgRowStrategy, PgRowTables,
    PgSchemaBuilder, PgSchemaStrategy, PgServer, StrategyError,
};

/// A database of its own on a server, with the application's role and the administrator's. Dropped, all three are removed,
/// with the databases of tenants.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use tenancy_sqlx::PgTenantTable;
/// use tenancy_sqlx::testing::{TestPostgres, TestTenant, db_of, provisioned};
///
/// let postgres = TestPostgres::new(&std::env::var("DATABASE_URL")?).await?;
/// let tables = postgres.tables().with_table(PgTenantTable::new("notes")?);
/// # let migrations = sqlx::migrate::Migrator::with_migrations(vec![]);
/// let db = db_of(postgres.row(tables).with_migrations(migrations).open().await?);
/// let acme = provisioned(&db, &TestTenant::new("acme")).await?;
/// # let _ = acme;
/// # Ok(()) }
/// ```
///
/// The administrator owns the database and is no superuser, as it should be in production: a test that needs more finds it.
/// Tenants' ids are bounded to 34 bytes under the strategy `database`, since their databases are named after this one.
pub struct TestPostgres {
    server: PgConnectOptions,
    name: String,
    password: String,
    /// The application's and the administrator's.
    roles: [PgIdentifier; 2],
}

impl TestPostgres {
    /// Makes a database and its roles on the server at `url`, whose role may make both: a superuser, or one with `CREATEDB`
    /// and `CREATEROLE`.
    ///
    /// # Errors
    ///
    /// If the server cannot be reached, or refuses. What was made by then is removed.
    pub async fn new(url: &str) -> Result<Self, sqlx::Error> {
        let server: PgConnectOptions = url.parse()?;
        let random = Uuid::new_v4().simple().to_string();
        let name = format!("tenancy_test_{}", random.get(..12).unwrap_or(&random));
        let role = |role| {
            format!("{name}_{role}")
                .parse()
                .map_err(|error| sqlx::Error::Configuration(Box::new(error)))
        };
        // Made first: dropped at any point, it removes what there is.
        let this = Self {
            server,
            roles: [role("app")?, role("admin")?],
            name,
            password: Uuid::new_v4().simple().to_string(),
        };
        let mut connection = this.server.clone().connect().await?;
        this.create(&mut connection).await?;
        connection.close().await?;
        Ok(this)
    }

    async fn create(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let Self { name, password, .. } = self;
        let [application, administrator] = &self.roles;
        let login = format!(
            "login nosuperuser nobypassrls password '{}'",
            verifier(password, &self.name)
        );
        for sql in [
            format!("create role {application} {login}"),
            format!("create role {administrator} {login} createdb"),
        ] {
            run(connection, sql).await?;
        }
        // One who is no superuser gives a database only to a role that it is a member of.
        let is_superuser = "select rolsuper from pg_catalog.pg_roles where rolname = current_user";
        if !sqlx::query_scalar::<_, bool>(is_superuser)
            .fetch_one(&mut *connection)
            .await?
        {
            run(connection, format!("grant {administrator} to current_user")).await?;
        }
        run(connection, format!("create database {name} owner {administrator}")).await
    }

    /// Connect options of the application's role, which owns nothing.
    #[must_use]
    pub fn application(&self) -> PgConnectOptions {
        let [application, _] = &self.roles;
        self.connect_as(application)
    }

    /// Connect options of the administrator's role, which owns the database.
    #[must_use]
    pub fn administrator(&self) -> PgConnectOptions {
        let [_, administrator] = &self.roles;
        self.connect_as(administrator)
    }

    /// [`application`](Self::application) as a URL, for what reads one, such as the variables that a `tenancy.toml` names.
    #[must_use]
    pub fn application_url(&self) -> String {
        self.application().to_url_lossy().to_string()
    }

    /// [`administrator`](Self::administrator) as a URL.
    #[must_use]
    pub fn administrator_url(&self) -> String {
        self.administrator().to_url_lossy().to_string()
    }

    /// What the names of tenants' databases begin with, so that those of two tests at a time differ. [`database`](Self::database)
    /// sets it; a test that reads a `tenancy.toml` sets it there, as `strategies.database.prefix`.
    #[must_use]
    pub fn database_prefix(&self) -> String {
        format!("{}{TENANTS}", self.name)
    }

    fn connect_as(&self, role: &PgIdentifier) -> PgConnectOptions {
        let options = self.server.clone().database(&self.name);
        options.username(role.as_str()).password(&self.password)
    }

    /// The application's role.
    #[must_use]
    pub const fn application_role(&self) -> &PgIdentifier {
        let [application, _] = &self.roles;
        application
    }

    /// How the database is reached, in both roles.
    #[must_use]
    pub fn server(&self) -> PgServer {
        PgServer::new(self.application(), self.administrator())
    }

    /// Tables that tenants share, declared for both roles. Add each table.
    #[must_use]
    pub fn tables(&self) -> PgRowTables {
        let [application, administrator] = &self.roles;
        #[expect(clippy::expect_used, reason = "both names have been parsed")]
        PgRowTables::new(application.as_str(), administrator.as_str()).expect("valid names")
    }

    /// The strategy `row`, on these [`tables`](Self::tables). It needs migrations.
    pub fn row(&self, tables: PgRowTables) -> PgRowBuilder {
        PgRowStrategy::builder(self.server(), tables)
    }

    /// The strategy `schema`. It needs migrations.
    pub fn schema(&self) -> PgSchemaBuilder {
        PgSchemaStrategy::builder(self.server())
    }

    /// The strategy `database`. It needs migrations.
    pub fn database(&self) -> PgDatabaseBuilder {
        PgDatabaseStrategy::builder(self.server()).with_prefix(self.database_prefix())
    }

    /// The directory of tenants, opened as the administrator.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached.
    pub async fn directory(&self) -> Result<PgDirectory, StrategyError> {
        PgDirectory::open(self.administrator()).await
    }

    async fn remove(&self) -> Result<(), sqlx::Error> {
        let mut connection = self.server.clone().connect().await?;
        let [application, administrator] = &self.roles;
        // The administrator owns this database, and each that was made for a tenant, whatever its prefix.
        let owned = "select d.datname::text from pg_catalog.pg_database d
             join pg_catalog.pg_roles r on r.oid = d.datdba where r.rolname::text = $1";
        let owned = sqlx::query_scalar::<_, String>(owned).bind(administrator.as_str());
        for tenant in owned.fetch_all(&mut connection).await? {
            let tenant = tenant.replace('"', "\"\"");
            run(
                &mut connection,
                format!("drop database if exists \"{tenant}\" with (force)"),
            )
            .await?;
        }
        run(
            &mut connection,
            format!("drop role if exists {application}, {administrator}"),
        )
        .await?;
        connection.close().await
    }
}

/// What stands between the database's name and a tenant's id in the names of tenants' databases.
const TENANTS: &str = "_of_";

async fn run(connection: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await?;
    Ok(())
}

/// On a thread of its own: a test that panics cannot wait.
impl Drop for TestPostgres {
    fn drop(&mut self) {
        let removed = std::thread::scope(|scope| {
            let remove = || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.map_err(sqlx::Error::Io)?.block_on(self.remove())
            };
            scope.spawn(remove).join()
        });
        if !matches!(removed, Ok(Ok(()))) {
            eprintln!("the database {} and its roles are left behind: {removed:?}", self.name);
        }
    }
}

impl fmt::Debug for TestPostgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestPostgres")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
