//! The command as an application embeds it.

use std::fmt;
use std::sync::Arc;

use clap::{Command, CommandFactory};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sqlx::migrate::Migrator;
use tenancy::cache::{SettingsProblem, check_settings};
use tenancy::names::{FieldName, ResolverName, TenantKey};
use tenancy::request::RequestView;
use tenancy::resolve::{Malformed, Resolver};
use tenancy::{Open, OpenDatabase};

use crate::args::Args;

/// The command line of one service: its name, and what the service compiles into it.
#[must_use = "nothing happens until it is run"]
pub struct Cli {
    name: &'static str,
    migrations: Vec<(String, Migrator)>,
    own_tables: Vec<String>,
    resolvers: Vec<Arc<dyn Resolver>>,
    settings: Option<CheckSettings>,
}

/// Whether an object can be the settings of a tenant.
pub(crate) type CheckSettings = fn(&Map<String, Value>) -> Result<(), SettingsProblem>;

impl Cli {
    /// A command of this name, which help and advice repeat.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            migrations: Vec::new(),
            own_tables: Vec::new(),
            resolvers: Vec::new(),
            settings: None,
        }
    }

    /// The migrations of a strategy, by its name (`row`, `schema` or `database`), as the service has them
    /// ([`Open::with_migrations`]).
    pub fn with_migrations(mut self, strategy: impl Into<String>, migrations: Migrator) -> Self {
        self.migrations.push((strategy.into(), migrations));
        self
    }

    /// A table of the file that is the service's own ([`Open::with_own_table`]).
    pub fn with_own_table(mut self, name: impl Into<String>) -> Self {
        self.own_tables.push(name.into());
        self
    }

    /// A resolver of the service's own ([`Open::with_resolver`]), for explanations.
    pub fn with_resolver(mut self, resolver: impl Resolver + 'static) -> Self {
        self.resolvers.push(Arc::new(resolver));
        self
    }

    /// The type of tenants' settings, as the service reads them: `settings set` refuses what it would refuse. Without it what is
    /// set is not looked at.
    pub fn with_settings<T>(mut self) -> Self
    where
        T: Default + DeserializeOwned + Send + Sync + 'static,
    {
        self.settings = Some(|object| check_settings::<T>(object).map(drop));
        self
    }

    /// What help and advice call the command.
    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) const fn settings(&self) -> Option<CheckSettings> {
        self.settings
    }

    /// The command as clap has it.
    pub(crate) fn command(&self) -> Command {
        Args::command().name(self.name).bin_name(self.name)
    }

    /// What is compiled in, given to what opens the file.
    pub(crate) fn equip<DB: OpenDatabase>(&self, mut open: Open<DB>) -> Open<DB> {
        for (strategy, migrations) in &self.migrations {
            open = open.with_migrations(strategy, clone_of(migrations));
        }
        for table in &self.own_tables {
            open = open.with_own_table(table);
        }
        for resolver in &self.resolvers {
            open = open.with_resolver(Shared(Arc::clone(resolver)));
        }
        open
    }
}

impl fmt::Debug for Cli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cli").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A resolver that several files are opened with.
struct Shared(Arc<dyn Resolver>);

impl Resolver for Shared {
    fn name(&self) -> ResolverName {
        self.0.name()
    }

    fn resolve(&self, request: &RequestView<'_>) -> Result<Option<TenantKey>, Malformed> {
        self.0.resolve(request)
    }

    fn resolve_into(&self, request: &RequestView<'_>, key: &mut Option<TenantKey>) -> Result<(), Malformed> {
        self.0.resolve_into(request, key)
    }

    fn each_field(&self, visit: &mut dyn FnMut(&FieldName)) {
        self.0.each_field(visit);
    }

    fn reads_claims(&self) -> bool {
        self.0.reads_claims()
    }
}

/// A migrator is no `Clone`.
fn clone_of(migrations: &Migrator) -> Migrator {
    let mut copy = Migrator::with_migrations(migrations.iter().cloned().collect());
    copy.ignore_missing = migrations.ignore_missing;
    copy.locking = migrations.locking;
    copy.no_tx = migrations.no_tx;
    copy.table_name = migrations.table_name.clone();
    copy.create_schemas = migrations.create_schemas.clone();
    copy
}
