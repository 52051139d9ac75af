//! From the configuration to a running service: databases, directory, tenants, tenancy.

use std::path::Path;

use tenancy_core::{Member, TenantEntry, TenantKey};
use tenancy_http::{PlatformStaff, Tenancy};
use tenancy_sqlx::{
    NewTenant, SqliteDatabaseStrategy, SqliteDirectory, SqliteRowStrategy, StrategyRegistry, TenantDb, TenantTable,
    UpsertError,
};

use crate::app::App;
use crate::config::{Config, ConfigError, Tenant};
use crate::store::Store;

type Error = Box<dyn std::error::Error>;

/// Checks what can be checked without a database, then opens the databases and seeds the tenants.
pub(crate) async fn set_up(config: &Config, database: &str) -> Result<(App, Tenancy), Error> {
    let enforcer = config.tenancy.enforcer()?;
    let verifier = config.verifier()?;
    let folder = sqlite_folder(database)?;

    make_private_folder(folder).map_err(|error| format!("--database: make `{}`: {error}", folder.display()))?;
    let db = TenantDb::new(strategies(folder).await?);
    let reserved = config.tenancy.resolution.reserved_names()?;
    let directory = SqliteDirectory::open(folder.join("directory.sqlite"))
        .await?
        .with_reserved_names(reserved);
    seed(&config.tenants, &db, &directory).await?;

    let tenancy = Tenancy::builder(enforcer)
        .with_authenticator(verifier)
        .with_authorizer(PlatformStaff::or_else(
            config.tenancy.enforcement.authorizer(directory.clone()),
        ))
        .with_directory(directory)
        .build();
    Ok((App::new(Store::new(db)), tenancy))
}

/// Puts the configuration's tenants into the directory, all or none, and makes their data a place.
async fn seed(tenants: &[Tenant], db: &TenantDb<sqlx::Sqlite>, directory: &SqliteDirectory) -> Result<(), Error> {
    for (index, tenant) in tenants.iter().enumerate() {
        db.strategies()
            .find(&tenant.strategy)
            .map_err(|error| ConfigError::setting(format!("tenants[{index}].strategy"), error))?;
    }
    let new: Vec<_> = tenants.iter().map(Tenant::as_new).collect();
    let entries = directory.upsert_all(&new).await.map_err(|error| {
        let setting = format!("tenants[{}]{}", error.index(), field(error.reason()));
        ConfigError::setting(setting, error.reason())
    })?;
    for (entry, tenant) in entries.iter().zip(tenants) {
        db.provision(entry.record()).await?;
        directory.set_status(&tenant.id, tenant.status).await?;
    }
    Ok(())
}

/// The setting that the directory refuses.
fn field(error: &UpsertError) -> &'static str {
    match error {
        UpsertError::Reserved { key } | UpsertError::Conflict { key } => match &**key {
            TenantKey::Id(_) => ".id",
            TenantKey::Slug(_) => ".slug",
            TenantKey::External(_) => ".external_id",
            TenantKey::Domain(_) => ".domains",
        },
        UpsertError::StrategyChanged { .. } => ".strategy",
        _ => "",
    }
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

impl Tenant {
    /// As the directory takes it. A new tenant is `provisioning` until its data has a place.
    fn as_new(&self) -> NewTenant {
        let new = NewTenant::new(self.id.clone(), self.strategy.clone())
            .with_slug(self.slug.clone())
            .with_name(self.name.clone())
            // The file is the whole truth: a subject that it drops is a member no more.
            .with_members(self.members.iter().cloned().map(Member::new));
        let new = self
            .external_id
            .iter()
            .fold(new, |new, id| new.with_external_id(id.clone()));
        self.domains
            .iter()
            .fold(new, |new, domain| new.with_domain(domain.clone()))
    }
}
