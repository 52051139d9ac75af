//! A tenant's record, read once more because its place says that it is old.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;

use tenancy_core::directory::{Directory, TenantEntry, TenantRecord};
use tenancy_core::names::{TenantId, TenantKey};

/// A directory of any type, of which only tenants' records are read.
pub(super) trait LookUpAgain: Send + Sync {
    /// The record of a tenant, if there is such a tenant.
    fn look_up<'l>(&'l self, id: &'l TenantId) -> LookUp<'l>;
}

type LookUp<'l> = Pin<Box<dyn Future<Output = Result<Option<TenantRecord>, Box<dyn Error + Send + Sync>>> + Send + 'l>>;

impl<D: Directory> LookUpAgain for D {
    fn look_up<'l>(&'l self, id: &'l TenantId) -> LookUp<'l> {
        Box::pin(async move {
            let found = self.find(&TenantKey::Id(id.clone())).await?;
            // Another tenant's record would open another tenant's data.
            Ok(found
                .map(|entry| entry.record().clone())
                .filter(|record| record.id == *id))
        })
    }
}
