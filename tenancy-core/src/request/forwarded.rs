//! Where the authority of a request stands: in the request, or in a trusted proxy's field.

use core::num::NonZeroU8;

use crate::names::FieldName;
use crate::names::{Authority, Host, is_token_byte, read_authority, split_at_byte, trim};
use crate::request::{HttpVersion, Occurrence, RequestView, Target};
use crate::resolve::Malformed;

/// The forwarding fields that can be trusted. All others are ignored, always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[doc(alias = "reverse proxy")]
pub enum ForwardedField {
    /// `X-Forwarded-Host`: a list of authorities.
    #[cfg_attr(feature = "serde", serde(rename = "x-forwarded-host"))]
    #[doc(alias = "X-Forwarded-Host")]
    XForwardedHost,
    /// `Forwarded` (RFC 7239): a list of elements with a `host` parameter.
    #[cfg_attr(feature = "serde", serde(rename = "forwarded"))]
    #[doc(alias = "RFC 7239")]
    Forwarded,
}

/// Where the host resolvers read the authority.
#[derive(Clone, Debug)]
pub struct HostSource {
    host: FieldName,
    forwarded: Option<Forwarding>,
}

#[derive(Clone, Debug)]
struct Forwarding {
    field: ForwardedField,
    name: FieldName,
    trusted_hops: NonZeroU8,
}

/// Names in this file are tokens; a failure to parse one would be a bug that every test sees.
fn field(name: &'static str) -> FieldName {
    FieldName::from_static(name)
}

impl HostSource {
    /// The request target's authority or `:authority`, else `Host`. The default.
    #[must_use]
    pub fn request() -> Self {
        Self {
            host: field("host"),
            forwarded: None,
        }
    }

    /// The entry that the outermost of `trusted_hops` proxies has written into a forwarding field.
    ///
    /// # Security
    ///
    /// Only right where every request passes through exactly that many proxies of your own, each of
    /// which appends to the field. What stands further left is the client's own and ignored.
    #[must_use]
    #[doc(alias = "X-Forwarded-Host")]
    #[doc(alias = "trusted proxy")]
    pub fn forwarded(by: ForwardedField, trusted_hops: NonZeroU8) -> Self {
        let name = field(match by {
            ForwardedField::XForwardedHost => "x-forwarded-host",
            ForwardedField::Forwarded => "forwarded",
        });
        Self {
            host: field("host"),
            forwarded: Some(Forwarding {
                field: by,
                name,
                trusted_hops,
            }),
        }
    }

    /// The forwarding field that is read, if any.
    pub(crate) fn forwarded_field(&self) -> Option<&FieldName> {
        self.forwarded.as_ref().map(|forwarding| &forwarding.name)
    }

    /// Finds the host of a request. `None`: the request has none, and may come without.
    pub(crate) fn host(&self, request: &RequestView<'_>) -> Result<Option<Host>, Malformed> {
        self.authority(request)?.map(Authority::to_host).transpose()
    }

    /// As [`host`](Self::host), and copies nothing.
    pub(crate) fn authority<'a>(&self, request: &RequestView<'a>) -> Result<Option<Authority<'a>>, Malformed> {
        let Target::Path { authority, .. } = request.target else {
            return Ok(None);
        };
        if let Some(forwarding) = &self.forwarded {
            return forwarding.authority(request).map(Some);
        }
        let in_target = authority.map(|text| read_authority(text.as_bytes())).transpose()?;
        let in_field = match request.headers.occurrence(&self.host) {
            Occurrence::Absent if request.version == HttpVersion::Http11 => return Err(Malformed::Host),
            Occurrence::Absent => None,
            Occurrence::Once(value) => Some(read_authority(value)?),
            Occurrence::Repeated => return Err(Malformed::Host),
        };
        match (in_target, in_field) {
            (Some(target), Some(field)) if !target.is(field) => Err(Malformed::Host),
            (None, None) if request.version == HttpVersion::Http2 => Err(Malformed::Host),
            (target, field) => Ok(target.or(field)),
        }
    }
}

impl HostSource {
    /// The only authority of a request, unread, where nothing else has a say in which host it is.
    pub(crate) fn lone_authority<'a>(&self, request: &RequestView<'a>) -> Option<&'a [u8]> {
        let Target::Path { authority, .. } = request.target else {
            return None;
        };
        if self.forwarded.is_some() {
            return None;
        }
        match (authority, request.headers.occurrence(&self.host)) {
            (None, Occurrence::Once(field)) => Some(field),
            (Some(authority), Occurrence::Absent) if request.version == HttpVersion::Http2 => {
                Some(authority.as_bytes())
            }
            _ => None,
        }
    }
}

impl Default for HostSource {
    fn default() -> Self {
        Self::request()
    }
}

impl Forwarding {
    /// The n-th entry from the right, over all fields of the name in the order received.
    fn authority<'a>(&self, request: &RequestView<'a>) -> Result<Authority<'a>, Malformed> {
        let mut count = 0_usize;
        request
            .headers
            .each(&self.name, &mut |field| count += self.entries(field).count());
        let wanted = count
            .checked_sub(usize::from(self.trusted_hops.get()))
            .ok_or(Malformed::Host)?;
        let (mut before, mut entry, mut is_broken) = (0_usize, None, false);
        request.headers.each(&self.name, &mut |field| {
            let mut entries = self.entries(field);
            let behind = before + entries.by_ref().count();
            if (before..behind).contains(&wanted) {
                entry = self.entries(field).nth(behind - wanted - 1);
            }
            // A trusted proxy's field whose quotes do not pair off cannot be counted.
            is_broken |= before > wanted && entries.is_quoted;
            before = behind;
        });
        let entry = entry.filter(|_| !is_broken).ok_or(Malformed::Host)?;
        match self.field {
            ForwardedField::XForwardedHost => read_authority(entry),
            ForwardedField::Forwarded => read_authority(host_parameter(entry)?),
        }
    }

    fn entries<'a>(&self, field: &'a [u8]) -> EntriesFromRight<'a> {
        EntriesFromRight {
            rest: Some(field),
            has_quotes: self.field == ForwardedField::Forwarded,
            is_quoted: false,
        }
    }
}

/// The entries of a list, the rightmost first.
///
/// A quoted string may hold commas (RFC 9110 §5.6.4), and what stands on the left is the client's: a
/// quote that it leaves open must not change how the entries of the proxies are read. So quotes are
/// paired off from the right, where the last proxy has written.
struct EntriesFromRight<'a> {
    rest: Option<&'a [u8]>,
    has_quotes: bool,
    /// Whether a quote is left over on the left end.
    is_quoted: bool,
}

impl<'a> Iterator for EntriesFromRight<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let list = self.rest?;
        self.is_quoted = false;
        for (at, &byte) in list.iter().enumerate().rev() {
            if byte == b'"' && self.has_quotes {
                let before = list.get(..at).unwrap_or_default();
                let escapes = before.iter().rev().take_while(|byte| **byte == b'\\').count();
                if !self.is_quoted || escapes % 2 == 0 {
                    self.is_quoted = !self.is_quoted;
                }
            } else if byte == b',' && !self.is_quoted {
                self.rest = list.get(..at);
                return list.get(at + 1..);
            }
        }
        self.rest = None;
        Some(list)
    }
}

/// The value of the one `host` parameter of a `Forwarded` element (RFC 7239 §4).
fn host_parameter(element: &[u8]) -> Result<&[u8], Malformed> {
    let mut host = Occurrence::Absent;
    let mut rest = Some(element);
    while let Some(text) = rest {
        let (pair, after) = split_unquoted(text, b';')?;
        rest = after;
        let (name, value) = split_at_byte(trim(pair), b'=').ok_or(Malformed::Host)?;
        if name.is_empty() || !name.iter().copied().all(is_token_byte) {
            return Err(Malformed::Host);
        }
        if name.eq_ignore_ascii_case(b"host") {
            host = host.and(unquote(value)?);
        }
    }
    match host {
        Occurrence::Once(value) => Ok(value),
        Occurrence::Absent | Occurrence::Repeated => Err(Malformed::Host),
    }
}

/// A value without its quotes. An authority has nothing to escape and no white space (RFC 7239 §4).
fn unquote(value: &[u8]) -> Result<&[u8], Malformed> {
    let inner = match value {
        [b'"', inner @ .., b'"'] => inner,
        bare => bare,
    };
    if inner.iter().any(|byte| matches!(byte, b'"' | b'\\' | b' ' | b'\t')) {
        Err(Malformed::Host)
    } else {
        Ok(inner)
    }
}

/// Splits at the first `separator` outside a quoted string (RFC 9110 §5.6.4).
fn split_unquoted(bytes: &[u8], separator: u8) -> Result<(&[u8], Option<&[u8]>), Malformed> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, &byte) in bytes.iter().enumerate() {
        if escaped {
            escaped = false;
        } else if quoted && byte == b'\\' {
            escaped = true;
        } else if byte == b'"' {
            quoted = !quoted;
        } else if !quoted && byte == separator {
            return Ok((bytes.get(..at).unwrap_or_default(), bytes.get(at + 1..)));
        }
    }
    if quoted {
        Err(Malformed::Host)
    } else {
        Ok((bytes, None))
    }
}

#[cfg(test)]
mod tests;
