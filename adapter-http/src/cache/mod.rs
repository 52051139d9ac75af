//! Answers kept for a while, so that most requests ask nobody.

mod authorizer;
mod directory;
mod error;
mod limits;
mod store;

pub use authorizer::CachedAuthorizer;
pub use directory::CachedDirectory;
pub use error::SharedError;
pub use limits::CacheLimits;
