//! The segment of the path.

use super::percent::{decoded, decoded_where_possible};
use super::{MALFORMED_TENANT, Read, parse};
use crate::{Form, Mutation, Oracle};

/// Whether a text is a template: a path with one segment `{tenant}`.
#[must_use]
pub fn is_template(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('/') else {
        return false;
    };
    let segments: Vec<&str> = rest.split('/').collect();
    segments.iter().filter(|segment| **segment == "{tenant}").count() == 1
        && segments.iter().all(|segment| !segment.is_empty())
}

/// What the template finds in a path, as the client sent it.
#[must_use]
pub fn path(oracle: Oracle, template: &str, path: &str, form: Form) -> Read {
    let wanted: Vec<&str> = template.split('/').collect();
    let given: Vec<&str> = path.split('/').collect();
    if given.len() < wanted.len() {
        return Read::NoMatch;
    }
    let mut tenant = None;
    for (position, (wanted, given_segment)) in wanted.iter().zip(&given).enumerate() {
        let fits_by_prefix = oracle.is(Mutation::LiteralByPrefix) && given_segment.starts_with(wanted);
        if *wanted == "{tenant}" {
            tenant = Some((position, *given_segment));
        } else if wanted != given_segment && !fits_by_prefix {
            return Read::NoMatch;
        }
    }
    let Some((position, tenant)) = tenant else {
        return Read::NoMatch;
    };
    if tenant.is_empty() {
        let is_last = position + 1 == given.len();
        return if is_last {
            Read::NoMatch
        } else {
            Read::Refused(MALFORMED_TENANT)
        };
    }
    if has_dot_segment(path) && !oracle.is(Mutation::DotSegmentsPass) {
        return Read::Refused(MALFORMED_TENANT);
    }
    let mut bytes = decoded(tenant);
    if oracle.is(Mutation::DecodeTwice) {
        bytes = bytes
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .and_then(|text| decoded(&text));
    }
    match bytes {
        Some(bytes) => parse(form, &bytes),
        None => Read::Refused(MALFORMED_TENANT),
    }
}

/// `.` or `..`, also encoded, as any proxy may see it: one that decodes slashes, takes a backslash for one, or drops
/// path parameters.
fn has_dot_segment(path: &str) -> bool {
    decoded_where_possible(path)
        .split(|byte| *byte == b'/' || *byte == b'\\')
        .filter_map(|segment| segment.split(|byte| *byte == b';').next())
        .any(|segment| segment == b"." || segment == b"..")
}
