//! What errors of a Citus coordinator say of its workers. Their messages are not translated.

use sqlx::error::DatabaseError;
use sqlx::postgres::{PgDatabaseError, PgSeverity};

/// Why a coordinator could not do what was asked of it, while its own session lives on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WorkerFault {
    /// A shard was split or moved, or a worker restarted, while the statement ran: a new transaction finds its way. The
    /// one in which this came cannot be committed. As the answer to a commit it does not say whether that was done.
    Passing,
    /// An internal error of a worker, or of the connection to it in words that are not known here. It does not say of a
    /// commit whether that was done.
    Internal,
}

/// What `libpq` says of a connection that is lost. It has no code for it, so Citus reports an internal error.
const LOST: [&str; 8] = [
    "server closed the connection unexpectedly",
    "could not receive data from server",
    "could not send data to server",
    "SSL SYSCALL error",
    "SSL connection has been closed unexpectedly",
    "no connection to the server",
    "connection not open",
    "invalid socket",
];

/// How messages about a shard or a worker begin that was there a moment before.
const PASSING: [&str; 3] = [
    "could not find valid entry for shard ",
    "failure on connection marked as essential: ",
    // As a commit returns it that was sent to a worker which then ended.
    "could not commit transaction for shard ",
];

impl WorkerFault {
    pub(super) fn of(error: &dyn DatabaseError) -> Option<Self> {
        let error: &PgDatabaseError = error.try_downcast_ref()?;
        if error.severity() != PgSeverity::Error {
            return None;
        }
        let (code, message) = (error.code(), error.message());
        let begins_with = |texts: &[&str]| texts.iter().any(|text| message.starts_with(text));
        let is_of_a_worker = begins_with(&[
            "connection to the remote node ",
            "could not establish any connections to the node ",
        ]) || error
            .r#where()
            .is_some_and(|context| context.contains("while executing command on "));
        match code {
            "XX000" if begins_with(&PASSING) || (is_of_a_worker && begins_with(&LOST)) => Some(Self::Passing),
            "XX000" if is_of_a_worker => Some(Self::Internal),
            "58030" if message.starts_with("failed to COPY to shard ") => Some(Self::Passing),
            _ if is_of_a_worker && (code.starts_with("08") || code.starts_with("57P0")) => Some(Self::Passing),
            _ => None,
        }
    }
}
