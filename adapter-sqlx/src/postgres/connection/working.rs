//! Connections on which migrations run, one after the other.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row};
use tokio::sync::OnceCell;

use super::direct::two_direct;
use crate::StrategyError;
use crate::postgres::execute::execute;

/// How long one that nobody uses stays open.
const IDLE: Duration = Duration::from_secs(5);

/// How often one is used. The server remembers in each session the tables of all tenants that were migrated there.
const USES: u32 = 500;

/// What a migration may have left in its session, and its lock: all that `discard all` discards, but for prepared statements, since sqlx
/// would go on to use those that it has prepared.
///
/// After an error or a dropped future a connection is closed instead.
pub(in crate::postgres) const CLEAN: &str = "begin; rollback; reset session authorization; reset role; reset all; close all; unlisten *; \
    discard sequences; discard temp; select pg_catalog.pg_advisory_unlock_all()";

/// Whether a migration has prepared statements of its own, so that the connection is of no use to the next one.
const HAS_PREPARED: &str = "select exists (select from pg_catalog.pg_prepared_statements where from_sql)";

/// Frees locks, of a connection that is closed.
const UNLOCK: &str = "select pg_catalog.pg_advisory_unlock_all()";

/// The administrator's connections to one database, for migrations. To open one costs as much as a small migration, so one that has
/// run a migration without an error is cleaned and used again.
///
/// It is no pool of sqlx's, which gives a connection back behind the caller's back, and asks the server once more whether it lives: the
/// next tenant would find none, and open another one. Who migrates bounds how many there are.
pub(in crate::postgres) struct WorkingPool {
    lender: Lender,
    is_direct: OnceCell<()>,
}

/// What lends them, to whom needs no session: what is read by one statement may be read through a pooler as well.
#[derive(Clone)]
pub(in crate::postgres) struct Lender {
    connect: PgConnectOptions,
    idle: Arc<Mutex<Idle>>,
}

#[derive(Default)]
struct Idle {
    connections: Vec<Unused>,
    /// Whether a task closes those that nobody uses.
    is_watched: bool,
    is_closed: bool,
}

struct Unused {
    connection: PgConnection,
    uses: u32,
    since: Instant,
}

impl WorkingPool {
    pub(in crate::postgres) fn new(connect: PgConnectOptions) -> Self {
        let idle = Arc::default();
        Self {
            lender: Lender { connect, idle },
            is_direct: OnceCell::new(),
        }
    }

    /// One that is clean. Whether it lives, what runs first on it shows.
    ///
    /// # Errors
    ///
    /// If the server cannot be reached, and if a pooler stands between that [lends sessions](two_direct).
    pub(in crate::postgres) async fn connect(&self) -> Result<WorkingConnection, StrategyError> {
        self.is_direct.get_or_try_init(|| self.lender.require_direct()).await?;
        Ok(self.lender.connect().await?)
    }

    /// One that need not be a session of its own.
    pub(in crate::postgres) const fn lender(&self) -> &Lender {
        &self.lender
    }

    /// Closes those that nobody uses; the others are closed when they are given back.
    pub(in crate::postgres) async fn close(&self) {
        let unused = {
            let mut idle = locked(&self.lender.idle);
            idle.is_closed = true;
            std::mem::take(&mut idle.connections)
        };
        close(unused).await;
    }
}

impl Lender {
    /// One that is clean.
    pub(in crate::postgres) async fn connect(&self) -> Result<WorkingConnection, sqlx::Error> {
        let unused = locked(&self.idle).connections.pop();
        Ok(match unused {
            Some(unused) => self.lend(unused.connection, unused.uses),
            None => self.lend(self.connect.connect().await?, 0),
        })
    }

    /// Looks by two connections whether each is a session, and lets both be used.
    async fn require_direct(&self) -> Result<(), StrategyError> {
        for connection in two_direct(&self.connect).await? {
            self.lend(connection, 0).give_back().await?;
        }
        Ok(())
    }

    fn lend(&self, connection: PgConnection, uses: u32) -> WorkingConnection {
        WorkingConnection {
            connection,
            uses: uses + 1,
            idle: Arc::clone(&self.idle),
        }
    }
}

/// One of them. It is closed unless it is [given back](Self::give_back).
pub(in crate::postgres) struct WorkingConnection {
    connection: PgConnection,
    uses: u32,
    idle: Arc<Mutex<Idle>>,
}

impl WorkingConnection {
    /// Cleans it, and lets others use it. Its locks are free when this returns.
    pub(in crate::postgres) async fn give_back(mut self) -> Result<(), sqlx::Error> {
        execute(&mut self.connection, CLEAN.to_owned()).await?;
        self.put_back().await
    }

    /// As [`give_back`](Self::give_back), where statements have run that may have prepared others.
    pub(in crate::postgres) async fn give_back_used(mut self) -> Result<(), sqlx::Error> {
        let sql = AssertSqlSafe(format!("{CLEAN}; {HAS_PREPARED}"));
        let rows = sqlx::raw_sql(sql).fetch_all(&mut self.connection).await?;
        if rows.last().ok_or(sqlx::Error::RowNotFound)?.try_get(0)? {
            return self.connection.close().await;
        }
        self.put_back().await
    }

    /// Lets others use it, once a message that was run on it has cleaned it by [`CLEAN`].
    pub(in crate::postgres) async fn put_back(self) -> Result<(), sqlx::Error> {
        if self.uses >= USES {
            return self.connection.close().await;
        }
        let rest = {
            let mut idle = locked(&self.idle);
            if idle.is_closed {
                Some(self.connection)
            } else {
                idle.connections.push(Unused {
                    connection: self.connection,
                    uses: self.uses,
                    since: Instant::now(),
                });
                if !idle.is_watched {
                    idle.is_watched = true;
                    tokio::spawn(watch(Arc::downgrade(&self.idle)));
                }
                None
            }
        };
        match rest {
            Some(connection) => connection.close().await,
            None => Ok(()),
        }
    }

    /// Closes it. Its locks are free when this returns.
    pub(in crate::postgres) async fn close(mut self) -> Result<(), sqlx::Error> {
        execute(&mut self.connection, UNLOCK.to_owned()).await?;
        self.connection.close().await
    }
}

/// Closes connections that nobody has used for a while, until there is none.
async fn watch(idle: Weak<Mutex<Idle>>) {
    loop {
        tokio::time::sleep(IDLE).await;
        let Some(idle) = idle.upgrade() else { return };
        let (unused, is_over) = {
            let mut idle = locked(&idle);
            let is_old = |unused: &mut Unused| unused.since.elapsed() >= IDLE;
            let unused: Vec<Unused> = idle.connections.extract_if(.., is_old).collect();
            idle.is_watched = !idle.connections.is_empty();
            (unused, !idle.is_watched)
        };
        close(unused).await;
        if is_over {
            return;
        }
    }
}

async fn close(unused: Vec<Unused>) {
    for unused in unused {
        // The server may have closed it before.
        let _ = unused.connection.close().await;
    }
}

fn locked(idle: &Mutex<Idle>) -> MutexGuard<'_, Idle> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
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
