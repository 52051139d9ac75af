//! The view of an `http` request that the core reads.

use http::header::GetAll;
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};
use tenancy_core::names::FieldName;
use tenancy_core::request::{Credentials, Headers, HttpVersion, Occurrence, RequestView, Target, VerifiedClaims};

/// The header fields of an `http` request, as the core reads them.
#[derive(Clone, Copy)]
pub struct HeaderFields<'a> {
    map: &'a HeaderMap,
    names: &'a [HeaderName],
}

impl<'a> HeaderFields<'a> {
    /// The fields of a map.
    #[must_use]
    pub const fn new(headers: &'a HeaderMap) -> Self {
        Self {
            map: headers,
            names: &[],
        }
    }

    /// Sets names that will be looked up, already parsed for the map. Any other name is parsed at each look-up.
    #[must_use]
    pub const fn with_names(self, names: &'a [HeaderName]) -> Self {
        Self { names, ..self }
    }

    fn get_all(&self, name: &FieldName) -> GetAll<'a, HeaderValue> {
        let is_it = |known: &&HeaderName| known.as_str() == name.as_str();
        match self.names.iter().find(is_it) {
            Some(known) => self.map.get_all(known),
            None => self.map.get_all(name.as_str()),
        }
    }
}

impl core::fmt::Debug for HeaderFields<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // Values hold secrets.
        f.debug_list().entries(self.map.keys()).finish()
    }
}

impl Headers for HeaderFields<'_> {
    fn each<'a>(&'a self, name: &FieldName, visit: &mut dyn FnMut(&'a [u8])) {
        for value in self.get_all(name) {
            visit(value.as_bytes());
        }
    }

    fn occurrence<'a>(&'a self, name: &FieldName) -> Occurrence<'a> {
        let mut values = self.get_all(name).into_iter();
        match (values.next(), values.next()) {
            (None, _) => Occurrence::Absent,
            (Some(value), None) => Occurrence::Once(value.as_bytes()),
            (Some(_), Some(_)) => Occurrence::Repeated,
        }
    }
}

/// Where a framework keeps the URI that the client sent, if it rewrites the request's own.
pub type OriginalUri = fn(&Extensions) -> Option<&Uri>;

/// Makes the view of a request that the core reads.
///
/// `fields` wraps the request's own header map. `uri` is the one that the client sent.
#[must_use]
pub fn request_view<'a>(
    parts: &'a Parts,
    uri: &'a Uri,
    fields: &'a HeaderFields<'a>,
    credentials: Credentials<&'a dyn VerifiedClaims>,
) -> RequestView<'a> {
    RequestView {
        version: version(parts.version),
        target: target(&parts.method, uri),
        headers: fields,
        credentials,
    }
}

const fn version(version: Version) -> HttpVersion {
    match version {
        Version::HTTP_09 | Version::HTTP_10 => HttpVersion::Http10,
        Version::HTTP_11 => HttpVersion::Http11,
        // HTTP/2, HTTP/3, and whatever comes after.
        _ => HttpVersion::Http2,
    }
}

fn target<'a>(method: &Method, uri: &'a Uri) -> Target<'a> {
    let path = uri.path();
    // As bytes, which are compared in place.
    match path.as_bytes() {
        b"*" => Target::Asterisk,
        // An extended CONNECT (RFC 8441) has a path; a plain one has an authority alone.
        b"" => Target::Authority,
        b"/" if method == Method::CONNECT && uri.scheme().is_none() => Target::Authority,
        _ => Target::Path {
            authority: uri.authority().map(http::uri::Authority::as_str),
            path,
            query: uri.query(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        let path = |authority, path, query| Target::Path { authority, path, query };
        for (method, uri, expected) in [
            (Method::GET, "/", path(None, "/", None)),
            (Method::GET, "/a%2Fb?x=1&y", path(None, "/a%2Fb", Some("x=1&y"))),
            (Method::GET, "http://a.com:80", path(Some("a.com:80"), "/", None)),
            (Method::GET, "http://u@a.com/x?", path(Some("u@a.com"), "/x", Some(""))),
            (Method::OPTIONS, "*", Target::Asterisk),
            (Method::CONNECT, "a.com:443", Target::Authority),
            (Method::CONNECT, "http://a.com/chat", path(Some("a.com"), "/chat", None)),
        ] {
            let uri: Uri = uri.parse().unwrap();
            assert_eq!(target(&method, &uri), expected, "{method} {uri}");
        }
    }
}
