//! The compact serialization of RFC 7515 §3.1, looked at before anything is decoded.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::TokenError;
use crate::limits::MAX_TOKEN_LEN;

/// The three parts of a token, still encoded.
#[derive(Clone, Copy)]
pub(crate) struct Compact<'t> {
    /// Header, dot, payload: what the signature is of.
    pub(crate) signed: &'t [u8],
    pub(crate) header: &'t [u8],
    pub(crate) payload: &'t [u8],
    pub(crate) signature: &'t [u8],
}

impl<'t> Compact<'t> {
    pub(crate) fn parse(token: &'t [u8]) -> Result<Self, TokenError> {
        if token.len() > MAX_TOKEN_LEN {
            return Err(TokenError::TooLong);
        }
        let mut parts = token.split(|byte| *byte == b'.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::NotCompact);
        };
        if ![header, payload, signature].into_iter().all(is_base64url) {
            return Err(TokenError::NotCompact);
        }
        let signed_len = header.len() + 1 + payload.len();
        Ok(Self {
            signed: token.get(..signed_len).ok_or(TokenError::NotCompact)?,
            header,
            payload,
            signature,
        })
    }
}

/// RFC 7515 §2: the URL-safe alphabet, no padding, nothing else.
fn is_base64url(part: &[u8]) -> bool {
    !part.is_empty()
        && part.len() % 4 != 1
        && part
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// The bytes that a part stands for. Only one text stands for them.
pub(crate) fn decode(part: &[u8]) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::NotCanonical)
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
