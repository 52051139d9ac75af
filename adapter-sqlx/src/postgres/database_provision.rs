//! A tenant's database, made, migrated and removed.

use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use tenancy_core::TenantId;

use super::identifier::{Literal, PgIdentifier};
use super::provision::Provisioning;
use crate::StrategyError;
use crate::begin::{BEGIN_WITH_LOCK_TIMEOUT, begin_lent};

/// How often a template that somebody is connected to is asked for, and how long between.
const TEMPLATE_TRIES: u32 = 20;
const TEMPLATE_PAUSE: Duration = Duration::from_millis(250);

/// What a tenant's database is described as, before the id.
const COMMENT: &str = "tenant ";

/// What a tenant's database is to be.
pub(super) struct DatabaseProvisioning<'p> {
    pub(super) tenant: &'p TenantId,
    pub(super) database: &'p PgIdentifier,
    pub(super) template: &'p PgIdentifier,
    pub(super) application: &'p PgIdentifier,
    pub(super) migrations: Option<&'p Migrator>,
    pub(super) administrator: &'p PgConnectOptions,
}

impl DatabaseProvisioning<'_> {
    /// Makes it, or what lacks of it. A database cannot be made in a transaction: each step is one that can be
    /// done again, and the last one lets the application in.
    ///
    /// Says whether tables may look otherwise now than they did before.
    pub(super) async fn run(&self) -> Result<bool, StrategyError> {
        let mut server = locked(self.administrator, self.database).await?;
        if !self.is_there(&mut server).await? {
            self.create(&mut server).await?;
        }
        execute(&mut server, self.ownership_sql()).await?;
        let has_changed = self.fill().await?;
        execute(&mut server, self.opening_sql()).await?;
        server.close().await?;
        Ok(has_changed)
    }

    /// Refuses a database of this name that is not this tenant's.
    async fn is_there(&self, server: &mut PgConnection) -> Result<bool, StrategyError> {
        match find(server, self.database).await? {
            None => Ok(false),
            Some((true, None)) => Ok(true),
            Some((true, Some(comment))) if comment == self.comment() => Ok(true),
            Some(_) => Err(StrategyError::other(format!(
                "the database {} is there, and is not of the tenant `{}`",
                self.database, self.tenant
            ))),
        }
    }

    async fn create(&self, server: &mut PgConnection) -> Result<(), StrategyError> {
        let sql = format!("create database {} template {}", self.database, self.template);
        for _ in 1..TEMPLATE_TRIES {
            match sqlx::raw_sql(AssertSqlSafe(sql.as_str())).execute(&mut *server).await {
                Err(error) if is_busy(&error) => tokio::time::sleep(TEMPLATE_PAUSE).await,
                made => return Ok(made.map(drop)?),
            }
        }
        execute(server, sql).await
    }

    /// Nobody but the owner comes in, until all is done.
    fn ownership_sql(&self) -> String {
        format!(
            "comment on database {0} is {1}; revoke all on database {0} from public",
            self.database,
            Literal(&self.comment())
        )
    }

    fn opening_sql(&self) -> String {
        format!("grant connect on database {} to {}", self.database, self.application)
    }

    fn comment(&self) -> String {
        format!("{COMMENT}{}", self.tenant)
    }

    /// Tables and rights, all of them or none.
    async fn fill(&self) -> Result<bool, StrategyError> {
        let schema: PgIdentifier = "public".parse().map_err(StrategyError::other)?;
        let inside = Provisioning {
            schema: &schema,
            search_path: "public, pg_temp",
            application: self.application,
            migrations: self.migrations,
            is_sharded: false,
        };
        let mut connection = self
            .administrator
            .clone()
            .database(self.database.as_str())
            .connect()
            .await?;
        let mut tx = begin_lent(&mut connection, Some(BEGIN_WITH_LOCK_TIMEOUT)).await?;
        let has_changed = inside.run(&mut tx).await?;
        tx.commit().await?;
        connection.close().await?;
        Ok(has_changed)
    }
}

/// Whether the database is the administrator's and another than the one that he is connected to, and its comment.
async fn find(
    server: &mut PgConnection,
    database: &PgIdentifier,
) -> Result<Option<(bool, Option<String>)>, StrategyError> {
    let sql = "select pg_get_userbyid(datdba) = current_user and datname <> current_database(), \
        shobj_description(oid, 'pg_database') from pg_database where datname = $1";
    Ok(sqlx::query_as(sql)
        .bind(database.as_str())
        .fetch_optional(server)
        .await?)
}

/// Removes a tenant's database, whoever is connected to it. One that provisioning would not take for a tenant's is
/// refused: it is somebody else's data.
pub(super) async fn remove(administrator: &PgConnectOptions, database: &PgIdentifier) -> Result<(), StrategyError> {
    let mut server = locked(administrator, database).await?;
    let is_a_tenants = match find(&mut server, database).await? {
        None | Some((true, None)) => true,
        // The id is the end of the name.
        Some((true, Some(comment))) => comment
            .strip_prefix(COMMENT)
            .is_some_and(|id| database.as_str().ends_with(id)),
        Some((false, _)) => false,
    };
    if !is_a_tenants {
        let reason = format!("the database {database} is there, and is not a tenant's");
        return Err(StrategyError::other(reason));
    }
    execute(&mut server, format!("drop database if exists {database} with (force)")).await?;
    Ok(server.close().await?)
}

/// A connection that is the only one of its kind for this database, as long as it is open.
async fn locked(administrator: &PgConnectOptions, database: &PgIdentifier) -> Result<PgConnection, StrategyError> {
    let mut server = administrator.clone().connect().await?;
    let lock = format!(
        "select pg_advisory_lock(hashtextextended({}, 0))",
        Literal(database.as_str())
    );
    execute(&mut server, lock).await?;
    Ok(server)
}

async fn execute(connection: &mut PgConnection, sql: String) -> Result<(), StrategyError> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await?;
    Ok(())
}

/// Whether somebody is connected to the template.
fn is_busy(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|error| error.code().as_deref() == Some("55006"))
}
