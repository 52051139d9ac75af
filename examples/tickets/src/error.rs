//! What goes wrong, and how it is answered.

use axum::response::{IntoResponse, Response};
use tenancy::axum::problem;
use tenancy::sql::{
    CreateError, DirectoryError, ErrorKind, JobInterrupted, LifecycleError, MetadataError, TransactionError,
};

#[derive(Debug, thiserror::Error)]
pub(crate) enum AppError {
    #[error("there is no such thing")]
    NotFound,
    #[error("the caller may not do this")]
    Forbidden,
    #[error("failed to reach the tickets")]
    Transaction(#[from] TransactionError),
    #[error("failed to query the tickets")]
    Query(#[from] sqlx::Error),
    #[error("failed to query the directory")]
    Directory(#[from] DirectoryError),
    #[error("failed to create the organisation")]
    Create(#[from] CreateError),
    #[error("failed to read or write the plan")]
    Metadata(#[from] MetadataError),
    #[error("failed to suspend or activate the organisation")]
    Lifecycle(#[from] LifecycleError),
    #[error("failed to make the report")]
    Report(#[from] JobInterrupted),
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        match &self {
            Self::NotFound | Self::Lifecycle(LifecycleError::Directory(DirectoryError::UnknownTenant { .. })) => {
                problem(404, "not_found", None)
            }
            Self::Forbidden => problem(403, "forbidden", None),
            // Its message names the organisation and its status: for staff alone, who are the only ones to see it.
            Self::Lifecycle(LifecycleError::Illegal { .. }) => problem(409, "wrong_status", None),
            // Another organisation has the name, had it before, or nobody may.
            Self::Create(CreateError::AlreadyExists { .. } | CreateError::Upsert(_)) => {
                problem(409, "name_taken", None)
            }
            _ => {
                let kind = ErrorKind::of(&self);
                if kind.status() >= 500 {
                    tracing::error!(error = &self as &dyn std::error::Error);
                }
                problem(kind.status(), kind.code(), kind.retry_after())
            }
        }
    }
}
