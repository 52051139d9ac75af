//! JSON as a token may have it: each name once, not too deep.

use core::cell::Cell;
use core::fmt;
use std::collections::BTreeMap;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::JsonProblem;

const MAX_DEPTH: u8 = 16;

/// 2^53 - 1, the greatest number that is not rounded by readers that know floating-point numbers only (RFC 8259 §6).
const MAX_WHOLE: u64 = 9_007_199_254_740_991;

pub(crate) type Object = BTreeMap<String, Json>;

pub(crate) enum Json {
    Null,
    Bool(bool),
    /// A number that is written as digits alone, and that every reader of JSON reads alike.
    Whole(u64),
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

    pub(crate) const fn as_number(&self) -> Option<f64> {
        match self {
            Self::Whole(number) => Some(*number as f64),
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub(crate) const fn as_whole(&self) -> Option<u64> {
        match self {
            Self::Whole(number) => Some(*number),
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
        Ok(whole_or_rounded(number))
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
        Ok(number_in(&object).unwrap_or(Json::Object(object)))
    }
}

const fn whole_or_rounded(number: u64) -> Json {
    if number <= MAX_WHOLE {
        Json::Whole(number)
    } else {
        Json::Number(number as f64)
    }
}

/// The number that `serde_json` shows as an object, where some crate of the build turned its
/// feature `arbitrary_precision` on. Without this every `exp` would be no number there.
fn number_in(object: &Object) -> Option<Json> {
    let text = object.get("$serde_json::private::Number")?.as_text()?;
    if object.len() != 1 {
        return None;
    }
    if text.bytes().all(|byte| byte.is_ascii_digit())
        && let Ok(number) = text.parse()
    {
        return Some(whole_or_rounded(number));
    }
    text.parse().ok().map(Json::Number)
}
