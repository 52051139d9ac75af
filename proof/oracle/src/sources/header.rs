use super::{MALFORMED_TENANT, Read, parse, trimmed};
use crate::{Form, Mutation, Oracle, Request};

/// A field that occurs once, without the white space around it.
pub(super) fn read(oracle: Oracle, request: &Request, name: &str, form: Form) -> Read {
    let mut values = request.values(name);
    if oracle.is(Mutation::LastHeaderWins) {
        values = values.pop().into_iter().collect();
    }
    match values.as_slice() {
        [] => Read::NoMatch,
        [value] => {
            let mut value = if oracle.is(Mutation::HeaderKeepsWhiteSpace) {
                value.clone()
            } else {
                trimmed(value)
            };
            if oracle.is(Mutation::HeaderFoldsCase) {
                value.make_ascii_lowercase();
            }
            if value.is_empty() && oracle.is(Mutation::EmptyHeaderIsAbsent) {
                return Read::NoMatch;
            }
            parse(form, &value)
        }
        _ => Read::Refused(MALFORMED_TENANT),
    }
}
