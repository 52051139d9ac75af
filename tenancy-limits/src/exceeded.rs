//! Why a tenant may not begin a request now.

use std::fmt;
use std::time::Duration;

/// Why a tenant may not begin a request now. Nothing was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitExceeded {
    /// Too many have begun lately.
    Rate {
        /// After this time the next may begin, if none begins before.
        retry_after: Duration,
    },
    /// Too many are under way.
    UnderWay,
}

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rate { .. } => "the tenant has begun too many requests lately",
            Self::UnderWay => "the tenant has too many requests under way",
        })
    }
}

impl std::error::Error for LimitExceeded {}
