//! A JSON value as a type of the application reads it: what the type does not know is refused, whatever attributes it has.

mod fields;
mod key;
mod variant;

use serde::de::{DeserializeOwned, Deserializer, Error as _, Expected, Unexpected, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;

use self::fields::{Fields, read_array};
use self::variant::Variant;
use super::problem::SettingsProblem;

/// Parses a whole document.
pub(super) fn parse<T: DeserializeOwned>(document: &Value) -> Result<T, SettingsProblem> {
    T::deserialize(Node {
        value: document,
        place: Place::Document,
    })
}

/// A value, and where it is.
#[derive(Clone, Copy)]
pub(super) struct Node<'de> {
    value: &'de Value,
    place: Place<'de>,
}

#[derive(Clone, Copy)]
enum Place<'de> {
    /// It is the whole document, which only a struct reads.
    Document,
    /// Under a key of a struct that has these. A struct says that it does not know a key by ignoring the value.
    Field(&'de str, &'static [&'static str]),
    /// In an array, in a map, or in an enum.
    Inner,
}

impl<'de> Node<'de> {
    const fn inner(value: &'de Value) -> Self {
        let place = Place::Inner;
        Self { value, place }
    }

    const fn field(value: &'de Value, key: &'de str, fields: &'static [&'static str]) -> Self {
        let place = Place::Field(key, fields);
        Self { value, place }
    }

    /// Refuses a type that takes any document.
    fn require_inner(&self) -> Result<(), SettingsProblem> {
        match (self.place, self.value) {
            (Place::Document, Value::Object(_)) => Err(SettingsProblem::no_struct()),
            _ => Ok(()),
        }
    }
}

/// What a value is, for an error of which the text never shows the value.
fn unexpected(value: &Value) -> Unexpected<'_> {
    match value {
        Value::Null => Unexpected::Unit,
        Value::Bool(value) => Unexpected::Bool(*value),
        Value::Number(number) if number.is_f64() => Unexpected::Float(0.0),
        Value::Number(_) => Unexpected::Unsigned(0),
        Value::String(_) => Unexpected::Str(""),
        Value::Array(_) => Unexpected::Seq,
        Value::Object(_) => Unexpected::Map,
    }
}

/// What a struct that takes other fields in says of itself, though it asks for a map.
fn struct_name(expected: &dyn Expected) -> Option<String> {
    let expected = expected.to_string();
    expected.strip_prefix("struct ").map(str::to_owned)
}

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = SettingsProblem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, SettingsProblem> {
        self.require_inner()?;
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => {
                if let Some(number) = number.as_u64() {
                    visitor.visit_u64(number)
                } else if let Some(number) = number.as_i64() {
                    visitor.visit_i64(number)
                } else {
                    visitor.visit_f64(number.as_f64().ok_or_else(|| SettingsProblem::custom("a number"))?)
                }
            }
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(values) => read_array(values, visitor),
            Value::Object(object) => visitor.visit_map(Fields::of_a_map(object)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, SettingsProblem> {
        match self.place {
            Place::Field(key, fields) => Err(SettingsProblem::unknown_key(key, fields)),
            Place::Document | Place::Inner => {
                self.require_inner()?;
                visitor.visit_unit()
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, SettingsProblem> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, SettingsProblem> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, SettingsProblem> {
        match self.value {
            Value::Object(object) => visitor.visit_map(Fields::of_a_struct(object, fields)),
            // An array would fill the fields in their order, which nobody means.
            value => Err(SettingsProblem::invalid_type(unexpected(value), &visitor)),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, SettingsProblem> {
        if let Some(name) = struct_name(&visitor) {
            return Err(SettingsProblem::flattened(&name));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, SettingsProblem> {
        self.require_inner()?;
        match Variant::of(self.value) {
            Some(variant) => visitor.visit_enum(variant),
            None => Err(SettingsProblem::invalid_type(unexpected(self.value), &visitor)),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct
        identifier
    }
}
