//! JSON as a token may have it: each name once, not too deep.

use core::cell::Cell;
use core::fmt;
use std::collections::BTreeMap;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::JsonProblem;

const MAX_DEPTH: u8 = 16;

pub(crate) type Object = BTreeMap<String, Json>;

pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Self>),
    Object(Object),
}

impl Json {
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }
}

/// Reads an object, and nothing behind it.
pub(crate) fn parse_object(bytes: &[u8]) -> Result<Object, JsonProblem> {
    let problem = Cell::new(JsonProblem::Syntax);
    let reader = Reader {
        depth: 0,
        problem: &problem,
    };
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let json = reader.deserialize(&mut deserializer).map_err(|_| problem.get())?;
    deserializer.end().map_err(|_| JsonProblem::Syntax)?;
    match json {
        Json::Object(object) => Ok(object),
        _ => Err(JsonProblem::NotObject),
    }
}

/// Builds a value. What it refuses beyond the syntax stands in `problem`.
#[derive(Clone, Copy)]
struct Reader<'p> {
    depth: u8,
    problem: &'p Cell<JsonProblem>,
}

impl Reader<'_> {
    fn refuse<E: Error>(&self, problem: JsonProblem) -> E {
        self.problem.set(problem);
        E::custom(problem)
    }

    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(self.refuse(JsonProblem::TooDeep));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    // Whole numbers beyond 2^53 lose digits here. They are beyond every time that is accepted.
    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Number(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Json, E> {
        Ok(Json::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.into()))
    }

    fn visit_string<E>(self, text: String) -> Result<Json, E> {
        Ok(Json::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let member = self.deeper()?;
        let mut list = Vec::new();
        while let Some(value) = access.next_element_seed(member)? {
            list.push(value);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let member = self.deeper()?;
        let mut object = Object::new();
        while let Some(name) = access.next_key::<String>()? {
            let value = access.next_value_seed(member)?;
            if object.insert(name, value).is_some() {
                return Err(self.refuse(JsonProblem::RepeatedName));
            }
        }
        Ok(number_in(&object).map_or(Json::Object(object), Json::Number))
    }
}

/// The number that `serde_json` shows as an object, where some crate of the build turned its
/// feature `arbitrary_precision` on. Without this every `exp` would be no number there.
fn number_in(object: &Object) -> Option<f64> {
    let text = object.get("$serde_json::private::Number")?.as_text()?;
    if object.len() == 1 { text.parse().ok() } else { None }
}
