//! Pools of connections, each of which is cleaned when a transaction begins on it.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::begin;
use super::session_pins::SessionPins;
use super::stale::LastChange;
use super::warm_pool::Sessions;

/// How many connections, how long to wait, and what stands between.
#[derive(Clone, Copy, Debug)]
pub(in crate::postgres) struct PoolSettings {
    pub(in crate::postgres) max_connections: u32,
    pub(in crate::postgres) acquire_timeout: Duration,
    pub(in crate::postgres) has_transaction_pooler: bool,
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
    /// Connections that are made when they are needed.
    pub(in crate::postgres) fn sessions(self, connect: PgConnectOptions) -> Sessions {
        self.sessions_of(self.pool_options(), self.connect_options(connect))
    }

    fn sessions_of(self, pool: PgPoolOptions, connect: PgConnectOptions) -> Sessions {
        let pool = if self.has_transaction_pooler {
            pool
        } else {
            pool.after_connect(|connection, _| Box::pin(begin::prepare(connection)))
        };
        Sessions::new(pool.connect_lazy_with(connect)).with_transaction_pooler(self.has_transaction_pooler)
    }

    /// As [`sessions`](Self::sessions), and no connection from before the last change is used, whether it is in
    /// the pool or at hand.
    pub(in crate::postgres) fn refreshed_sessions(
        self,
        pool: PgPoolOptions,
        connect: PgConnectOptions,
        last_change: &LastChange,
    ) -> Sessions {
        let change = last_change.clone();
        let pool = pool.before_acquire(move |_, connection| {
            let is_fresh = change.is_before(connection.age);
            Box::pin(async move { Ok(is_fresh) })
        });
        self.sessions_of(pool, connect).with_last_change(last_change.clone())
    }

    /// A connection whose session begins with these settings, and comes back to them when it is reset. They go before
    /// what a role or a database presets. A pooler refuses them.
    pub(in crate::postgres) fn pinned(self, connect: PgConnectOptions, pins: &SessionPins) -> PgConnectOptions {
        if self.has_transaction_pooler {
            connect
        } else {
            connect.options(pins.iter())
        }
    }

    pub(in crate::postgres) fn pool_options(self) -> PgPoolOptions {
        PgPoolOptions::new()
            .max_connections(self.max_connections)
            .acquire_timeout(self.acquire_timeout)
            // What begins a transaction shows whether the connection lives, and nothing has run by then.
            .test_before_acquire(false)
    }

    pub(in crate::postgres) fn connect_options(self, connect: PgConnectOptions) -> PgConnectOptions {
        if self.has_transaction_pooler {
            // A named statement is another session's in the next transaction, and the pooler refuses the rest.
            connect.statement_cache_capacity(0).extra_float_digits(None)
        } else {
            connect
        }
    }
}
