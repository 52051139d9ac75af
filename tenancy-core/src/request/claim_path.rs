//! Where a claim stands in a token.

use heapless::{String, Vec};

use crate::names::{ParseError, ParseProblem};

/// Where a claim stands in a token's payload: one literal name, or names that nest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPath(Vec<String<128, u8>, 4, u8>);

impl ClaimPath {
    /// A claim of the payload itself. Dots, slashes and colons are part of the name:
    /// `https://example.com/tenant` is one claim.
    ///
    /// # Errors
    ///
    /// An empty name, or one over 128 bytes.
    pub fn literal(name: &str) -> Result<Self, ParseError> {
        Self::nested([name])
    }

    /// A claim inside objects: `["org", "tenant"]` is the member `tenant` of the claim `org`.
    ///
    /// # Errors
    ///
    /// No name, more than four, an empty one, or one over 128 bytes.
    #[doc(alias = "nested claim")]
    pub fn nested<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Self, ParseError> {
        let refuse = |problem| ParseError::new("a claim's path", "one to four names of 1 to 128 bytes", problem);
        let mut path = Vec::new();
        for name in names {
            if name.is_empty() {
                return Err(refuse(ParseProblem::Empty));
            }
            let name = String::try_from(name).map_err(|_| refuse(ParseProblem::TooLong))?;
            path.push(name).map_err(|_| refuse(ParseProblem::TooLong))?;
        }
        if path.is_empty() {
            Err(refuse(ParseProblem::Empty))
        } else {
            Ok(Self(path))
        }
    }

    /// The names, outermost first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}
