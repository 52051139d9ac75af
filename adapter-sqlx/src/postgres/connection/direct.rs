//! Whether a connection is one session of the server.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use futures_util::future::try_join;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, Row};

use crate::StrategyError;
use crate::postgres::execute::execute;

/// Servers of which it is known that the administrator connects directly, by their names.
#[derive(Debug, Default)]
pub(in crate::postgres) struct DirectServers(Mutex<BTreeSet<String>>);

impl DirectServers {
    /// Looks once for each server, by connections to a database that is there. See [`require_direct`].
    pub(in crate::postgres) async fn require(
        &self,
        server: String,
        connect: &PgConnectOptions,
    ) -> Result<(), StrategyError> {
        if self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&server) {
            return Ok(());
        }
        require_direct(connect).await?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(server);
        Ok(())
    }
}

/// Refuses a pooler that lends a connection for one transaction.
///
/// Who migrates a tenant holds a lock of their session over several transactions. Behind such a pooler the next transaction may run in
/// another session, and another process in this one, which has the lock then: both would migrate the tenant.
pub(in crate::postgres) async fn require_direct(connect: &PgConnectOptions) -> Result<(), StrategyError> {
    let [one, other] = two_direct(connect).await?;
    one.close().await?;
    Ok(other.close().await?)
}

/// As [`require_direct`]. Returns the connections by which it was seen: one has a setting, and the other a transaction that is open.
pub(super) async fn two_direct(connect: &PgConnectOptions) -> Result<[PgConnection; 2], StrategyError> {
    let (mut one, mut other) = try_join(connect.connect(), connect.connect()).await?;
    execute(&mut one, "set tenancy.session = 'one'".to_owned()).await?;
    // What was lent to the first for this is free, and lent to the second, which keeps it: the first is lent another.
    execute(&mut other, "begin".to_owned()).await?;
    if is_one(&mut other).await? || !is_one(&mut one).await? {
        return Err(StrategyError::other(
            "the administrator connects through a pooler that lends a connection for one transaction, and migrations need a session: \
            give the administrator a URL that connects directly",
        ));
    }
    Ok([one, other])
}

async fn is_one(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let sql = "select pg_catalog.current_setting('tenancy.session', true) = 'one'";
    let row = sqlx::raw_sql(sql).fetch_one(connection).await?;
    Ok(row.try_get::<Option<bool>, _>(0)?.unwrap_or(false))
}
