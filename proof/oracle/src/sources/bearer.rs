//! The one credential of the `Authorization` field.

use super::trimmed;

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

/// Reads the `Authorization` fields among all.
#[must_use]
pub fn bearer(fields: &[(String, Vec<u8>)]) -> Bearer {
    let values: Vec<&[u8]> = fields
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("authorization"))
        .map(|(_, value)| value.as_slice())
        .collect();
    let value = match values.as_slice() {
        [] => return Bearer::Absent,
        [value] => trimmed(value),
        _ => return Bearer::Malformed,
    };
    if scheme(&value).is_empty() {
        return Bearer::Invalid;
    }
    if !is_bearer(&value) {
        return Bearer::Absent;
    }
    let elements: Vec<Vec<u8>> = value.split(|byte| *byte == b',').map(trimmed).collect();
    if elements.iter().filter(|element| is_bearer(element)).count() > 1 {
        return Bearer::Malformed;
    }
    let rest: Vec<u8> = value.iter().skip("bearer".len()).copied().collect();
    match rest.split_first() {
        Some((b' ', token))
            if !token.is_empty() && token.iter().all(|byte| byte.is_ascii_graphic() && *byte != b',') =>
        {
            Bearer::Token(token.to_vec())
        }
        _ => Bearer::Invalid,
    }
}

/// The run of a token's characters at the beginning (RFC 9110 §11.1).
fn scheme(value: &[u8]) -> Vec<u8> {
    value.iter().copied().take_while(|byte| is_of_token(*byte)).collect()
}

fn is_bearer(value: &[u8]) -> bool {
    scheme(value).eq_ignore_ascii_case(b"bearer")
}

/// RFC 9110 §5.6.2.
pub(super) fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
