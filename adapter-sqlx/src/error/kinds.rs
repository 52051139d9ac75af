//! Which kind each error of this crate is of.

use std::error::Error;

use super::classify::{self, Phase};
use super::error_kind::ErrorKind;
use crate::{FenceRefusal, StrategyError, TransactionError};

impl ErrorKind {
    /// Reads the kind from the first error in the chain of sources that is one of this crate's or one of sqlx's.
    ///
    /// Of `Box<dyn Error + Send + Sync>` pass `&*error`, of `anyhow::Error` pass `error.as_ref()`.
    ///
    /// An error that is `#[error(transparent)]` shows only its source's source. So what has no source of its own, such as
    /// [`TransactionError::NotActive`] or [`sqlx::Error::PoolTimedOut`], cannot be found behind one. Give a variant
    /// that holds such an error a message of its own.
    #[must_use]
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        classify::of_chain(error, Phase::Statement).unwrap_or(Self::Internal)
    }
}

impl TransactionError {
    /// What the error means for the answer to a client. It is never the client's fault, unless the tenant is not active.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Begin { source, .. } | Self::AcrossTenants(source) => source.kind(),
            Self::Commit(error) => classify::of_sqlx(error, Phase::Commit),
            Self::Rollback(error) => classify::of_sqlx(error, Phase::Begin),
            Self::NotActive { .. } => ErrorKind::Forbidden,
            // Of a statement that failed before, and was ignored, nothing is known here.
            Self::OutOfScope(_) | Self::UnknownStrategy { .. } | Self::NotOpen | Self::Failed | Self::SchemaChanged => {
                ErrorKind::Internal
            }
        }
    }
}

impl StrategyError {
    /// What the error means for the answer to a client if a transaction could not begin because of it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Database(error) => classify::of_sqlx(error, Phase::Begin),
            Self::Migration { source, .. } => source.kind(),
            Self::TooManyInUse { .. } | Self::TenantShareInUse { .. } => ErrorKind::Exhausted,
            Self::Fenced(FenceRefusal::Closed) => ErrorKind::Forbidden,
            Self::Fenced(FenceRefusal::Locked) => ErrorKind::Retryable,
            Self::Fenced(FenceRefusal::Behind) => ErrorKind::Updating,
            Self::Fenced(_) => ErrorKind::Unavailable,
            // Behind a pooler a database that is not there cannot be told from one that cannot be reached.
            Self::File { .. } | Self::NotProvisioned { .. } | Self::Closed => ErrorKind::Unavailable,
            Self::Other(error) => classify::of_chain(&**error, Phase::Begin).unwrap_or(ErrorKind::Internal),
            _ => ErrorKind::Internal,
        }
    }
}

macro_rules! by_kind {
    ($($Error:ty),*) => {$(
        impl $Error {
            /// Whether the database could not be reached: see [`ErrorKind::is_unavailable`].
            #[must_use]
            pub fn is_unavailable(&self) -> bool {
                self.kind().is_unavailable()
            }

            /// Whether no connection became free in time: see [`ErrorKind::is_exhausted`].
            #[must_use]
            pub fn is_exhausted(&self) -> bool {
                self.kind().is_exhausted()
            }

            /// Whether the transaction may succeed when it is run again: see [`ErrorKind::is_retryable`].
            #[must_use]
            pub fn is_retryable(&self) -> bool {
                self.kind().is_retryable()
            }

            /// Whether the request contradicts data that is there: see [`ErrorKind::is_conflict`].
            #[must_use]
            pub fn is_conflict(&self) -> bool {
                self.kind().is_conflict()
            }

            /// Whether the database refused a value of the request: see [`ErrorKind::is_invalid`].
            #[must_use]
            pub fn is_invalid(&self) -> bool {
                self.kind().is_invalid()
            }
        }
    )*};
}

by_kind!(TransactionError, StrategyError);
