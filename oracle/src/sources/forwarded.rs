//! The n-th entry from the right of a trusted forwarding field.

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
fn split_from_the_right(value: &[u8], separator: u8, respects_quotes: bool) -> Vec<Vec<u8>> {
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

/// The parameter `host` of one element of `Forwarded` (RFC 7239 §4), once.
fn host_of(element: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut hosts = Vec::new();
    for pair in split_from_the_right(element, b';', true) {
        let pair = trimmed(&pair);
        if pair.is_empty() {
            continue;
        }
        let equals = pair.iter().position(|byte| *byte == b'=').ok_or(MALFORMED_HOST)?;
        let (name, value) = pair.split_at(equals);
        if name.eq_ignore_ascii_case(b"host") {
            hosts.push(value.iter().skip(1).copied().collect::<Vec<_>>());
        }
    }
    match hosts.as_slice() {
        [host] => unquoted(host),
        _ => Err(MALFORMED_HOST),
    }
}

/// A quoted string's content (RFC 9110 §5.6.4), or the text itself where it is not quoted.
fn unquoted(value: &[u8]) -> Result<Vec<u8>, Refusal> {
    if value.first() != Some(&b'"') {
        return Ok(value.to_vec());
    }
    let mut content = Vec::new();
    let mut bytes = value.iter().skip(1);
    loop {
        match bytes.next() {
            Some(b'"') => break,
            Some(b'\\') => content.push(*bytes.next().ok_or(MALFORMED_HOST)?),
            Some(byte) => content.push(*byte),
            None => return Err(MALFORMED_HOST),
        }
    }
    if bytes.next().is_some() {
        return Err(MALFORMED_HOST);
    }
    Ok(content)
}
