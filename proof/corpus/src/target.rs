//! The request target taken apart, and the access policy of the route that it leads to.

use crate::{Case, Request, Tokens, Version};

/// The request target (RFC 9112 §3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Origin form and absolute form; HTTP/2's pseudo-headers.
    Path {
        /// The target's authority, or `:authority`.
        authority: Option<String>,
        /// The path, not decoded.
        path: String,
        /// What follows the first `?`.
        query: Option<String>,
    },
    /// `CONNECT host:port`.
    Authority,
    /// `OPTIONS *`.
    Asterisk,
}

/// The access policy of a route of the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// `…/whoami`, and every path that is not listed here.
    Scoped,
    /// `…/portal`.
    Public,
    /// `…/maybe`.
    Optional,
    /// `…/account`.
    Authenticated,
    /// `/healthz`: under no access policy.
    Central,
}

impl Request {
    /// The target's parts. A fragment, which has no place there, is dropped.
    #[must_use]
    pub fn target(&self, tokens: &Tokens<'_>) -> Target {
        let text = |text: &str| String::from_utf8_lossy(&tokens.bytes(text)).into_owned();
        let target = text(&self.target);
        if self.method == "CONNECT" {
            return Target::Authority;
        }
        if target == "*" {
            return Target::Asterisk;
        }
        let target = target.split('#').next().unwrap_or_default();
        let (authority, rest) = match target.split_once("://") {
            Some((_, rest)) if !target.starts_with('/') && self.version != Version::Http2 => {
                let end = rest.find(['/', '?']).unwrap_or(rest.len());
                let (authority, rest) = rest.split_at(end);
                (Some(authority.to_owned()), rest)
            }
            _ => (self.authority.as_deref().map(text), target),
        };
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (rest, None),
        };
        Target::Path {
            authority,
            path: if path.is_empty() { "/" } else { path }.to_owned(),
            query,
        }
    }

    /// The path, without placeholders; `None` where the target has none.
    pub(crate) fn path(&self) -> Option<String> {
        match self.target(&Tokens::default()) {
            Target::Path { path, .. } => Some(path),
            Target::Authority | Target::Asterisk => None,
        }
    }
}

impl Case {
    /// The access policy of the route, which follows from the path's end.
    #[must_use]
    pub fn policy(&self) -> Policy {
        let path = self.request.path().unwrap_or_default();
        match path.rsplit_once('/') {
            Some((_, "portal")) => Policy::Public,
            Some((_, "maybe")) => Policy::Optional,
            Some((_, "account")) => Policy::Authenticated,
            Some((_, "healthz")) => Policy::Central,
            _ => Policy::Scoped,
        }
    }
}
