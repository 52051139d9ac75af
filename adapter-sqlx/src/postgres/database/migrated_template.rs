//! A database that has run all migrations, of which tenants' databases are copies: a copy takes as long with a hundred tables as
//! with one.

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};

use super::found::{execute_when_unused, find, locked};
use crate::StrategyError;
use crate::postgres::execute::execute;
use crate::postgres::identifier::{Literal, PgIdentifier};

/// What the template is described as, before the prefix of the databases that are copies of it.
const COMMENT: &str = "template of tenants ";

/// The template, and the connection whose lock keeps others from it while it is copied.
pub(super) struct MigratedTemplate {
    pub(super) name: PgIdentifier,
    lock: PgConnection,
}

impl MigratedTemplate {
    /// Makes it, or what is missing of it. Each step can be done again.
    pub(super) async fn find(
        administrator: &PgConnectOptions,
        template: &PgIdentifier,
        prefix: &str,
    ) -> Result<Self, StrategyError> {
        let mut server = administrator.connect().await?;
        let name = name_of(&mut server, prefix).await?;
        server.close().await?;
        let mut lock = locked(administrator, &name).await?;
        let comment = format!("{COMMENT}{prefix}");
        match find(&mut lock, name.as_str()).await? {
            None => {
                let sql = format!("create database {name} template {template}");
                execute_when_unused(&mut lock, sql).await?;
            }
            // Nobody else's name: a process may have ended before the comment.
            Some(found) if found.is_described_or_unfinished(&comment) => {}
            Some(_) => {
                return Err(StrategyError::other(format!(
                    "the database {name} is not known to be the template of tenants' databases: its owner is another, or its \
                     comment is not `{comment}`"
                )));
            }
        }
        let sql = format!(
            "comment on database {name} is {}; revoke all on database {name} from public",
            Literal(&comment)
        );
        execute(&mut lock, sql).await?;
        Ok(Self { name, lock })
    }

    /// How the administrator connects to it, to run the migrations that are new.
    pub(super) fn database(&self, administrator: &PgConnectOptions) -> PgConnectOptions {
        administrator.clone().database(self.name.as_str())
    }

    /// Lets others at it.
    pub(super) async fn copied(self) -> Result<(), StrategyError> {
        Ok(self.lock.close().await?)
    }
}

/// One for each prefix, which is one for each application on the server.
async fn name_of(server: &mut PgConnection, prefix: &str) -> Result<PgIdentifier, StrategyError> {
    let sql = "select 'tenancy_template_' || pg_catalog.left(pg_catalog.encode(pg_catalog.sha256(
        pg_catalog.convert_to($1, 'UTF8')), 'hex'), 40)";
    let name: String = sqlx::query_scalar(sql).bind(prefix).fetch_one(server).await?;
    name.parse().map_err(StrategyError::other)
}
