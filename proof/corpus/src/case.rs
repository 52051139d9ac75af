//! A row: a request under a configuration, and what must come of it.

use serde::Deserialize;

use crate::{Expect, Session};

/// One row of the corpus.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Unique, in kebab case; it says the rule.
    pub name: String,
    /// The section of the rules, a colon, and the clause that the row proves.
    pub clause: String,
    /// The name of a [`Configuration`](crate::Configuration).
    pub config: String,
    /// What is sent.
    pub request: Request,
    /// What the valid token says that stands for `{token}`.
    pub token: Option<Claims>,
    /// The session of impersonation whose secret stands for `{session}`.
    pub session: Option<Session>,
    /// What must come of it.
    pub expect: Expect,
}

/// A request in parts, near enough to its bytes that what no library would send can be said.
///
/// In `target`, `authority` and the fields' values each character up to U+00FF is one byte.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The protocol's version. Default: HTTP/1.1.
    #[serde(default)]
    pub version: Version,
    /// Default: `GET`.
    #[serde(default = "get")]
    pub method: String,
    /// The request target as it is on the wire; on HTTP/2 the `:path`, or a `CONNECT`'s authority.
    pub target: String,
    /// The `:authority` of HTTP/2.
    pub authority: Option<String>,
    /// Names and values in order. `{token}` and `{bad-token}` stand for tokens, `{session}` for the secret of a session.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
}

fn get() -> String {
    String::from("GET")
}

/// The versions that the rules tell apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Version {
    /// HTTP/1.0.
    #[serde(rename = "HTTP/1.0")]
    Http10,
    /// HTTP/1.1.
    #[default]
    #[serde(rename = "HTTP/1.1")]
    Http11,
    /// HTTP/2.
    #[serde(rename = "HTTP/2")]
    Http2,
}

/// What a token says that is signed as it should be.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// The claim `sub`.
    pub subject: String,
    /// The claim [`TENANT_CLAIM`](crate::TENANT_CLAIM). Of any type: a token may say what it should not.
    pub tenant: Option<toml::Value>,
    /// The claim [`TENANTS_CLAIM`](crate::TENANTS_CLAIM).
    pub tenants: Option<toml::Value>,
    /// The claim [`STAFF_CLAIM`](crate::STAFF_CLAIM), which some configurations read.
    pub staff: Option<toml::Value>,
    /// The claim `act`: who acts in the subject's place (RFC 8693 §4.1).
    pub act: Option<toml::Value>,
}

impl Case {
    /// Whom the request is of, if it is admitted: the session's holder, or the token's subject.
    pub(crate) fn subject(&self) -> Option<&str> {
        match (&self.session, &self.token) {
            (Some(session), _) => Some(session.holder()),
            (None, token) => token.as_ref().map(|token| token.subject.as_str()),
        }
    }

    /// Who acts in that one's place.
    pub(crate) fn actor(&self) -> Option<&str> {
        match &self.session {
            Some(session) => Some(&session.actor),
            None => self.token.as_ref()?.act.as_ref()?.get("sub")?.as_str(),
        }
    }
}

/// What stands for the placeholders in a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tokens<'t> {
    /// For `{token}`: a token that says the row's [`Claims`].
    pub good: &'t str,
    /// For `{bad-token}`: one in the shape of a token that does not verify.
    pub bad: &'t str,
    /// For `{session}`: the secret of the row's [`Session`].
    pub session: &'t str,
}

impl Tokens<'_> {
    /// The bytes of a text of the corpus, its placeholders replaced.
    pub(crate) fn bytes(&self, text: &str) -> Vec<u8> {
        let text = text.replace("{token}", self.good).replace("{bad-token}", self.bad);
        let text = text.replace("{session}", self.session);
        // What is no byte is refused when the corpus is loaded.
        text.chars().map(|byte| u8::try_from(byte).unwrap_or(b'?')).collect()
    }
}

impl Request {
    /// The header fields, names as written, values in bytes.
    #[must_use]
    pub fn fields(&self, tokens: &Tokens<'_>) -> Vec<(String, Vec<u8>)> {
        self.headers
            .iter()
            .map(|(name, value)| (name.clone(), tokens.bytes(value)))
            .collect()
    }

    /// The texts in which placeholders stand.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        [&self.target]
            .into_iter()
            .chain(&self.authority)
            .chain(self.headers.iter().map(|(_, value)| value))
            .map(String::as_str)
    }
}
