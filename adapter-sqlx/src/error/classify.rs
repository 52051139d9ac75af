//! Reads what kind an error is from the codes of PostgreSQL and SQLite.

use std::error::Error;
use std::sync::Arc;

use sqlx::error::{DatabaseError, ErrorKind as Constraint};
use tenancy_core::context;

#[cfg(feature = "postgres")]
use super::worker_fault::WorkerFault;
use crate::{ErrorKind, StrategyError, TransactionError};

/// What was being done when the error came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Begin,
    Statement,
    Commit,
}

/// The kind of the first error in a chain of which something is known.
pub(crate) fn of_chain(error: &(dyn Error + 'static), phase: Phase) -> Option<ErrorKind> {
    chain(error).find_map(|error| known(error, phase))
}

fn known(error: &(dyn Error + 'static), phase: Phase) -> Option<ErrorKind> {
    if let Some(error) = downcast::<TransactionError>(error) {
        return Some(error.kind());
    }
    if let Some(error) = downcast::<StrategyError>(error) {
        return Some(error.kind());
    }
    if let Some(error) = downcast::<sqlx::Error>(error) {
        return Some(of_sqlx(error, phase));
    }
    database_error(error).map(|error| of_database(error, phase))
}

pub(crate) fn of_sqlx(error: &sqlx::Error, phase: Phase) -> ErrorKind {
    match error {
        sqlx::Error::Database(error) => of_database(&**error, phase),
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::WorkerCrashed => lost(phase),
        // The answer is to something else, or the server went before it spoke. A statement of the caller's may be at fault itself.
        sqlx::Error::Protocol(_) if phase != Phase::Statement => lost(phase),
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => ErrorKind::Unavailable,
        sqlx::Error::Encode(_) if phase == Phase::Statement => ErrorKind::Invalid,
        _ => ErrorKind::Internal,
    }
}

const fn lost(phase: Phase) -> ErrorKind {
    match phase {
        Phase::Commit => ErrorKind::Unconfirmed,
        Phase::Begin | Phase::Statement => ErrorKind::Unavailable,
    }
}

fn of_database(error: &dyn DatabaseError, phase: Phase) -> ErrorKind {
    if let Some(kind) = of_worker(error, phase) {
        return kind;
    }
    let kind = match sqlite_code(error) {
        _ if phase == Phase::Statement && is_write_of_a_reader(error) => ErrorKind::ReadOnly,
        Some(code) => of_sqlite(code, error.message()),
        None => of_sqlstate(error),
    };
    match (phase, kind) {
        (Phase::Begin | Phase::Commit, ErrorKind::Invalid | ErrorKind::Conflict) => ErrorKind::Internal,
        // Another writer has the file: no transaction is under way that could be run again.
        (Phase::Begin, ErrorKind::Retryable) => ErrorKind::Unavailable,
        (Phase::Commit, ErrorKind::Unavailable) if may_have_committed(error) => ErrorKind::Unconfirmed,
        (_, kind) => kind,
    }
}

/// A commit that a worker of a Citus cluster did not answer may have been done there. Nothing of a transaction is
/// committed before it is.
#[cfg(feature = "postgres")]
fn of_worker(error: &dyn DatabaseError, phase: Phase) -> Option<ErrorKind> {
    match (WorkerFault::of(error)?, phase) {
        (_, Phase::Commit) => Some(ErrorKind::Unconfirmed),
        (WorkerFault::Passing, Phase::Begin) => Some(ErrorKind::Unavailable),
        (WorkerFault::Passing, Phase::Statement) => Some(ErrorKind::Retryable),
        (WorkerFault::Internal, Phase::Begin | Phase::Statement) => None,
    }
}

#[cfg(not(feature = "postgres"))]
const fn of_worker(_: &dyn DatabaseError, _: Phase) -> Option<ErrorKind> {
    None
}

/// Whether a transaction that reads was asked to write, on behalf of somebody whose transactions all read. Of anyone else it is the
/// service's fault: the transaction was begun so by the handler, or the server is a standby.
fn is_write_of_a_reader(error: &dyn DatabaseError) -> bool {
    let is_refused = match sqlite_code(error) {
        // READONLY. The extended codes of it are faults of the file.
        Some(code) => code == 8,
        None => error.code().as_deref() == Some("25006"),
    };
    is_refused && context::current_caller().is_ok_and(|caller| caller.is_read_only())
}

fn of_sqlstate(error: &dyn DatabaseError) -> ErrorKind {
    let code = error.code();
    match code.as_deref().unwrap_or_default() {
        "40001" | "40P01" | "55P03" => ErrorKind::Retryable,
        "22012" => ErrorKind::Internal,
        // The last is a value that is too large for an index.
        "23502" | "23514" | "54000" => ErrorKind::Invalid,
        "23505" | "23503" | "23001" | "23P01" => ErrorKind::Conflict,
        code if code.starts_with("22") => ErrorKind::Invalid,
        code if ["08", "53", "57P0"].iter().any(|class| code.starts_with(class)) => ErrorKind::Unavailable,
        _ if is_stale_plan(error) => ErrorKind::Retryable,
        _ => of_constraint(error),
    }
}

/// For databases whose codes are others.
fn of_constraint(error: &dyn DatabaseError) -> ErrorKind {
    match error.kind() {
        Constraint::UniqueViolation | Constraint::ForeignKeyViolation | Constraint::ExclusionViolation => {
            ErrorKind::Conflict
        }
        Constraint::NotNullViolation | Constraint::CheckViolation => ErrorKind::Invalid,
        _ => ErrorKind::Internal,
    }
}

/// By the extended result code (<https://www.sqlite.org/rescode.html>), whose low byte is the primary one.
fn of_sqlite(code: i32, message: &str) -> ErrorKind {
    match code {
        // FOREIGNKEY, PRIMARYKEY, UNIQUE, ROWID.
        787 | 1555 | 2067 | 2579 => ErrorKind::Conflict,
        // TRIGGER: SQLite carries out `on delete restrict` by one.
        1811 if message == "FOREIGN KEY constraint failed" => ErrorKind::Conflict,
        // CHECK, NOTNULL, DATATYPE.
        275 | 1299 | 3091 => ErrorKind::Invalid,
        _ => match code & 0xff {
            // BUSY, LOCKED.
            5 | 6 => ErrorKind::Retryable,
            // NOMEM, IOERR, FULL, CANTOPEN.
            7 | 10 | 13 | 14 => ErrorKind::Unavailable,
            // TOOBIG, MISMATCH.
            18 | 20 => ErrorKind::Invalid,
            _ => ErrorKind::Internal,
        },
    }
}

/// Why a transaction that failed may be run again as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It lost against another transaction, and was undone.
    Serialization,
    /// A worker of a Citus cluster could not be reached, or no longer had the shard.
    Worker,
    /// The connection has a statement prepared whose result looks otherwise now. On this connection it fails for ever.
    StalePlan,
}

impl Repeat {
    /// Nothing but what says for certain that nothing was done. A worker says so of a statement, and not of a commit.
    pub(crate) fn of(error: &(dyn Error + 'static), phase: Phase) -> Option<Self> {
        let error = said_by_the_database(error)?;
        if is_stale_plan(error) {
            return Some(Self::StalePlan);
        }
        if of_worker(error, phase) == Some(ErrorKind::Retryable) {
            return Some(Self::Worker);
        }
        let has_lost = match sqlite_code(error) {
            // BUSY_SNAPSHOT: it has read what another transaction has changed since.
            Some(code) => code == 517,
            None => matches!(error.code().as_deref(), Some("40001" | "40P01")),
        };
        has_lost.then_some(Self::Serialization)
    }
}

/// What the database has said, wherever it is in the chain.
fn said_by_the_database<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e dyn DatabaseError> {
    chain(error).find_map(|error| match downcast::<sqlx::Error>(error) {
        Some(error) => error.as_database_error(),
        None => database_error(error),
    })
}

/// An error and its sources, outermost first.
fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'e (dyn Error + 'static)| (*error).source())
}

/// An error of that type, in a box too: a source that is held in one is of the box's type.
fn downcast<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    let boxed = || error.downcast_ref::<Box<E>>().map(|error| &**error);
    let shared = || error.downcast_ref::<Arc<E>>().map(|error| &**error);
    error.downcast_ref().or_else(boxed).or_else(shared)
}

/// The database's own error, as it is found where a caller's error shows no `sqlx::Error`.
fn database_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e dyn DatabaseError> {
    if let Some(error) = error.downcast_ref::<Box<dyn DatabaseError>>() {
        return Some(&**error);
    }
    #[cfg(feature = "postgres")]
    if let Some(error) = downcast::<sqlx::postgres::PgDatabaseError>(error) {
        return Some(error);
    }
    #[cfg(feature = "sqlite")]
    if let Some(error) = downcast::<sqlx::sqlite::SqliteError>(error) {
        return Some(error);
    }
    None
}

#[cfg(feature = "sqlite")]
fn sqlite_code(error: &dyn DatabaseError) -> Option<i32> {
    let error: &sqlx::sqlite::SqliteError = error.try_downcast_ref()?;
    error.code()?.parse().ok()
}

#[cfg(not(feature = "sqlite"))]
const fn sqlite_code(_: &dyn DatabaseError) -> Option<i32> {
    None
}

/// Whether a lock of SQLite's is held by another connection.
#[cfg(feature = "sqlite")]
pub(crate) fn is_busy(error: &(dyn Error + 'static)) -> bool {
    let code = said_by_the_database(error).and_then(sqlite_code);
    code.is_some_and(|code| matches!(code & 0xff, 5 | 6))
}

/// "cached plan must not change result type". The code stands for other things too, and the text is translated.
#[cfg(feature = "postgres")]
fn is_stale_plan(error: &dyn DatabaseError) -> bool {
    let error: Option<&sqlx::postgres::PgDatabaseError> = error.try_downcast_ref();
    error.is_some_and(|error| error.code() == "0A000" && error.routine() == Some("RevalidateCachedQuery"))
}

#[cfg(not(feature = "postgres"))]
const fn is_stale_plan(_: &dyn DatabaseError) -> bool {
    false
}

/// Whether the connection ended, rather than the transaction: the server may have committed before.
fn may_have_committed(error: &dyn DatabaseError) -> bool {
    let code = error.code();
    let code = code.as_deref().unwrap_or_default();
    code.starts_with("08") || code.starts_with("57P0")
}
