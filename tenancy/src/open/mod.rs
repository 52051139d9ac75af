//! One call: from a file to everything that serves.

mod builder;
#[cfg(feature = "http")]
mod caches;
#[cfg(feature = "http")]
mod callers;
mod data;
mod database;
mod description;
mod directory;
mod error;
#[cfg(feature = "http")]
mod limiter;
#[cfg(feature = "http")]
mod lookups;
mod migrations;
mod on_use;
mod places;
#[cfg(feature = "postgres")]
mod postgres;
mod prepare;
#[cfg(feature = "http")]
mod rules;
#[cfg(feature = "http")]
mod settings;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "http")]
mod tenancy;

pub use builder::{Open, OpenData, open, open_text};
pub use data::Data;
pub use database::OpenDatabase;
pub use description::{Describe, Description};
pub use directory::OpenDirectory;
#[cfg(all(feature = "http", feature = "jwt"))]
pub(crate) use error::chain;
pub use error::{OpenError, OpenFailure, OpenFailures};
pub use migrations::OpenMigrations;
pub use places::OpenPlaces;
#[cfg(feature = "http")]
pub use rules::{OpenRules, Rules};
#[cfg(feature = "http")]
pub use tenancy::Opened;
