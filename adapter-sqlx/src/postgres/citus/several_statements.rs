//! A message of several statements that Citus does not send to its workers one by one.

use std::error::Error;
use std::fmt;

use sqlx::migrate::MigrateError;
use sqlx::postgres::PgDatabaseError;

use crate::StrategyError;

/// Says of a migration that a worker refused for this reason what to do. Any other error stays as it is.
///
/// Citus sends what it does not write anew, such as `create index` and `comment on`, as it came: the whole message,
/// which a worker takes one statement of.
pub(in crate::postgres) fn explained(error: MigrateError) -> StrategyError {
    let version = match &error {
        MigrateError::ExecuteMigration(sqlx::Error::Database(cause), version) => {
            let cause: Option<&PgDatabaseError> = cause.try_downcast_ref();
            cause.is_some_and(is_of_a_worker).then_some(*version)
        }
        _ => None,
    };
    match version {
        Some(version) => StrategyError::other(SeveralStatements { version, source: error }),
        None => error.into(),
    }
}

/// Its context is Citus's, and not translated.
fn is_of_a_worker(error: &PgDatabaseError) -> bool {
    error.code() == "42601"
        && error
            .r#where()
            .is_some_and(|context| context.contains("while executing command on "))
}

#[derive(Debug)]
struct SeveralStatements {
    version: i64,
    source: MigrateError,
}

impl fmt::Display for SeveralStatements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "failed to run the migration {}: Citus sends all of its statements to a worker at once, which takes one; write \
            one statement per file, or put them into one `do` block",
            self.version
        )
    }
}

impl Error for SeveralStatements {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}
