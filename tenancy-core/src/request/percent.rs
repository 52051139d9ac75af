//! Percent-decoding (RFC 3986 §2.1), exactly once, into a buffer of fixed size.

use heapless::Vec;

/// Room for the longest name that a source can carry.
pub(crate) type Decoded = Vec<u8, 128, u8>;

/// Decodes once; `None` for an invalid escape, and for a text too long to be any name.
pub(crate) fn decode(bytes: &[u8]) -> Option<Decoded> {
    let mut decoded = Decoded::new();
    let mut rest = bytes;
    while let Some((byte, after)) = next_byte(rest)? {
        decoded.push(byte).ok()?;
        rest = after;
    }
    Some(decoded)
}

/// Whether `encoded`, decoded once, is `plain`.
pub(crate) fn decodes_to(encoded: &[u8], plain: &[u8]) -> bool {
    let (mut rest, mut plain) = (encoded, plain.iter());
    while let Some(Some((byte, after))) = next_byte(rest) {
        if plain.next() != Some(&byte) {
            return false;
        }
        rest = after;
    }
    rest.is_empty() && plain.next().is_none()
}

/// Decodes the first byte: `None` for a bad escape, `Some(None)` at the end.
pub(crate) fn next_byte(bytes: &[u8]) -> Option<Option<(u8, &[u8])>> {
    match bytes {
        [] => Some(None),
        [b'%', high, low, rest @ ..] => {
            let high = char::from(*high).to_digit(16)?;
            let low = char::from(*low).to_digit(16)?;
            Some(Some((u8::try_from(high * 16 + low).ok()?, rest)))
        }
        [b'%', ..] => None,
        [byte, rest @ ..] => Some(Some((*byte, rest))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_once_and_only_escapes() {
        for (input, expected) in [
            ("", Some("")),
            ("acme", Some("acme")),
            ("%61cme", Some("acme")),
            ("a%2Fb", Some("a/b")),
            ("a%2fb", Some("a/b")),
            ("a%252Fb", Some("a%2Fb")),
            ("a+b", Some("a+b")),
            ("%", None),
            ("%6", None),
            ("%zz", None),
            ("%+1", None),
        ] {
            assert_eq!(
                decode(input.as_bytes()).as_deref(),
                expected.map(str::as_bytes),
                "{input:?}"
            );
        }
        assert!(decode(&[b'a'; 128]).is_some());
        assert!(decode(&[b'a'; 129]).is_none());
    }

    #[test]
    fn compares_decoded() {
        assert!(decodes_to(b"tenant", b"tenant"));
        assert!(decodes_to(b"%74enan%74", b"tenant"));
        for other in ["tenan", "tenants", "tenant%", "%zztenant", "Tenant", ""] {
            assert!(!decodes_to(other.as_bytes(), b"tenant"), "{other:?}");
        }
    }
}
