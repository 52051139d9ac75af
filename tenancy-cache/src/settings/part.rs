//! Which part of a document a type reads.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::problem::SettingsProblem;
use super::value;

/// Which part of a document a type reads.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Whole,
    /// The value of one key. The others are another type's.
    Key(String),
}

impl Part {
    pub(super) fn parse<T: DeserializeOwned>(&self, document: &Value) -> Result<T, SettingsProblem> {
        match self {
            Self::Whole => value::parse(document),
            Self::Key(key) => value::parse_key(document, key),
        }
    }

    pub(super) fn parse_object<T: DeserializeOwned>(&self, object: &Map<String, Value>) -> Result<T, SettingsProblem> {
        self.parse(&Value::Object(object.clone()))
    }
}
