//! The command line, as clap reads it.

mod change;
mod explain;
mod fence;
mod impersonation;
mod init;
mod migrate;
mod selection;
mod settings;
mod sql;
mod tenant;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use clap_complete::Shell;
use tenancy::names::TenantId;

pub(crate) use change::Change;
pub(crate) use explain::{AccessPolicy, Explain};
pub(crate) use fence::{FenceCommand, FenceFinish, FenceOn};
pub(crate) use impersonation::{GrantImpersonation, ImpersonationCommand};
pub(crate) use init::{Described, Init, InitDatabase, InitPostgres, InitSqlite, Strategy};
pub(crate) use migrate::{
    FindDrift, MigrateCommand, PlanMigrations, ResumeRun, RunCommand, RunMigrations, RunStatus, Scope,
};
pub(crate) use selection::{Filter, Selection};
pub(crate) use settings::{SetSetting, SettingsCommand, WriteSetting};
pub(crate) use sql::{Adopt, Sql};
pub(crate) use tenant::{
    CreateTenant, DeleteTenant, DomainCommand, EventCommand, LeadTenants, ListEvents, ListTenants, MemberCommand,
    RenameTenant, TailEvents, TenantCommand,
};

/// Operates the tenants of a service.
///
/// It reads the service's `tenancy.toml`, and URLs and secrets from where that file says. Data is on stdout, progress and
/// errors are on stderr.
///
/// Exit codes: 0 done, 1 failed, 2 the command line is wrong, 3 looked and found something, 4 done in part, 130 interrupted.
#[derive(Debug, Parser)]
#[command(
    version,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Global {
    /// The service's configuration.
    #[arg(long, global = true, value_name = "PATH", default_value = DEFAULT_FILE)]
    pub(crate) file: PathBuf,
    /// Print one JSON document on stdout, also of an error; a document a line where there is no end.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// The file where none is named.
pub(crate) const DEFAULT_FILE: &str = "tenancy.toml";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a `tenancy.toml`, and set up what it describes: roles, folders, the directory.
    Init(Init),
    /// Look at everything that could be wrong, and change nothing.
    Check,
    /// Verify that the databases keep tenants apart.
    Verify(Verify),
    /// Create, list and change tenants.
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// Add, list and remove members of a tenant.
    #[command(subcommand)]
    Member(MemberCommand),
    /// Add, list and remove domains of a tenant.
    #[command(subcommand)]
    Domain(DomainCommand),
    /// Read and change what tenants have set of their own.
    #[command(subcommand)]
    Settings(SettingsCommand),
    /// Let support enter a tenant for a while, to read.
    #[command(subcommand)]
    Impersonation(ImpersonationCommand),
    /// Read what has happened to tenants.
    #[command(subcommand)]
    Events(EventCommand),
    /// Make a suspension bind at the database at once, whatever processes have cached.
    #[command(subcommand)]
    Fence(FenceCommand),
    /// Migrate all tenants, and find those that are behind or have drifted.
    #[command(subcommand)]
    Migrate(MigrateCommand),
    /// Look at the runs of migrations.
    #[command(subcommand)]
    Runs(RunCommand),
    /// Make tables from before there were tenants tables that tenants share: print the SQL, or run it (PostgreSQL).
    Adopt(Adopt),
    /// Run SQL in one tenant's scope, reading only unless told otherwise. It is an event.
    Sql(Sql),
    /// Explain how a request would be decided, and change nothing.
    Explain(Box<Explain>),
    /// Print the completions of a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    /// Print the SQL that mends the findings, for the administrator to read and to run, in place of the findings.
    #[arg(long)]
    pub(crate) fix_sql: bool,
}

/// A tenant, by its id.
#[derive(Debug, clap::Args)]
pub(crate) struct OneTenant {
    /// The tenant's id.
    #[arg(value_name = "ID")]
    pub(crate) id: TenantId,
}
