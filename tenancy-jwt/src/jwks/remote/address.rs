//! Where a key set may be fetched from.

use http::Uri;
use http::uri::Scheme;
use thiserror::Error;

/// Reads an address that a key set may come from: `https`, or `http` where that is allowed.
pub(super) fn parse(address: &str, allow_http: bool) -> Result<Uri, AddressError> {
    // A fragment is dropped when it is parsed.
    let uri: Uri = if address.contains('#') {
        None
    } else {
        address.parse().ok()
    }
    .ok_or(AddressError::Malformed)?;
    let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
        return Err(AddressError::Malformed);
    };
    // Beyond 65535 it would be no port, and the default one be asked.
    let is_port = |port: &str| matches!(port, "" | ":") || authority.port_u16().is_some();
    let is_plain = authority.as_str().strip_prefix(authority.host()).is_some_and(is_port);
    if authority.as_str().contains('@') || authority.host().is_empty() || !is_plain {
        return Err(AddressError::Malformed);
    }
    if *scheme == Scheme::HTTPS || (allow_http && *scheme == Scheme::HTTP) {
        Ok(uri)
    } else {
        Err(AddressError::NotHttps)
    }
}

/// Where an issuer says where its key set is (OpenID Connect Discovery 1.0 §4).
pub(super) fn of_discovery(issuer: &str, allow_http: bool) -> Result<Uri, AddressError> {
    if parse(issuer, allow_http)?.query().is_some() {
        return Err(AddressError::Malformed);
    }
    let issuer = issuer.strip_suffix('/').unwrap_or(issuer);
    parse(&format!("{issuer}/.well-known/openid-configuration"), allow_http)
}

/// Why nothing is fetched from an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AddressError {
    /// No absolute address, or one with a fragment, a user or, of an issuer, a query.
    #[error("expected an absolute address without user and fragment, and of an issuer without query")]
    Malformed,
    /// Anybody on the way could choose the keys.
    #[error("expected an address that begins with `https://`")]
    NotHttps,
}
