use super::{MALFORMED_TENANT, Read, parse, trimmed};
use crate::{Form, Mutation, Oracle, Request};

/// A cookie that occurs once in all `Cookie` fields together. Its value is not decoded.
pub(super) fn read(oracle: Oracle, request: &Request, name: &str, form: Form) -> Read {
    let joined = request.values("cookie").join(b"; ".as_slice());
    let mut values = Vec::new();
    for pair in joined.split(|byte| *byte == b';') {
        // A name without `=` is there, and empty.
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let candidate = trimmed(halves.next().unwrap_or_default());
        let value = trimmed(halves.next().unwrap_or_default());
        if candidate == name.as_bytes() {
            values.push(value);
        }
    }
    if oracle.is(Mutation::FirstCookieWins) {
        values.truncate(1);
    }
    match values.as_slice() {
        [] => Read::NoMatch,
        [value] => parse(form, value),
        _ => Read::Refused(MALFORMED_TENANT),
    }
}
