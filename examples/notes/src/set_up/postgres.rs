//! Tenants on a PostgreSQL server.

use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, Postgres};
use tenancy::config::{
    PgDatabaseStrategyConfig, PgRowConfig, PgSchemaConfig, PgTableConfig, PgTableEntry, PostgresConfig,
};
use tenancy::{Open, Opened};
use tenancy_sqlx::PgIdentifier;
use uuid::Uuid;

use super::Service;
use crate::Error;
use crate::app::App;
use crate::config::{Config, ConfigError};
use crate::store::Store;
use crate::tenants::{Tenants, TenantsOf};

/// The variables by which the URLs of the command line are named.
const APPLICATION: &str = "NOTES_APPLICATION_URL";
const ADMINISTRATOR: &str = "NOTES_ADMINISTRATOR_URL";

/// `administrator` is the URL of the role that owns and migrates the tables. Without an `application` it makes a role for
/// that, too.
pub(super) async fn set_up(config: &Config, administrator: &str, application: Option<&str>) -> Result<Service, Error> {
    let options = options("--database", administrator)?;
    let application = match application {
        Some(url) => {
            self::options("--application", url)?;
            url.to_owned()
        }
        None => make_application(&options).await?,
    };
    let opening = open(config, &options)
        .with_variable(APPLICATION, application)
        .with_variable(ADMINISTRATOR, administrator);
    let service = service(opening.await?);
    service.tenants.put(&config.tenants).await?;
    Ok(service)
}

/// Serves what an administrator has set up. The tenants of the file are not put into the directory: the application's role
/// can only read it.
pub(super) async fn serve(config: &Config, application: &str) -> Result<Service, Error> {
    let options = options("--application", application)?;
    let opening = open(config, &options).with_variable(APPLICATION, application);
    Ok(service(opening.await?))
}

/// Neither the URL nor sqlx's words about it are shown: there may be a password in it.
fn options(setting: &str, url: &str) -> Result<PgConnectOptions, ConfigError> {
    PgConnectOptions::from_str(url)
        .map_err(|_| ConfigError::setting(setting, "this is no URL of a PostgreSQL database"))
}

/// The strategies that tenants can choose from, on the server of `--database` or `--application`. All make the same table
/// `notes`.
fn open(config: &Config, options: &PgConnectOptions) -> Open<Postgres> {
    let mut file = PostgresConfig::default();
    file.resolution = config.tenancy.resolution.clone();
    file.enforcement = config.tenancy.enforcement.clone();
    file.jwt = Some(config.jwt.clone());
    file.cache = config.cache.clone();
    file.database.url_env = Some(APPLICATION.to_owned());
    file.database.administrator_url_env = Some(ADMINISTRATOR.to_owned());
    let mut notes = PgTableConfig::default();
    notes.name = Some("notes".to_owned());
    let mut rows = PgRowConfig::default();
    rows.tables = vec![PgTableEntry(notes)];
    file.strategies.row = Some(rows);
    file.strategies.schema = Some(PgSchemaConfig::default());
    let mut databases = PgDatabaseStrategyConfig::default();
    // Databases are the server's, so they are named after this one.
    databases.prefix = Some(format!("{}_tenant_", options.get_database().unwrap_or_default()));
    file.strategies.database = Some(databases);
    let opening = file
        .open(config.base_dir())
        .with_migrations("row", sqlx::migrate!("migrations/postgres/shared"))
        .with_migrations("schema", sqlx::migrate!("migrations/postgres/tenant"))
        .with_migrations("database", sqlx::migrate!("migrations/postgres/tenant"));
    match config.impersonation {
        true => opening.with_impersonation(),
        false => opening,
    }
}

fn service(opened: Opened<Postgres>) -> Service {
    Service {
        app: App::new(Store::Postgres(opened.db.clone())),
        tenancy: opened.tenancy,
        tenants: Tenants::Postgres(TenantsOf {
            db: opened.db,
            directory: opened.directory,
            changes: None,
        }),
    }
}

/// The URL of the application's role, which is made, or brought back to what it must be.
async fn make_application(administrator: &PgConnectOptions) -> Result<String, Error> {
    let mut connection = administrator.clone().connect().await?;
    let database: String = sqlx::query_scalar("SELECT current_database()::text")
        .fetch_one(&mut connection)
        .await?;
    let role = role("--database", &format!("{database}_application"))?;
    let password = make_role(&mut connection, &role).await?;
    connection.close().await?;
    let application = administrator.clone().username(role.as_str()).password(&password);
    Ok(application.to_url_lossy().to_string())
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
