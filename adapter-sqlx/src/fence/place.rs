//! A tenant's place, as a fenced database has it.

use std::fmt;

#[cfg(any(feature = "postgres", feature = "sqlite"))]
use crate::{FenceRefusal, StrategyError};

/// Whether a tenant is served at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PlaceState {
    /// Transactions begin.
    Open,
    /// No transaction begins that serves the tenant. Those of staff and of administration do.
    Closed,
    /// No transaction begins: the data has moved, or is removed. A place that is gone stays so, unless the tenant moves back.
    Gone,
}

impl PlaceState {
    /// The state as it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Gone => "gone",
        }
    }

    /// The state that is stored so.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(crate) fn of_text(text: &str) -> Option<Self> {
        [Self::Open, Self::Closed, Self::Gone]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

impl fmt::Display for PlaceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A tenant's place, as a fenced database has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// How often the tenant's data had moved when it came here.
    pub epoch: u64,
    /// The revision of the directory that the place has learnt of last.
    pub revision: u64,
    /// Whether the tenant is served here.
    pub state: PlaceState,
    /// The version of the latest migration that has run on the tenant's data, where that is recorded.
    pub version: Option<i64>,
}

impl Place {
    /// A place without a recorded version.
    #[must_use]
    pub const fn new(epoch: u64, revision: u64, state: PlaceState) -> Self {
        Self {
            epoch,
            revision,
            state,
            version: None,
        }
    }
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
impl Place {
    /// The place whose epoch and revision, state and version are stored so.
    pub(crate) fn of_stored(
        (epoch, revision): (i64, i64),
        state: &str,
        version: Option<i64>,
    ) -> Result<Self, StrategyError> {
        let state = PlaceState::of_text(state).ok_or_else(|| StrategyError::other("a place has an unknown state"))?;
        Ok(Self {
            epoch: u64::try_from(epoch).unwrap_or_default(),
            revision: u64::try_from(revision).unwrap_or_default(),
            state,
            version,
        })
    }
}

/// An epoch or a revision as databases store it.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) fn stored(counter: u64) -> i64 {
    i64::try_from(counter).unwrap_or(i64::MAX)
}

/// What a place is to become. Only the directory's verbs make one, so that no place says what the directory does not.
///
/// It is written where the place has a smaller revision, and no greater epoch. A place that is gone changes only for a greater
/// epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaceChange {
    pub(crate) epoch: u64,
    pub(crate) revision: u64,
    pub(crate) state: PlaceState,
}

impl PlaceChange {
    /// Whether the change holds at the place as it is afterwards: not where the data has moved on, or is gone.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(crate) fn judge(self, place: Option<Place>) -> Result<Option<Place>, FenceRefusal> {
        match place {
            Some(place) if place.epoch > self.epoch => Err(FenceRefusal::Moved),
            Some(place) if place.state == PlaceState::Gone && self.state != PlaceState::Gone => Err(FenceRefusal::Gone),
            place => Ok(place),
        }
    }

    /// How often the tenant's data has moved.
    #[must_use]
    pub const fn epoch(self) -> u64 {
        self.epoch
    }

    /// The directory's revision.
    #[must_use]
    pub const fn revision(self) -> u64 {
        self.revision
    }

    /// The state.
    #[must_use]
    pub const fn state(self) -> PlaceState {
        self.state
    }
}
