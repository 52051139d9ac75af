use super::{MALFORMED_TENANT, Read, parse, trimmed};
use crate::{Form, Mutation, Oracle, Request};

/// A cookie that occurs once in all `Cookie` fields together. Its value is not decoded.
pub(super) fn read(oracle: Oracle, request: &Request, name: &str, form: Form) -> Read {
    let joined = request.values("cookie").join(b"; ".as_slice());
    let mut values = Vec::new();
    for pair in joined.split(|byte| *byte == b';') {
        let pair = trimmed(pair);
        let Some(equals) = pair.iter().position(|byte| *byte == b'=') else {
            continue;
        };
        let (candidate, value) = pair.split_at(equals);
        if candidate == name.as_bytes() {
            values.push(value.iter().skip(1).copied().collect::<Vec<_>>());
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
