//! Names in SQL, and texts.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A name of something in PostgreSQL: a table, a column, a role. Shown, it is quoted.
///
/// ```
/// use tenancy_sqlx::PgIdentifier;
///
/// let name: PgIdentifier = r#"odd"name"#.parse()?;
/// assert_eq!(name.to_string(), r#""odd""name""#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PgIdentifier(String);

impl PgIdentifier {
    /// The greatest length in bytes. PostgreSQL cuts longer ones off, and two could become one.
    pub const MAX_LEN: usize = 63;

    /// A name that is valid by what it is.
    pub(in crate::postgres) fn from_static(name: &'static str) -> Self {
        Self(name.to_owned())
    }

    /// The name without quotes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PgIdentifier {
    type Err = ParseIdentifierError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name.len() {
            0 => Err(ParseIdentifierError::Empty),
            length if length > Self::MAX_LEN => Err(ParseIdentifierError::TooLong { length }),
            _ if name.contains('\0') => Err(ParseIdentifierError::Nul),
            _ => Ok(Self(name.to_owned())),
        }
    }
}

impl fmt::Display for PgIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.replace('"', "\"\""))
    }
}

/// Why a text is no name for PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParseIdentifierError {
    /// No name at all.
    #[error("a name in SQL is not empty")]
    Empty,
    /// More than 63 bytes.
    #[error("a name in SQL has at most 63 bytes, and this has {length}")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// The one character that none can hold.
    #[error("a name in SQL has no NUL")]
    Nul,
}

/// A text as SQL spells it, whatever it holds but NUL.
pub(super) struct Literal<'t>(pub(super) &'t str);

impl fmt::Display for Literal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `E''` reads backslashes alike, whatever `standard_conforming_strings` says.
        let text = self.0.replace('\'', "''");
        if text.contains('\\') {
            write!(f, "E'{}'", text.replace('\\', "\\\\"))
        } else {
            write!(f, "'{text}'")
        }
    }
}

/// Texts as an array in SQL.
pub(super) fn text_array<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    let texts: Vec<String> = texts
        .into_iter()
        .map(|text| Literal(text.as_ref()).to_string())
        .collect();
    format!("array[{}]::text[]", texts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded_and_quoted() {
        assert_eq!("".parse::<PgIdentifier>(), Err(ParseIdentifierError::Empty));
        assert_eq!("a\0".parse::<PgIdentifier>(), Err(ParseIdentifierError::Nul));
        let long = "a".repeat(64);
        let too_long = Err(ParseIdentifierError::TooLong { length: 64 });
        assert_eq!(long.parse::<PgIdentifier>(), too_long);
        // Bytes are counted, not characters.
        assert!("\u{e9}".repeat(32).parse::<PgIdentifier>().is_err());
        assert!("\u{e9}".repeat(31).parse::<PgIdentifier>().is_ok());
        let sly: PgIdentifier = "a\"; drop table b; --".parse().unwrap();
        assert_eq!(sly.to_string(), "\"a\"\"; drop table b; --\"");
    }

    #[test]
    fn texts_are_quoted() {
        assert_eq!(Literal("it's").to_string(), "'it''s'");
        assert_eq!(Literal("a\\'b").to_string(), "E'a\\\\''b'");
    }
}
