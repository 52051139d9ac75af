//! Whether a connection is one session of the server.

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, Row};

use crate::StrategyError;
use crate::postgres::execute::execute;

/// Refuses a pooler that lends a connection for one transaction.
///
/// Who migrates a tenant holds a lock of their session over several transactions. Behind such a pooler the next transaction may run in
/// another session, and another process in this one, which has the lock then: both would migrate the tenant.
pub(super) async fn require_direct(connect: &PgConnectOptions) -> Result<(), StrategyError> {
    let (mut one, mut other) = (connect.connect().await?, connect.connect().await?);
    execute(&mut one, "set tenancy.session = 'one'".to_owned()).await?;
    // What was lent to the first for this is free, and lent to the second, which keeps it: the first is lent another.
    execute(&mut other, "begin".to_owned()).await?;
    if is_one(&mut other).await? || !is_one(&mut one).await? {
        return Err(StrategyError::other(
            "the administrator connects through a pooler that lends a connection for one transaction, and migrations need a session: \
            give the administrator a URL that connects directly",
        ));
    }
    one.close().await?;
    Ok(other.close().await?)
}

async fn is_one(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let sql = "select pg_catalog.current_setting('tenancy.session', true) = 'one'";
    let row = sqlx::raw_sql(sql).fetch_one(connection).await?;
    Ok(row.try_get::<Option<bool>, _>(0)?.unwrap_or(false))
}
