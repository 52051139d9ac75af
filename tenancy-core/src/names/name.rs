//! The names that a tenant, a caller and a field go by: parsed once, compared by bytes.

use heapless::String;

use super::parse::{ParseError, ParseProblem};
use super::text::{Brief, Identifier, Short, Text, text_traits};

/// A name of at most `$max` bytes whose text passes `$accepts`, with one spelling for one value.
macro_rules! name {
    ($(#[$doc:meta])* $Name:ident($Text:ident), $max:literal, $kind:literal, $grammar:literal, $accepts:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $Name($Text<$max>);

        impl $Name {
            /// The greatest length, in bytes.
            pub const MAX_LEN: usize = $max;

            /// Parses untrusted bytes, exactly as they are: nothing is trimmed, decoded or folded.
            ///
            /// # Errors
            ///
            #[doc = concat!("Unless the bytes are ", $grammar, ".")]
            pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
                let text = match bytes.len() {
                    0..=$max => core::str::from_utf8(bytes).ok(),
                    _ => None,
                };
                text.and_then(Self::of).ok_or_else(|| Self::refuse(bytes))
            }

            /// As [`parse`](Self::parse), of text; `None` where it is no such name.
            #[inline]
            pub(crate) fn of(text: &str) -> Option<Self> {
                if Self::accepts(text) { $Text::new(text).map(Self) } else { None }
            }

            #[inline]
            fn accepts(text: &str) -> bool {
                let accepts: fn(&str) -> bool = $accepts;
                matches!(text.len(), 1..=$max) && accepts(text)
            }

            #[cold]
            const fn refuse(bytes: &[u8]) -> ParseError {
                let problem = match bytes.len() {
                    0 => ParseProblem::Empty,
                    1..=$max => ParseProblem::Alphabet,
                    _ => ParseProblem::TooLong,
                };
                ParseError::new($kind, $grammar, problem)
            }

            /// The name as text.
            #[must_use]
            #[inline]
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        text_traits!($Name);
    };
}

name! {
    /// The immutable identity of a tenant: what rows, schemas and databases carry.
    ///
    /// `[a-z0-9][a-z0-9_-]{0,62}`: one spelling for one tenant, so equality is byte equality.
    TenantId(Short), 63, "a tenant id", "1 to 63 of a-z, 0-9, `_` and `-`, the first a letter or digit", is_slug
}

name! {
    /// The name that a tenant shows in addresses: unique, and unlike its id it may be renamed.
    ///
    /// The alphabet is that of a [`TenantId`], the key space is another: `acme` as a slug and
    /// `acme` as an id may be two tenants.
    Slug(Short), 63, "a slug", "1 to 63 of a-z, 0-9, `_` and `-`, the first a letter or digit", is_slug
}

name! {
    /// An identity provider's id of the organisation, as its tokens carry it. Case-sensitive.
    ExternalId(Identifier), 128, "an external id", "1 to 128 of A-Z, a-z, 0-9, `_`, `.`, `:`, `|` and `-`", is_external_id
}

name! {
    /// Who acts: the `sub` of a verified token (RFC 7519 §4.1.2).
    ///
    /// Any text of 1 to 255 bytes without control characters.
    Subject(Text), 255, "a subject", "1 to 255 bytes without control characters", has_no_control
}

name! {
    /// The id of a grant of impersonation, as events and logs have it. It is no secret.
    GrantId(Identifier), 63, "a grant id", "1 to 63 of a-z, 0-9, `_` and `-`, the first a letter or digit", is_slug
}

name! {
    /// What a member may do, in the words of the application or of its identity provider.
    ///
    /// Any text of 1 to 128 bytes without control characters. Case-sensitive.
    Role(Text), 128, "a role", "1 to 128 bytes without control characters", has_no_control
}

name! {
    /// The name of an isolation strategy: `row`, `schema`, `database`, or one of your own.
    StrategyName(Brief), 31, "a strategy name", "1 to 31 of a-z, 0-9, `_` and `-`, the first a letter or digit", is_slug
}

name! {
    /// The name of the place where a tenant's data is, such as a database server: where there are several.
    PlacementName(Brief), 31, "a placement name", "1 to 31 of a-z, 0-9, `_` and `-`, the first a letter or digit", is_slug
}

name! {
    /// The name of a resolver, as configuration and provenance spell it.
    ResolverName(Short), 31, "a resolver name", "1 to 31 of a-z, 0-9, `_` and `-`, the first a letter or digit", is_slug
}

/// Names that are read into the slot where they stay. They are blank before, and not valid if `read` returns false.
macro_rules! in_place {
    ($($Name:ident),*) => {$(
        impl $Name {
            pub(crate) const fn blank() -> Self {
                Self(Short::blank())
            }

            /// Reads a text into a blank name; whether it is such a name.
            #[inline]
            pub(crate) fn read(&mut self, text: &str) -> bool {
                Self::accepts(text) && self.0.write(text)
            }
        }
    )*};
}

in_place!(TenantId, Slug);

/// Names that are written in source code.
macro_rules! static_name {
    ($($Name:ident),*) => {$(
        impl $Name {
            /// A name that is written in source code.
            ///
            /// # Panics
            ///
            /// Where it is not well formed. Parse a name that comes from elsewhere.
            #[must_use]
            pub fn from_static(name: &'static str) -> Self {
                match name.parse() {
                    Ok(name) => name,
                    Err(_) => panic!("a name in the source code is not well formed"),
                }
            }
        }
    )*};
}

static_name!(FieldName, PlacementName, ResolverName, Role, StrategyName, Subject);

impl FieldName {
    /// `authorization`, where bearer tokens stand (RFC 9110 §11.6.2).
    #[must_use]
    pub fn authorization() -> Self {
        // Made for each request, so it is copied and not parsed.
        Self(String::try_from("authorization").unwrap_or_default())
    }
}

impl TenantId {
    /// The slug that a tenant has unless it is given another: its id.
    #[must_use]
    pub fn to_slug(&self) -> Slug {
        Slug(self.0.clone())
    }
}

/// The name of a header field, in lower case (RFC 9110 §5.1).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldName(String<64, u8>);

impl FieldName {
    /// Parses a field name in any case; it is stored in lower case.
    ///
    /// # Errors
    ///
    /// Unless the bytes are a token of RFC 9110 §5.6.2, of at most 64 bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let refuse = |problem| ParseError::new("a field name", "1 to 64 letters, digits and !#$%&'*+-.^_`|~", problem);
        if bytes.is_empty() {
            return Err(refuse(ParseProblem::Empty));
        }
        let mut name = String::new();
        for &byte in bytes {
            if !is_token_byte(byte) {
                return Err(refuse(ParseProblem::Alphabet));
            }
            name.push(char::from(byte.to_ascii_lowercase()))
                .map_err(|_| refuse(ParseProblem::TooLong))?;
        }
        Ok(Self(name))
    }

    /// The name, in lower case.
    #[must_use]
    #[inline]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

text_traits!(FieldName);

fn has_no_control(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

/// Which bytes may stand in a slug: a look into a table is quicker than comparisons.
const IS_IN_SLUG: [bool; 256] = {
    let mut is_in_slug = [false; 256];
    let mut rest: &mut [bool] = &mut is_in_slug;
    let mut byte = 0_u8;
    while let [is_in, others @ ..] = rest {
        *is_in = byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
        rest = others;
        byte = byte.wrapping_add(1);
    }
    is_in_slug
};

fn is_slug(text: &str) -> bool {
    let is_in_slug = |byte: &u8| IS_IN_SLUG.get(usize::from(*byte)) == Some(&true);
    let bytes = text.as_bytes();
    !matches!(bytes, [] | [b'_' | b'-', ..]) && bytes.iter().all(is_in_slug)
}

fn is_external_id(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'|' | b'-'))
}

/// RFC 9110 §5.6.2.
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}
