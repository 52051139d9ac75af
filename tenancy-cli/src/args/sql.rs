//! The commands that work with tenants' tables.

use tenancy::names::TenantId;

use super::change::Change;

#[derive(Debug, clap::Args)]
pub(crate) struct Adopt {
    /// The tenant that all rows become, which are there.
    #[arg(value_name = "ID")]
    pub(crate) id: TenantId,
    /// Run the SQL, in one transaction. Without it, it is printed.
    #[arg(long)]
    pub(crate) run: bool,
    /// Do not ask.
    #[arg(long, short, requires = "run")]
    pub(crate) yes: bool,
}

/// On PostgreSQL `psql` runs unless a statement is given; its input may come from a pipe. On SQLite the statement is given, or
/// piped.
#[derive(Debug, clap::Args)]
pub(crate) struct Sql {
    /// The tenant's id.
    #[arg(value_name = "ID")]
    pub(crate) id: TenantId,
    /// One statement to run, in place of `psql`.
    #[arg(long, short, value_name = "SQL")]
    pub(crate) command: Option<String>,
    /// Let it write, too.
    #[arg(long)]
    pub(crate) write: bool,
    #[command(flatten)]
    pub(crate) change: Change,
}
