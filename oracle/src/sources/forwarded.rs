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
    let mut entries = split_from_the_right(&values.join(b",".as_slice()), b',', respects_quotes);
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

/// The pieces between separators outside quoted strings; nothing where a quoted string does not end.
pub(crate) fn split_from_the_left(value: &[u8], separator: u8) -> Option<Vec<Vec<u8>>> {
    let mut pieces = vec![Vec::new()];
    let (mut is_quoted, mut is_escaped) = (false, false);
    for byte in value {
        if *byte == separator && !is_quoted {
            pieces.push(Vec::new());
            continue;
        }
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_quoted,
            b'"' => is_quoted = !is_quoted,
            _ => {}
        }
        pieces.last_mut()?.push(*byte);
    }
    (!is_quoted).then_some(pieces)
}

/// The parameter `host` of one element of `Forwarded` (RFC 7239 §4), once. All pairs must be ones.
fn host_of(element: &[u8]) -> Result<Vec<u8>, Refusal> {
    if split_from_the_left(element, b';').is_none() {
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
    if content.contains(&b'"') || content.contains(&b'\\') {
        Err(MALFORMED_HOST)
    } else {
        Ok(content.to_vec())
    }
}
