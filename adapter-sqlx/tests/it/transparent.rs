//! An application's error that passes ours on as they are.

use tenancy_sqlx::TransactionError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Transparent {
    #[error(transparent)]
    Transaction(#[from] TransactionError),
    #[error(transparent)]
    Query(#[from] sqlx::Error),
}
