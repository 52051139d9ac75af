//! Refusals of the fence, as the database reports them.

use thiserror::Error;

use crate::{FenceRefusal, StrategyError};

/// A new connection has shown that the database is not fenced as the strategy is.
#[derive(Clone, Copy, Debug, Error)]
#[error("the database is {}fenced, and the strategy is not so", if *is_database_fenced { "" } else { "not " })]
pub(in crate::postgres) struct Mismatch {
    pub(in crate::postgres) is_database_fenced: bool,
}

impl From<Mismatch> for sqlx::Error {
    fn from(mismatch: Mismatch) -> Self {
        Self::Configuration(Box::new(mismatch))
    }
}

/// Whether a transaction that was to begin was refused, and its connection is as good as before: by the fence, or because
/// another transaction has changed the place since this one's snapshot.
pub(in crate::postgres) fn is_refusal(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code == "40001" || FenceRefusal::of_sqlstate(&code).is_some())
}

/// What an error of beginning a transaction says about the fence; other errors are handed back.
pub(in crate::postgres) fn fenced(error: sqlx::Error) -> Result<StrategyError, sqlx::Error> {
    if let sqlx::Error::Configuration(inner) = &error
        && let Some(Mismatch { is_database_fenced }) = inner.downcast_ref()
    {
        return Ok(StrategyError::FenceMismatch {
            is_database_fenced: *is_database_fenced,
        });
    }
    let code = error.as_database_error().and_then(|error| error.code());
    match code.and_then(|code| FenceRefusal::of_sqlstate(&code)) {
        Some(refusal) => Ok(StrategyError::Fenced(refusal)),
        None => Err(error),
    }
}
