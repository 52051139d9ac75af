//! From the configuration to a running service: databases, directory, tenants, tenancy.

mod postgres;
mod sqlite;

use std::sync::Arc;

use tenancy_core::directory::{Authorizer, ChangeFeed, Directory, Invalidate, TenantEntry};
use tenancy_core::enforce::Enforcer;
use tenancy_http::{CachedAuthorizer, CachedDirectory, PlatformStaff, Tenancy, TokenVerifier, follow};

use crate::Error;
use crate::app::App;
use crate::config::{Config, ConfigError};
use crate::tenants::Tenants;

/// The service, and what changes its tenants.
pub(crate) struct Service {
    pub(crate) app: App,
    pub(crate) tenancy: Tenancy,
    pub(crate) tenants: Tenants,
}

/// Checks what can be checked without a database, then opens the databases and puts the tenants there.
pub(crate) async fn set_up(config: &Config, database: &str, application: Option<&str>) -> Result<Service, Error> {
    let checked = Checked {
        enforcer: config.tenancy.enforcer()?,
        verifier: Arc::new(config.verifier()?),
        config,
    };
    match database.split_once(':') {
        Some(("sqlite", _)) if application.is_some() => {
            Err(ConfigError::setting("--application", "only PostgreSQL has roles").into())
        }
        Some(("sqlite", folder)) if !folder.is_empty() => {
            let folder = folder.strip_prefix("//").unwrap_or(folder);
            sqlite::set_up(checked, folder.as_ref()).await
        }
        Some(("postgres" | "postgresql", _)) => postgres::set_up(checked, database, application).await,
        _ => Err(ConfigError::setting("--database", "expected `sqlite:DIR` or `postgres://…`").into()),
    }
}

/// What needs no database.
struct Checked<'c> {
    config: &'c Config,
    enforcer: Enforcer,
    verifier: Arc<TokenVerifier>,
}

impl Checked<'_> {
    /// Tenancy on a directory, whose caches forget an entry when it changes.
    fn tenancy<D>(self, directory: D, changes: impl ChangeFeed + 'static) -> Tenancy
    where
        D: Directory<Entry: TenantEntry + Sync + 'static> + Authorizer + Clone + 'static,
    {
        let Self {
            config,
            enforcer,
            verifier,
        } = self;
        let authenticator = Arc::clone(&verifier);
        let membership = &config.tenancy.enforcement;
        let Some(limits) = &config.cache else {
            forget(changes, verifier);
            let staff_or_members = PlatformStaff::or_else(membership.authorizer(directory.clone()));
            return Tenancy::builder(enforcer, authenticator, directory)
                .with_authorizer(staff_or_members)
                .build();
        };
        let members = CachedAuthorizer::builder(directory.clone())
            .with_limits(limits.clone())
            .build();
        let directory = CachedDirectory::builder(directory).with_limits(limits.clone()).build();
        forget(changes, (members.clone(), directory.clone(), verifier));
        Tenancy::builder(enforcer, authenticator, directory)
            .with_authorizer(PlatformStaff::or_else(membership.authorizer(members)))
            .build()
    }
}

fn forget(changes: impl ChangeFeed + 'static, caches: impl Invalidate + 'static) {
    tokio::spawn(follow(changes, caches));
}
