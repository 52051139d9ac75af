//! From the configuration to a running service: databases, directory, tenants, tenancy.

use std::path::Path;
use std::sync::Arc;

use tenancy_http::{CachedAuthorizer, CachedDirectory, LocalChanges, PlatformStaff, Tenancy, follow};
use tenancy_sqlx::{
    SqliteDatabaseStrategy, SqliteDirectory, SqliteRowStrategy, StrategyRegistry, TenantDb, TenantTable,
};

use crate::Error;
use crate::app::App;
use crate::config::{Config, ConfigError};
use crate::store::Store;
use crate::tenants::Tenants;

/// The service, and what changes its tenants.
pub(crate) struct Service {
    pub(crate) app: App,
    pub(crate) tenancy: Tenancy,
    pub(crate) tenants: Tenants,
}

/// Checks what can be checked without a database, then opens the databases and puts the tenants there.
pub(crate) async fn set_up(config: &Config, database: &str) -> Result<Service, Error> {
    let enforcer = config.tenancy.enforcer()?;
    let verifier = Arc::new(config.verifier()?);
    let folder = sqlite_folder(database)?;

    make_private_folder(folder).map_err(|error| format!("--database: make `{}`: {error}", folder.display()))?;
    let db = TenantDb::new(strategies(folder).await?);
    let reserved = config.tenancy.resolution.reserved_names()?;
    let directory = SqliteDirectory::open(folder.join("directory.sqlite"))
        .await?
        .with_reserved_names(reserved);
    let tenants = Tenants {
        db: db.clone(),
        directory: directory.clone(),
        changes: LocalChanges::new(),
    };
    tenants.put(&config.tenants).await?;

    let builder = Tenancy::builder(enforcer).with_authenticator(Arc::clone(&verifier));
    let membership = &config.tenancy.enforcement;
    let changes = tenants.changes.subscribe();
    let tenancy = match &config.cache {
        None => {
            tokio::spawn(follow(changes, verifier));
            builder
                .with_authorizer(PlatformStaff::or_else(membership.authorizer(directory.clone())))
                .with_directory(directory)
                .build()
        }
        Some(limits) => {
            let members = CachedAuthorizer::with_limits(directory.clone(), limits.clone());
            let directory = CachedDirectory::with_limits(directory, limits.clone());
            tokio::spawn(follow(changes, (members.clone(), directory.clone(), verifier)));
            builder
                .with_authorizer(PlatformStaff::or_else(membership.authorizer(members)))
                .with_directory(directory)
                .build()
        }
    };
    Ok(Service {
        app: App::new(Store::new(db)),
        tenancy,
        tenants,
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
    let row = SqliteRowStrategy::options(folder.join("shared.sqlite"))
        .with_migrations(sqlx::migrate!("migrations/shared"))
        .with_table(TenantTable::new("notes", "notes_of_all")?)
        .open()
        .await?;
    let database = SqliteDatabaseStrategy::options(folder.join("tenants"))
        .with_migrations(sqlx::migrate!("migrations/tenant"))
        .open()?;
    Ok(StrategyRegistry::new().with(row)?.with(database)?)
}

fn sqlite_folder(database: &str) -> Result<&Path, ConfigError> {
    match database.split_once(':') {
        Some(("sqlite", folder)) if !folder.is_empty() => Ok(Path::new(folder.strip_prefix("//").unwrap_or(folder))),
        Some(("postgres" | "postgresql", _)) => Err(ConfigError::setting(
            "--database",
            "PostgreSQL is not supported by this version, use `sqlite:DIR`",
        )),
        _ => Err(ConfigError::setting("--database", "expected `sqlite:DIR`")),
    }
}
