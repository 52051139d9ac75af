//! Tenants in files.

use std::path::Path;

use tenancy::config::{SqliteConfig, SqliteDatabaseStrategyConfig, SqliteRowConfig, SqliteTableConfig};

use super::Service;
use crate::Error;
use crate::app::App;
use crate::config::Config;
use crate::store::Store;
use crate::tenants::{Tenants, TenantsOf};

pub(super) async fn set_up(config: &Config, folder: &Path) -> Result<Service, Error> {
    make_private_folder(folder).map_err(|error| format!("--database: make `{}`: {error}", folder.display()))?;
    // What `--database` says in place of the file; a path of the command line is relative to where it was typed.
    let folder = std::path::absolute(folder)?;
    let mut file = SqliteConfig::default();
    file.resolution = config.tenancy.resolution.clone();
    file.enforcement = config.tenancy.enforcement.clone();
    file.jwt = Some(config.jwt.clone());
    file.cache = config.cache.clone();
    file.directory.file = Some(folder.join("directory.sqlite"));
    file.strategies.row = Some(rows(&folder));
    file.strategies.database = Some(files(&folder));
    let opening = file
        .open(config.base_dir())
        .with_migrations("row", sqlx::migrate!("migrations/shared"))
        .with_migrations("database", sqlx::migrate!("migrations/tenant"));
    let opening = match config.impersonation {
        true => opening.with_impersonation(),
        false => opening,
    };
    let opened = opening.await?;
    let tenants = TenantsOf {
        db: opened.db.clone(),
        directory: opened.directory,
        changes: Some(opened.changes),
    };
    tenants.put(&config.tenants).await?;
    Ok(Service {
        app: App::new(Store::Sqlite(opened.db)),
        tenancy: opened.tenancy,
        tenants: Tenants::Sqlite(tenants),
    })
}

/// Makes the folder where it is missing. It holds all tenants' data: nobody else may look.
fn make_private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Both strategies make the same table `notes`.
fn rows(folder: &Path) -> SqliteRowConfig {
    let mut notes = SqliteTableConfig::default();
    notes.name = Some("notes".to_owned());
    notes.base_table = Some("notes_of_all".to_owned());
    let mut rows = SqliteRowConfig::default();
    rows.file = Some(folder.join("shared.sqlite"));
    rows.tables = vec![notes];
    rows
}

fn files(folder: &Path) -> SqliteDatabaseStrategyConfig {
    let mut files = SqliteDatabaseStrategyConfig::default();
    files.folder = Some(folder.join("tenants"));
    files
}
