//! Connections on which migrations run, one after the other.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgConnection, PgPool, Postgres};

use crate::postgres::execute::execute;

/// Who migrates bounds how many there are.
const MOST: u32 = 10_000;

/// How long one that nobody uses stays open.
const IDLE: Duration = Duration::from_secs(5);

/// What a migration may have left in its session, and its lock. After an error or a dropped future a connection is closed instead.
const CLEAN: &str = "begin; rollback; reset session authorization; reset role; reset all; close all; unlisten *; \
    discard sequences; discard temp; select pg_catalog.pg_advisory_unlock_all()";

/// The administrator's connections to one database, for migrations. To open one costs as much as a small migration, so one that has
/// run a migration without an error is cleaned and used again.
pub(in crate::postgres) struct WorkingPool(PgPool);

impl WorkingPool {
    pub(in crate::postgres) fn new(connect: PgConnectOptions) -> Self {
        let pool = PgPoolOptions::new()
            .max_connections(MOST)
            .idle_timeout(IDLE)
            // What runs first shows whether the connection lives.
            .test_before_acquire(false);
        Self(pool.connect_lazy_with(connect))
    }

    pub(in crate::postgres) async fn connect(&self) -> Result<WorkingConnection, sqlx::Error> {
        Ok(WorkingConnection {
            connection: self.0.acquire().await?,
            is_clean: false,
        })
    }

    pub(in crate::postgres) async fn close(&self) {
        self.0.close().await;
    }
}

/// One of them. It is closed unless it is [given back](Self::give_back).
pub(in crate::postgres) struct WorkingConnection {
    connection: PoolConnection<Postgres>,
    is_clean: bool,
}

impl WorkingConnection {
    /// Cleans it, and lets others use it. Its locks are free when this returns.
    pub(in crate::postgres) async fn give_back(mut self) -> Result<(), sqlx::Error> {
        execute(&mut self.connection, CLEAN.to_owned()).await?;
        self.is_clean = true;
        Ok(())
    }
}

impl Deref for WorkingConnection {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for WorkingConnection {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

impl Drop for WorkingConnection {
    fn drop(&mut self) {
        if !self.is_clean {
            self.connection.close_on_drop();
        }
    }
}
