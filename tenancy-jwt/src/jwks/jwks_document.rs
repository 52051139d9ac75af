//! The document of a key set (RFC 7517 §5), taken apart into its members.
//!
//! Each member is parsed by itself, so that one that is malformed is no reason to refuse the others.

use core::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::jwks::jwks_error::{JwksError, MAX_DOCUMENT_LEN, MAX_KEYS};
use crate::key::jwk::{holds_private_key, holds_public_key, is_of_secret};
use crate::verify::json::{Object, parse_object};
use crate::{JsonProblem, JwkProblem};

/// One member of `keys`.
pub(crate) struct Member {
    pub(crate) jwk: Result<Object, JwkProblem>,
    pub(crate) exposes: Exposure,
}

/// What anybody who reads a member learns, whether or not the member can be used as a key.
#[derive(Clone, Copy, Default)]
pub(crate) struct Exposure {
    pub(crate) private_key: bool,
    pub(crate) secret: bool,
    pub(crate) public_key: bool,
}

/// The members of `keys`, in the order of the document.
pub(crate) fn members(document: &[u8]) -> Result<Vec<Member>, JwksError> {
    if document.len() > MAX_DOCUMENT_LEN {
        return Err(JwksError::TooLong);
    }
    let whole: &RawValue = serde_json::from_slice(document).map_err(|_| JwksError::Json(JsonProblem::Syntax))?;
    let mut names = Named::of(whole).map_err(JwksError::Json)?.0;
    names.sort_by(|(one, _), (other, _)| one.cmp(other));
    if names
        .windows(2)
        .any(|pair| matches!(pair, [(one, _), (other, _)] if one == other))
    {
        return Err(JwksError::Json(JsonProblem::RepeatedName));
    }
    let keys = names.into_iter().find(|(name, _)| name == "keys");
    let keys = keys.and_then(|(_, keys)| serde_json::from_str::<Vec<&RawValue>>(keys.get()).ok());
    let keys = keys.ok_or(JwksError::NoKeys)?;
    if keys.len() > MAX_KEYS {
        return Err(JwksError::TooManyKeys);
    }
    keys.into_iter().map(Member::read).collect()
}

impl Member {
    fn read(json: &RawValue) -> Result<Self, JwksError> {
        let exposes = match Named::of(json) {
            Ok(named) => named.exposure(),
            Err(JsonProblem::NotObject) => Exposure::default(),
            // Names that cannot be read could be those of a private key.
            Err(problem) => return Err(JwksError::Json(problem)),
        };
        let jwk = parse_object(json.get().as_bytes()).map_err(JwkProblem::Json);
        Ok(Self { jwk, exposes })
    }
}

/// An object's members by their names, each as often as it occurs, with values that are not looked at yet.
struct Named<'d>(Vec<(String, &'d RawValue)>);

impl<'d> Named<'d> {
    fn of(json: &'d RawValue) -> Result<Self, JsonProblem> {
        if !json.get().starts_with('{') {
            return Err(JsonProblem::NotObject);
        }
        serde_json::from_str(json.get()).map_err(|_| JsonProblem::Syntax)
    }

    /// Reads every occurrence of a repeated name: what one reader of the document overlooks another one finds.
    fn exposure(&self) -> Exposure {
        let mut exposure = Exposure::default();
        for (name, value) in &self.0 {
            let kty = (name == "kty").then(|| serde_json::from_str::<String>(value.get()).ok());
            let kty = kty.flatten();
            exposure.private_key |= holds_private_key(name);
            exposure.secret |= is_of_secret(name, kty.as_deref());
            exposure.public_key |= holds_public_key(name, kty.as_deref());
        }
        exposure
    }
}

impl<'de> Deserialize<'de> for Named<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;

        impl<'de> Visitor<'de> for Names {
            type Value = Named<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = access.next_entry()? {
                    members.push(member);
                }
                Ok(Named(members))
            }
        }

        deserializer.deserialize_map(Names)
    }
}
