//! The authority: its grammar, and where it stands.

use std::net::Ipv6Addr;

use super::{MALFORMED_HOST, Refusal, forwarded, trimmed};
use crate::{Case, Mutation, Oracle, Version};

/// A normalised authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authority {
    /// A name, in lower case, without port and trailing dot.
    Name(String),
    /// A dotted quad, or a bracketed IPv6 address, as text in lower case.
    Address(String),
}

/// Reads an authority: host, and perhaps a colon and a port. White space around a field is no part of it.
///
/// # Errors
///
/// Where it is none: 400.
pub fn authority(bytes: &[u8]) -> Result<Authority, Refusal> {
    let text = String::from_utf8(trimmed(bytes)).map_err(|_| MALFORMED_HOST)?;
    let text = text.to_ascii_lowercase();
    if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']').ok_or(MALFORMED_HOST)?;
        if !(port.is_empty() || port.strip_prefix(':').is_some_and(is_port)) {
            return Err(MALFORMED_HOST);
        }
        return match address.parse::<Ipv6Addr>() {
            Ok(_) => Ok(Authority::Address(format!("[{address}]"))),
            Err(_) => Err(MALFORMED_HOST),
        };
    }
    let (host, port) = text.split_once(':').unwrap_or((&text, ""));
    let host = host.strip_suffix('.').unwrap_or(host);
    if !is_port(port) || !crate::names::is_domain(host) {
        return Err(MALFORMED_HOST);
    }
    Ok(if is_dotted_quad(host) {
        Authority::Address(host.to_owned())
    } else {
        Authority::Name(host.to_owned())
    })
}

/// Four numbers of one to three digits, whether they fit into a byte or not.
fn is_dotted_quad(host: &str) -> bool {
    let numbers: Vec<&str> = host.split('.').collect();
    numbers.len() == 4
        && numbers
            .iter()
            .all(|number| (1..=3).contains(&number.len()) && number.chars().all(|c| c.is_ascii_digit()))
}

/// Digits up to 65535. No digit at all is fine.
fn is_port(text: &str) -> bool {
    let digits = text.trim_start_matches('0');
    text.chars().all(|c| c.is_ascii_digit()) && (digits.is_empty() || digits.parse::<u16>().is_ok())
}

/// The request's authority; nothing where the request names no host.
pub(super) fn of_request(oracle: Oracle, case: &Case) -> Result<Option<Authority>, Refusal> {
    let request = &case.request;
    let Some(parts) = request.parts() else {
        return Ok(None);
    };
    if let Some((field, hops)) = case.configuration.forwarding {
        match forwarded::entry(oracle, request, field, hops) {
            Err(_) if oracle.is(Mutation::ForwardedFallsBack) => {}
            Err(refusal) => return Err(refusal),
            Ok(entry) => return authority(&entry).map(Some),
        }
    } else if oracle.is(Mutation::ForwardedWithoutTrust)
        && let Some(value) = request.values("x-forwarded-host").first()
    {
        return authority(value).map(Some);
    }
    let mut fields = request.values("host");
    if oracle.is(Mutation::FirstHostWins) {
        fields.truncate(1);
    }
    let field = match fields.as_slice() {
        [] => None,
        [field] => Some(authority(field)?),
        _ => return Err(MALFORMED_HOST),
    };
    let target = match parts.authority {
        Some(target) => Some(authority(target.as_bytes())?),
        None => None,
    };
    match (target, field, request.version) {
        (_, None, Version::Http11) | (None, None, Version::Http2) if !oracle.is(Mutation::MissingHostPasses) => {
            Err(MALFORMED_HOST)
        }
        (Some(target), Some(field), _) if target != field && !oracle.is(Mutation::ContradictionPasses) => {
            Err(MALFORMED_HOST)
        }
        (target, field, _) => Ok(target.or(field)),
    }
}
