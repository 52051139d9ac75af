//! The strategies that have migrations, whatever database they are on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use sqlx::Database;
use tenancy_core::directory::TenantRecord;
use tenancy_core::names::StrategyName;

use super::error::FleetError;
use super::options::FleetOptions;
use crate::statement::statements;
use crate::strategy::data_version::up;
use crate::{
    DataVersion, IsolationStrategy, MigrateOptions, Migrated, MigrationTarget, StrategyFuture, StrategyMigrations,
    Survey, TenantDb,
};

/// What a strategy does for a fleet.
pub(super) trait Migrates: Send + Sync {
    fn name(&self) -> StrategyName;
    fn migrations(&self) -> Option<StrategyMigrations<'_>>;
    fn migrate<'f>(&'f self, target: MigrationTarget<'f>, options: &'f MigrateOptions) -> StrategyFuture<'f, Migrated>;
    fn version<'f>(&'f self, target: MigrationTarget<'f>) -> StrategyFuture<'f, DataVersion>;
    fn versions<'f>(&'f self, tenants: &'f [TenantRecord]) -> StrategyFuture<'f, Vec<DataVersion>>;
    fn survey(&self) -> Option<Survey>;
    fn server(&self, tenant: &TenantRecord) -> String;

    fn is_shared(&self) -> bool {
        self.migrations().is_some_and(|migrations| migrations.is_shared)
    }

    fn latest(&self) -> Option<i64> {
        self.migrations().and_then(|migrations| migrations.latest())
    }
}

/// A strategy whose database is forgotten.
struct Erased<DB: Database>(Arc<dyn IsolationStrategy<DB>>);

impl<DB: Database> Migrates for Erased<DB> {
    fn name(&self) -> StrategyName {
        self.0.name()
    }

    fn migrations(&self) -> Option<StrategyMigrations<'_>> {
        self.0.migrations()
    }

    fn migrate<'f>(&'f self, target: MigrationTarget<'f>, options: &'f MigrateOptions) -> StrategyFuture<'f, Migrated> {
        self.0.migrate(target, options)
    }

    fn version<'f>(&'f self, target: MigrationTarget<'f>) -> StrategyFuture<'f, DataVersion> {
        self.0.version(target)
    }

    fn versions<'f>(&'f self, tenants: &'f [TenantRecord]) -> StrategyFuture<'f, Vec<DataVersion>> {
        self.0.versions(tenants)
    }

    fn survey(&self) -> Option<Survey> {
        self.0.survey()
    }

    fn server(&self, tenant: &TenantRecord) -> String {
        self.0.server(tenant)
    }
}

/// The strategies of a fleet.
#[derive(Clone)]
pub(super) struct Strategies {
    migrating: BTreeMap<StrategyName, Arc<dyn Migrates>>,
    registered: BTreeSet<StrategyName>,
}

impl Strategies {
    /// Those of `db`, whose migrations can all be run so that a crash does no harm.
    pub(super) fn load<DB: Database>(db: &TenantDb<DB>) -> Result<Self, FleetError> {
        let mut migrating: BTreeMap<StrategyName, Arc<dyn Migrates>> = BTreeMap::new();
        for strategy in db.strategies().iter() {
            let strategy = Erased(Arc::clone(strategy));
            if let Some(migrations) = strategy.migrations() {
                refuse_several_statements(&strategy.name(), migrations)?;
                migrating.insert(strategy.name(), Arc::new(strategy));
            }
        }
        Ok(Self {
            migrating,
            registered: db.strategies().names().cloned().collect(),
        })
    }

    pub(super) fn find(&self, name: &StrategyName) -> Option<&Arc<dyn Migrates>> {
        self.migrating.get(name)
    }

    pub(super) fn is_registered(&self, name: &str) -> bool {
        self.registered.iter().any(|registered| registered.as_str() == name)
    }

    /// Those that the options mean.
    pub(super) fn selected(&self, options: &FleetOptions) -> Result<Vec<Arc<dyn Migrates>>, FleetError> {
        for strategy in options.strategies.iter().flatten() {
            if !self.migrating.contains_key(strategy) {
                let strategy = strategy.clone();
                return Err(FleetError::NoMigrations { strategy });
            }
        }
        let is_selected = |name: &StrategyName| options.strategies.as_ref().is_none_or(|names| names.contains(name));
        let selected = self.migrating.iter().filter(|(name, _)| is_selected(name));
        Ok(selected.map(|(_, strategy)| Arc::clone(strategy)).collect())
    }

    /// Refuses a baseline that is no version of a strategy that is selected.
    pub(super) fn refuse_unknown_baseline(&self, options: &FleetOptions) -> Result<(), FleetError> {
        let Some(version) = options.migrate.baseline else {
            return Ok(());
        };
        for strategy in self.selected(options)? {
            let is_known = strategy
                .migrations()
                .is_some_and(|migrations| migrations.migrator.version_exists(version));
            if !is_known {
                let strategy = strategy.name();
                return Err(FleetError::UnknownBaseline { strategy, version });
            }
        }
        Ok(())
    }

    /// What tells the migrations of this process from others'.
    pub(super) fn fingerprint(&self) -> String {
        let mut digest = Sha256::new();
        for (name, strategy) in &self.migrating {
            digest.update(name.as_str());
            for migration in strategy.migrations().into_iter().flat_map(|found| up(found.migrator)) {
                digest.update(migration.version.to_be_bytes());
                digest.update(&*migration.checksum);
            }
        }
        digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A migration that runs outside of a transaction is run again after a crash, from its beginning.
fn refuse_several_statements(strategy: &StrategyName, migrations: StrategyMigrations<'_>) -> Result<(), FleetError> {
    for migration in up(migrations.migrator).filter(|migration| migration.no_tx) {
        let statements = statements(migration.sql.as_str()).len();
        if statements > 1 {
            return Err(FleetError::SeveralStatements {
                strategy: strategy.clone(),
                version: migration.version,
                description: migration.description.clone().into_owned(),
                statements,
            });
        }
    }
    Ok(())
}
