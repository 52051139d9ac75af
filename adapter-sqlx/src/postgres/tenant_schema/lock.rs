//! One at a time: provisions a tenant's schema, migrates it, or removes it.

use std::time::{Duration, Instant};

use sqlx::postgres::PgRow;
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
    lock_and_look(connection, schema, OTHERS, "").await.map(drop)
}

/// As [`lock`], and other processes are waited for no longer than so long. Returns the rows of the query `look`, which saw what was
/// committed when the lock was held.
///
/// It is tried again and again, and not waited for in a statement. A session that waits in a statement holds a
/// snapshot, which `create index concurrently` of the lock's holder waits for: the server would end one of the two as a
/// deadlock.
pub(super) async fn lock_and_look(
    connection: &mut PgConnection,
    schema: &PgIdentifier,
    others: Duration,
    look: &str,
) -> Result<Vec<PgRow>, StrategyError> {
    // One message, and nothing is prepared: each tenant has a text of its own. By another level of isolation, which a role may have
    // set, the query would see what was committed before the lock.
    let sql = format!(
        "begin isolation level read committed; select pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended({}, 0)); \
        {look}; commit",
        Literal(schema.as_str())
    );
    let begun = Instant::now();
    let mut attempts = 1;
    loop {
        let mut rows = sqlx::raw_sql(AssertSqlSafe(sql.as_str()))
            .fetch_all(&mut *connection)
            .await?
            .into_iter();
        let is_locked = rows.next().ok_or(sqlx::Error::RowNotFound)?;
        if is_locked.try_get(0)? {
            return Ok(rows.collect());
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
