//! Tenants on a PostgreSQL server.

use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, Postgres};
use tenancy_sqlx::{
    PgChanges, PgDatabaseStrategy, PgDirectory, PgIdentifier, PgRowSchema, PgRowStrategy, PgSchemaStrategy,
    PgTenantTable, StrategyRegistry, TenantDb,
};
use uuid::Uuid;

use super::{Checked, Service};
use crate::Error;
use crate::app::App;
use crate::config::ConfigError;
use crate::store::Store;
use crate::tenants::{Tenants, TenantsOf};

/// `url` is the administrator's: its role owns and migrates the tables, and makes the application's role.
pub(super) async fn set_up(checked: Checked<'_>, url: &str) -> Result<Service, Error> {
    // Neither the URL nor sqlx's words about it: there may be a password in it.
    let administrator = PgConnectOptions::from_str(url)
        .map_err(|_| ConfigError::setting("--database", "this is no URL of a PostgreSQL database"))?;
    let server = Server::prepare(administrator).await?;
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

/// A database, and the two roles that use it.
struct Server {
    administrator: PgConnectOptions,
    application: PgConnectOptions,
    application_role: PgIdentifier,
    /// The name of the database, which tenants' databases are named after.
    database: String,
}

impl Server {
    /// Makes the application's role, or brings it back to what it must be.
    async fn prepare(administrator: PgConnectOptions) -> Result<Self, Error> {
        let mut connection = administrator.clone().connect().await?;
        let database: String = sqlx::query_scalar("SELECT current_database()::text")
            .fetch_one(&mut connection)
            .await?;
        let application_role: PgIdentifier = format!("{database}_application")
            .parse()
            .map_err(|error| ConfigError::setting("--database", format!("the application's role: {error}")))?;
        let password = make_role(&mut connection, &application_role).await?;
        connection.close().await?;
        let application = administrator
            .clone()
            .username(application_role.as_str())
            .password(&password);
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
        let role = application_role.as_str();
        let tables = PgRowSchema::new(role, administrator.get_username())?.with_table(PgTenantTable::new("notes")?);
        let row = PgRowStrategy::options(tables, application.clone(), administrator.clone())
            .with_migrations(sqlx::migrate!("migrations/postgres/shared"))
            .open()
            .await?;
        let schema = PgSchemaStrategy::options(role, application.clone(), administrator.clone())?
            .with_migrations(sqlx::migrate!("migrations/postgres/tenant"))
            .open()
            .await?;
        let database = PgDatabaseStrategy::options(role, application.clone(), administrator.clone())?
            .with_prefix(format!("{database}_tenant_"))
            .with_migrations(sqlx::migrate!("migrations/postgres/tenant"))
            .open();
        Ok(StrategyRegistry::new().with(row)?.with(schema)?.with(database)?)
    }
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
