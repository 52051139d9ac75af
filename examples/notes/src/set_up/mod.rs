//! From the configuration to a running service: one call opens the databases, the directory and tenancy, and then the tenants of
//! the file are put there.

mod postgres;
mod sqlite;

use tenancy_http::Tenancy;

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

/// Where the data is if nothing is said.
const DEFAULT: &str = "sqlite:notes-data";

/// Checks what can be checked without a database, then opens the databases and puts the tenants there.
///
/// With the application's URL alone it serves what another process, which has the administrator's, has set up.
pub(crate) async fn set_up(
    config: &Config,
    database: Option<&str>,
    application: Option<&str>,
) -> Result<Service, Error> {
    if let (None, Some(application)) = (database, application) {
        return postgres::serve(config, application).await;
    }
    let database = database.unwrap_or(DEFAULT);
    match database.split_once(':') {
        Some(("sqlite", _)) if application.is_some() => {
            Err(ConfigError::setting("--application", "only PostgreSQL has roles").into())
        }
        Some(("sqlite", folder)) if !folder.is_empty() => {
            let folder = folder.strip_prefix("//").unwrap_or(folder);
            sqlite::set_up(config, folder.as_ref()).await
        }
        Some(("postgres" | "postgresql", _)) => postgres::set_up(config, database, application).await,
        _ => Err(ConfigError::setting("--database", "expected `sqlite:DIR` or `postgres://…`").into()),
    }
}
