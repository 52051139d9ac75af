//! What migrations may have left in the session in which they ran.

use sqlx::migrate::Migration;

use super::outside::plain::is_plain;
use crate::Migrated;

/// What has run.
pub(in crate::postgres) struct Ran {
    pub(in crate::postgres) migrated: Migrated,
    pub(in crate::postgres) session: Session,
}

/// What may be left in the session of migrations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::postgres) enum Session {
    /// Nothing: it has been cleaned, and its locks are free.
    Clean,
    /// Settings, of migrations that are [plain](super::outside::plain).
    Plain,
    /// Anything that a transaction leaves.
    Used,
    /// Nobody knows: one ran outside of a transaction.
    Unknown,
}

impl Session {
    pub(super) fn after<'m>(migrations: impl Iterator<Item = &'m Migration>) -> Self {
        let mut session = Self::Plain;
        for migration in migrations {
            if migration.no_tx {
                return Self::Unknown;
            }
            if !is_plain(migration.sql.as_str()) {
                session = Self::Used;
            }
        }
        session
    }
}
