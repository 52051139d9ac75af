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
    lock_and_look(connection, schema, OTHERS, &Look::default())
        .await
        .map(drop)
}

/// What is looked at in the message that locks.
#[derive(Default)]
pub(super) struct Look {
    /// Expressions, each with a comma before it.
    pub(super) expressions: String,
    /// A query. It sees what was committed when the lock was held.
    pub(super) query: String,
}

/// As [`lock`], and other processes are waited for no longer than so long. Returns a row of the lock and the expressions, and the rows of
/// the query.
///
/// It is tried again and again, and not waited for in a statement. A session that waits in a statement holds a
/// snapshot, which `create index concurrently` of the lock's holder waits for: the server would end one of the two as a
/// deadlock.
pub(super) async fn lock_and_look(
    connection: &mut PgConnection,
    schema: &PgIdentifier,
    others: Duration,
    look: &Look,
) -> Result<Vec<PgRow>, StrategyError> {
    // One message, and nothing is prepared: each tenant has a text of its own. By another level of isolation, which a role may have
    // set, the query would see what was committed before the lock.
    let sql = format!(
        "begin isolation level read committed; select {}{}; {}; commit",
        lock_sql(schema),
        look.expressions,
        look.query
    );
    let begun = Instant::now();
    let mut attempts = 1;
    loop {
        let rows = sqlx::raw_sql(AssertSqlSafe(sql.as_str()))
            .fetch_all(&mut *connection)
            .await?;
        if rows.first().ok_or(sqlx::Error::RowNotFound)?.try_get(0)? {
            return Ok(rows);
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

/// An expression that is true if it locks the schema.
pub(super) fn lock_sql(schema: &PgIdentifier) -> String {
    format!(
        "pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended({}, 0))",
        Literal(schema.as_str())
    )
}
