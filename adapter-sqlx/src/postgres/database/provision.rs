//! A tenant's database, made, migrated and removed.

use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use tenancy_core::names::TenantId;

use super::found::{execute_when_unused, find, locked};
use super::migrated_template::MigratedTemplate;
use crate::StrategyError;
use crate::postgres::execute::execute;
use crate::postgres::fence::{install, standing};
use crate::postgres::identifier::{Literal, PgIdentifier};
use crate::postgres::tenant_schema::outside::reach::Reach;
use crate::postgres::tenant_schema::provision::Provisioning;

/// What a tenant's database is described as, before the id.
const COMMENT: &str = "tenant ";

/// What a tenant's database is to be.
pub(in crate::postgres) struct DatabaseProvisioning<'p> {
    pub(in crate::postgres) tenant: &'p TenantId,
    pub(in crate::postgres) database: &'p PgIdentifier,
    pub(in crate::postgres) template: &'p PgIdentifier,
    /// The prefix of tenants' databases, if each is a copy of one that has run the migrations.
    pub(in crate::postgres) migrated_template: Option<&'p str>,
    pub(in crate::postgres) application: &'p PgIdentifier,
    pub(in crate::postgres) migrations: Option<&'p Migrator>,
    pub(in crate::postgres) administrator: &'p PgConnectOptions,
    pub(in crate::postgres) is_fenced: bool,
}

impl DatabaseProvisioning<'_> {
    /// Creates it, or what is missing of it. A database cannot be made in a transaction: each step is one that can be
    /// done again, and the last one lets the application in.
    ///
    /// Says whether tables may look otherwise now than they did before.
    pub(in crate::postgres) async fn run(&self) -> Result<bool, StrategyError> {
        let mut server = locked(self.administrator, self.database).await?;
        match find(&mut server, self.database.as_str()).await? {
            None => self.create(&mut server).await?,
            Some(found) if found.is_described(&comment(self.tenant)) => {}
            Some(_) => return Err(refusal(self.database, self.tenant)),
        }
        // Nobody but the owner comes in, until all is done.
        let closed = format!("revoke all on database {} from public", self.database);
        execute(&mut server, closed).await?;
        let database = self.administrator.clone().database(self.database.as_str());
        let has_changed = self.fill(&database, Some(self.tenant)).await?;
        execute(&mut server, self.opening_sql()).await?;
        server.close().await?;
        Ok(has_changed)
    }

    /// Under another name first. A database gets its comment after it was made, and until then nothing says whose it
    /// is: so one that has a tenant's name and no comment of ours is never ours, whenever a process may have ended.
    async fn create(&self, server: &mut PgConnection) -> Result<(), StrategyError> {
        let unfinished = unfinished_name(server, self.database).await?;
        match find(server, unfinished.as_str()).await? {
            None => self.copy_template(server, &unfinished).await?,
            Some(found) if found.is_described_or_unfinished(&comment(self.tenant)) => {}
            Some(_) => return Err(refusal(&unfinished, self.tenant)),
        }
        let sql = format!(
            "comment on database {unfinished} is {}; revoke all on database {unfinished} from public",
            Literal(&comment(self.tenant))
        );
        execute(server, sql).await?;
        let sql = format!("alter database {unfinished} rename to {}", self.database);
        execute_when_unused(server, sql).await
    }

    async fn copy_template(&self, server: &mut PgConnection, copy: &PgIdentifier) -> Result<(), StrategyError> {
        let create = |template: &PgIdentifier| format!("create database {copy} template {template}");
        match self.migrated_template.filter(|_| self.migrations.is_some()) {
            Some(prefix) => {
                let template = MigratedTemplate::find(self.administrator, self.template, prefix).await?;
                self.fill(&template.database(self.administrator), None).await?;
                execute_when_unused(server, create(&template.name)).await?;
                template.copied().await
            }
            None => execute_when_unused(server, create(self.template)).await,
        }
    }

    fn opening_sql(&self) -> String {
        format!("grant connect on database {} to {}", self.database, self.application)
    }

    /// Tables and rights. Each migration commits by itself, on a connection that holds a lock in the tenant's database: a
    /// statement of a run that was given up may go on for a while, when the lock on the server is free again.
    async fn fill(&self, database: &PgConnectOptions, tenant: Option<&TenantId>) -> Result<bool, StrategyError> {
        let schema: PgIdentifier = "public".parse().map_err(StrategyError::other)?;
        let inside = Provisioning {
            tenant,
            schema: &schema,
            search_path: "public, pg_temp",
            application: self.application,
            migrations: self.migrations,
            is_sharded: false,
            reach: Reach::Database,
            last: None,
        };
        let mut connection = database.connect().await?;
        if !self.is_fenced {
            standing::require(&mut connection, false, &[]).await?;
        }
        let has_changed = inside.run(&mut connection).await?;
        if self.is_fenced {
            install::enable(&mut connection, std::slice::from_ref(self.application)).await?;
        }
        connection.close().await?;
        Ok(has_changed)
    }
}

pub(super) fn comment(tenant: &TenantId) -> String {
    format!("{COMMENT}{tenant}")
}

/// What a tenant's database is called until it says whose it is: the same for each attempt, and nobody else's name.
async fn unfinished_name(server: &mut PgConnection, database: &PgIdentifier) -> Result<PgIdentifier, StrategyError> {
    let sql = "select 'tenancy_unfinished_' || pg_catalog.left(pg_catalog.encode(pg_catalog.sha256(
        pg_catalog.convert_to($1, 'UTF8')), 'hex'), 40)";
    let name: String = sqlx::query_scalar(sql)
        .bind(database.as_str())
        .fetch_one(server)
        .await?;
    name.parse().map_err(StrategyError::other)
}

pub(super) fn refusal(database: &PgIdentifier, tenant: &TenantId) -> StrategyError {
    StrategyError::other(format!(
        "the database {database} is not known to be of the tenant `{tenant}`: its owner is another, or its comment is not \
        `{}`",
        comment(tenant)
    ))
}

/// Removes a tenant's database. Sessions that the administrator may end are ended; for others, such as the application's, it
/// waits a moment, and fails if they stay. One that does not say that it is this tenant's is refused:
/// it is somebody else's data.
pub(in crate::postgres) async fn remove(
    administrator: &PgConnectOptions,
    tenant: &TenantId,
    database: &PgIdentifier,
) -> Result<(), StrategyError> {
    let mut server = locked(administrator, database).await?;
    match find(&mut server, database.as_str()).await? {
        None => {}
        Some(found) if found.is_described(&comment(tenant)) => {
            execute_when_unused(&mut server, format!("drop database {database} with (force)")).await?;
        }
        Some(_) => return Err(refusal(database, tenant)),
    }
    // What provisioning began, and nobody ended.
    let unfinished = unfinished_name(&mut server, database).await?;
    if let Some(found) = find(&mut server, unfinished.as_str()).await?
        && found.is_described(&comment(tenant))
    {
        execute_when_unused(&mut server, format!("drop database {unfinished} with (force)")).await?;
    }
    Ok(server.close().await?)
}
