//! How the fleet stands: looked at, listed, and made the items of a run.

pub(super) mod look;
pub(super) mod plan;
pub(super) mod read;
