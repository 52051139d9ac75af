//! Durations, as PostgreSQL is sent them.

use std::time::Duration;

/// Ten years, and a moment so much later is one that PostgreSQL has.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// The seconds of an interval. A duration that means "for ever" is ten years: PostgreSQL's intervals have an end, and a job
/// that is not put back for that reason would be run once more instead.
pub(super) fn seconds(duration: Duration) -> f64 {
    duration.min(LONGEST).as_secs_f64()
}
