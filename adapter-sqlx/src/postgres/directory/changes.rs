//! The notifications of the directory's triggers.

use std::fmt;
use std::time::Duration;

use sqlx::Executor as _;
use sqlx::postgres::{PgConnectOptions, PgListener, PgNotification, PgPoolOptions};
use tenancy_core::directory::{Change, ChangeFeed};

use crate::postgres::citus::cluster::is_worker;

/// The channel that the triggers of [`PgDirectory`](crate::PgDirectory) notify.
const CHANNEL: &str = "tenancy_changes";

/// The changes of a [`PgDirectory`](crate::PgDirectory), whichever process makes them (`LISTEN`).
///
/// Give it to `tenancy_cache::follow` with the caches: then a tenant that is suspended, or a member that is
/// removed, is refused by every process as soon as the change is committed and the notification has arrived.
///
/// A tenant's change has all names that the tenant had and has, so that a cache forgets the misses of these alone. Names
/// that do not fit into a notification (8,000 bytes) are delivered as [`Change::Everything`]. Several rows that one transaction
/// changes are several changes.
///
/// It holds one connection. If that is lost, the next call opens another and returns
/// [`Change::Everything`] once it listens again. A silent connection is probed every 15 seconds, and has 5 seconds to
/// answer: a broken network can hide a change for that long.
///
/// # Security
///
/// Connect directly: a pooler that lends connections for a transaction silently loses the subscription.
pub struct PgChanges {
    options: PgConnectOptions,
    heartbeat: Duration,
    listener: Option<PgListener>,
}

/// How long the database may take to answer a probe, or to accept a connection.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

impl PgChanges {
    /// Subscribes. From then on no change is missed without [`Change::Everything`].
    ///
    /// # Errors
    ///
    /// If the database cannot be reached, or is a worker of a Citus cluster, which hears nothing of what is notified on the
    /// coordinator.
    pub async fn connect(options: PgConnectOptions) -> Result<Self, sqlx::Error> {
        let listener = listen(&options).await?;
        Ok(Self {
            options,
            heartbeat: Duration::from_secs(15),
            listener: Some(listener),
        })
    }

    /// Sets how often a silent connection is probed. The default is 15 seconds.
    #[must_use]
    pub fn with_heartbeat(self, heartbeat: Duration) -> Self {
        Self { heartbeat, ..self }
    }
}

impl ChangeFeed for PgChanges {
    type Error = sqlx::Error;

    async fn next(&mut self) -> Result<Option<Change>, sqlx::Error> {
        loop {
            let Some(listener) = &mut self.listener else {
                self.listener = Some(listen(&self.options).await?);
                return Ok(Some(Change::Everything));
            };
            match tokio::time::timeout(self.heartbeat, listener.try_recv()).await {
                Ok(Ok(Some(notification))) => return Ok(Some(parse(&notification))),
                // Lost, or about to be: an orderly shutdown of the server arrives as an error.
                Ok(Ok(None) | Err(_)) => self.listener = None,
                Err(_) if is_alive(listener).await => {}
                Err(_) => self.listener = None,
            }
        }
    }
}

/// A notification of an unknown version may be about anything.
fn parse(notification: &PgNotification) -> Change {
    notification.payload().parse().unwrap_or(Change::Everything)
}

async fn is_alive(listener: &mut PgListener) -> bool {
    let answered = tokio::time::timeout(PROBE_TIMEOUT, listener.execute("select 1")).await;
    matches!(answered, Ok(Ok(_)))
}

async fn listen(options: &PgConnectOptions) -> Result<PgListener, sqlx::Error> {
    // A pool of its own for each connection: one that has died does not stand in the way of the next.
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(PROBE_TIMEOUT)
        .max_lifetime(None)
        .idle_timeout(None)
        .connect_lazy_with(options.clone());
    let mut connection = pool.acquire().await?;
    if is_worker(&mut connection).await? {
        let reason =
            "the feed of changes is connected to a worker of Citus, which hears nothing: connect it to the coordinator";
        return Err(sqlx::Error::Configuration(reason.into()));
    }
    drop(connection);
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

impl fmt::Debug for PgChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgChanges")
            .field("heartbeat", &self.heartbeat)
            .finish_non_exhaustive()
    }
}
