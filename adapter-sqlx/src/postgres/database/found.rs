//! Databases of a server, by their names: what there is, and a lock on a name.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgDatabaseError};
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection};

use crate::StrategyError;
use crate::postgres::execute::execute;
use crate::postgres::identifier::{Literal, PgIdentifier};

/// How often what needs an unused database is tried while somebody is connected, and the pause in between.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(250);

/// What there is of a database's name.
pub(super) struct Found {
    /// Whether it is the administrator's, and another than the one that they are connected to.
    is_administrators: bool,
    comment: Option<String>,
}

impl Found {
    /// Whether it is the administrator's, and described so. A database without a comment is somebody else's.
    pub(super) fn is_described(&self, comment: &str) -> bool {
        self.is_administrators && self.comment.as_deref() == Some(comment)
    }

    /// As [`is_described`](Self::is_described); under a name that only unfinished ones have, it may have ended before the comment.
    pub(super) fn is_described_or_unfinished(&self, comment: &str) -> bool {
        self.is_administrators && self.comment.as_deref().is_none_or(|found| found == comment)
    }
}

pub(super) async fn find(server: &mut PgConnection, database: &str) -> Result<Option<Found>, StrategyError> {
    let sql = "select pg_catalog.pg_get_userbyid(datdba) = current_user and datname <> pg_catalog.current_database(), \
        pg_catalog.shobj_description(oid, 'pg_database') from pg_catalog.pg_database where datname = $1";
    let found: Option<(bool, Option<String>)> = sqlx::query_as(sql).bind(database).fetch_optional(server).await?;
    Ok(found.map(|(is_administrators, comment)| Found {
        is_administrators,
        comment,
    }))
}

/// A connection that is the only one of its kind for this database, as long as it is open.
pub(in crate::postgres) async fn locked(
    administrator: &PgConnectOptions,
    database: &PgIdentifier,
) -> Result<PgConnection, StrategyError> {
    let mut server = administrator.clone().connect().await?;
    let lock = format!(
        "select pg_advisory_lock(hashtextextended({}, 0))",
        Literal(database.as_str())
    );
    execute(&mut server, lock).await?;
    Ok(server)
}

/// Runs what needs a database that nobody is connected to, as often as somebody still is.
pub(in crate::postgres) async fn execute_when_unused(
    server: &mut PgConnection,
    sql: String,
) -> Result<(), StrategyError> {
    for _ in 1..TRIES {
        match sqlx::raw_sql(AssertSqlSafe(sql.as_str())).execute(&mut *server).await {
            Err(error) if is_in_use(&error) => tokio::time::sleep(PAUSE).await,
            done => return Ok(done.map(drop)?),
        }
    }
    Ok(execute(server, sql).await?)
}

/// Whether somebody is connected to the database: PostgreSQL's `object_in_use`, or a session of a role that the administrator
/// is not a member of, which it may not end.
fn is_in_use(error: &sqlx::Error) -> bool {
    let error = error
        .as_database_error()
        .and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
    error.is_some_and(|error| error.code() == "55006" || error.routine() == Some("TerminateOtherDBBackends"))
}

/// There is no such database, or the application may not connect to it, which is the last step of provisioning.
pub(in crate::postgres) fn is_not_provisioned(error: &sqlx::Error) -> bool {
    let error = error.as_database_error();
    let error: Option<&PgDatabaseError> = error.and_then(|error| error.try_downcast_ref());
    error.is_some_and(|error| match error.code() {
        "3D000" => true,
        // Of the session's beginning, and of no statement.
        "42501" => error.routine() == Some("CheckMyDatabase"),
        _ => false,
    })
}
