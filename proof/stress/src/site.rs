//! A database with its two roles, made for one run and removed after it.

use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, SqlSafeStr};
use tenancy_sqlx::{
    PgDatabaseStrategy, PgRowStrategy, PgRowTables, PgSchemaStrategy, PgServer, PgTenantTable, PoolSettings,
    StrategyRegistry, TenantDb,
};

use crate::Failure;

const PASSWORD: &str = "only for this run";

/// The greatest number of the application's connections for each of the strategies `row` and `schema`.
pub(crate) const SHARED_CONNECTIONS: usize = 3;
/// The same for all tenants of the strategy `database`.
pub(crate) const OWN_CONNECTIONS: usize = 6;

const ROW_NOTES: &str = "create table notes (
    tenant_id text not null, id bigint generated always as identity,
    number bigint not null, mark text not null, body text not null default '', primary key (tenant_id, id))";
const OWN_NOTES: &str = "create table notes (
    id bigint generated always as identity primary key,
    number bigint not null, mark text not null, body text not null default '')";

/// The database that administrator and application share, and the server that has it.
#[derive(Clone)]
pub(crate) struct Site {
    server: PgConnectOptions,
    name: String,
    /// Where the application connects to, in place of the server's own port.
    application_port: Option<u16>,
    has_pooler: bool,
}

impl Site {
    /// Makes the database and its roles, as a superuser of the server.
    pub(crate) async fn create(server: PgConnectOptions, name: &str) -> Result<Self, Failure> {
        let site = Self {
            server,
            name: format!("{name}_{}", std::process::id()),
            application_port: None,
            has_pooler: false,
        };
        site.remove().await?;
        let (name, owner, application) = (&site.name, site.owner(), site.application_role());
        let mut superuser = site.server.clone().connect().await?;
        for sql in [
            format!("create role {application} login nosuperuser nobypassrls password '{PASSWORD}'"),
            format!("create role {owner} login nosuperuser nobypassrls createdb password '{PASSWORD}'"),
            format!("create database {name} owner {owner}"),
        ] {
            execute(&mut superuser, sql).await?;
        }
        superuser.close().await?;
        Ok(site)
    }

    /// The same database by way of PgBouncer.
    pub(crate) fn through_pooler(&self, port: u16) -> Self {
        Self {
            application_port: Some(port),
            has_pooler: true,
            ..self.clone()
        }
    }

    /// The same database by way of something that forwards bytes, for the administrator too.
    pub(crate) fn through_forwarder(&self, port: u16) -> Self {
        Self {
            server: self.server.clone().port(port),
            ..self.clone()
        }
    }

    pub(crate) const fn is_pooled(&self) -> bool {
        self.has_pooler
    }

    pub(crate) fn owner(&self) -> String {
        format!("{}_owner", self.name)
    }

    pub(crate) fn application_role(&self) -> String {
        format!("{}_app", self.name)
    }

    /// What the names of tenants' databases begin with.
    pub(crate) fn prefix(&self) -> String {
        format!("{}_of_", self.name)
    }

    pub(crate) fn administrator(&self) -> PgConnectOptions {
        let server = self.server.clone().database(&self.name);
        server.username(&self.owner()).password(PASSWORD)
    }

    pub(crate) fn application(&self) -> PgConnectOptions {
        let application = self.administrator().username(&self.application_role());
        match self.application_port {
            Some(port) => application
                .port(port)
                .statement_cache_capacity(0)
                .extra_float_digits(None),
            None => application,
        }
    }

    /// How the database is reached, in both roles.
    fn roles(&self) -> PgServer {
        PgServer::new(self.application(), self.administrator())
    }

    /// A connection that may see and end every session.
    pub(crate) async fn superuser(&self) -> Result<PgConnection, Failure> {
        Ok(self.server.clone().database(&self.name).connect().await?)
    }

    /// The three strategies, with few connections each.
    pub(crate) async fn open(&self) -> Result<TenantDb<sqlx::Postgres>, Failure> {
        let pool = PoolSettings::new().with_acquire_timeout(Duration::from_secs(45));
        let tables =
            PgRowTables::new(&self.application_role(), &self.owner())?.with_table(PgTenantTable::new("notes")?);
        let mut row = PgRowStrategy::builder(self.roles(), tables)
            .with_migrations(migrations(ROW_NOTES))
            .with_pool(pool.with_max_connections(SHARED_CONNECTIONS));
        let mut schema = self.schemas()?.with_pool(pool.with_max_connections(SHARED_CONNECTIONS));
        let mut own = PgDatabaseStrategy::builder(self.roles())
            .with_prefix(self.prefix())
            .with_template("template0")?
            .with_migrations(migrations(OWN_NOTES))
            .with_max_connections_per_tenant(2)
            .with_pool(pool.with_max_connections(OWN_CONNECTIONS));
        if self.has_pooler {
            row = row.with_transaction_pooler();
            schema = schema.with_transaction_pooler();
            own = own.with_transaction_pooler();
        }
        let registry = StrategyRegistry::new()
            .with(row.open().await?)?
            .with(schema.open().await?)?;
        Ok(TenantDb::new(registry.with(own.open().await?)?))
    }

    /// The strategy `schema` alone.
    pub(crate) fn schemas(&self) -> Result<tenancy_sqlx::PgSchemaBuilder, Failure> {
        let schema = PgSchemaStrategy::builder(self.roles());
        Ok(schema.with_migrations(migrations(OWN_NOTES)))
    }

    /// Removes the database, those of its tenants, and its roles. If there are none, nothing happens.
    pub(crate) async fn remove(&self) -> Result<(), Failure> {
        let mut superuser = self.server.clone().connect().await?;
        let tenants = "select datname::text from pg_database where starts_with(datname, $1)";
        let tenants: Vec<String> = sqlx::query_scalar(tenants)
            .bind(self.prefix())
            .fetch_all(&mut superuser)
            .await?;
        for database in tenants.iter().chain([&self.name]) {
            execute(
                &mut superuser,
                format!("drop database if exists \"{database}\" with (force)"),
            )
            .await?;
        }
        let roles = format!("drop role if exists {}, {}", self.application_role(), self.owner());
        execute(&mut superuser, roles).await?;
        Ok(superuser.close().await?)
    }
}

pub(crate) async fn execute(connection: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(drop)
}

fn migrations(sql: &'static str) -> Migrator {
    let notes = Migration::new(1, "notes".into(), MigrationType::Simple, sql.into_sql_str(), false);
    Migrator::with_migrations(vec![notes])
}
