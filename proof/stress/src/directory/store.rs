//! The directory that the processes share, on either database.

use std::path::Path;
use std::str::FromStr as _;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Postgres, Sqlite};
use tenancy_core::directory::{Directory as _, Member, TenantEntry as _, TenantStatus};
use tenancy_core::names::{Subject, TenantId, TenantKey};
use tenancy_sqlx::{
    CreateError, CreationKey, DirectoryEntry, DirectoryError, ForgetError, LifecycleError, NewTenant, PgDirectory,
    PgSchemaStrategy, PgServer, SqliteDatabaseStrategy, SqliteDirectory, StrategyRegistry, TenantDb, UpsertError,
};

use crate::Failure;

/// A directory, and the data of the tenants that are created in it.
pub(super) enum Store {
    Postgres(PgDirectory, TenantDb<Postgres>),
    Sqlite(SqliteDirectory, TenantDb<Sqlite>),
}

macro_rules! on {
    ($store:expr, $directory:ident, $db:ident => $call:expr) => {
        match $store {
            Store::Postgres($directory, $db) => $call,
            Store::Sqlite($directory, $db) => $call,
        }
    };
}

impl Store {
    /// By the address of a PostgreSQL database and the application's role, or by a folder.
    pub(super) async fn open(target: &str, application: &str) -> Result<Self, Failure> {
        let strategies = StrategyRegistry::new();
        if target.starts_with("postgres:") {
            let administrator = PgConnectOptions::from_str(target)?;
            let schema = PgSchemaStrategy::builder(PgServer::new(administrator.clone(), administrator.clone()))
                .with_application_role(application.parse()?);
            let db = TenantDb::new(strategies.with(schema.open().await?)?);
            return Ok(Self::Postgres(PgDirectory::open(administrator).await?, db));
        }
        let folder = Path::new(target);
        let db = SqliteDatabaseStrategy::builder(folder.join("tenants")).open().await?;
        let directory = SqliteDirectory::open(folder.join("directory.sqlite")).await?;
        Ok(Self::Sqlite(
            directory,
            TenantDb::new(StrategyRegistry::new().with(db)?),
        ))
    }

    pub(super) const fn strategy(&self) -> &'static str {
        match self {
            Self::Postgres(..) => "schema",
            Self::Sqlite(..) => "database",
        }
    }

    pub(super) async fn create(&self, tenant: &NewTenant, key: &CreationKey) -> Result<DirectoryEntry, CreateError> {
        on!(self, directory, db => directory.create(db, tenant, key).await)
    }

    pub(super) async fn upsert(&self, tenant: &NewTenant) -> Result<DirectoryEntry, UpsertError> {
        on!(self, directory, _db => directory.upsert(tenant).await)
    }

    pub(super) async fn set_status(&self, id: &TenantId, status: TenantStatus) -> Result<bool, LifecycleError> {
        on!(self, directory, _db => directory.set_status(id, status).await)
    }

    pub(super) async fn add_member(&self, id: &TenantId, member: &Member) -> Result<bool, DirectoryError> {
        on!(self, directory, _db => directory.add_member(id, member).await)
    }

    pub(super) async fn remove_member(&self, id: &TenantId, subject: &Subject) -> Result<bool, DirectoryError> {
        on!(self, directory, _db => directory.remove_member(id, subject, None).await)
    }

    pub(super) async fn is_member(&self, id: &TenantId, subject: &Subject) -> Result<bool, DirectoryError> {
        on!(self, directory, _db => directory.is_member(id, subject, None).await)
    }

    pub(super) async fn remove(&self, id: &TenantId) -> Result<bool, ForgetError> {
        on!(self, directory, _db => directory.remove(id).await)
    }

    pub(super) async fn list(&self) -> Result<Vec<DirectoryEntry>, DirectoryError> {
        on!(self, directory, _db => directory.list().await)
    }

    /// The id that a key leads to.
    pub(super) async fn find(&self, key: &TenantKey) -> Result<Option<String>, DirectoryError> {
        let found = on!(self, directory, _db => directory.find(key).await)?;
        Ok(found.map(|entry| entry.record().id.to_string()))
    }

    pub(super) async fn close(&self) {
        on!(self, directory, db => {
            directory.close().await;
            db.close().await;
        });
    }
}
