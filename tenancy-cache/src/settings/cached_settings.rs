//! Settings that were read once, and what was found when they were parsed.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use foldhash::quality::RandomState;
use serde::de::DeserializeOwned;
use tenancy_core::directory::SettingsDocument;
use tenancy_core::names::TenantId;

use super::part::Part;
use super::problem::SettingsProblem;
use crate::group::{Group, Grouped, Groups};
use crate::store::{Matches, Unshare};

/// The settings of one tenant, as they were when they were read: a `&T` by `Deref`. It is cheap to clone.
///
/// Its `Debug` shows the revision alone, since settings may be secret.
pub struct CurrentSettings<T>(Arc<Shared<T>>);

/// Each thread that reads them often has one of its own, so that threads do not contend for the reference count.
struct Shared<T>(Arc<Parsed<T>>);

struct Parsed<T> {
    settings: T,
    revision: u64,
}

impl<T> CurrentSettings<T> {
    /// How often the tenant's own settings were changed: 0 if it has none.
    #[must_use]
    pub fn revision(this: &Self) -> u64 {
        this.0.0.revision
    }
}

impl<T> Deref for CurrentSettings<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.0.settings
    }
}

impl<T> Clone for CurrentSettings<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for CurrentSettings<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurrentSettings")
            .field("revision", &Self::revision(self))
            .finish_non_exhaustive()
    }
}

/// What is cached of a tenant: what does not fit the type, too, so that it is not read and parsed for each request.
pub(super) struct CachedSettings<T> {
    tenant: TenantId,
    outcome: Result<CurrentSettings<T>, SettingsProblem>,
}

impl<T: DeserializeOwned> CachedSettings<T> {
    pub(super) fn parse(tenant: TenantId, document: &SettingsDocument, part: &Part) -> Self {
        let parsed = serde_json::from_str(document.json());
        let parsed = parsed.map_err(|error| SettingsProblem::no_json(&error));
        let outcome = parsed.and_then(|value| part.parse(&value)).map(|settings| {
            let revision = document.revision();
            CurrentSettings(Arc::new(Shared(Arc::new(Parsed { settings, revision }))))
        });
        Self { tenant, outcome }
    }
}

impl<T> CachedSettings<T> {
    pub(super) const fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    pub(super) fn into_outcome(self) -> Result<CurrentSettings<T>, SettingsProblem> {
        self.outcome
    }
}

impl<T> Clone for CachedSettings<T> {
    fn clone(&self) -> Self {
        Self {
            tenant: self.tenant.clone(),
            outcome: self.outcome.clone(),
        }
    }
}

impl<T> Unshare for CachedSettings<T> {
    fn unshare(&self) -> Self {
        let of_its_own = |settings: &CurrentSettings<T>| CurrentSettings(Arc::new(Shared(Arc::clone(&settings.0.0))));
        Self {
            tenant: self.tenant.clone(),
            outcome: self.outcome.as_ref().map(of_its_own).map_err(Clone::clone),
        }
    }
}

impl<T> Grouped for CachedSettings<T> {
    fn groups(&self, hasher: &RandomState) -> Groups {
        self.tenant.groups(hasher)
    }
}

impl Grouped for TenantId {
    fn groups(&self, hasher: &RandomState) -> Groups {
        Groups::one(Group::new(hasher, self))
    }
}

impl<T> Matches<CachedSettings<T>> for TenantId {
    fn matches(&self, settings: &CachedSettings<T>) -> bool {
        *self == settings.tenant
    }
}
