//! What errors of a Citus coordinator say of its workers. Their messages are not translated.

use sqlx::error::DatabaseError;
use sqlx::postgres::{PgDatabaseError, PgSeverity};

/// Why a coordinator could not do what was asked of it, while its own session lives on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WorkerFault {
    /// A shard was split or moved, or a worker restarted, while the statement ran: a new transaction finds its way. The
    /// one in which this came cannot be committed.
    Passing,
    /// A worker did not answer a commit. It may have committed.
    CommitUnknown,
}

impl WorkerFault {
    pub(super) fn of(error: &dyn DatabaseError) -> Option<Self> {
        let error: &PgDatabaseError = error.try_downcast_ref()?;
        if error.severity() != PgSeverity::Error {
            return None;
        }
        let (code, message) = (error.code(), error.message());
        let is_of_a_worker = message.starts_with("connection to the remote node ")
            || error
                .r#where()
                .is_some_and(|context| context.contains("while executing command on "));
        match code {
            // As a commit returns it that was sent to a worker which then ended.
            "XX000" if message.starts_with("could not commit transaction for shard ") => Some(Self::CommitUnknown),
            "XX000" if message.starts_with("could not find valid entry for shard ") => Some(Self::Passing),
            "XX000" if message.starts_with("failure on connection marked as essential: ") => Some(Self::Passing),
            _ if is_of_a_worker && (code.starts_with("08") || code.starts_with("57P0")) => Some(Self::Passing),
            _ => None,
        }
    }
}
