//! What is in an object and in an array.

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, map};

use super::super::problem::SettingsProblem;
use super::Node;
use super::key::Key;

/// The keys of an object, and their values.
pub(super) struct Fields<'de> {
    entries: map::Iter<'de>,
    current: Option<(&'de str, &'de Value)>,
    /// Those of the struct that reads it; `None` for a map, which has any.
    valid: Option<&'static [&'static str]>,
}

impl<'de> Fields<'de> {
    pub(super) fn of_a_map(object: &'de Map<String, Value>) -> Self {
        Self {
            entries: object.iter(),
            current: None,
            valid: None,
        }
    }

    pub(super) fn of_a_struct(object: &'de Map<String, Value>, fields: &'static [&'static str]) -> Self {
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
pub(super) fn read_array<'de, V: Visitor<'de>>(values: &'de [Value], visitor: V) -> Result<V::Value, SettingsProblem> {
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
