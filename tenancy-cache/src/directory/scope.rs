//! What a change of a tenant puts out of date.

use foldhash::quality::RandomState;
use tenancy_core::directory::TenantEntry;
use tenancy_core::names::{TenantId, TenantKey};

use super::entry::CachedEntry;
use crate::group::Group;
use crate::store::Scope;

/// What is forgotten of a directory.
pub(super) enum Forgotten {
    /// A tenant, by its id and by all names that it has or had; without names, by every name.
    Tenant {
        id: TenantId,
        names: Box<[TenantKey]>,
    },
    Everything,
}

impl Forgotten {
    /// Whether any name may be the tenant's.
    const fn is_of_unknown_names(&self) -> bool {
        match self {
            Self::Tenant { names, .. } => names.is_empty(),
            Self::Everything => true,
        }
    }

    fn is_of_tenant(&self, tenant: &TenantId) -> bool {
        match self {
            Self::Tenant { id, .. } => id == tenant,
            Self::Everything => true,
        }
    }

    fn is_of_key(&self, key: &TenantKey) -> bool {
        match (self, key) {
            (Self::Everything, _) => true,
            (Self::Tenant { id, .. }, TenantKey::Id(other)) if id == other => true,
            // No tenant is called by the id of another.
            (Self::Tenant { names, .. }, key) if names.is_empty() => !matches!(key, TenantKey::Id(_)),
            (Self::Tenant { names, .. }, key) => names.contains(key),
        }
    }
}

impl<E: TenantEntry> Scope<TenantKey, CachedEntry<E>> for Forgotten {
    fn group(&self, hasher: &RandomState) -> Option<Group> {
        match self {
            Self::Tenant { id, .. } => Some(Group::new(hasher, id)),
            Self::Everything => None,
        }
    }

    fn names(&self) -> impl Iterator<Item = TenantKey> {
        let (id, names) = match self {
            Self::Tenant { id, names } => (Some(TenantKey::Id(id.clone())), &**names),
            Self::Everything => (None, &[][..]),
        };
        id.into_iter().chain(names.iter().cloned())
    }

    fn covers_all_misses(&self) -> bool {
        self.is_of_unknown_names()
    }

    fn covers_value(&self, entry: &CachedEntry<E>) -> bool {
        self.is_of_tenant(&entry.record().id)
    }

    fn may_cover(&self, key: &TenantKey) -> bool {
        self.is_of_key(key)
    }

    fn covers(&self, key: &TenantKey, entry: Option<&CachedEntry<E>>) -> bool {
        match entry {
            Some(entry) if self.is_of_tenant(&entry.record().id) => true,
            // Another tenant, by a name that has not been mentioned.
            Some(_) if self.is_of_unknown_names() => false,
            _ => self.is_of_key(key),
        }
    }
}
