//! The comparison of tenants' files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sqlx::migrate::Migrator;
use sqlx::{Connection, SqliteConnection};
use tenancy_core::directory::TenantRecord;
use tenancy_core::names::{StrategyName, TenantId};

use super::reader;
use crate::drift::{Catalog, DriftOptions, Fact, OwnName, ReadCatalogs, Reference, StrategyDrift, Survey, Surveyed};
use crate::sqlite::database::SqliteDatabaseStrategy;
use crate::sqlite::{migrate, versions};
use crate::{StrategyError, StrategyFuture};

impl SqliteDatabaseStrategy {
    /// Compares these tenants, in the order of their ids.
    pub(in crate::sqlite) async fn drift_of(
        &self,
        tenants: &[&TenantRecord],
        options: &DriftOptions,
    ) -> Result<StrategyDrift, StrategyError> {
        let mut drift = StrategyDrift::new(StrategyName::from_static(Self::NAME));
        let mut surveyed = Vec::new();
        let own = OwnName::default();
        for tenant in tenants {
            let mut one = Surveyed::new(tenant.id.clone(), None);
            match self.read_one(&tenant.id, |fact| one.add(&fact, &own)).await? {
                None => drift.not_provisioned.push(tenant.id.clone()),
                Some(version) => {
                    one.version = version;
                    surveyed.push(one);
                }
            }
        }
        let reference = Reference::of(options, self.build(&surveyed)).await?;
        let survey = Survey {
            reference,
            reader: self,
        };
        drift.versions = survey.compare(surveyed).await?;
        Ok(drift)
    }

    /// Reads the objects of a tenant's file, and returns its version. `None` if it has none.
    async fn read_one(
        &self,
        tenant: &TenantId,
        each: impl FnMut(Fact) + Send,
    ) -> Result<Option<Option<i64>>, StrategyError> {
        let Some(path) = self.file_of(tenant)? else {
            return Ok(None);
        };
        let options = self.plan.connect_options(&path).read_only(true);
        let mut connection = migrate::connect(&options, None, None).await?;
        let table = self
            .migrations
            .as_deref()
            .map_or("_sqlx_migrations", |all| &all.table_name);
        let version = versions::of_ledger(&mut connection, table).await?;
        reader::read(&mut connection, each).await?;
        connection.close().await?;
        Ok(Some(version))
    }

    /// Makes the catalogs of all versions that these tenants have and the migrations know, one after the other in one file that is
    /// removed afterwards, whatever happens.
    async fn build(&self, surveyed: &[Surveyed]) -> Result<BTreeMap<i64, Catalog>, StrategyError> {
        let Some(migrations) = self.migrations.as_deref() else {
            return Err(StrategyError::other(
                "no migrations are configured, and so nothing can be made to compare with",
            ));
        };
        let known: BTreeSet<i64> = migrations.iter().map(|migration| migration.version).collect();
        let wanted: BTreeSet<i64> = surveyed.iter().filter_map(|one| one.version).collect();
        let folder = tempfile::tempdir().map_err(StrategyError::other)?;
        let file = folder.path().join("drift.sqlite");
        let mut catalogs = BTreeMap::new();
        for version in &known & &wanted {
            let mut connection = self.migrate_to(version, migrations, &file).await?;
            let mut catalog = Catalog::new(OwnName::default());
            reader::read(&mut connection, |fact| catalog.insert(fact)).await?;
            connection.close().await?;
            catalogs.insert(version, catalog);
        }
        Ok(catalogs)
    }

    async fn migrate_to(
        &self,
        version: i64,
        migrations: &Migrator,
        file: &Path,
    ) -> Result<SqliteConnection, StrategyError> {
        let up_to = migrations.iter().filter(|migration| migration.version <= version);
        let migrations = Migrator {
            migrations: up_to.cloned().collect::<Vec<_>>().into(),
            create_schemas: migrations.create_schemas.clone(),
            table_name: migrations.table_name.clone(),
            ..*migrations
        };
        let options = self.plan.connect_options(file).create_if_missing(true);
        migrate::connect(&options, Some(&migrations), None).await
    }
}

impl ReadCatalogs for SqliteDatabaseStrategy {
    fn catalogs<'r>(&'r self, tenants: Vec<TenantId>) -> StrategyFuture<'r, Vec<(TenantId, Catalog)>> {
        Box::pin(async move {
            let mut catalogs = Vec::new();
            for tenant in tenants {
                let mut catalog = Catalog::new(OwnName::default());
                self.read_one(&tenant, |fact| catalog.insert(fact)).await?;
                catalogs.push((tenant, catalog));
            }
            Ok(catalogs)
        })
    }
}
