use super::percent::decoded;
use super::{MALFORMED_TENANT, Read, parse};
use crate::{Form, Mutation, Oracle};

/// A parameter that occurs once, its value decoded once.
pub(super) fn read(oracle: Oracle, query: &str, parameter: &str, form: Form) -> Read {
    let mut values = Vec::new();
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if decoded(name).is_some_and(|name| name == parameter.as_bytes()) {
            values.push(value);
        }
    }
    if oracle.is(Mutation::LastParameterWins) {
        values = values.pop().into_iter().collect();
    }
    match values.as_slice() {
        [] => Read::NoMatch,
        [value] => match decoded(value) {
            Some(value) => parse(form, &value),
            None => Read::Refused(MALFORMED_TENANT),
        },
        _ => Read::Refused(MALFORMED_TENANT),
    }
}
