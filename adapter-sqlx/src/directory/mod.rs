//! The directory of tenants in a database.

mod error;
mod events;
mod impersonation;
mod lifecycle;
mod members;
mod metadata;
mod operate;
mod pages;
pub(crate) mod runs;
mod settings;
mod sql_directory;
mod store;
mod tenants;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use error::{CreateError, DeleteError, DirectoryError, ForgetError, LifecycleError, UpsertAllError, UpsertError};
pub use events::{
    Attribution, CursorName, EventKind, EventMember, EventReader, ParseCursorNameError, ParseReasonError, Reason,
    TenantEvent,
};
pub use impersonation::{
    GrantedImpersonation, ImpersonateError, Impersonation, ImpersonationSecret, ImpersonationSession, NewImpersonation,
};
pub use metadata::{MetadataError, TenantMetadata};
pub use operate::{DataAccess, Renaming, TenantJobs};
pub use pages::{Count, Membership, Page, PageRequest};
pub use settings::{SettingsError, StoredSettings};
pub use sql_directory::SqlDirectory;
pub use store::database::DirectoryDatabase;
pub(crate) use store::database::{Queries, QueryFuture, Value, Writers, query};
pub(crate) use store::write::begin_write;
pub use tenants::creation_key::{CreationKey, ParseCreationKeyError};
pub use tenants::entry::{DirectoryEntry, NewTenant};
pub use tenants::provision_all::{ProvisionProgress, ProvisionSummary};

/// How long names that a tenant no longer has are given to no other, unless it is set otherwise.
pub(crate) const QUARANTINE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

pub(crate) fn unix_seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
