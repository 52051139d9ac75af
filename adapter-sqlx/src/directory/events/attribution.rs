//! Who changes a tenant, and why.

use std::fmt;
use std::str::FromStr;

use tenancy_core::names::{ParseError, Subject};

/// Who makes a change of the directory, and why: each event has it.
///
/// ```
/// use tenancy_sqlx::Attribution;
///
/// let by = Attribution::new("ops:carol".parse()?).with_reason("invoice 4711 is unpaid".parse()?);
/// assert_eq!(by.to_string(), "ops:carol (invoice 4711 is unpaid)");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(alias = "actor")]
#[doc(alias = "audit")]
pub struct Attribution {
    actor: Subject,
    reason: Option<Reason>,
}

impl Attribution {
    /// By this actor: a person, or a program. A [`Subject`] has 1 to 255 bytes and no control characters.
    #[must_use]
    pub const fn new(actor: Subject) -> Self {
        Self { actor, reason: None }
    }

    /// For this reason.
    #[must_use]
    pub fn with_reason(self, reason: Reason) -> Self {
        Self {
            reason: Some(reason),
            ..self
        }
    }

    /// Who it was.
    #[must_use]
    pub const fn actor(&self) -> &Subject {
        &self.actor
    }

    /// Why, where it was said.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_ref().map(Reason::as_str)
    }
}

impl Default for Attribution {
    /// By the application itself, for no reason that it names.
    fn default() -> Self {
        Self::new(Subject::from_static("application"))
    }
}

impl fmt::Display for Attribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.actor.as_str())?;
        match &self.reason {
            Some(reason) => write!(f, " ({})", reason.as_str()),
            None => Ok(()),
        }
    }
}

/// Why a change is made: 1 to 1,000 bytes without control characters, so that it is one line in every log, and not blank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    const MAX_BYTES: usize = 1_000;

    /// The reason as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Reason {
    type Err = ParseReasonError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim().is_empty() || text.len() > Self::MAX_BYTES || text.chars().any(char::is_control) {
            return Err(ParseReasonError);
        }
        Ok(Self(text.to_owned()))
    }
}

/// A reason that cannot be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a reason has 1 to 1,000 bytes without control characters, and is not blank")]
pub struct ParseReasonError;

/// An actor by its name, as the command line has it.
impl FromStr for Attribution {
    type Err = ParseError;

    fn from_str(actor: &str) -> Result<Self, Self::Err> {
        Ok(Self::new(actor.parse()?))
    }
}
