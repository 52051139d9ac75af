//! The directory of tenants in a database.

mod change;
mod create;
mod creation_key;
mod database;
mod entry;
mod error;
mod events;
mod json_object;
mod lifecycle;
mod members;
mod metadata;
mod operate;
mod pages;
mod places;
#[cfg(all(test, feature = "sqlite"))]
mod plans_tests;
mod provision_all;
mod quarantine;
mod removal;
mod rows;
pub(crate) mod runs;
mod settings;
mod sql_directory;
mod upsert;
mod write;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use creation_key::{CreationKey, ParseCreationKeyError};
pub use database::DirectoryDatabase;
pub(crate) use database::{Queries, QueryFuture, Value, Writers, query};
pub use entry::{DirectoryEntry, NewTenant};
pub use error::{CreateError, DeleteError, DirectoryError, ForgetError, LifecycleError, UpsertAllError, UpsertError};
pub use events::{
    Attribution, CursorName, EventKind, EventMember, EventReader, ParseCursorNameError, ParseReasonError, Reason,
    TenantEvent,
};
pub use metadata::{MetadataError, TenantMetadata};
pub use operate::{DataAccess, Renaming, TenantJobs};
pub use pages::{Count, Membership, Page, PageRequest};
pub use provision_all::{ProvisionProgress, ProvisionSummary};
pub use settings::{SettingsError, StoredSettings};
pub use sql_directory::SqlDirectory;
pub(crate) use write::begin_write;

/// How long names that a tenant no longer has are given to no other, unless it is set otherwise.
pub(crate) const QUARANTINE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

pub(crate) fn unix_seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
