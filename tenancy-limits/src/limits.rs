//! What one tenant may use.

use std::num::NonZeroU32;

use crate::Rate;

/// What one tenant may use. Without a limit it may use all there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    rate: Option<Rate>,
    under_way: Option<NonZeroU32>,
}

impl Limits {
    /// No limit.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            rate: None,
            under_way: None,
        }
    }

    /// Sets how often requests may begin.
    #[must_use]
    pub const fn with_rate(self, rate: Rate) -> Self {
        let rate = Some(rate);
        Self { rate, ..self }
    }

    /// Sets how many requests may be under way at a time. 0 stands for 1: to let nobody in, suspend the tenant.
    #[must_use]
    #[doc(alias = "concurrency")]
    pub const fn with_under_way(self, requests: u32) -> Self {
        let under_way = match NonZeroU32::new(requests) {
            Some(requests) => Some(requests),
            None => Some(NonZeroU32::MIN),
        };
        Self { under_way, ..self }
    }

    /// How often requests may begin.
    #[must_use]
    pub const fn rate(&self) -> Option<Rate> {
        self.rate
    }

    /// How many requests may be under way at a time.
    #[must_use]
    pub const fn under_way(&self) -> Option<NonZeroU32> {
        self.under_way
    }

    pub(crate) const fn are_none(&self) -> bool {
        self.rate.is_none() && self.under_way.is_none()
    }
}
