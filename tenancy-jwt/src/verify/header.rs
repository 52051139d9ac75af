//! The header of a token (RFC 7515 §4): what it may say, and what is read of it.

use crate::TokenError;
use crate::verify::compact::decode;
use crate::verify::json::{Object, parse_object};

pub(crate) const MAX_KID_LEN: usize = 128;

/// `alg`, `kid` and `typ`. Nothing else of a header has an effect: `jku`, `jwk`, `x5u` and `x5c`
/// would let a token bring its own key.
pub(crate) struct Header(Object);

impl Header {
    pub(crate) fn parse(part: &[u8]) -> Result<Self, TokenError> {
        let object = parse_object(&decode(part)?).map_err(TokenError::MalformedHeader)?;
        if object.contains_key("crit") {
            return Err(TokenError::CriticalExtension);
        }
        Ok(Self(object))
    }

    pub(crate) fn algorithm(&self) -> Result<&str, TokenError> {
        self.0
            .get("alg")
            .and_then(|alg| alg.as_text())
            .ok_or(TokenError::MalformedAlgorithm)
    }

    pub(crate) fn kid(&self) -> Result<Option<&str>, TokenError> {
        match self.0.get("kid").map(|kid| kid.as_text()) {
            None => Ok(None),
            Some(Some(kid)) if kid.len() <= MAX_KID_LEN => Ok(Some(kid)),
            Some(_) => Err(TokenError::MalformedKid),
        }
    }

    pub(crate) fn is_of_type(&self, expected: &str) -> bool {
        self.0
            .get("typ")
            .and_then(|typ| typ.as_text())
            .is_some_and(|typ| media_type(typ).eq_ignore_ascii_case(media_type(expected)))
    }
}

/// The type without `application/`, which may be left out where no other slash stands (RFC 7515
/// §4.1.9).
fn media_type(typ: &str) -> &str {
    const PREFIX: &str = "application/";
    match typ.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) && !rest.contains('/') => rest,
        _ => typ,
    }
}
