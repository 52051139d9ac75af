//! Answers kept for a while, so that most requests ask nobody.

mod authorizer;
mod directory;
mod error;
mod follow;
mod limits;
mod local;
mod near;
mod store;

pub use authorizer::CachedAuthorizer;
pub use directory::{CachedDirectory, CachedEntry};
pub use error::SharedError;
pub use follow::follow;
pub use limits::CacheLimits;
pub use local::{LocalChangeFeed, LocalChanges};
