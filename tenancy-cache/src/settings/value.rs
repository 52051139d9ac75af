//! A JSON value as a type of the application reads it: what the type does not know is refused, whatever attributes it has.

mod key;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, Expected, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value, map};

use self::key::Key;
use super::problem::SettingsProblem;

/// Parses a whole document.
pub(super) fn parse<T: DeserializeOwned>(document: &Value) -> Result<T, SettingsProblem> {
    T::deserialize(Node {
        value: document,
        place: Place::Document,
    })
}

/// Parses the value of one key of a document, as if it were a document: without the key it is empty. The other keys are not looked at.
pub(super) fn parse_key<T: DeserializeOwned>(document: &Value, key: &str) -> Result<T, SettingsProblem> {
    let parsed = match document.get(key) {
        Some(value) => parse(value),
        None => parse(&Value::Object(Map::new())),
    };
    parsed.map_err(|problem| problem.inside(key))
}

/// A value, and where it is.
#[derive(Clone, Copy)]
struct Node<'de> {
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

/// The keys of an object, and their values.
struct Fields<'de> {
    entries: map::Iter<'de>,
    current: Option<(&'de str, &'de Value)>,
    /// Those of the struct that reads it; `None` for a map, which has any.
    valid: Option<&'static [&'static str]>,
}

impl<'de> Fields<'de> {
    fn of_a_map(object: &'de Map<String, Value>) -> Self {
        Self {
            entries: object.iter(),
            current: None,
            valid: None,
        }
    }

    fn of_a_struct(object: &'de Map<String, Value>, fields: &'static [&'static str]) -> Self {
        Self {
            valid: Some(fields),
            ..Self::of_a_map(object)
        }
    }
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = SettingsProblem;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, SettingsProblem> {
        let Some((key, value)) = self.entries.next() else {
            return Ok(None);
        };
        self.current = Some((key, value));
        seed.deserialize(Key(key))
            .map(Some)
            .map_err(|problem| problem.inside(key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, SettingsProblem> {
        let Some((key, value)) = self.current.take() else {
            return Err(SettingsProblem::custom("a value without a key"));
        };
        let node = match self.valid {
            Some(fields) => Node::field(value, key, fields),
            None => Node::inner(value),
        };
        seed.deserialize(node).map_err(|problem| problem.inside(key))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len())
    }
}

/// Reads all values of an array: more of them than the type takes would be ignored otherwise.
fn read_array<'de, V: Visitor<'de>>(values: &'de [Value], visitor: V) -> Result<V::Value, SettingsProblem> {
    let mut elements = Elements {
        values: values.iter(),
        index: 0,
    };
    let read = visitor.visit_seq(&mut elements)?;
    match elements.index {
        most if most < values.len() => Err(SettingsProblem::longer_than(most)),
        _ => Ok(read),
    }
}

/// The values of an array.
struct Elements<'de> {
    values: std::slice::Iter<'de, Value>,
    index: usize,
}

impl<'de> SeqAccess<'de> for Elements<'de> {
    type Error = SettingsProblem;

    fn next_element_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<Option<V::Value>, SettingsProblem> {
        let Some(value) = self.values.next() else {
            return Ok(None);
        };
        let index = self.index;
        self.index += 1;
        seed.deserialize(Node::inner(value))
            .map(Some)
            .map_err(|problem| problem.at(index))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.values.len())
    }
}

/// A variant, and what it holds.
struct Variant<'de> {
    name: &'de str,
    content: Option<&'de Value>,
}

impl<'de> Variant<'de> {
    /// `None` if the value is no variant of any enum.
    fn of(value: &'de Value) -> Option<Self> {
        match value {
            Value::String(name) => Some(Self { name, content: None }),
            Value::Object(object) => {
                let mut entries = object.iter();
                match (entries.next(), entries.next()) {
                    (Some((name, content)), None) => Some(Self {
                        name,
                        content: Some(content),
                    }),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = SettingsProblem;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), SettingsProblem> {
        let name = seed.deserialize(IntoDeserializer::<SettingsProblem>::into_deserializer(self.name))?;
        Ok((name, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = SettingsProblem;

    fn unit_variant(self) -> Result<(), SettingsProblem> {
        match self.content {
            None | Some(Value::Null) => Ok(()),
            Some(content) => {
                let problem = SettingsProblem::invalid_type(unexpected(content), &"nothing");
                Err(problem.inside(self.name))
            }
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, SettingsProblem> {
        let content = self.content.ok_or_else(|| without_content(&"a value"))?;
        seed.deserialize(Node::inner(content))
            .map_err(|problem| problem.inside(self.name))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, SettingsProblem> {
        let read = match self.content {
            Some(Value::Array(values)) => read_array(values, visitor),
            Some(content) => Err(SettingsProblem::invalid_type(unexpected(content), &visitor)),
            None => return Err(without_content(&visitor)),
        };
        read.map_err(|problem| problem.inside(self.name))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, SettingsProblem> {
        let read = match self.content {
            Some(Value::Object(object)) => visitor.visit_map(Fields::of_a_struct(object, fields)),
            Some(content) => Err(SettingsProblem::invalid_type(unexpected(content), &visitor)),
            None => return Err(without_content(&visitor)),
        };
        read.map_err(|problem| problem.inside(self.name))
    }
}

/// The variant's name alone, where it holds something.
fn without_content(expected: &dyn Expected) -> SettingsProblem {
    SettingsProblem::invalid_type(Unexpected::Str(""), expected)
}
