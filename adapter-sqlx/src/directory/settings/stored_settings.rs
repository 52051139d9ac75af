//! The settings themselves.

use std::fmt;

use serde_json::{Map, Value};

use super::settings_error::{MAX_KEY_BYTES, SettingsError};
use crate::directory::store::json_object::MAX_BYTES;

/// The settings that a tenant has of its own, as they are stored: a JSON object and its revision. What is not in it is what the
/// application's type says.
///
/// Its `Debug` shows the keys and no values, since values may be secret.
#[derive(Clone, PartialEq)]
#[doc(alias = "configuration")]
pub struct StoredSettings {
    object: Map<String, Value>,
    revision: u64,
}

impl StoredSettings {
    /// How many bytes of JSON a tenant's settings have at most: 16 KiB.
    pub const MAX_BYTES: usize = MAX_BYTES;

    /// How many bytes a key of the object has at most.
    pub const MAX_KEY_BYTES: usize = MAX_KEY_BYTES;

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

    /// How often it was changed: 0 if never. Give it back to
    /// [`compare_and_set_settings`](crate::SqlDirectory::compare_and_set_settings).
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// As the directory has it. A null is a tenant whose settings were never written.
    pub(super) fn read(document: Option<&str>, revision: u64) -> Result<Self, SettingsError> {
        let value = match document {
            Some(document) => serde_json::from_str(document).map_err(SettingsError::Corrupt)?,
            None => Value::Object(Map::new()),
        };
        // Not by the type: its error would show what is there instead.
        let Value::Object(object) = value else {
            return Err(SettingsError::NoObject);
        };
        Ok(Self { object, revision })
    }
}

impl fmt::Debug for StoredSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&String> = self.object.keys().collect();
        f.debug_struct("StoredSettings")
            .field("keys", &keys)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_object_is_refused_without_being_shown() {
        for document in [
            "\"hunter2\"",
            "[\"hunter2\"]",
            "true",
            "hunter2",
            "{\"a\": hunter2}",
            "",
        ] {
            let refused = StoredSettings::read(Some(document), 1).unwrap_err();
            let mut shown = format!("{refused:?}");
            let mut error: Option<&dyn std::error::Error> = Some(&refused);
            while let Some(this) = error {
                shown.push_str(&this.to_string());
                error = this.source();
            }
            assert!(!shown.contains("hunter2"), "{document}: {shown}");
        }
        assert_eq!(StoredSettings::read(None, 0).unwrap().object(), &Map::new());
    }

    #[test]
    fn a_value_is_not_shown() {
        let settings = StoredSettings::read(Some("{\"token\": \"hunter2\"}"), 3).unwrap();
        assert_eq!(
            format!("{settings:?}"),
            "StoredSettings { keys: [\"token\"], revision: 3, .. }"
        );
    }
}
