//! The command as an application embeds it.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::process::ExitCode;
use std::sync::Arc;

use clap::error::ErrorKind;
use clap::{Command, CommandFactory, FromArgMatches};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sqlx::migrate::Migrator;
use tenancy::cache::{SettingsProblem, check_settings};
use tenancy::names::{FieldName, ResolverName, TenantKey};
use tenancy::request::RequestView;
use tenancy::resolve::{Malformed, Resolver};
use tenancy::{Open, OpenDatabase};

use crate::args::Args;
use crate::output::{Exit, Failure, Output};
use crate::run;

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

    /// Runs the command that the process's arguments are. It makes a runtime of its own: call it from a `main` without one.
    #[must_use]
    pub fn run(self) -> ExitCode {
        self.run_with(env::args_os())
    }

    /// As [`run`](Self::run), with these arguments; the first is the command's name, and not read.
    #[must_use]
    pub fn run_with(self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> ExitCode {
        let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
        let args = match self.parse(&arguments) {
            Ok(args) => args,
            Err(error) => return self.refuse(&arguments, &error),
        };
        let output = Output::new(self.name, args.global.json);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        match runtime {
            Ok(runtime) => {
                let exit = runtime.block_on(run::run(self, args, &output));
                // What still holds a connection does not keep the command from ending.
                runtime.shutdown_background();
                exit.into()
            }
            Err(error) => output
                .fail(&Failure::new("internal", format!("failed to start: {error}")))
                .into(),
        }
    }

    fn parse(&self, arguments: &[OsString]) -> Result<Args, clap::Error> {
        let mut command = self.command();
        let matches = command.try_get_matches_from_mut(arguments)?;
        Args::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }

    pub(crate) const fn settings(&self) -> Option<CheckSettings> {
        self.settings
    }

    /// The command as clap has it.
    pub(crate) fn command(&self) -> Command {
        Args::command().name(self.name).bin_name(self.name)
    }

    /// Help goes to stdout and is no error.
    fn refuse(&self, arguments: &[OsString], error: &clap::Error) -> ExitCode {
        let is_help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
        if is_help {
            let printed = error.print();
            return if printed.is_ok() { Exit::Done } else { Exit::Failed }.into();
        }
        let json = arguments.iter().any(|argument| argument == "--json");
        if json {
            let text = error.render().to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text).trim();
            let failure = Failure::usage(text);
            return Output::new(self.name, true).fail(&failure).into();
        }
        // Nothing can be done where even that fails.
        let _ = error.print();
        Exit::Usage.into()
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
