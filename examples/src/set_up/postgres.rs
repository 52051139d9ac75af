//! Tenants on a PostgreSQL server.

use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, Postgres};
use tenancy_sqlx::{
    PgChanges, PgDatabaseStrategy, PgDirectory, PgIdentifier, PgRowStrategy, PgRowTables, PgSchemaStrategy, PgServer,
    PgTenantTable, StrategyRegistry, TenantDb,
};
use uuid::Uuid;

use super::{Checked, Service};
use crate::Error;
use crate::app::App;
use crate::config::ConfigError;
use crate::store::Store;
use crate::tenants::{Tenants, TenantsOf};

/// `administrator` is the URL of the role that owns and migrates the tables. Without an `application` it makes a role for
/// that, too.
pub(super) async fn set_up(
    checked: Checked<'_>,
    administrator: &str,
    application: Option<&str>,
) -> Result<Service, Error> {
    let administrator = options("--database", administrator)?;
    let application = application.map(|url| options("--application", url)).transpose()?;
    let server = Server::prepare(administrator, application).await?;
    let db = TenantDb::new(server.strategies().await?);
    let reserved = checked.config.tenancy.resolution.reserved_names()?;
    let directory = PgDirectory::open(server.administrator.clone())
        .await?
        .with_reserved_names(reserved);
    // Before the tenants are put there: from here on no change is missed.
    let changes = PgChanges::connect(server.administrator).await?;
    let tenants = TenantsOf {
        db: db.clone(),
        directory: directory.clone(),
        changes: None,
    };
    tenants.put(&checked.config.tenants).await?;
    Ok(Service {
        app: App::new(Store::Postgres(db)),
        tenancy: checked.tenancy(directory, changes),
        tenants: Tenants::Postgres(tenants),
    })
}

/// Neither the URL nor sqlx's words about it are shown: there may be a password in it.
fn options(setting: &str, url: &str) -> Result<PgConnectOptions, ConfigError> {
    PgConnectOptions::from_str(url)
        .map_err(|_| ConfigError::setting(setting, "this is no URL of a PostgreSQL database"))
}

/// A database, and the two roles that use it.
struct Server {
    administrator: PgConnectOptions,
    application: PgConnectOptions,
    application_role: PgIdentifier,
    /// The name of the database, which tenants' databases are named after.
    database: String,
}

impl Server {
    /// Makes the application's role, or brings it back to what it must be, unless it is given.
    async fn prepare(administrator: PgConnectOptions, application: Option<PgConnectOptions>) -> Result<Self, Error> {
        let mut connection = administrator.clone().connect().await?;
        let database: String = sqlx::query_scalar("SELECT current_database()::text")
            .fetch_one(&mut connection)
            .await?;
        let (application, application_role) = match application {
            Some(application) => {
                let role = role("--application", application.get_username())?;
                (application, role)
            }
            None => {
                let role = role("--database", &format!("{database}_application"))?;
                let password = make_role(&mut connection, &role).await?;
                let application = administrator.clone().username(role.as_str()).password(&password);
                (application, role)
            }
        };
        connection.close().await?;
        Ok(Self {
            administrator,
            application,
            application_role,
            database,
        })
    }

    /// The strategies that tenants can choose from. All make the same table `notes`.
    async fn strategies(&self) -> Result<StrategyRegistry<Postgres>, Error> {
        let Self {
            administrator,
            application,
            application_role,
            database,
        } = self;
        let tables = PgRowTables::new(application_role.as_str(), administrator.get_username())?
            .with_table(PgTenantTable::new("notes")?);
        let server = PgServer::new(application.clone(), administrator.clone());
        let row = PgRowStrategy::builder(server.clone(), tables)
            .with_migrations(sqlx::migrate!("migrations/postgres/shared"))
            .open()
            .await?;
        let schema = PgSchemaStrategy::builder(server.clone())
            .with_migrations(sqlx::migrate!("migrations/postgres/tenant"))
            .open()
            .await?;
        let database = PgDatabaseStrategy::builder(server)
            .with_prefix(format!("{database}_tenant_"))
            .with_migrations(sqlx::migrate!("migrations/postgres/tenant"))
            .open()
            .await?;
        Ok(StrategyRegistry::new().with(row)?.with(schema)?.with(database)?)
    }
}

fn role(setting: &str, name: &str) -> Result<PgIdentifier, ConfigError> {
    name.parse()
        .map_err(|error| ConfigError::setting(setting, format!("the application's role: {error}")))
}

/// Every process of the service uses one role, so they must know one password. It is made by the first, and
/// kept where the administrator alone can read it.
async fn make_role(connection: &mut PgConnection, role: &PgIdentifier) -> Result<String, Error> {
    let mut tx = connection.begin().await?;
    let made = "SELECT pg_advisory_xact_lock(hashtextextended('notes: the role of the application', 0));
        CREATE TABLE IF NOT EXISTS notes_application (password text NOT NULL);
        REVOKE ALL ON notes_application FROM PUBLIC";
    sqlx::raw_sql(made).execute(&mut *tx).await?;
    let kept: Option<String> = sqlx::query_scalar("SELECT password FROM notes_application")
        .fetch_optional(&mut *tx)
        .await?;
    let password = match kept {
        Some(password) => password,
        None => {
            let password = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
            sqlx::query("INSERT INTO notes_application VALUES ($1)")
                .bind(&password)
                .execute(&mut *tx)
                .await?;
            password
        }
    };
    let is_there: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)")
        .bind(role.as_str())
        .fetch_one(&mut *tx)
        .await?;
    let verb = if is_there { "ALTER" } else { "CREATE" };
    // A role of this name may be left from before: what it must not have is taken from it. The password is
    // letters and digits, as it was made above.
    let sql = format!("{verb} ROLE {role} LOGIN NOCREATEDB NOCREATEROLE PASSWORD '{password}'");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(password)
}
