//! Where the core is known to break a rule. Each entry goes when the core is mended.

use crate::sources::forwarded::{split_from_the_left, split_from_the_right};
use crate::sources::host::{Authority, authority};
use crate::{Case, ForwardingField};

/// The rule that the core is known to break for cases like this one, if any.
#[must_use]
pub fn known_difference(case: &Case) -> Option<&'static str> {
    if has_two_addresses(case) {
        return Some("authority and `Host` both present and different after normalising: 400");
    }
    if has_quotes_that_reach_right(case) {
        return Some("what stands further left in a forwarding field is the client's own and ignored");
    }
    None
}

/// The core takes any two addresses for equal.
fn has_two_addresses(case: &Case) -> bool {
    let target = case.request.parts().and_then(|parts| parts.authority);
    let field = case.request.values("host").pop();
    let (Some(target), Some(field)) = (target, field) else {
        return false;
    };
    match (authority(target.as_bytes()), authority(&field)) {
        (Ok(Authority::Address(target)), Ok(Authority::Address(field))) => target != field,
        _ => false,
    }
}

/// The core splits from the left, so that a quote which a client leaves open changes what stands right of it.
fn has_quotes_that_reach_right(case: &Case) -> bool {
    let is_read = matches!(case.configuration.forwarding, Some((ForwardingField::Forwarded, _)));
    is_read
        && case.request.values("forwarded").iter().any(|value| {
            let mut from_the_right = split_from_the_right(value, b',', true);
            from_the_right.reverse();
            split_from_the_left(value, b',') != Some(from_the_right)
        })
}
