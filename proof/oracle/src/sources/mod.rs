//! What each source says.

pub(crate) mod bearer;
mod cookie;
pub(crate) mod forwarded;
mod header;
pub(crate) mod host;
mod host_resolvers;
pub(crate) mod path;
mod percent;
mod query;

use crate::{Case, Credentials, Key, Oracle, Source};

/// What a source says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// Nothing: the next one is asked.
    NoMatch,
    /// A tenant's name.
    Key(Key),
    /// The request ends.
    Refused(Refusal),
}

/// A request ends with this status and code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The stable name of the refusal.
    pub code: &'static str,
}

impl Refusal {
    pub(crate) const fn new(status: u16, code: &'static str) -> Self {
        Self { status, code }
    }
}

pub(crate) const MALFORMED_TENANT: Refusal = Refusal::new(400, "malformed_tenant");
pub(crate) const MALFORMED_HOST: Refusal = Refusal::new(400, "malformed_host");

/// Asks one source.
pub(crate) fn read(oracle: Oracle, case: &Case, source: Source) -> Read {
    let configuration = &case.configuration;
    let request = &case.request;
    match source {
        Source::Header(form) => header::read(oracle, request, &configuration.header_name, form),
        Source::JwtClaim => match &request.credentials {
            Credentials::Verified {
                tenant: Some(claim), ..
            } => Read::Key(claim.clone()),
            _ => Read::NoMatch,
        },
        Source::Subdomain(form) => host_resolvers::subdomain(oracle, case, form),
        Source::Domain => host_resolvers::domain(oracle, case),
        Source::Path(form) => match request.parts() {
            Some(parts) => path::path(oracle, &configuration.path_template, &parts.path, form),
            None => Read::NoMatch,
        },
        Source::Query(form) => match request.parts().and_then(|parts| parts.query) {
            Some(query) => query::read(oracle, &query, &configuration.query_parameter, form),
            None => Read::NoMatch,
        },
        Source::Cookie(form) => cookie::read(oracle, request, &configuration.cookie_name, form),
    }
}

/// A value that must be a name in this form.
fn parse(form: crate::Form, bytes: &[u8]) -> Read {
    crate::names::key(form, bytes).map_or(Read::Refused(MALFORMED_TENANT), Read::Key)
}

/// Without SP and HTAB at both ends.
fn trimmed(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    while let Some(b' ' | b'\t') = bytes.last() {
        bytes.pop();
    }
    while let Some(b' ' | b'\t') = bytes.first() {
        bytes.remove(0);
    }
    bytes
}

/// A target's parts.
pub(crate) struct Parts {
    pub(crate) authority: Option<String>,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
}

impl crate::Request {
    /// The values of the fields of that name, which is compared without case.
    pub(crate) fn values(&self, name: &str) -> Vec<Vec<u8>> {
        self.fields
            .iter()
            .filter(|(candidate, _)| candidate.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.clone())
            .collect()
    }

    /// The target's authority, path and query; nothing for CONNECT and `OPTIONS *`.
    pub(crate) fn parts(&self) -> Option<Parts> {
        if self.method == "CONNECT" {
            return None;
        }
        let (authority, rest) = match &self.target {
            crate::Target::Pseudo { authority, path } => (authority.clone(), path.clone()),
            crate::Target::Line(line) => match line.split_once("://") {
                Some((scheme, rest)) if scheme == "http" || scheme == "https" => {
                    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
                    let (authority, rest) = rest.split_at(end);
                    (Some(authority.to_owned()), rest.to_owned())
                }
                _ => (None, line.clone()),
            },
        };
        if self.method == "OPTIONS" && rest == "*" {
            return None;
        }
        let rest = rest.split('#').next().unwrap_or_default().to_owned();
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
            None => (rest, None),
        };
        Some(Parts { authority, path, query })
    }
}
