//! Which migrations are to run on a tenant.

use std::collections::{HashMap, HashSet};

use sqlx::migrate::{MigrateError, Migration, Migrator};

use crate::StrategyError;
use crate::strategy::data_version::up;
use crate::strategy::ledger::Applied;

/// A migration that has not run to its end.
pub(super) struct Pending<'m> {
    pub(super) migration: &'m Migration,
    /// Whether an earlier run began it outside of a transaction, and did not hear of its end.
    pub(super) has_begun: bool,
}

/// The latest that has run, and what is to run, once what has run is compared with what there is.
pub(super) fn pending(
    ledger: &Migrator,
    baseline: Option<i64>,
    rows: Vec<Applied>,
) -> Result<(Option<i64>, Vec<Pending<'_>>), StrategyError> {
    let known: HashSet<i64> = up(ledger).map(|migration| migration.version).collect();
    let latest = rows
        .iter()
        .filter(|(_, _, has_ended)| *has_ended)
        .map(|(version, ..)| *version)
        .max();
    let mut applied = HashMap::new();
    for (version, checksum, has_ended) in rows {
        if !known.contains(&version) && !has_ended {
            return Err(MigrateError::Dirty(version).into());
        }
        if !known.contains(&version) && !ledger.ignore_missing {
            return Err(MigrateError::VersionMissing(version).into());
        }
        applied.insert(version, (checksum, has_ended));
    }
    let mut pending = Vec::new();
    let baseline = baseline.unwrap_or(i64::MAX);
    for migration in up(ledger).filter(|migration| migration.version <= baseline) {
        match applied.get(&migration.version) {
            Some((checksum, true)) if **checksum == *migration.checksum => {}
            Some((_, true)) => return Err(MigrateError::VersionMismatch(migration.version).into()),
            found => pending.push(Pending {
                migration,
                has_begun: found.is_some(),
            }),
        }
    }
    Ok((latest, pending))
}
