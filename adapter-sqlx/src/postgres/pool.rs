//! Pools of connections, each of which is cleaned when a transaction begins on it.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, PgPool, Postgres};

use super::session::BeginText;
use crate::StrategyTransaction;

/// How many connections, how long to wait, and what stands between.
#[derive(Clone, Copy, Debug)]
pub(super) struct PoolSettings {
    pub(super) max_connections: u32,
    pub(super) acquire_timeout: Duration,
    pub(super) has_transaction_pooler: bool,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            max_connections: 10,
            acquire_timeout: Duration::from_secs(5),
            has_transaction_pooler: false,
        }
    }
}

impl PoolSettings {
    /// A pool that connects when it is asked.
    pub(super) fn pool(self, connect: PgConnectOptions) -> PgPool {
        self.pool_options().connect_lazy_with(self.connect_options(connect))
    }

    pub(super) fn pool_options(self) -> PgPoolOptions {
        PgPoolOptions::new()
            .max_connections(self.max_connections)
            .acquire_timeout(self.acquire_timeout)
            // What begins a transaction shows whether the connection lives, and nothing has run by then.
            .test_before_acquire(false)
    }

    pub(super) fn connect_options(self, connect: PgConnectOptions) -> PgConnectOptions {
        if self.has_transaction_pooler {
            // A named statement is another session's in the next transaction, and the pooler refuses the rest.
            connect.statement_cache_capacity(0).extra_float_digits(None)
        } else {
            connect
        }
    }
}

/// Begins a transaction on a connection of the pool, on another where one turns out to be dead.
pub(super) async fn begin(pool: &PgPool, text: BeginText) -> Result<StrategyTransaction<Postgres>, sqlx::Error> {
    let text = text.into_string();
    // All that are idle may have died together; the next one is new.
    for _ in 0..pool.options().get_max_connections() {
        match StrategyTransaction::begin(pool.acquire().await?, AssertSqlSafe(text.as_str())).await {
            Err(error) if is_dead(&error) => tracing::debug!("a dead connection is replaced: {error}"),
            begun => return begun,
        }
    }
    StrategyTransaction::begin(pool.acquire().await?, AssertSqlSafe(text)).await
}

/// Whether it is the connection that failed, and not what it was asked.
fn is_dead(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::BeginFailed | sqlx::Error::InvalidSavePointStatement => true,
        // Connection exceptions; ended by an administrator or a crash; an aborted transaction of before.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            code.starts_with("08") || matches!(&*code, "57P01" | "57P02" | "57P05" | "25P02" | "25P03")
        }),
        _ => false,
    }
}
