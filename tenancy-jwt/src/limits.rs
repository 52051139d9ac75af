//! Bounds of what is accepted, for the code that checks them and for the errors that name them.

use std::time::Duration;

pub(crate) const MAX_LEEWAY: Duration = Duration::from_secs(60);

pub(crate) const MAX_CAPACITY: usize = 1_000_000;

pub(crate) const MAX_TIME_TO_LIVE: Duration = Duration::from_secs(60 * 60);

pub(crate) const MAX_TOKEN_LEN: usize = 8 * 1024;
