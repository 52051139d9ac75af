//! A variant of an enum: a text, or an object with one key.

use serde::de::{DeserializeSeed, EnumAccess, Error as _, IntoDeserializer, Unexpected, VariantAccess, Visitor};
use serde_json::Value;

use super::super::problem::SettingsProblem;
use super::fields::{Fields, read_array};
use super::{Node, unexpected};

/// A variant, and what it holds.
pub(super) struct Variant<'de> {
    name: &'de str,
    content: Option<&'de Value>,
}

impl<'de> Variant<'de> {
    /// `None` if the value is no variant of any enum.
    pub(super) fn of(value: &'de Value) -> Option<Self> {
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
fn without_content(expected: &dyn serde::de::Expected) -> SettingsProblem {
    SettingsProblem::invalid_type(Unexpected::Str(""), expected)
}
