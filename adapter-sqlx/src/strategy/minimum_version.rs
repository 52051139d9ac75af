//! The least version of a tenant's data with which a process serves the tenant.

use sqlx::migrate::Migrator;

use crate::StrategyError;

/// The version of the newest of these migrations.
pub(crate) fn newest_version(migrations: &Migrator) -> Option<i64> {
    let up = migrations.iter().filter(|one| !one.migration_type.is_down_migration());
    up.map(|one| one.version).max()
}

/// Refuses a minimum that no tenant could ever have. Without migrations it is not known which versions there are.
pub(crate) fn judge_minimum(minimum: Option<i64>, migrations: Option<&Migrator>) -> Result<(), StrategyError> {
    let (Some(minimum), Some(migrations)) = (minimum, migrations) else {
        return Ok(());
    };
    match newest_version(migrations) {
        Some(newest) if minimum <= newest => Ok(()),
        newest => Err(StrategyError::MinimumTooGreat { minimum, newest }),
    }
}
