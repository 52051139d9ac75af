//! Where statements come from that no option gives: a pipe, or a session of another client.

use std::io::{self, IsTerminal as _, Read as _};

use sqlx::{Postgres, Sqlite};
use tenancy_sqlx::DirectoryEntry;

use super::adopt::adopt;
use super::psql::psql;
use crate::args::Adopt;
use crate::output::{Answer, Failure};
use crate::site::{Operated, Site};

/// What an operator does with a database besides the statements that the library runs.
pub(crate) trait Sessions: Operated {
    /// Adopts tables from before there were tenants.
    async fn adopt(site: &Site<'_>, args: &Adopt) -> Result<Answer, Failure>;

    /// A statement that is piped in, where there is no session of another client.
    fn statement_of_input() -> Result<Option<String>, Failure>;

    /// A session of another client.
    async fn interactive(site: &Site<'_>, tenant: &DirectoryEntry, write: bool) -> Result<Answer, Failure>;
}

impl Sessions for Sqlite {
    async fn adopt(_: &Site<'_>, _: &Adopt) -> Result<Answer, Failure> {
        Err(Failure::usage("tables are adopted on PostgreSQL alone")
            .advise("on SQLite copy the rows into new tables by a migration"))
    }

    fn statement_of_input() -> Result<Option<String>, Failure> {
        piped().map(Some)
    }

    async fn interactive(_: &Site<'_>, _: &DirectoryEntry, _: bool) -> Result<Answer, Failure> {
        Err(Failure::usage("SQLite has no interactive session in a tenant's scope")
            .advise("give a statement by `--command`"))
    }
}

impl Sessions for Postgres {
    async fn adopt(site: &Site<'_>, args: &Adopt) -> Result<Answer, Failure> {
        adopt(site, args).await
    }

    fn statement_of_input() -> Result<Option<String>, Failure> {
        Ok(None)
    }

    async fn interactive(site: &Site<'_>, tenant: &DirectoryEntry, write: bool) -> Result<Answer, Failure> {
        psql(site, tenant, write).await
    }
}

/// A statement that is piped in.
fn piped() -> Result<String, Failure> {
    let mut stdin = io::stdin();
    if stdin.is_terminal() {
        return Err(Failure::usage("SQLite has no interactive session in a tenant's scope")
            .advise("give a statement by `--command`, or pipe one in"));
    }
    let mut statement = String::new();
    stdin
        .read_to_string(&mut statement)
        .map_err(|error| Failure::new("unreadable_input", format!("failed to read stdin: {error}")))?;
    if statement.trim().is_empty() {
        return Err(Failure::usage("no statement is given").advise("give one by `--command`, or pipe one in"));
    }
    Ok(statement)
}
