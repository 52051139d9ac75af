//! The limiter of tenants' requests: the same limits for every tenant, or those of its settings.

use tenancy_cache::{CacheLimits, TenantSettings};
use tenancy_limits::{LimitSettings, TenantLimiter};
use tenancy_sqlx::SqlDirectory;

use super::caches::Caches;
use super::database::OpenDatabase;
use crate::file::LimitsPlan;

/// The limiter; what it remembers of tenants' settings is added to `caches`. It remembers them also where nothing else is cached,
/// since a limiter does not wait.
pub(super) fn limiter_of<DB: OpenDatabase>(
    plan: LimitsPlan,
    cache: Option<&CacheLimits>,
    directory: &SqlDirectory<DB>,
    caches: &mut Caches,
) -> TenantLimiter {
    let LimitsPlan {
        every_tenant,
        settings_key,
    } = plan;
    let own = settings_key.map(|key| {
        TenantSettings::<LimitSettings>::builder(directory.clone())
            .with_limits(cache.cloned().unwrap_or_default())
            .with_key(key)
            .build::<LimitSettings>()
    });
    // The type has a default for each of its keys, so that it is never refused.
    let Some(Ok(own)) = own else {
        return TenantLimiter::new(every_tenant);
    };
    caches.add(own.clone());
    own.limiter(every_tenant)
}
