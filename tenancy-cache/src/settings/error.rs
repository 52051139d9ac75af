//! Why a tenant's settings cannot be used.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use tenancy_core::names::TenantId;

use super::problem::SettingsProblem;
use super::source::BoxError;

/// Why the settings of a tenant cannot be used. No message shows a value of the settings.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ReadSettingsError {
    /// There is no such tenant, or not any more.
    UnknownTenant {
        /// The tenant.
        tenant: TenantId,
    },
    /// What is stored does not fit the type of the settings.
    Invalid {
        /// The tenant.
        tenant: TenantId,
        /// What is wrong with it.
        problem: SettingsProblem,
    },
    /// The settings cannot be queried, and are not cached.
    Source(SettingsSourceError),
}

impl fmt::Display for ReadSettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownTenant { tenant } => write!(f, "no tenant `{tenant}` is in the directory"),
            Self::Invalid { tenant, .. } => write!(f, "the settings of the tenant `{tenant}` are not valid"),
            Self::Source(_) => f.write_str("failed to query the settings of a tenant"),
        }
    }
}

impl Error for ReadSettingsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::UnknownTenant { .. } => None,
            Self::Invalid { problem, .. } => Some(problem),
            Self::Source(SettingsSourceError(source)) => Some(&***source),
        }
    }
}

/// The error of the source of settings, shared by all callers that waited for its answer.
#[derive(Clone)]
pub struct SettingsSourceError(pub(super) Arc<BoxError>);

impl fmt::Debug for SettingsSourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for SettingsSourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for SettingsSourceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}
