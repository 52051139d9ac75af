//! The fence: a tenant's place, which each transaction looks at when it begins.
//!
//! A place is one row in the database that holds the tenant's data. It says whether the tenant is served there. What a process
//! has cached, and which notification it has missed, does not matter then.

mod place;
mod purpose;
mod refusal;

#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) use place::stored;
pub use place::{Place, PlaceChange, PlaceState};
pub use purpose::Purpose;
pub use refusal::FenceRefusal;
