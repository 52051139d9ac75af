//! What can go wrong with a tenant's settings.

use tenancy_core::names::TenantId;
use thiserror::Error;

use crate::DirectoryError;
use crate::directory::store::json_object::{MAX_BYTES, ObjectError};

/// How many bytes a key of the object has at most.
pub(super) const MAX_KEY_BYTES: usize = 128;

/// Why a tenant's settings could not be read or written. Where they could not be written, nothing has changed. No message shows a
/// value of the settings.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// Somebody else has changed them since they were read. Read them again, and decide anew.
    #[error("the settings of the tenant `{id}` have been changed meanwhile: their revision is {current}")]
    Conflict {
        /// The tenant.
        id: TenantId,
        /// The revision that they have now.
        current: u64,
    },
    /// They are larger than [`StoredSettings::MAX_BYTES`](crate::StoredSettings::MAX_BYTES).
    #[error("the settings are {bytes} bytes of JSON, and {MAX_BYTES} is the most")]
    TooLarge {
        /// How many bytes of JSON they are.
        bytes: usize,
    },
    /// A key is empty, longer than [`StoredSettings::MAX_KEY_BYTES`](crate::StoredSettings::MAX_KEY_BYTES), or has control characters.
    #[error("a key of the settings has 1 to {MAX_KEY_BYTES} bytes without control characters")]
    Key,
    /// They cannot be written as JSON that can be read again, such as values that nest too deeply.
    #[error("the settings are no JSON that can be read again")]
    Invalid(#[source] serde_json::Error),
    /// What the directory has is no JSON.
    #[error("failed to read the settings of a tenant from the directory")]
    Corrupt(#[source] serde_json::Error),
    /// What the directory has is JSON, and no object.
    #[error("the settings of a tenant in the directory are no JSON object")]
    NoObject,
    /// The directory could not be queried or changed, or there is no such tenant.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

impl From<sqlx::Error> for SettingsError {
    fn from(error: sqlx::Error) -> Self {
        Self::Directory(error.into())
    }
}

impl From<ObjectError> for SettingsError {
    fn from(error: ObjectError) -> Self {
        match error {
            ObjectError::TooLarge { bytes } => Self::TooLarge { bytes },
            ObjectError::Invalid(source) => Self::Invalid(source),
        }
    }
}
