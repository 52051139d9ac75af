//! The object itself.

use serde_json::{Map, Value};

use super::metadata_error::MetadataError;
use crate::directory::store::json_object::MAX_BYTES;

/// The application's own data of a tenant, such as a plan, a region or a contact: a JSON object and its revision.
#[derive(Clone, Debug, PartialEq)]
pub struct TenantMetadata {
    pub(super) object: Map<String, Value>,
    pub(super) revision: i64,
}

impl TenantMetadata {
    /// How many bytes of JSON a tenant's object has at most: 16 KiB.
    pub const MAX_BYTES: usize = MAX_BYTES;

    /// The object. It is empty if none was ever written.
    #[must_use]
    pub const fn object(&self) -> &Map<String, Value> {
        &self.object
    }

    /// The object alone.
    #[must_use]
    pub fn into_object(self) -> Map<String, Value> {
        self.object
    }

    /// How often it was written: 0 if never. Give it back to
    /// [`compare_and_set_metadata`](crate::SqlDirectory::compare_and_set_metadata).
    #[must_use]
    pub const fn revision(&self) -> i64 {
        self.revision
    }

    /// As the directory has it. A null is a tenant whose object was never written.
    pub(super) fn read(document: Option<&str>, revision: i64) -> Result<Self, MetadataError> {
        let object = match document {
            Some(document) => serde_json::from_str(document).map_err(MetadataError::Corrupt)?,
            None => Map::new(),
        };
        Ok(Self { object, revision })
    }
}
