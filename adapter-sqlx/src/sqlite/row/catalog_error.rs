//! Why the catalog of a shared file is not accepted.

use thiserror::Error;

use super::unsafe_schema::UnsafeSchema;
use crate::StrategyError;

/// Why the catalog could not be read, or what is wrong with it.
#[derive(Debug, Error)]
pub(in crate::sqlite) enum CatalogError {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Unsafe(#[from] UnsafeSchema),
    #[error("the file is not fenced as the strategy is")]
    FenceMismatch { is_database_fenced: bool },
}

impl From<CatalogError> for StrategyError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Database(error) => Self::Database(error),
            CatalogError::Unsafe(error) => Self::UnsafeSchema(error),
            CatalogError::FenceMismatch { is_database_fenced } => Self::FenceMismatch { is_database_fenced },
        }
    }
}
