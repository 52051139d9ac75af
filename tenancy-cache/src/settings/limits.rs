//! Limits of tenants' requests out of their settings.

use tenancy_limits::{LimitSettings, Limits, TenantLimiter};

use super::TenantSettings;

impl TenantSettings<LimitSettings> {
    /// A limiter that gives each tenant the limits of its settings, and those of every tenant where it has none of its own.
    ///
    /// A change of the settings is in force from the next request on after this cache has been [notified](crate::follow): nothing is
    /// started again, and what the tenant has used stays counted. Reading never holds up a request: a tenant whose settings are not
    /// read yet has the limits of every tenant. So has one whose stored limits are not valid, which is logged, at the level warn.
    ///
    /// ```
    /// use tenancy_cache::{SettingsProblem, TenantSettings};
    /// use tenancy_core::directory::SettingsSource;
    /// use tenancy_limits::{LimitSettings, Limits, TenantLimiter};
    ///
    /// fn limiter(directory: impl SettingsSource + 'static) -> Result<TenantLimiter, SettingsProblem> {
    ///     // Such as `{"limits": {"requests_under_way": 50}, "seats": 7}`, of which `seats` is another type's.
    ///     let settings = TenantSettings::<LimitSettings>::builder(directory).with_key("limits").build::<LimitSettings>()?;
    ///     Ok(settings.limiter(Limits::none().with_under_way(10)))
    /// }
    /// ```
    #[must_use]
    pub fn limiter(&self, every_tenant: Limits) -> TenantLimiter {
        let settings = self.clone();
        TenantLimiter::new(every_tenant).with_limits_of(move |tenant| {
            // `None` is every tenant's limits, and never none.
            Some(settings.latest(&tenant.id)?.over(every_tenant))
        })
    }
}
