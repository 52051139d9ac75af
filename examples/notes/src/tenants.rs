//! The tenants of the configuration: put into the directory at start-up, and again when the file has changed.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Map, Value};
use sqlx::{Database, Postgres, Sqlite};
use tenancy_core::directory::{Change, TenantEntry, TenantStatus};
use tenancy_core::names::{TenantId, TenantKey};
use tenancy_http::LocalChanges;
use tenancy_sqlx::{
    DirectoryEntry, DirectoryError, LifecycleError, MetadataError, NewTenant, PgDirectory, SqliteDirectory, TenantDb,
    TenantMetadata, UpsertAllError, UpsertError,
};

use crate::Error;
use crate::config::{Config, ConfigError, Tenant};

/// Where tenants are written, and which cache is notified when one changes.
pub(crate) struct TenantsOf<DB: Database, D> {
    pub(crate) db: TenantDb<DB>,
    pub(crate) directory: D,
    /// None where the database itself tells.
    pub(crate) changes: Option<LocalChanges>,
}

/// The same, on either database.
pub(crate) enum Tenants {
    Sqlite(TenantsOf<Sqlite, SqliteDirectory>),
    Postgres(TenantsOf<Postgres, PgDirectory>),
}

impl Tenants {
    /// Reads the file once more, and puts its tenants into the directory. All its other settings stay as
    /// they were at start-up. Answers how many tenants there are.
    pub(crate) async fn reload(&self, file: &Path) -> Result<usize, Error> {
        let config = Config::load(Some(file), "")?;
        self.put(&config.tenants).await?;
        Ok(config.tenants.len())
    }

    /// Puts tenants into the directory.
    pub(crate) async fn put(&self, tenants: &[Tenant]) -> Result<(), Error> {
        match self {
            Self::Sqlite(of) => of.put(tenants).await,
            Self::Postgres(of) => of.put(tenants).await,
        }
    }
}

/// A directory that tenants are put into.
pub(crate) trait Seeded: Sync {
    fn find_by_id(&self, id: &TenantId) -> impl Future<Output = Result<Option<DirectoryEntry>, DirectoryError>> + Send;
    fn upsert_all(
        &self,
        tenants: &[NewTenant],
    ) -> impl Future<Output = Result<Vec<DirectoryEntry>, UpsertAllError>> + Send;
    fn set_status(
        &self,
        id: &TenantId,
        status: TenantStatus,
    ) -> impl Future<Output = Result<bool, LifecycleError>> + Send;
    fn metadata(&self, id: &TenantId) -> impl Future<Output = Result<Option<TenantMetadata>, MetadataError>> + Send;
    fn set_metadata(
        &self,
        id: &TenantId,
        object: &Map<String, Value>,
    ) -> impl Future<Output = Result<i64, MetadataError>> + Send;
}

macro_rules! seeded {
    ($($Directory:ty),*) => {$(
        impl Seeded for $Directory {
            async fn find_by_id(&self, id: &TenantId) -> Result<Option<DirectoryEntry>, DirectoryError> {
                Self::find_by_id(self, id).await
            }

            async fn upsert_all(&self, tenants: &[NewTenant]) -> Result<Vec<DirectoryEntry>, UpsertAllError> {
                Self::upsert_all(self, tenants).await
            }

            async fn set_status(&self, id: &TenantId, status: TenantStatus) -> Result<bool, LifecycleError> {
                Self::set_status(self, id, status).await
            }

            async fn metadata(&self, id: &TenantId) -> Result<Option<TenantMetadata>, MetadataError> {
                Self::metadata(self, id).await
            }

            async fn set_metadata(&self, id: &TenantId, object: &Map<String, Value>) -> Result<i64, MetadataError> {
                Self::set_metadata(self, id, object).await
            }
        }
    )*};
}

seeded!(PgDirectory, SqliteDirectory);

impl<DB: Database, D: Seeded> TenantsOf<DB, D> {
    /// Puts tenants into the directory, and notifies the cache of each that may have changed.
    pub(crate) async fn put(&self, tenants: &[Tenant]) -> Result<(), Error> {
        let Some(changes) = &self.changes else {
            return self.upsert(tenants).await.map(drop);
        };
        let mut before = HashMap::with_capacity(tenants.len());
        for tenant in tenants {
            let known = self.directory.find_by_id(&tenant.id).await?;
            before.insert(tenant.id.clone(), known);
        }
        match self.upsert(tenants).await {
            Ok(entries) => {
                for entry in &entries {
                    let before = before.get(&entry.record().id).and_then(Option::as_ref);
                    changes.publish(entry.change_from(before));
                }
                // Another process may have changed the others.
                let is_unchanged = |tenant: &&Tenant| entries.iter().all(|entry| entry.record().id != tenant.id);
                for tenant in tenants.iter().filter(is_unchanged) {
                    changes.publish(Change::tenant(tenant.id.clone()));
                }
                Ok(())
            }
            // It may have failed half way: what was done is done.
            Err(error) => {
                for tenant in tenants {
                    changes.publish(Change::tenant(tenant.id.clone()));
                }
                Err(error)
            }
        }
    }

    /// Puts all of them into the directory or none, and makes their data a place.
    async fn upsert(&self, tenants: &[Tenant]) -> Result<Vec<DirectoryEntry>, Error> {
        for (index, tenant) in tenants.iter().enumerate() {
            self.db
                .strategies()
                .find(&tenant.strategy)
                .map_err(|error| ConfigError::setting(format!("tenants[{index}].strategy"), error))?;
        }
        let tenants = &self.changed(tenants).await?;
        let new: Vec<_> = tenants.iter().map(|(_, tenant)| tenant.as_new()).collect();
        let entries = self.directory.upsert_all(&new).await.map_err(|error| {
            let Some((index, _)) = error.index().and_then(|index| tenants.get(index)) else {
                return Error::from(error);
            };
            let setting = format!("tenants[{index}]{}", field(error.reason()));
            ConfigError::setting(setting, error.reason()).into()
        })?;
        for (entry, (index, tenant)) in entries.iter().zip(tenants) {
            self.db.provision(entry.record()).await?;
            for status in way(entry.record().status, tenant.status) {
                let done = self.directory.set_status(&tenant.id, *status).await;
                done.map_err(|error| match error {
                    LifecycleError::Directory(error) => Error::from(error),
                    refused => ConfigError::setting(format!("tenants[{index}].status"), refused).into(),
                })?;
            }
            let mut object = self
                .directory
                .metadata(&tenant.id)
                .await?
                .map(TenantMetadata::into_object)
                .unwrap_or_default();
            object.insert(SEED.to_owned(), tenant.seed().into());
            self.directory.set_metadata(&tenant.id, &object).await?;
        }
        Ok(entries)
    }

    /// Those that the file has changed since it was last put there, each with its place in the file. What operators have
    /// changed since, by the command `tenancy`, stays: the file is a seed, and the directory is the truth.
    async fn changed<'t>(&self, tenants: &'t [Tenant]) -> Result<Vec<(usize, &'t Tenant)>, Error> {
        let mut changed = Vec::new();
        for (index, tenant) in tenants.iter().enumerate() {
            let Some(entry) = self.directory.find_by_id(&tenant.id).await? else {
                changed.push((index, tenant));
                continue;
            };
            let known = self
                .directory
                .metadata(&tenant.id)
                .await?
                .map(TenantMetadata::into_object);
            let known = known
                .as_ref()
                .and_then(|object| object.get(SEED))
                .and_then(Value::as_str);
            if known != Some(&*tenant.seed()) {
                changed.push((index, tenant));
            } else if entry.record().status != TenantStatus::Archived {
                // New migrations run.
                self.db.provision(entry.record()).await?;
            }
        }
        Ok(changed)
    }
}

/// Under which name the directory remembers what the file has said of a tenant.
const SEED: &str = "seed";

/// The statuses between: a tenant is served before it is suspended, and looked at before it is served again.
fn way(from: TenantStatus, to: TenantStatus) -> &'static [TenantStatus] {
    use TenantStatus::{Active, Archived, Provisioning, Suspended};
    match (from, to) {
        (Provisioning, Suspended) => &[Active, Suspended],
        (Archived, Active) => &[Suspended, Active],
        (_, Provisioning) => &[Provisioning],
        (_, Active) => &[Active],
        (_, Suspended) => &[Suspended],
        (_, Archived) => &[Archived],
    }
}

impl Tenant {
    /// All that the file says of it.
    fn seed(&self) -> String {
        format!("{self:?}")
    }

    /// As the directory takes it. A new tenant is `provisioning` until its data has a place.
    fn as_new(&self) -> NewTenant {
        let new = NewTenant::new(self.id.clone(), self.strategy.clone())
            .with_slug(self.slug.clone())
            .with_name(self.name.clone())
            // A subject that the file drops is a member no more.
            .with_members(self.members.iter().cloned());
        let new = self
            .external_id
            .iter()
            .fold(new, |new, id| new.with_external_id(id.clone()));
        self.domains
            .iter()
            .fold(new, |new, domain| new.with_domain(domain.clone()))
    }
}

/// The setting that the directory refuses.
fn field(error: &UpsertError) -> &'static str {
    match error {
        UpsertError::Reserved { key } | UpsertError::Conflict { key } => match &**key {
            TenantKey::Id(_) => ".id",
            TenantKey::Slug(_) => ".slug",
            TenantKey::External(_) => ".external_id",
            TenantKey::Domain(_) => ".domains",
        },
        UpsertError::StrategyChanged { .. } => ".strategy",
        _ => "",
    }
}
