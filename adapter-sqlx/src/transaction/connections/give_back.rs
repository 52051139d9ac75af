//! How connections go back to their pools.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Connection, Database};
use sqlx_core::transaction::TransactionManager;
use tokio::runtime::{Builder, Handle};

/// How long a connection may take to come back to its pool: the query of a dropped future may still run, and a network
/// may swallow the answer. After that it is closed, so that the pool can open another.
pub(crate) const RETURN_TIMEOUT: Duration = Duration::from_secs(30);

/// How a transaction has left its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndState {
    /// The transaction has ended, and no other is open.
    Ended,
    /// The transaction has ended, and an empty one was opened in its place, so that sqlx's count stays right.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    Empty,
    /// The transaction is open. A query may still run.
    Open,
}

/// Gives a connection back to its pool once its latest statement is answered; a transaction that is open on it is
/// rolled back. It happens on the current runtime; without one the connection is closed.
///
/// # Security
///
/// An error among those answers is the last tenant's, and has its data in it. The connection is closed then, before
/// sqlx's pool reads the error and logs it.
pub(crate) fn give_back<DB: Database>(mut connection: PoolConnection<DB>, end: EndState) {
    let Ok(runtime) = Handle::try_current() else {
        return close_without_runtime(connection);
    };
    match pending_answers::<DB>(&mut connection) {
        Pending::None => return_to_pool(&runtime, connection, end),
        Pending::Failed => close(connection),
        Pending::StillComing => {
            runtime.spawn(return_when_answered(Returning::new(connection), end));
        }
    }
}

/// The answers that no future has waited for.
pub(crate) enum Pending {
    None,
    /// A query still runs, as that of a dropped future.
    StillComing,
    /// The query failed, or the connection did.
    Failed,
}

/// Reads what has arrived of answers that no future has waited for, and returns whether more are to come. Without any
/// it does nothing.
pub(crate) fn pending_answers<DB: Database>(connection: &mut DB::Connection) -> Pending {
    // Hidden in sqlx's documentation: it reads until all that was sent is answered, and may be dropped at any time.
    let reading = pin!(connection.flush());
    match reading.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(())) => Pending::None,
        Poll::Ready(Err(_)) => Pending::Failed,
        Poll::Pending => Pending::StillComing,
    }
}

/// A connection that is neither lent nor in its pool. Dropped, with the runtime that it is on, it is closed.
pub(crate) struct Returning<DB: Database>(Option<PoolConnection<DB>>);

impl<DB: Database> Returning<DB> {
    pub(crate) const fn new(connection: PoolConnection<DB>) -> Self {
        Self(Some(connection))
    }

    pub(crate) const fn connection(&mut self) -> Option<&mut PoolConnection<DB>> {
        self.0.as_mut()
    }

    pub(crate) const fn take(&mut self) -> Option<PoolConnection<DB>> {
        self.0.take()
    }
}

impl<DB: Database> Drop for Returning<DB> {
    fn drop(&mut self) {
        if let Some(connection) = self.take() {
            close(connection);
        }
    }
}

async fn return_when_answered<DB: Database>(mut returning: Returning<DB>, end: EndState) {
    let Some(connection) = returning.connection() else {
        return;
    };
    if let Ok(Ok(())) = tokio::time::timeout(RETURN_TIMEOUT, connection.flush()).await
        && let Some(connection) = returning.take()
    {
        return_to_pool(&Handle::current(), connection, end);
    }
}

fn return_to_pool<DB: Database>(runtime: &Handle, mut connection: PoolConnection<DB>, end: EndState) {
    if end != EndState::Ended {
        // Sent before the connection is lent again.
        DB::TransactionManager::start_rollback(&mut connection);
    }
    // Hidden in sqlx's documentation: what its drop runs, without a limit of time.
    let returned = connection.return_to_pool();
    runtime.spawn(async move {
        if tokio::time::timeout(RETURN_TIMEOUT, returned).await.is_err() {
            tracing::warn!("a connection is closed: it did not come back to its pool in {RETURN_TIMEOUT:?}");
        }
    });
}

/// Closes a connection, and makes room in its pool for another.
pub(crate) fn close<DB: Database>(mut connection: PoolConnection<DB>) {
    if Handle::try_current().is_ok() {
        connection.close_on_drop();
    } else {
        close_without_runtime(connection);
    }
}

/// sqlx's pool panics where a connection is dropped outside of a runtime, and a panic during a panic ends the process.
fn close_without_runtime<DB: Database>(connection: PoolConnection<DB>) {
    let runtime = match Handle::try_current() {
        // The thread is ending: no runtime can be entered any more.
        Err(error) if error.is_thread_local_destroyed() => None,
        _ => Builder::new_current_thread().build().ok(),
    };
    match runtime {
        Some(runtime) => {
            let _entered = runtime.enter();
            drop(connection.detach());
        }
        // The thread or the process is at its end: the pool counts the connection as lent.
        None => std::mem::forget(connection),
    }
}
