//! A migration that is tried again.

use crate::postgres::attempts::{Attempts, LockTimeout};
use crate::{MigrateOptions, StrategyError};

/// A migration that has failed in a way that passes, and is tried again.
pub(in crate::postgres::tenant_schema) struct Tried {
    pub(in crate::postgres::tenant_schema) version: i64,
    pub(in crate::postgres::tenant_schema) attempts: Attempts,
}

impl Tried {
    /// Waits until a migration that has failed for the first time may be tried again.
    ///
    /// # Errors
    ///
    /// If it would fail again.
    pub(in crate::postgres::tenant_schema) async fn again(
        version: i64,
        options: &MigrateOptions,
        error: StrategyError,
    ) -> Result<Self, StrategyError> {
        let mut attempts = attempts(options);
        attempts.again(&changes_of(version), error).await?;
        Ok(Self { version, attempts })
    }
}

/// None made yet.
pub(in crate::postgres::tenant_schema) const fn attempts(options: &MigrateOptions) -> Attempts {
    Attempts::of_migration(LockTimeout(options.lock_timeout), options.attempts.get())
}

/// What the attempts of a migration are about.
pub(in crate::postgres::tenant_schema) fn changes_of(version: i64) -> String {
    format!("what the migration {version} changes")
}
