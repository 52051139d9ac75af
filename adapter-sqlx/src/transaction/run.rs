//! Transactions that are run as a whole, and once more where that helps.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use sqlx::Database;
use tenancy_core::context;
use tenancy_core::enforce::Admitted;

use super::entrant::Entrant;
use crate::error::classify::{Phase, Repeat};
use crate::{Begin, TenantDb, TenantTransaction, TransactionError};

/// How long a transaction that failed may take to roll back. A query whose future was dropped, by a time-out in the
/// work for instance, may still run on its connection; the pool waits for that, and the caller does not.
const ROLLBACK_TIMEOUT: Duration = Duration::from_millis(100);

/// What [`TenantDb::run`] returns: the outcome of the work, once its transaction is committed.
pub type RunFuture<'r, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'r>>;

impl<DB: Database> TenantDb<DB> {
    /// Runs `work` in a transaction in which a member reads and writes, and commits it.
    ///
    /// If the work fails, the transaction is rolled back. So it is if the work panics or the future is dropped.
    ///
    /// ```
    /// use tenancy_core::enforce::Admitted;
    /// use tenancy_sqlx::{TenantDb, TransactionError};
    ///
    /// #[derive(Debug, thiserror::Error)]
    /// enum NotesError {
    ///     #[error("failed to reach the notes")]
    ///     Transaction(#[from] TransactionError),
    ///     #[error("failed to query the notes")]
    ///     Query(#[from] sqlx::Error),
    /// }
    ///
    /// async fn add(db: &TenantDb<sqlx::Sqlite>, member: &Admitted, body: &str) -> Result<i64, NotesError> {
    ///     db.run(member, async |tx| {
    ///         sqlx::query("insert into notes (body) values (?)").bind(body).execute(&mut **tx).await?;
    ///         Ok(sqlx::query_scalar("select count(*) from notes").fetch_one(&mut **tx).await?)
    ///     })
    ///     .await
    /// }
    /// ```
    ///
    /// The closure borrows from outside what it only reads. It takes nothing by value, and changes nothing outside,
    /// since it may be called again; the compiler refuses one that does. Its error is any `E: std::error::Error` that
    /// keeps the database's error as a source, `anyhow::Error`, or `Box<dyn Error + Send + Sync>`. Where the error type
    /// cannot be inferred, name it: `Ok::<_, NotesError>(id)`.
    ///
    /// # The work may run twice
    ///
    /// It is run once more, in a new transaction, if the first attempt was certainly undone, and the error says that
    /// another one may succeed:
    ///
    /// - It lost against another transaction: a serialization failure (`40001`), at the commit too, or a deadlock
    ///   (`40P01`).
    /// - A worker of a Citus cluster could not be reached by one of its statements, or had just given a shard away.
    /// - Its connection has a statement prepared whose columns another process has changed since ("cached plan must not
    ///   change result type", `0A000`). PostgreSQL refuses that statement for as long as the connection lives. The
    ///   strategy is [refreshed](Self::refresh) first, so that the second attempt is on a new connection, and so is
    ///   every other transaction from then on.
    ///
    /// So what the work does outside of its transaction, such as sending a message, must be repeatable. Send no
    /// `COMMIT` as SQL in it: what was committed so would be done twice.
    ///
    /// A second failure is returned. A commit whose connection was lost is never repeated: the server may have
    /// committed, and its error is of the kind [`Unconfirmed`](crate::ErrorKind::Unconfirmed).
    ///
    /// # Errors
    ///
    /// The error of the work, or a [`TransactionError`] where the transaction could not begin or be committed.
    /// [`ErrorKind::of`](crate::ErrorKind::of) tells how to answer either.
    pub fn run<'r, T, E, K: 'r, W>(&'r self, admitted: &'r Admitted, work: W) -> RunFuture<'r, T, E>
    where
        T: Send + 'r,
        E: From<TransactionError> + WorkError<K> + Send + 'r,
        W: TransactionWork<DB, T, E> + 'r,
    {
        Box::pin(self.run_in(admitted.into(), Begin::new(), work))
    }

    /// Runs `work` in a transaction in which a member reads. The database refuses writes.
    ///
    /// It is run once more as [`run`](Self::run) does. The transaction is committed too, which proves under the isolation
    /// level `serializable` that what was read holds. [`begin_read`](Self::begin_read) without a commit is one round trip
    /// less.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn run_read<'r, T, E, K: 'r, W>(&'r self, admitted: &'r Admitted, work: W) -> RunFuture<'r, T, E>
    where
        T: Send + 'r,
        E: From<TransactionError> + WorkError<K> + Send + 'r,
        W: TransactionWork<DB, T, E> + 'r,
    {
        Box::pin(self.run_in(admitted.into(), Begin::new().read_only(), work))
    }

    /// Runs `work` in a transaction that begins as `begin` says, and commits it. Under the stricter isolation levels this is how
    /// to begin: what lost against another transaction is run once more, as [`run`](Self::run) does.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn run_with<'r, T, E, K: 'r, W>(&'r self, admitted: &'r Admitted, begin: Begin, work: W) -> RunFuture<'r, T, E>
    where
        T: Send + 'r,
        E: From<TransactionError> + WorkError<K> + Send + 'r,
        W: TransactionWork<DB, T, E> + 'r,
    {
        Box::pin(self.run_in(admitted.into(), begin, work))
    }

    /// Runs `work` as [`run`](Self::run) does, for the tenant that the running task is bound to.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), and outside a member's scope.
    pub fn run_current<'r, T, E, K: 'r, W>(&'r self, work: W) -> RunFuture<'r, T, E>
    where
        T: Send + 'r,
        E: From<TransactionError> + WorkError<K> + Send + 'r,
        W: TransactionWork<DB, T, E> + 'r,
    {
        self.run_in_scope(Begin::new(), work)
    }

    /// Runs `work` as [`run_read`](Self::run_read) does, for the tenant that the running task is bound to.
    ///
    /// # Errors
    ///
    /// As [`run_read`](Self::run_read), and outside a member's scope.
    pub fn run_read_current<'r, T, E, K: 'r, W>(&'r self, work: W) -> RunFuture<'r, T, E>
    where
        T: Send + 'r,
        E: From<TransactionError> + WorkError<K> + Send + 'r,
        W: TransactionWork<DB, T, E> + 'r,
    {
        self.run_in_scope(Begin::new().read_only(), work)
    }

    fn run_in_scope<'r, T, E, K: 'r, W>(&'r self, begin: Begin, work: W) -> RunFuture<'r, T, E>
    where
        T: Send + 'r,
        E: From<TransactionError> + WorkError<K> + Send + 'r,
        W: TransactionWork<DB, T, E> + 'r,
    {
        Box::pin(async move {
            let admitted = context::current().map_err(TransactionError::from)?;
            self.run_in((&admitted).into(), begin, work).await
        })
    }

    async fn run_in<T, E, K, W>(&self, entrant: Entrant<'_>, begin: Begin, mut work: W) -> Result<T, E>
    where
        E: From<TransactionError> + WorkError<K>,
        W: TransactionWork<DB, T, E>,
    {
        let tenant = entrant.tenant;
        let mut is_first = true;
        loop {
            let Failure { error, repeat } = match self.attempt(entrant, begin, &mut work).await {
                Ok(done) => return Ok(done),
                Err(failure) => failure,
            };
            if repeat == Some(Repeat::StalePlan) {
                tracing::info!(tenant = %tenant.id, "a statement's columns have changed: the connections are replaced");
                self.refresh_strategy(tenant);
            }
            if repeat.is_none() || !is_first {
                return Err(error);
            }
            tracing::debug!(tenant = %tenant.id, "a transaction is run again");
            is_first = false;
        }
    }

    async fn attempt<T, E, K, W>(&self, entrant: Entrant<'_>, begin: Begin, work: &mut W) -> Result<T, Failure<E>>
    where
        E: From<TransactionError> + WorkError<K>,
        W: TransactionWork<DB, T, E>,
    {
        let mut tx = self.bind(entrant, begin).await?;
        match work.call(&mut tx).await {
            Ok(done) => {
                tx.commit().await?;
                Ok(done)
            }
            Err(error) => {
                let repeat = Repeat::of(error.as_error(), Phase::Statement);
                // Whatever comes of it: dropped, the transaction is rolled back before its connection is used again.
                let _ = tokio::time::timeout(ROLLBACK_TIMEOUT, tx.rollback()).await;
                Err(Failure { error, repeat })
            }
        }
    }
}

/// Why an attempt failed, and whether another one may succeed.
struct Failure<E> {
    error: E,
    repeat: Option<Repeat>,
}

/// Judged before it becomes the caller's error, which may not keep it.
impl<E: From<TransactionError>> From<TransactionError> for Failure<E> {
    fn from(error: TransactionError) -> Self {
        Self {
            repeat: Repeat::of(&error, Phase::Commit),
            error: error.into(),
        }
    }
}

/// Work in a transaction: an async closure or function that takes a `&mut TenantTransaction<DB>`, returns a `Result`,
/// and can be called again. Its future is `Send`, so that a handler of any framework can await it.
///
/// It is implemented for every such closure, and by nothing else.
pub trait TransactionWork<DB: Database, T, E>:
    AsyncFnMut(&mut TenantTransaction<DB>) -> Result<T, E> + for<'c> CallWork<'c, DB, T, E> + Send
{
}

impl<W, DB: Database, T, E> TransactionWork<DB, T, E> for W where
    W: AsyncFnMut(&mut TenantTransaction<DB>) -> Result<T, E> + for<'c> CallWork<'c, DB, T, E> + Send
{
}

/// The part of [`TransactionWork`] that says that its future is `Send`: no bound on an async closure can say so.
pub trait CallWork<'c, DB: Database, T, E> {
    /// What a call returns.
    type Future: Future<Output = Result<T, E>> + Send;

    /// Does the work once.
    fn call(&mut self, tx: &'c mut TenantTransaction<DB>) -> Self::Future;
}

impl<'c, W, F, DB: Database, T, E> CallWork<'c, DB, T, E> for W
where
    W: FnMut(&'c mut TenantTransaction<DB>) -> F,
    F: Future<Output = Result<T, E>> + Send,
{
    type Future = F;

    fn call(&mut self, tx: &'c mut TenantTransaction<DB>) -> F {
        self(tx)
    }
}

/// An error that can be looked into for the database's own.
///
/// `K` is how: [`TypedError`] for every [`std::error::Error`], [`ErasedError`] for `anyhow::Error`,
/// `Box<dyn Error + Send + Sync>` and the like. The compiler finds it.
pub trait WorkError<K> {
    /// The error.
    fn as_error(&self) -> &(dyn Error + 'static);
}

impl<E: Error + 'static> WorkError<TypedError> for E {
    fn as_error(&self) -> &(dyn Error + 'static) {
        self
    }
}

impl<E: AsRef<dyn Error + Send + Sync + 'static>> WorkError<ErasedError> for E {
    fn as_error(&self) -> &(dyn Error + 'static) {
        self.as_ref()
    }
}

/// How a type that is an error is looked into: see [`WorkError`].
pub enum TypedError {}

/// How a type that holds any error is looked into: see [`WorkError`].
pub enum ErasedError {}

impl fmt::Debug for TypedError {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl fmt::Debug for ErasedError {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}
