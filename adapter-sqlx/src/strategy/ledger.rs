//! What a ledger of migrations says, compared with the migrations of this process.

use std::collections::HashMap;

use sqlx::migrate::Migrator;

use super::data_version::{DataVersion, Standing, up};

/// What a ledger says of a version: the checksum, and whether the migration has ended.
pub(crate) type Applied = (i64, Vec<u8>, bool);

/// How a tenant stands by its ledger.
///
/// A version that is not known is of a newer release, if it is greater than all that are known and none of these is missing.
/// Otherwise the two have gone apart.
pub(crate) fn judge(applied: &[Applied], migrator: &Migrator) -> DataVersion {
    let ended = applied.iter().filter(|(_, _, has_ended)| *has_ended);
    let latest = ended.map(|(version, ..)| *version).max();
    let mut unknown: HashMap<i64, &Applied> = applied.iter().map(|one| (one.0, one)).collect();
    let mut newest = None;
    let mut lacks_some = false;
    for migration in up(migrator) {
        newest = newest.max(Some(migration.version));
        match unknown.remove(&migration.version) {
            Some((version, checksum, true)) if **checksum != *migration.checksum => {
                return DataVersion::new(Standing::Changed { version: *version }, latest);
            }
            Some((_, _, true)) => {}
            _ => lacks_some = true,
        }
    }
    let first_unknown = unknown
        .into_values()
        .filter(|_| !migrator.ignore_missing)
        .map(|one| one.0)
        .min();
    let standing = match first_unknown {
        Some(version) if lacks_some || Some(version) < newest => Standing::Changed { version },
        Some(_) => Standing::Ahead,
        None if lacks_some => Standing::Behind,
        None => Standing::UpToDate,
    };
    DataVersion::new(standing, latest)
}

/// How a tenant stands by its recorded version; `None` if its ledger must be read to know it.
#[cfg(any(feature = "postgres", test))]
pub(crate) fn judge_recorded(version: i64, migrator: &Migrator) -> Option<DataVersion> {
    let newest = up(migrator).map(|migration| migration.version).max();
    let is_known = up(migrator).any(|migration| migration.version == version);
    let standing = match newest {
        Some(newest) if version == newest => Standing::UpToDate,
        Some(newest) if version < newest && is_known => Standing::Behind,
        Some(newest) if version > newest && !migrator.ignore_missing => Standing::Ahead,
        _ => return None,
    };
    Some(DataVersion::new(standing, Some(version)))
}

#[cfg(test)]
mod tests {
    use sqlx::SqlSafeStr;
    use sqlx::migrate::{Migration, MigrationType};

    use super::*;

    fn migrator(versions: &[i64]) -> Migrator {
        let one = |version: &i64| {
            let sql = "select 1".into_sql_str();
            Migration::new(*version, "test".into(), MigrationType::Simple, sql, false)
        };
        Migrator::with_migrations(versions.iter().map(one).collect())
    }

    fn standing(applied: &[(i64, bool)], known: &[i64]) -> Standing {
        let migrator = migrator(known);
        let checksum = migrator.iter().next().unwrap().checksum.to_vec();
        let applied: Vec<Applied> = applied
            .iter()
            .map(|(version, ended)| (*version, checksum.clone(), *ended))
            .collect();
        judge(&applied, &migrator).standing
    }

    #[test]
    fn a_ledger_is_compared_with_what_is_known() {
        assert_eq!(standing(&[(1, true), (2, true)], &[1, 2]), Standing::UpToDate);
        assert_eq!(standing(&[(1, true)], &[1, 2]), Standing::Behind);
        assert_eq!(standing(&[], &[1]), Standing::Behind);
        // Begun outside of a transaction, and not known to have ended.
        assert_eq!(standing(&[(1, true), (2, false)], &[1, 2]), Standing::Behind);
        // Merged late.
        assert_eq!(standing(&[(1, true), (3, true)], &[1, 2, 3]), Standing::Behind);
        assert_eq!(standing(&[(1, true), (2, true), (3, true)], &[1, 2]), Standing::Ahead);
        assert_eq!(standing(&[(1, true), (2, true), (3, false)], &[1, 2]), Standing::Ahead);
        // Ahead and behind at once, and one that was taken out.
        assert_eq!(
            standing(&[(1, true), (3, true)], &[1, 2]),
            Standing::Changed { version: 3 }
        );
        assert_eq!(
            standing(&[(1, true), (2, true)], &[2]),
            Standing::Changed { version: 1 }
        );
        let changed = judge(&[(1, vec![0], true)], &migrator(&[1]));
        assert_eq!(changed.standing, Standing::Changed { version: 1 });
        assert_eq!(changed.version, Some(1));
    }

    #[test]
    fn a_recorded_version_is_believed_where_it_is_known() {
        let migrator = migrator(&[1, 3]);
        let standing = |version| judge_recorded(version, &migrator).map(|version| version.standing);
        assert_eq!(standing(3), Some(Standing::UpToDate));
        assert_eq!(standing(1), Some(Standing::Behind));
        assert_eq!(standing(4), Some(Standing::Ahead));
        assert_eq!(standing(2), None);
    }
}
