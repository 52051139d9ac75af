//! Answers of a directory and of an authorizer, cached for a bounded time, so that most requests query nobody.
//!
//! It needs the core alone: a server on any framework uses it, and so does a worker that speaks no HTTP.
//! [`CachedDirectory`] and [`CachedAuthorizer`] wrap what they cache. [`follow`] has them forget what a feed of changes
//! says is out of date, such as [`LocalChanges`] in one process or a database's feed in several.
//!
//! ```
//! use tenancy_cache::{CachedDirectory, LocalChanges, follow};
//! use tenancy_core::directory::{Change, Directory, MemoryDirectory, MemoryEntry, TenantRecord};
//! use tenancy_core::names::{TenantId, TenantKey};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let acme: TenantId = "acme".parse()?;
//! let tenants = MemoryDirectory::new([MemoryEntry::new(TenantRecord::new(acme.clone(), "row".parse()?))])?;
//! let directory = CachedDirectory::new(tenants);
//! let changes = LocalChanges::new();
//! tokio::spawn(follow(changes.subscribe(), directory.clone()));
//!
//! assert!(directory.find(&TenantKey::Id(acme.clone())).await?.is_some());
//! // After a change of the tenant is committed:
//! changes.publish(Change::tenant(acme));
//! # Ok(()) }
//! ```
//!
//! The feature `settings` has `TenantSettings`: what each tenant has set, as a type of the application, over its defaults. The
//! feature `limits` makes a limiter of each tenant's requests out of them. The feature `metrics` counts
//! how look-ups were answered.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod authorizer;
mod coarse_clock;
mod directory;
mod error;
mod follow;
mod generations;
mod group;
mod limits;
mod local;
mod lookups;
#[cfg(feature = "settings")]
mod settings;
mod store;
mod thread_local_cache;

pub use authorizer::{CachedAuthorizer, CachedAuthorizerBuilder};
pub use coarse_clock::CoarseClock;
pub use directory::{CachedDirectory, CachedDirectoryBuilder, CachedEntry};
pub use error::SharedError;
pub use follow::follow;
pub use limits::CacheLimits;
pub use local::{LocalChangeFeed, LocalChanges};
#[cfg(feature = "metrics")]
pub use lookups::describe_metrics;
#[cfg(feature = "settings")]
pub use settings::{
    CurrentSettings, ReadSettingsError, SettingsProblem, SettingsSourceError, TenantSettings, TenantSettingsBuilder,
    check_settings, check_settings_key,
};

/// The example of the package's README, as a doc test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
