//! Answers kept for a while, so that most requests ask nobody.

mod clock;
mod directory;
mod store;

pub use clock::{Clock, ManualClock, SystemClock};
pub use directory::{CachedDirectory, CachedDirectoryError};
