//! The migrations of each strategy: compiled in, or from a folder.

use std::path::Path;

use sqlx::migrate::Migrator;

use super::check::Check;

/// The migrations that are compiled in, by the strategy's name.
pub(crate) type Migrations = Vec<(String, Migrator)>;

/// The migrations of the strategy `name`: those that are compiled in, or those of the folder.
pub(crate) async fn folder(
    name: &str,
    folder: Option<&Path>,
    compiled: &mut Migrations,
    check: &mut Check,
) -> Option<Migrator> {
    let place = compiled.iter().position(|(strategy, _)| strategy == name);
    let compiled = place.map(|place| compiled.swap_remove(place).1);
    let key = format!("strategies.{name}.migrations");
    match (compiled, folder) {
        (Some(_), Some(_)) => {
            check.problem(
                key,
                format!("`with_migrations(\"{name}\", …)` has the migrations already: remove this key"),
            );
            None
        }
        (Some(compiled), None) => Some(compiled),
        (None, None) => None,
        (None, Some(folder)) => {
            let path = check.path(folder);
            if !path.is_dir() {
                check.problem(
                    key,
                    format!("failed to read `{}`: expected a folder of migrations", path.display()),
                );
                return None;
            }
            let read = Migrator::new(path.as_path()).await;
            check.value(
                key,
                read.map_err(|error| format!("failed to read the migrations in `{}`: {error}", path.display())),
            )
        }
    }
}

/// The least version that a strategy serves, which is no greater than that of the newest migration. Where strategies are opened for places
/// alone, nothing is served.
pub(crate) fn minimum_version(
    name: &str,
    given: Option<u64>,
    migrations: Option<&Migrator>,
    check: &mut Check,
) -> Option<i64> {
    let minimum = i64::try_from(given?).unwrap_or(i64::MAX);
    let newest = migrations.map(|migrations| migrations.iter().map(|migration| migration.version).max());
    let key = format!("strategies.{name}.minimum_version");
    match newest {
        Some(Some(newest)) if minimum > newest => {
            check.problem(
                key,
                format!("expected at most {newest}, the version of the newest migration: no tenant has a greater one"),
            );
            None
        }
        Some(None) => {
            check.problem(key, "there are no migrations, and so no versions: remove this key");
            None
        }
        _ => Some(minimum).filter(|_| !check.places_alone),
    }
}
