//! The authority of a request, parsed to rules stricter than any URL library's.
//!
//! Other parsers accept (`:99999`, `a..b`, `a,b`, `u@h`) or rewrite (IDNA, octal addresses, percent
//! escapes) what two parties may then read differently. Here all of that is refused.

use super::parse::{ParseError, ParseProblem};
use super::text::{Text, text_traits};
use crate::resolve::Malformed;

/// What an authority names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "std"),
    expect(clippy::large_enum_variant, reason = "there is no allocator to box with")
)]
pub(crate) enum Host {
    /// A host name, in canonical form.
    Name(Domain),
    /// An IPv4 or IPv6 address. It names no tenant.
    Address,
}

/// A canonical host name: lower case, no port, no trailing dot, at most 253 bytes (RFC 1035 §2.3.4).
///
/// Addresses are no domains, and nothing is decoded or mapped to make one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[doc(alias = "host name")]
#[doc(alias = "vanity domain")]
pub struct Domain(Text<253>);

impl Domain {
    /// The greatest length, in bytes.
    pub const MAX_LEN: usize = 253;

    /// Parses a host name in any case, with or without one trailing dot.
    ///
    /// # Errors
    ///
    /// Unless the bytes are labels of 1 to 63 of `A-Z`, `a-z`, `0-9`, `_` and `-` between dots. An
    /// address, a port, userinfo or a second trailing dot is refused.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let grammar = "a host name of at most 253 bytes, without a port";
        let refuse = |problem| ParseError::new("a domain", grammar, problem);
        if bytes.is_empty() {
            return Err(refuse(ParseProblem::Empty));
        }
        match read_name(bytes).and_then(Authority::to_host) {
            Ok(Host::Name(domain)) => Ok(domain),
            Ok(Host::Address) => Err(refuse(ParseProblem::Alphabet)),
            Err(_) if bytes.len() > 254 => Err(refuse(ParseProblem::TooLong)),
            Err(_) => Err(refuse(ParseProblem::Alphabet)),
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// What stands before `.base`, where this name is under it.
    pub(crate) fn label_under(&self, base: &Self) -> Option<&str> {
        self.as_str().strip_suffix(base.as_str())?.strip_suffix('.')
    }
}

text_traits!(Domain);

/// An authority as the request spells it, checked, without port and trailing dot.
#[derive(Clone, Copy)]
pub(crate) enum Authority<'a> {
    Name(&'a str),
    Address(&'a str),
}

impl Authority<'_> {
    /// Whether both are one host: upper and lower case are the same (RFC 3986 §3.2.2).
    pub(crate) fn is(self, other: Authority<'_>) -> bool {
        match (self, other) {
            (Self::Name(ours), Authority::Name(theirs)) | (Self::Address(ours), Authority::Address(theirs)) => {
                ours.eq_ignore_ascii_case(theirs)
            }
            (Self::Name(_), Authority::Address(_)) | (Self::Address(_), Authority::Name(_)) => false,
        }
    }

    pub(crate) fn to_host(self) -> Result<Host, Malformed> {
        match self {
            Self::Name(name) => Text::lower(name)
                .map(|name| Host::Name(Domain(name)))
                .ok_or(Malformed::Host),
            Self::Address(_) => Ok(Host::Address),
        }
    }
}

/// Parses `host [":" port]` (RFC 9110 §7.2, RFC 3986 §3.2) from untrusted bytes.
///
/// White space around the whole is no part of it. The port is checked and dropped.
///
/// # Errors
///
/// Userinfo, a comma, an empty label, a label outside `[A-Za-z0-9_-]{1,63}`, a name over 253 bytes, a
/// port over 65535 or with other than digits, a second colon outside brackets, an unclosed or
/// misplaced bracket, a non-ASCII or percent-encoded byte, or nothing at all.
pub(crate) fn read_authority(bytes: &[u8]) -> Result<Authority<'_>, Malformed> {
    let bytes = trim(bytes);
    if let Some(rest) = bytes.strip_prefix(b"[") {
        let (address, rest) = split_at_byte(rest, b']').ok_or(Malformed::Host)?;
        match rest.split_first() {
            None => {}
            Some((b':', port)) => check_port(port)?,
            Some(_) => return Err(Malformed::Host),
        }
        return core::str::from_utf8(address)
            .ok()
            .filter(|text| text.parse::<core::net::Ipv6Addr>().is_ok())
            .map(Authority::Address)
            .ok_or(Malformed::Host);
    }
    match split_at_byte(bytes, b':') {
        None => read_name(bytes),
        Some((name, port)) => {
            check_port(port)?;
            read_name(name)
        }
    }
}

/// Reads a host name without a port, or a dotted quad.
pub(crate) fn read_name(bytes: &[u8]) -> Result<Authority<'_>, Malformed> {
    let bytes = bytes.strip_suffix(b".").unwrap_or(bytes);
    if bytes.len() > Domain::MAX_LEN {
        return Err(Malformed::Host);
    }
    let mut label_len = 0_usize;
    for &byte in bytes {
        label_len = match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' if label_len < 63 => label_len + 1,
            b'.' if label_len > 0 => 0,
            _ => return Err(Malformed::Host),
        };
    }
    if label_len == 0 {
        return Err(Malformed::Host);
    }
    let name = core::str::from_utf8(bytes).map_err(|_| Malformed::Host)?;
    Ok(if is_dotted_quad(name) {
        Authority::Address(name)
    } else {
        Authority::Name(name)
    })
}

/// Four numbers between dots. What number it is does not matter: none of them names a tenant.
fn is_dotted_quad(name: &str) -> bool {
    name.as_bytes().first().is_some_and(u8::is_ascii_digit)
        && name.split('.').count() == 4
        && name
            .split('.')
            .all(|label| label.len() <= 3 && label.bytes().all(|byte| byte.is_ascii_digit()))
}

fn check_port(port: &[u8]) -> Result<(), Malformed> {
    let mut number = 0_u32;
    for byte in port {
        if !byte.is_ascii_digit() {
            return Err(Malformed::Host);
        }
        number = number.saturating_mul(10).saturating_add(u32::from(byte - b'0'));
    }
    if number > u32::from(u16::MAX) {
        Err(Malformed::Host)
    } else {
        Ok(())
    }
}

/// Splits around the first `byte`.
pub(crate) fn split_at_byte(bytes: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|candidate| *candidate == byte)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

/// Removes optional white space: spaces and tabs, nothing else (RFC 9110 §5.6.3).
pub(crate) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    fn parse_authority(bytes: &[u8]) -> Result<Host, Malformed> {
        read_authority(bytes)?.to_host()
    }

    fn name(text: &str) -> Result<Host, Malformed> {
        Ok(Host::Name(text.parse().map_err(|_| Malformed::Host)?))
    }

    #[test]
    fn names_are_normalised() {
        for (input, expected) in [
            ("app.com", "app.com"),
            ("ACME.App.Com:443", "acme.app.com"),
            ("app.com.", "app.com"),
            ("app.com.:80", "app.com"),
            ("app.com:", "app.com"),
            (" app.com\t", "app.com"),
            ("localhost", "localhost"),
            ("a_b.-c-.com", "a_b.-c-.com"),
            ("2130706433", "2130706433"),
            ("1.b.c.d", "1.b.c.d"),
            ("1234.1.1.1", "1234.1.1.1"),
            ("1.1.1", "1.1.1"),
            ("app.com:65535", "app.com"),
        ] {
            assert_eq!(parse_authority(input.as_bytes()), name(expected), "{input:?}");
        }
    }

    #[test]
    fn addresses_are_no_names() {
        for input in [
            "127.0.0.1",
            "127.0.0.1.",
            "127.0.0.1:80",
            "[::1]",
            "[::1]:80",
            "[::ffff:1.2.3.4]:",
        ] {
            assert!(
                matches!(parse_authority(input.as_bytes()), Ok(Host::Address)),
                "{input:?}"
            );
        }
    }

    #[test]
    fn everything_else_is_malformed() {
        let long_label = "x".repeat(64);
        let long_name = format!("{}a", "a.".repeat(127));
        for input in [
            "",
            " ",
            ".",
            "..",
            ":80",
            "a..b",
            ".a",
            "a.com..",
            "a,b",
            "a.com, b.com",
            "u@h",
            "u:p@h",
            "a:99999",
            "a:65536",
            "a:80x",
            "a:80:81",
            "a:-1",
            "::1",
            "[::1",
            "::1]",
            "[::1]x",
            "[::1]]",
            "a[::1]",
            "[]",
            "[zz]",
            "[fe80::1%25eth0]",
            "a%2ecom",
            "é.com",
            "a b",
            "a\0",
            "a/b",
            "a\\b",
            "a?b",
            "a#b",
            "a;b",
            "*.com",
            &long_label,
            &long_name,
        ] {
            assert_eq!(parse_authority(input.as_bytes()), Err(Malformed::Host), "{input:?}");
        }
        assert_eq!(parse_authority(b"a\xff.com"), Err(Malformed::Host));
    }

    #[test]
    fn a_name_may_have_253_bytes_and_a_label_63() {
        let name = format!("{}a", "a.".repeat(126));
        assert_eq!(name.len(), 253);
        assert!(parse_authority(name.as_bytes()).is_ok());
        assert!(parse_authority(format!("{name}.").as_bytes()).is_ok());
        assert!(parse_authority("x".repeat(63).as_bytes()).is_ok());
    }
}
