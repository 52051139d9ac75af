//! The `Authorization` field, as far as the Bearer scheme goes (RFC 6750 §2.1).

use crate::names::FieldName;
use crate::names::{is_token_byte, trim};
use crate::request::{Credentials, Headers, Occurrence};

/// Reads the bearer token of a request, which is not verified yet.
///
/// One field, the scheme `Bearer` in any case, one space, one token. Another scheme is not read as a
/// credential, whatever follows it.
///
/// # Errors
///
/// If there is no token to verify, the error is the result of authentication, ready to be returned:
/// [`Absent`](Credentials::Absent) for no field or another scheme, [`Malformed`](Credentials::Malformed) for
/// two fields or two Bearers in one, [`Invalid`](Credentials::Invalid) for an empty field, or for `Bearer`
/// followed by anything but one space and one word. It is never [`Verified`](Credentials::Verified).
#[doc(alias = "authorization")]
pub fn bearer_token<C>(headers: &dyn Headers) -> Result<&[u8], Credentials<C>> {
    match headers.occurrence(&FieldName::authorization()) {
        Occurrence::Absent => Err(Credentials::Absent),
        Occurrence::Repeated => Err(Credentials::Malformed),
        Occurrence::Once(value) => parse(trim(value)),
    }
}

fn parse<C>(value: &[u8]) -> Result<&[u8], Credentials<C>> {
    let scheme_len = value.iter().take_while(|byte| is_token_byte(**byte)).count();
    let Some((scheme, rest)) = value.split_at_checked(scheme_len) else {
        return Err(Credentials::Invalid);
    };
    if scheme.is_empty() {
        return Err(Credentials::Invalid);
    }
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(Credentials::Absent);
    }
    match rest.split_first() {
        Some((b' ', token)) if is_word(token) => Ok(token),
        _ if rest.split(|byte| *byte == b',').skip(1).any(is_bearer) => Err(Credentials::Malformed),
        _ => Err(Credentials::Invalid),
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
    use core::convert::Infallible;

    use super::*;
    use crate::request::HeaderList;

    fn read(values: &[&str]) -> std::string::String {
        let fields: std::vec::Vec<_> = values.iter().map(|value| ("Authorization", value.as_bytes())).collect();
        match bearer_token::<Infallible>(&HeaderList::new(&fields)) {
            Ok(token) => std::string::String::from_utf8_lossy(token).into_owned(),
            Err(credentials) => std::format!("{credentials:?}"),
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
