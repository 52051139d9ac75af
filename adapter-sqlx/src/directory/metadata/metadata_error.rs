//! What can go wrong with a tenant's metadata.

use tenancy_core::names::TenantId;
use thiserror::Error;

use crate::DirectoryError;
use crate::directory::store::json_object::{MAX_BYTES, ObjectError};

/// Why a tenant's metadata could not be read or written. Where it could not be written, nothing has changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// Somebody else has written it since it was read. Read it again, and decide anew.
    #[error("the metadata of the tenant `{id}` has been changed meanwhile: its revision is {current}")]
    Conflict {
        /// The tenant.
        id: TenantId,
        /// The revision that it has now.
        current: i64,
    },
    /// It is larger than [`TenantMetadata::MAX_BYTES`](crate::TenantMetadata::MAX_BYTES).
    #[error("the metadata is {bytes} bytes of JSON, and {MAX_BYTES} is the most")]
    TooLarge {
        /// How many bytes of JSON it is.
        bytes: usize,
    },
    /// It cannot be written as JSON that can be read again, such as values that nest too deeply.
    #[error("the metadata is no JSON that can be read again")]
    Invalid(#[source] serde_json::Error),
    /// What the directory has is no JSON object.
    #[error("failed to read the metadata of a tenant from the directory")]
    Corrupt(#[source] serde_json::Error),
    /// The directory could not be queried or changed, or there is no such tenant.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

impl From<sqlx::Error> for MetadataError {
    fn from(error: sqlx::Error) -> Self {
        Self::Directory(error.into())
    }
}

impl From<ObjectError> for MetadataError {
    fn from(error: ObjectError) -> Self {
        match error {
            ObjectError::TooLarge { bytes } => Self::TooLarge { bytes },
            ObjectError::Invalid(source) => Self::Invalid(source),
        }
    }
}
