//! Pools of connections, each of which is cleaned when a transaction begins on it.

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::begin;
use super::session_pins::SessionPins;
use super::stale::LastChange;
use super::statement_names::StatementNames;
use super::warm_pool::WarmPool;
use crate::PoolSettings;
use crate::postgres::fence::watch::FenceWatch;
use crate::postgres::server::PgServer;

/// How the pool of one role is made.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::postgres) struct PoolPlan {
    pub(in crate::postgres) settings: PoolSettings,
    /// Whether a pooler stands between that lends a connection for one transaction, such as PgBouncer.
    pub(in crate::postgres) has_transaction_pooler: bool,
    /// Whether each transaction enters the tenant's place.
    pub(in crate::postgres) is_fenced: bool,
    /// Whether each transaction has its tenant in the session's `application_name`.
    pub(in crate::postgres) names_tenants: bool,
}

impl PoolPlan {
    /// The administrator's pool: a few connections, and never behind a pooler.
    pub(in crate::postgres) const fn administrator(self) -> Self {
        Self {
            settings: self.settings.with_max_connections(2),
            has_transaction_pooler: false,
            is_fenced: false,
            names_tenants: false,
        }
    }

    /// Connections that are made when they are needed.
    pub(in crate::postgres) fn warm_pool(self, connect: PgConnectOptions) -> WarmPool {
        self.warm_pool_of(
            self.pool_options(),
            self.connect_options(connect),
            FenceWatch::default(),
        )
    }

    fn warm_pool_of(self, pool: PgPoolOptions, connect: PgConnectOptions, fence: FenceWatch) -> WarmPool {
        let (has_pooler, watch) = (self.has_transaction_pooler, fence.clone());
        let pool = pool.after_connect(move |connection, _| {
            let watch = watch.clone();
            let prepare = if has_pooler { String::new() } else { begin::prepare() };
            Box::pin(async move { watch.ready(connection, prepare).await })
        });
        WarmPool::new(pool.connect_lazy_with(connect))
            .with_transaction_pooler(has_pooler)
            .with_fence(fence)
    }

    /// The application's pool: see [`refreshed_warm_pool`](Self::refreshed_warm_pool). It uses no connection to a database that
    /// is not fenced as the strategy is.
    pub(in crate::postgres) fn application_pool(
        self,
        pool: PgPoolOptions,
        connect: PgConnectOptions,
        last_change: &LastChange,
    ) -> WarmPool {
        self.refreshed(pool, connect, last_change, FenceWatch::new(self.is_fenced))
    }

    /// As [`warm_pool`](Self::warm_pool), and no connection from before the last change is used, neither from the
    /// pool nor from those that stay warm.
    pub(in crate::postgres) fn refreshed_warm_pool(
        self,
        pool: PgPoolOptions,
        connect: PgConnectOptions,
        last_change: &LastChange,
    ) -> WarmPool {
        self.refreshed(pool, connect, last_change, FenceWatch::default())
    }

    fn refreshed(
        self,
        pool: PgPoolOptions,
        connect: PgConnectOptions,
        last_change: &LastChange,
        fence: FenceWatch,
    ) -> WarmPool {
        let change = last_change.clone();
        let pool = pool.before_acquire(move |_, connection| {
            let is_fresh = change.is_before(connection.age);
            Box::pin(async move { Ok(is_fresh) })
        });
        self.warm_pool_of(pool, connect, fence)
            .with_last_change(last_change.clone())
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
        self.settings
            .pool_options()
            // What begins a transaction shows whether the connection lives, and nothing has run by then.
            .test_before_acquire(false)
    }

    /// What becomes of the names of statements on a connection that none of the pools has.
    pub(in crate::postgres) const fn statement_names(self) -> StatementNames {
        if self.has_transaction_pooler {
            StatementNames::Forgotten
        } else {
            StatementNames::Kept
        }
    }

    /// How a server is reached to look at it: as the administrator or, without them, as the application.
    pub(in crate::postgres) fn options_to_look(self, server: &PgServer) -> PgConnectOptions {
        match &server.administrator {
            Some(administrator) => administrator.clone(),
            None => self.connect_options(server.application.clone()),
        }
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
