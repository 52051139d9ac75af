//! What an error means for the answer to a client.

/// What an error means for the answer to a client: whether the request, the data, the load or the service is at fault.
///
/// A service that answers every database error alike blames itself for its clients' mistakes: on PostgreSQL a NUL in a
/// path is refused by the database (`22021`), and a name that is taken is a unique violation (`23505`). This reads the
/// difference from the error. [`status`](Self::status), [`code`](Self::code) and [`retry_after`](Self::retry_after) are
/// what to answer; the adapters for web frameworks have a function `problem` that makes a response of them.
///
/// ```
/// use tenancy_sqlx::{ErrorKind, StrategyError, TransactionError};
///
/// #[derive(Debug, thiserror::Error)]
/// enum NotesError {
///     #[error("failed to reach the notes")]
///     Transaction(#[from] TransactionError),
///     #[error("failed to query the notes")]
///     Query(#[from] sqlx::Error),
/// }
///
/// let error = NotesError::from(sqlx::Error::RowNotFound);
/// assert_eq!(ErrorKind::of(&error).status(), 500);
/// assert!(StrategyError::TooManyInUse { max: 10 }.is_exhausted());
/// ```
///
/// # Which error is what
///
/// Only an error of a handler's own statement can be the client's fault. Beginning and committing a transaction are
/// never [`Invalid`](Self::Invalid) or [`Conflict`](Self::Conflict), whatever code the database gives: a deferred
/// constraint that fails at the commit is [`Internal`](Self::Internal). Send `set constraints all immediate` as the
/// last statement to have it judged as one.
///
/// [`ReadOnly`](Self::ReadOnly) also depends on who sent the request, and is found in the scope of the request alone. A member's write
/// that meets a standby server has the same code, and is [`Internal`](Self::Internal), as is a write in a transaction that the handler
/// itself has begun for reading.
///
/// | kind | PostgreSQL | SQLite |
/// |---|---|---|
/// | `Invalid` | class 22 except 22012; 23502, 23514, 54000; a value that sqlx cannot encode | not null, check, datatype, mismatch, too big |
/// | `Conflict` | 23505, 23503, 23001, 23P01 | unique, primary key, row id, foreign key |
/// | `Retryable` | 40001, 40P01, 55P03, a stale cached plan, a worker of Citus that a statement did not reach | busy, locked (in a transaction that has begun) |
/// | `Unavailable` | classes 08 and 53, 57P0x, no connection | busy and locked at the beginning, full, I/O error, cannot open |
/// | `ReadOnly` | 25006, of one who acts in another's place | a file or connection that only reads, likewise |
/// | `Updating` | TN006 at the beginning | the file's version, likewise |
/// | `Internal` | everything else, such as 42501 and `RowNotFound` | everything else |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The database refused a value of the request: 400.
    Invalid,
    /// What the request asks for contradicts data that is there: 409.
    Conflict,
    /// The tenant is not active: 403. Enforcement refuses such requests first; this is the transaction's own look.
    Forbidden,
    /// The one who sent the request acts in another's place and may only read ([`Caller::is_read_only`]), and the statement writes:
    /// 403 `read_only`.
    ///
    /// [`Caller::is_read_only`]: tenancy_core::enforce::Caller::is_read_only
    #[doc(alias = "impersonation")]
    ReadOnly,
    /// The transaction lost against another one, and was undone. The same transaction may succeed when it is run
    /// again: 503.
    Retryable,
    /// No connection became free in time: 503.
    #[doc(alias = "pool exhausted")]
    Exhausted,
    /// The database cannot be reached: 503.
    Unavailable,
    /// The tenant's data is behind the version that the service needs, until its migrations have run: 503 `tenant_updating`, for
    /// that tenant alone.
    #[doc(alias = "minimum version")]
    Updating,
    /// The connection was lost during the commit, or what it answered is not understood, so the transaction is committed
    /// or not: 503 without `Retry-After`, since a retry may do it twice.
    Unconfirmed,
    /// The service is at fault, or nothing is known of the error: 500.
    Internal,
}

impl ErrorKind {
    /// The HTTP status (RFC 9110 §15).
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::Forbidden | Self::ReadOnly => 403,
            Self::Conflict => 409,
            Self::Internal => 500,
            Self::Retryable | Self::Exhausted | Self::Unavailable | Self::Updating | Self::Unconfirmed => 503,
        }
    }

    /// The stable name for clients, as in the refusals of tenancy itself.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Invalid => "invalid_value",
            Self::Forbidden => "forbidden",
            Self::ReadOnly => "read_only",
            Self::Conflict => "conflict",
            Self::Internal => "internal",
            Self::Updating => "tenant_updating",
            Self::Retryable | Self::Exhausted | Self::Unavailable | Self::Unconfirmed => "unavailable",
        }
    }

    /// After how many seconds a client may retry, if nothing was done and retrying can help.
    #[must_use]
    pub const fn retry_after(self) -> Option<u32> {
        match self {
            Self::Retryable | Self::Exhausted | Self::Unavailable => Some(1),
            Self::Updating => Some(5),
            _ => None,
        }
    }

    /// Whether the database could not be reached, for whatever reason: an exhausted pool is one, a lost commit another.
    #[must_use]
    pub const fn is_unavailable(self) -> bool {
        matches!(self, Self::Unavailable | Self::Exhausted | Self::Unconfirmed)
    }

    /// Whether no connection became free in time.
    #[must_use]
    pub const fn is_exhausted(self) -> bool {
        matches!(self, Self::Exhausted)
    }

    /// Whether the tenant's data is behind the version that the service needs.
    #[must_use]
    pub const fn is_updating(self) -> bool {
        matches!(self, Self::Updating)
    }

    /// Whether the transaction was undone and may succeed when it is run again at once.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::Retryable)
    }

    /// Whether one who may only read tried to write.
    #[must_use]
    pub const fn is_read_only(self) -> bool {
        matches!(self, Self::ReadOnly)
    }

    /// Whether the request contradicts data that is there.
    #[must_use]
    pub const fn is_conflict(self) -> bool {
        matches!(self, Self::Conflict)
    }

    /// Whether the database refused a value.
    #[must_use]
    pub const fn is_invalid(self) -> bool {
        matches!(self, Self::Invalid)
    }
}
