//! A request as the rules see it: borrowed parts, nothing decided yet.

use crate::names::FieldName;
use crate::request::VerifiedClaims;

/// All that the rules need of a request.
#[derive(Clone, Copy)]
pub struct RequestView<'a> {
    /// The protocol's version: HTTP/1.1 must carry a `Host`, HTTP/1.0 need not.
    pub version: HttpVersion,
    /// What the request line or the pseudo-headers ask for, as the client sent it.
    pub target: Target<'a>,
    /// The header fields, trailers excluded.
    pub headers: &'a dyn Headers,
    /// What reading the caller's credentials has come to.
    pub credentials: Credentials<&'a dyn VerifiedClaims>,
}

impl core::fmt::Debug for RequestView<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // Headers and claims hold secrets.
        f.debug_struct("RequestView")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// The versions that the rules tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/1.0 and older: may come without `Host`.
    Http10,
    /// HTTP/1.1: has exactly one `Host` (RFC 9112 §3.2).
    Http11,
    /// HTTP/2 and HTTP/3: has `:authority`, or `Host` (RFC 9113 §8.3.1).
    Http2,
}

/// The request target (RFC 9112 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// Origin form and absolute form; HTTP/2's pseudo-headers.
    Path {
        /// The target's authority, or `:authority`.
        authority: Option<&'a str>,
        /// The path as the client sent it: not decoded, not normalised, without query and fragment.
        path: &'a str,
        /// What follows the first `?`.
        query: Option<&'a str>,
    },
    /// `CONNECT host:port`. It names no tenant.
    Authority,
    /// `OPTIONS *`. It names no tenant by host or path.
    Asterisk,
}

impl<'a> Target<'a> {
    /// A path without authority and query.
    #[must_use]
    pub const fn path(path: &'a str) -> Self {
        Self::Path {
            authority: None,
            path,
            query: None,
        }
    }
}

/// How often a thing occurs that must occur once. "The first of two" cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occurrence<'a> {
    /// Not there.
    Absent,
    /// There once.
    Once(&'a [u8]),
    /// There twice or more, equal or not: a duplicate header, for example.
    #[doc(alias = "duplicate header")]
    Repeated,
}

impl<'a> Occurrence<'a> {
    /// What it becomes when one more is seen.
    #[must_use]
    pub const fn and(self, value: &'a [u8]) -> Self {
        match self {
            Self::Absent => Self::Once(value),
            Self::Once(_) | Self::Repeated => Self::Repeated,
        }
    }
}

/// Access to header fields by name.
#[doc(alias = "custom server")]
pub trait Headers: Sync {
    /// Calls `visit` with the value of each field of that name, in the order received.
    fn each<'a>(&'a self, name: &FieldName, visit: &mut dyn FnMut(&'a [u8]));

    /// How often a field occurs, and its value where that is once.
    fn occurrence<'a>(&'a self, name: &FieldName) -> Occurrence<'a> {
        let mut occurrence = Occurrence::Absent;
        self.each(name, &mut |value| occurrence = occurrence.and(value));
        occurrence
    }
}

/// Header fields in a slice of names and values, for servers without a header map of their own.
#[derive(Clone, Copy)]
pub struct HeaderList<'a>(&'a [(&'a str, &'a [u8])]);

impl<'a> HeaderList<'a> {
    /// Fields in the order received; names in any case.
    #[must_use]
    pub const fn new(fields: &'a [(&'a str, &'a [u8])]) -> Self {
        Self(fields)
    }
}

impl core::fmt::Debug for HeaderList<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // Values hold secrets.
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Headers for HeaderList<'_> {
    fn each<'a>(&'a self, name: &FieldName, visit: &mut dyn FnMut(&'a [u8])) {
        for (candidate, value) in self.0 {
            if candidate.eq_ignore_ascii_case(name.as_str()) {
                visit(value);
            }
        }
    }
}

/// The result of reading and verifying the caller's credentials.
///
/// `C` is the verified claims as they are held: `&dyn VerifiedClaims` in a [`RequestView`], and shared where they
/// outlive the reading of a request.
#[derive(Clone, Copy)]
#[doc(alias = "authentication")]
pub enum Credentials<C> {
    /// The caller sent none.
    Absent,
    /// There are several, of which none may be chosen: several fields, or several in one field.
    Malformed,
    /// They were read, and are not valid.
    Invalid,
    /// They were verified.
    Verified(C),
}

impl<C: core::ops::Deref> Credentials<C> {
    /// Borrows the verified claims, as [`Option::as_deref`] does.
    #[must_use]
    pub fn as_deref(&self) -> Credentials<&C::Target> {
        match self {
            Self::Absent => Credentials::Absent,
            Self::Malformed => Credentials::Malformed,
            Self::Invalid => Credentials::Invalid,
            Self::Verified(claims) => Credentials::Verified(claims),
        }
    }
}

/// Shows the result alone. Claims are personal data.
impl<C> core::fmt::Debug for Credentials<C> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Absent => "Absent",
            Self::Malformed => "Malformed",
            Self::Invalid => "Invalid",
            Self::Verified(_) => "Verified",
        })
    }
}
