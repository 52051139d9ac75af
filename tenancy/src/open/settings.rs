//! The settings of tenants, in a process that serves requests.

use std::sync::PoisonError;

use serde::de::DeserializeOwned;
use tenancy_cache::{SettingsProblem, TenantSettings, follow};

use super::database::OpenDatabase;
use super::tenancy::Opened;

impl<DB: OpenDatabase> Opened<DB> {
    /// The settings of tenants as a type of the application, cached, and notified of changes. Make them once, and clone them.
    ///
    /// On PostgreSQL the database notifies all processes of a change. On SQLite publish a
    /// [`Change::Settings`](tenancy_core::directory::Change::Settings) by [`changes`](Self::changes) after it is committed.
    ///
    /// ```
    /// # #[cfg(feature = "postgres")] mod example {
    /// use tenancy::cache::{CurrentSettings, TenantSettings};
    /// use tenancy::enforce::Admitted;
    ///
    /// #[derive(Default, serde::Deserialize)]
    /// #[serde(default)]
    /// struct Plan {
    ///     seats: u32,
    /// }
    ///
    /// # async fn example(tenant: Admitted) -> Result<(), Box<dyn std::error::Error>> {
    /// # let migrations = sqlx::migrate::Migrator::with_migrations(vec![]);
    /// let opened = tenancy::open::<tenancy::Postgres>("tenancy.toml").with_migrations("row", migrations).await?;
    /// let settings: TenantSettings<Plan> = opened.settings()?;
    /// // In a handler:
    /// let plan: CurrentSettings<Plan> = settings.of(&tenant).await?;
    /// println!("{} seats", plan.seats);
    /// # Ok(()) }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the type cannot be the settings of a tenant ([`TenantSettings::new`]).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn settings<T>(&self) -> Result<TenantSettings<T>, SettingsProblem>
    where
        T: Default + DeserializeOwned + Send + Sync + 'static,
    {
        let settings = TenantSettings::new(self.directory.clone())?;
        let mut followers = self.followers.lock().unwrap_or_else(PoisonError::into_inner);
        for changes in [&self.changes, &self.notified] {
            let following = follow(changes.subscribe(), settings.clone());
            followers.push(tokio::spawn(following).abort_handle());
        }
        Ok(settings)
    }
}
