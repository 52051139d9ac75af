//! The `Authorization` field, as far as the Bearer scheme goes (RFC 6750 §2.1).

use crate::name::{is_token_byte, trim};
use crate::{FieldName, Headers};

/// What the `Authorization` field holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum BearerCredential<'a> {
    /// No field, or another scheme.
    Absent,
    /// Two fields, or two Bearers in one.
    Malformed,
    /// An empty field, or `Bearer` and anything but one space and one word.
    Invalid,
    /// One token, not yet looked at.
    Token(&'a [u8]),
}

impl core::fmt::Debug for BearerCredential<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Absent => "Absent",
            Self::Malformed => "Malformed",
            Self::Invalid => "Invalid",
            // A token is a secret.
            Self::Token(_) => "Token",
        })
    }
}

/// Reads the bearer token of a request.
///
/// One field, the scheme `Bearer` in any case, one space, one token. Another scheme is no
/// credential, whatever follows it.
#[must_use]
pub fn bearer_credential(headers: &dyn Headers) -> BearerCredential<'_> {
    match headers.occurrence(&FieldName::authorization()) {
        crate::Occurrence::Absent => BearerCredential::Absent,
        crate::Occurrence::Repeated => BearerCredential::Malformed,
        crate::Occurrence::Once(value) => parse(trim(value)),
    }
}

fn parse(value: &[u8]) -> BearerCredential<'_> {
    let scheme_len = value.iter().take_while(|byte| is_token_byte(**byte)).count();
    let Some((scheme, rest)) = value.split_at_checked(scheme_len) else {
        return BearerCredential::Invalid;
    };
    if scheme.is_empty() {
        return BearerCredential::Invalid;
    }
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return BearerCredential::Absent;
    }
    match rest.split_first() {
        Some((b' ', token)) if is_word(token) => BearerCredential::Token(token),
        _ if rest.split(|byte| *byte == b',').skip(1).any(is_bearer) => BearerCredential::Malformed,
        _ => BearerCredential::Invalid,
    }
}

/// Whether it is one word of visible characters, and no list. All of it is read, which is faster than to look
/// for an end after each byte.
fn is_word(token: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_graphic() & (*byte != b',');
    !token.is_empty() & token.iter().fold(true, |so_far, byte| so_far & is_part(byte))
}

/// Whether a member of a comma list is of the scheme `Bearer`.
fn is_bearer(member: &[u8]) -> bool {
    let member = trim(member);
    let scheme_len = member.iter().take_while(|byte| is_token_byte(**byte)).count();
    member
        .get(..scheme_len)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HeaderList;

    fn read(values: &[&str]) -> std::string::String {
        let fields: std::vec::Vec<_> = values.iter().map(|value| ("Authorization", value.as_bytes())).collect();
        match bearer_credential(&HeaderList::new(&fields)) {
            BearerCredential::Token(token) => std::string::String::from_utf8_lossy(token).into_owned(),
            other => std::format!("{other:?}"),
        }
    }

    #[test]
    fn one_field_one_scheme_one_space_one_token() {
        for (values, expected) in [
            (&[][..], "Absent"),
            (&["Bearer a.b.c"], "a.b.c"),
            (&["bEARER a.b.c"], "a.b.c"),
            (&["\t Bearer a.b.c "], "a.b.c"),
            (&["Basic YTpi"], "Absent"),
            (&["Basic a, Bearer b"], "Absent"),
            (&["Digest a=1, b=2"], "Absent"),
            (&["Bearerx abc"], "Absent"),
            (&[""], "Invalid"),
            (&[" \t"], "Invalid"),
            (&["Bearer"], "Invalid"),
            (&["Bearer "], "Invalid"),
            (&["Bearer  a"], "Invalid"),
            (&["Bearer\ta"], "Invalid"),
            (&["Bearer a b"], "Invalid"),
            (&["Bearer a,b"], "Invalid"),
            (&["Bearer a, Basic b"], "Invalid"),
            (&["Bearer,a"], "Invalid"),
            (&["Bearer \u{e9}"], "Invalid"),
            (&["Bearer a, Bearer b"], "Malformed"),
            (&["Bearer a,bearer b"], "Malformed"),
            (&["Bearer a", "Bearer a"], "Malformed"),
            (&["Basic a", "Bearer a"], "Malformed"),
            (&["", ""], "Malformed"),
        ] {
            assert_eq!(read(values), expected, "{values:?}");
        }
    }
}
