//! The one credential of the `Authorization` field.

use super::trimmed;
use crate::Request;

/// What the `Authorization` fields come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bearer {
    /// No credentials, or those of another scheme.
    Absent,
    /// Several: 400.
    Malformed,
    /// One that cannot hold: 401.
    Invalid,
    /// One token.
    Token(Vec<u8>),
}

/// Reads the `Authorization` fields.
#[must_use]
pub fn bearer(request: &Request) -> Bearer {
    let values = request.values("authorization");
    let value = match values.as_slice() {
        [] => return Bearer::Absent,
        [value] => trimmed(value),
        _ => return Bearer::Malformed,
    };
    if value.is_empty() {
        return Bearer::Invalid;
    }
    if !is_bearer(&value) {
        return Bearer::Absent;
    }
    let elements: Vec<Vec<u8>> = value.split(|byte| *byte == b',').map(trimmed).collect();
    if elements.len() > 1 && elements.iter().all(|element| is_bearer(element)) {
        return Bearer::Malformed;
    }
    let rest: Vec<u8> = value.iter().skip("bearer".len()).copied().collect();
    match rest.split_first() {
        Some((b' ', token)) if !token.is_empty() && token.iter().all(|byte| is_of_token(*byte)) => {
            Bearer::Token(token.to_vec())
        }
        _ => Bearer::Invalid,
    }
}

/// Whether the scheme, the run of a token's characters at the beginning (RFC 9110 §11.1), is `Bearer`.
fn is_bearer(value: &[u8]) -> bool {
    let scheme: Vec<u8> = value
        .iter()
        .copied()
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
        .collect();
    scheme.eq_ignore_ascii_case(b"bearer")
}

/// What a bearer token is made of (RFC 6750 §2.1).
fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)
}
