//! What answers the steps: directories that know the tenants, authorizers that know the members, and their changes.

mod authorizer;
#[cfg(feature = "std")]
mod change;
mod combine;
mod decision;
mod handle;
#[cfg(feature = "std")]
mod impersonation;
mod lookup;
#[cfg(feature = "std")]
mod member;
#[cfg(feature = "std")]
mod memory;
mod roles;
#[cfg(feature = "std")]
mod settings;
mod tenant;

pub use authorizer::{Authorizer, ClaimMembership, Membership};
#[cfg(feature = "std")]
pub use change::{Change, ChangeFeed, Invalidate};
pub use combine::{AllOf, AnyOf, EitherError};
pub use decision::Decision;
pub use handle::TenantHandle;
#[cfg(feature = "std")]
pub use impersonation::Impersonations;
pub use lookup::{Directory, TenantEntry, answers_to};
#[cfg(feature = "std")]
pub use member::Member;
#[cfg(feature = "std")]
pub use memory::{MemoryDirectory, MemoryDirectoryError, MemoryEntry};
pub use roles::Roles;
#[cfg(feature = "std")]
pub use settings::{SettingsDocument, SettingsSource};
pub use tenant::{TenantRecord, TenantStatus};
