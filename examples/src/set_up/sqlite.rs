//! Tenants in files.

use std::path::Path;

use tenancy_http::LocalChanges;
use tenancy_sqlx::{
    SqliteDatabaseStrategy, SqliteDirectory, SqliteRowStrategy, StrategyRegistry, TenantDb, TenantTable,
};

use super::{Checked, Service};
use crate::Error;
use crate::app::App;
use crate::store::Store;
use crate::tenants::{Tenants, TenantsOf};

pub(super) async fn set_up(checked: Checked<'_>, folder: &Path) -> Result<Service, Error> {
    make_private_folder(folder).map_err(|error| format!("--database: make `{}`: {error}", folder.display()))?;
    let db = TenantDb::new(strategies(folder).await?);
    let reserved = checked.config.tenancy.resolution.reserved_names()?;
    let directory = SqliteDirectory::open(folder.join("directory.sqlite"))
        .await?
        .with_reserved_names(reserved);
    let changes = LocalChanges::new();
    let tenants = TenantsOf {
        db: db.clone(),
        directory: directory.clone(),
        changes: Some(changes.clone()),
    };
    tenants.put(&checked.config.tenants).await?;
    Ok(Service {
        app: App::new(Store::Sqlite(db)),
        tenancy: checked.tenancy(directory, changes.subscribe()),
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

/// The strategies that tenants can choose from. Both make the same table `notes`.
async fn strategies(folder: &Path) -> Result<StrategyRegistry<sqlx::Sqlite>, Error> {
    let row = SqliteRowStrategy::builder(folder.join("shared.sqlite"))
        .with_migrations(sqlx::migrate!("migrations/shared"))
        .with_table(TenantTable::new("notes", "notes_of_all")?)
        .open()
        .await?;
    let database = SqliteDatabaseStrategy::builder(folder.join("tenants"))
        .with_migrations(sqlx::migrate!("migrations/tenant"))
        .open()
        .await?;
    Ok(StrategyRegistry::new().with(row)?.with(database)?)
}
