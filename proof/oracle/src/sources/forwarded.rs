//! The n-th entry from the right of a trusted forwarding field.

use super::bearer::is_of_token;
use super::{MALFORMED_HOST, Refusal, trimmed};
use crate::{ForwardingField, Mutation, Oracle, Request};

/// The authority that the n-th proxy from the right saw.
pub(super) fn entry(oracle: Oracle, request: &Request, field: ForwardingField, hops: u8) -> Result<Vec<u8>, Refusal> {
    let (name, respects_quotes) = match field {
        ForwardingField::XForwardedHost => ("x-forwarded-host", false),
        ForwardingField::Forwarded => ("forwarded", true),
    };
    let values = request.values(name);
    if values.is_empty() {
        return Err(MALFORMED_HOST);
    }
    let mut entries = Vec::new();
    for value in values.iter().rev() {
        // A line of a proxy whose quotes do not pair off says nothing about how many entries it has.
        if entries.len() < usize::from(hops) {
            entries.extend(split_from_the_right(value, b',', respects_quotes));
            let is_read_past = entries.len() < usize::from(hops);
            if respects_quotes && is_read_past && ends_quoted(value) {
                return Err(MALFORMED_HOST);
            }
        }
    }
    if oracle.is(Mutation::ForwardedFromLeft) {
        entries.reverse();
    }
    let entry = entries.into_iter().nth(usize::from(hops) - 1).ok_or(MALFORMED_HOST)?;
    let authority = match field {
        ForwardingField::XForwardedHost => trimmed(&entry),
        ForwardingField::Forwarded => host_of(&entry)?,
    };
    if authority.is_empty() {
        Err(MALFORMED_HOST)
    } else {
        Ok(authority)
    }
}

/// The pieces between separators, the rightmost first. What a client wrote on the left cannot change how the right is
/// read, so a quote is looked for from the right as well.
pub(crate) fn split_from_the_right(value: &[u8], separator: u8, respects_quotes: bool) -> Vec<Vec<u8>> {
    let mut pieces = vec![Vec::new()];
    let mut is_quoted = false;
    for (position, byte) in value.iter().enumerate().rev() {
        if respects_quotes && *byte == b'"' {
            let before = value.iter().take(position).rev();
            let is_escaped = before.take_while(|byte| **byte == b'\\').count() % 2 == 1;
            if !is_escaped || !is_quoted {
                is_quoted = !is_quoted;
            }
        }
        if *byte == separator && !is_quoted {
            pieces.push(Vec::new());
        } else if let Some(piece) = pieces.last_mut() {
            piece.insert(0, *byte);
        }
    }
    pieces
}

/// Whether a quote is left over on the left end, when they are paired off from the right.
fn ends_quoted(value: &[u8]) -> bool {
    // A comma in front is a piece of its own unless it is inside a quote.
    let with_comma = [b",", value].concat();
    split_from_the_right(&with_comma, b',', true).len() == split_from_the_right(value, b',', true).len()
}

/// Whether quotes pair off, when read from the left as the element's writer wrote them.
fn is_well_quoted(element: &[u8]) -> bool {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for byte in element {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_quoted,
            b'"' => is_quoted = !is_quoted,
            _ => {}
        }
    }
    !is_quoted
}

/// The parameter `host` of one element of `Forwarded` (RFC 7239 §4), once. All pairs must be ones.
fn host_of(element: &[u8]) -> Result<Vec<u8>, Refusal> {
    if !is_well_quoted(element) {
        return Err(MALFORMED_HOST);
    }
    let mut hosts = Vec::new();
    for pair in split_from_the_right(element, b';', true) {
        let pair = trimmed(&pair);
        let equals = pair.iter().position(|byte| *byte == b'=').ok_or(MALFORMED_HOST)?;
        let (name, value) = pair.split_at(equals);
        if name.is_empty() || !name.iter().copied().all(is_of_token) {
            return Err(MALFORMED_HOST);
        }
        if name.eq_ignore_ascii_case(b"host") {
            hosts.push(unquoted(value.get(1..).unwrap_or_default())?);
        }
    }
    match hosts.as_slice() {
        [host] => Ok(host.clone()),
        _ => Err(MALFORMED_HOST),
    }
}

/// A quoted string's content, or the text itself. There is nothing in an authority that would be escaped.
fn unquoted(value: &[u8]) -> Result<Vec<u8>, Refusal> {
    let content = value
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""))
        .unwrap_or(value);
    // RFC 7239 §4 has no white space around a value, and an authority none inside.
    if content.iter().any(|byte| b"\"\\ \t".contains(byte)) {
        Err(MALFORMED_HOST)
    } else {
        Ok(content.to_vec())
    }
}
