use super::host::{Authority, of_request};
use super::{MALFORMED_TENANT, Read, parse};
use crate::{Case, Form, Key, Mutation, Oracle};

/// The one label under the base domain.
pub(super) fn subdomain(oracle: Oracle, case: &Case, form: Form) -> Read {
    let name = match of_request(oracle, case) {
        Ok(Some(Authority::Name(name))) => name,
        Ok(Some(Authority::Address(_)) | None) => return Read::NoMatch,
        Err(refusal) => return Read::Refused(refusal),
    };
    let Some(base) = &case.configuration.base_domain else {
        return Read::NoMatch;
    };
    let suffix = if oracle.is(Mutation::SuffixWithoutDot) {
        base.clone()
    } else {
        format!(".{base}")
    };
    let label = match name.strip_suffix(&suffix) {
        Some(label) => label,
        None if oracle.is(Mutation::ApexMatches) && name == *base => name.split('.').next().unwrap_or_default(),
        None => return Read::NoMatch,
    };
    let label = match label.split_once('.') {
        None => label,
        Some((first, _)) if oracle.is(Mutation::DeepLabelMatches) => first,
        Some(_) => return Read::NoMatch,
    };
    let is_reserved = case.configuration.reserved.iter().any(|reserved| reserved == label);
    if is_reserved && !oracle.is(Mutation::ReservedMatches) {
        return Read::NoMatch;
    }
    if !is_tenant_label(label) {
        return if oracle.is(Mutation::BadLabelIsSilent) {
            Read::NoMatch
        } else {
            Read::Refused(MALFORMED_TENANT)
        };
    }
    parse(form, label.as_bytes())
}

/// `[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?`
fn is_tenant_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// The whole name, where it is neither the base nor under it.
pub(super) fn domain(oracle: Oracle, case: &Case) -> Read {
    let name = match of_request(oracle, case) {
        Ok(Some(Authority::Name(name))) => name,
        Ok(Some(Authority::Address(_)) | None) => return Read::NoMatch,
        Err(refusal) => return Read::Refused(refusal),
    };
    match &case.configuration.base_domain {
        Some(base) if name == *base || name.ends_with(&format!(".{base}")) => Read::NoMatch,
        _ => Read::Key(Key {
            form: Form::Domain,
            text: name,
        }),
    }
}
