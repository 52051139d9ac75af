//! Which tenants' settings are being read in the background.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tenancy_core::names::TenantId;

/// The tenants whose settings are being read in the background: each once, however many requests ask for them.
#[derive(Clone, Default)]
pub(super) struct Loading(Arc<Mutex<HashSet<TenantId>>>);

/// That the settings of a tenant are being read, until this is dropped.
pub(super) struct UnderWay {
    loading: Loading,
    tenant: TenantId,
}

impl Loading {
    /// `None` if they are being read already.
    pub(super) fn begin(&self, tenant: &TenantId) -> Option<UnderWay> {
        let is_first = self.lock().insert(tenant.clone());
        is_first.then(|| UnderWay {
            loading: self.clone(),
            tenant: tenant.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<TenantId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.loading.lock().remove(&self.tenant);
    }
}
