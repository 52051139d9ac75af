//! Where transactions begin that are not a tenant's.
//!
//! sqlx counts a transaction only when the database has answered its beginning. A future that is dropped before
//! leaves the transaction open, unseen: what uses the connection next writes into it, and is never committed. So
//! nothing in this crate calls sqlx's own `begin` (`clippy.toml` forbids it). A pooled connection that is used again
//! goes through [`StrategyTransaction::begin`](crate::StrategyTransaction::begin), which closes it then; the others
//! come here.

#![expect(
    clippy::disallowed_methods,
    reason = "each function says why its beginning may be cancelled"
)]

use std::future::Future;
use std::pin::Pin;

#[cfg(feature = "postgres")]
use sqlx::SqlStr;
use sqlx::{Connection, Transaction};

/// Boxed: the compiler cannot prove that it is `Send` otherwise.
type Beginning<'c, DB> = Pin<Box<dyn Future<Output = Result<Transaction<'c, DB>, sqlx::Error>> + Send + 'c>>;

/// For administration on PostgreSQL. A session that waits for a table's lock makes everybody behind it wait.
#[cfg(feature = "postgres")]
pub(crate) const BEGIN_WITH_LOCK_TIMEOUT: &str = "begin; set local lock_timeout = '30s'";

/// Begins a transaction on a connection that is no pool's: one that is dropped, and so closed, with the future that
/// uses it, or one that the caller lends. Inside a transaction it is a savepoint, without a statement.
///
/// Dropped while it begins, it leaves the lent connection inside a transaction that sqlx does not count. There is no
/// way to end it from here: each public function that borrows a connection says that it must be closed then.
pub(crate) fn begin_lent<'c, C: Connection>(
    connection: &'c mut C,
    statement: Option<&'static str>,
) -> Beginning<'c, C::Database> {
    match statement.filter(|_| !connection.is_in_transaction()) {
        Some(statement) => Box::pin(connection.begin_with(statement)),
        None => Box::pin(connection.begin()),
    }
}

/// As [`begin_lent`], by a text that is put together, on a connection on which no transaction is open.
#[cfg(feature = "postgres")]
pub(crate) fn begin_lent_by<C: Connection>(connection: &mut C, statement: SqlStr) -> Beginning<'_, C::Database> {
    Box::pin(connection.begin_with(statement))
}
