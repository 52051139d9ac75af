//! One at a time: provisions a tenant's schema, migrates it, or removes it.

use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::StrategyError;
use crate::postgres::identifier::{Literal, PgIdentifier};

/// How long another process that provisions or removes the same tenant is waited for.
const OTHERS: Duration = Duration::from_secs(600);

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(50);

/// Locks the schema for the session: until the connection is closed, over several transactions.
pub(in crate::postgres) async fn lock(
    connection: &mut PgConnection,
    schema: &PgIdentifier,
) -> Result<(), StrategyError> {
    lock_within(connection, schema, OTHERS).await
}

/// As [`lock`], and other processes are waited for no longer than so long.
///
/// It is tried again and again, and not waited for in a statement. A session that waits in a statement holds a
/// snapshot, which `create index concurrently` of the lock's holder waits for: the server would end one of the two as a
/// deadlock.
pub(super) async fn lock_within(
    connection: &mut PgConnection,
    schema: &PgIdentifier,
    others: Duration,
) -> Result<(), StrategyError> {
    let sql = format!(
        "select pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended({}, 0))",
        Literal(schema.as_str())
    );
    let begun = Instant::now();
    let mut attempts = 1;
    loop {
        // One message, and nothing is prepared: each tenant has a text of its own.
        let is_locked = sqlx::raw_sql(AssertSqlSafe(sql.as_str())).fetch_one(&mut *connection);
        if is_locked.await?.try_get(0)? {
            return Ok(());
        }
        if begun.elapsed() > others {
            return Err(StrategyError::LocksHeld {
                object: format!("the schema {schema}"),
                attempts,
                source: Box::new(StrategyError::other(
                    "another process provisions, migrates or removes it",
                )),
            });
        }
        attempts += 1;
        tokio::time::sleep(PAUSE).await;
    }
}
