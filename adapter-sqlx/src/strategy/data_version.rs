//! Which migrations have run on tenants' data, and how the new ones are run.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use sqlx::migrate::{Migration, Migrator};
use tenancy_core::directory::TenantRecord;

/// How a tenant's data compares with the migrations that this process has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Standing {
    /// All of them have run, and no others.
    UpToDate,
    /// Some have not run.
    Behind,
    /// One has run that this process does not have: a newer release has migrated. This process never migrates it.
    Ahead,
    /// The migration of this version has run with another text than it has here. Nothing runs until a person has looked.
    Changed {
        /// The version.
        version: i64,
    },
    /// The tenant has no place for its data, or the one that it has is not finished.
    NotProvisioned,
}

impl Standing {
    /// The word for it in listings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UpToDate => "up to date",
            Self::Behind => "behind",
            Self::Ahead => "ahead",
            Self::Changed { .. } => "changed",
            Self::NotProvisioned => "not provisioned",
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which version a tenant's data has, and how that compares with this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DataVersion {
    /// How it compares with the migrations of this process.
    pub standing: Standing,
    /// The version of the latest migration that has run; `None` if none has.
    pub version: Option<i64>,
    /// Whether the version is recorded where all tenants' versions are read at once. One that is not is read from the tenant's own
    /// ledger of migrations, and recorded when the tenant is migrated next.
    pub is_recorded: bool,
}

impl DataVersion {
    /// A version as the tenant's ledger has it.
    #[must_use]
    pub const fn new(standing: Standing, version: Option<i64>) -> Self {
        Self {
            standing,
            version,
            is_recorded: true,
        }
    }

    /// A tenant without a place.
    #[must_use]
    pub const fn not_provisioned() -> Self {
        Self::new(Standing::NotProvisioned, None)
    }

    /// The same, of a version that is not recorded.
    #[must_use]
    pub const fn unrecorded(self) -> Self {
        Self {
            is_recorded: false,
            ..self
        }
    }
}

/// The migrations that a strategy runs, and on what.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct StrategyMigrations<'m> {
    /// The migrations.
    pub migrator: &'m Migrator,
    /// Whether all tenants' data is in the same tables, which are migrated once for all of them.
    pub is_shared: bool,
}

impl<'m> StrategyMigrations<'m> {
    /// Migrations that run once for each tenant.
    #[must_use]
    pub const fn of_each_tenant(migrator: &'m Migrator) -> Self {
        Self {
            migrator,
            is_shared: false,
        }
    }

    /// Migrations that run once, on tables that all tenants share.
    #[must_use]
    pub const fn of_shared_tables(migrator: &'m Migrator) -> Self {
        Self {
            migrator,
            is_shared: true,
        }
    }

    /// The version of the newest one; `None` if there are none.
    #[must_use]
    pub fn latest(&self) -> Option<i64> {
        up(self.migrator).map(|migration| migration.version).max()
    }
}

/// The migrations that lead forward.
pub(crate) fn up(migrator: &Migrator) -> impl Iterator<Item = &Migration> {
    let is_up = |migration: &&Migration| !migration.migration_type.is_down_migration();
    migrator.iter().filter(is_up)
}

/// The same migrations once more: a migrator is no `Clone`.
#[cfg(feature = "postgres")]
pub(crate) fn copy_of(migrator: &Migrator) -> Migrator {
    Migrator {
        migrations: migrator.migrations.clone(),
        table_name: migrator.table_name.clone(),
        create_schemas: migrator.create_schemas.clone(),
        ..*migrator
    }
}

/// What is migrated: one tenant's data, or the tables that all tenants share.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum MigrationTarget<'t> {
    /// The data of this tenant. A strategy whose tenants share tables takes it for these.
    Tenant(&'t TenantRecord),
    /// The tables that all tenants share.
    SharedTables,
}

/// How migrations are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrateOptions {
    /// How long one attempt waits for a lock. A statement that waits for a table's lock makes every later statement on that table
    /// wait behind it, so an attempt gives up soon, and is made again.
    pub lock_timeout: Duration,
    /// How many attempts are made.
    pub attempts: NonZeroU32,
    /// Writes the migrations up to this version into the ledger instead of running them: for data that has their tables already.
    pub baseline: Option<i64>,
}

impl MigrateOptions {
    /// Attempts of 2 seconds, 10 of them, and no baseline.
    pub const DEFAULT: Self = Self {
        lock_timeout: Duration::from_secs(2),
        attempts: NonZeroU32::new(10).unwrap(),
        baseline: None,
    };
}

impl Default for MigrateOptions {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What a migration of one target has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Migrated {
    /// The version before; `None` if no migration had run.
    pub from: Option<i64>,
    /// The version now.
    pub to: Option<i64>,
    /// How many migrations have run, or were written into the ledger by a baseline.
    pub ran: usize,
}

impl Migrated {
    /// So many migrations have led from one version to another.
    #[must_use]
    pub const fn new(from: Option<i64>, to: Option<i64>, ran: usize) -> Self {
        Self { from, to, ran }
    }
}
