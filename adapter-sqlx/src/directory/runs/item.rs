//! What a run has of one tenant, or of shared tables.

use tenancy_core::names::{StrategyName, TenantId};

use crate::directory::error::DirectoryError;
use crate::directory::store::database::Queries;
use crate::fleet::Wave;

/// What has become of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ItemState {
    Pending,
    Running,
    Done,
    Failed,
    /// Archived or removed when its turn came.
    Skipped,
}

impl ItemState {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// An item that a plan has found.
#[derive(Clone, Debug)]
pub(crate) struct NewItem {
    /// The tenant; `None` for shared tables.
    pub(crate) tenant: Option<TenantId>,
    pub(crate) strategy: StrategyName,
    pub(crate) server: String,
    pub(crate) wave: Wave,
    pub(crate) from_version: Option<i64>,
    pub(crate) to_version: Option<i64>,
}

impl NewItem {
    pub(super) fn key(&self) -> String {
        key(self.tenant.as_ref(), &self.strategy)
    }
}

/// An item that is this process's to migrate, until its lease runs out.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    pub(crate) key: String,
    pub(crate) tenant: Option<TenantId>,
    pub(crate) strategy: StrategyName,
    pub(crate) server: String,
    pub(crate) attempt: i64,
}

/// The tenant of an item as it is stored. No id has a colon.
fn key(tenant: Option<&TenantId>, strategy: &StrategyName) -> String {
    match tenant {
        Some(tenant) => tenant.to_string(),
        None => format!(":{strategy}"),
    }
}

/// The tenant of a stored item; `None` for shared tables.
pub(super) fn tenant_of(key: &str) -> Result<Option<TenantId>, DirectoryError> {
    if key.starts_with(':') {
        return Ok(None);
    }
    let tenant = key.parse().map_err(|source| DirectoryError::Corrupt {
        column: "tenant",
        source,
    })?;
    Ok(Some(tenant))
}

pub(super) fn strategy_of<DB: Queries>(row: &DB::Row) -> Result<StrategyName, DirectoryError> {
    let strategy = DB::text(row, "strategy")?.unwrap_or_default();
    strategy.parse().map_err(|source| DirectoryError::Corrupt {
        column: "strategy",
        source,
    })
}

/// A number that may be null, read as text.
pub(super) fn number_or_null<DB: Queries>(row: &DB::Row, column: &str) -> Result<Option<i64>, sqlx::Error> {
    Ok(DB::text(row, column)?.and_then(|text| text.parse().ok()))
}
