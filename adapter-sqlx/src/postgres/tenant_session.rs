//! How a client that is not this library works in one tenant's scope.

use std::fmt;

use sqlx::postgres::PgConnectOptions;
use tenancy_core::directory::TenantRecord;

use crate::postgres::database::PgDatabaseBuilder;
use crate::postgres::row::PgRowBuilder;
use crate::postgres::schema::PgSchemaBuilder;
use crate::postgres::server::PgServer;
use crate::{PgDatabaseStrategy, PgRowStrategy, PgSchemaStrategy, StrategyError};

/// The session of a client such as `psql` that sees one tenant: where it connects, as the application's role, and the
/// settings that it starts with.
///
/// # Security
///
/// The settings guard against mistakes: those who write SQL in that session can set others. It is for operators, who have
/// the application's credentials anyway. The tenant's status is not looked at.
#[derive(Clone)]
pub struct PgTenantSession {
    connect: PgConnectOptions,
    settings: Vec<(String, String)>,
}

impl PgTenantSession {
    /// Where the session is, and as whom.
    #[must_use]
    pub const fn connect_options(&self) -> &PgConnectOptions {
        &self.connect
    }

    /// The settings that it starts with, by their names.
    pub fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    fn new(server: &PgServer, setting: Option<(&str, String)>) -> Self {
        Self {
            connect: server.application_options().clone(),
            settings: setting
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        }
    }
}

/// The connect options have a password.
impl fmt::Debug for PgTenantSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgTenantSession")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

const OPERATION: &str = "session of one tenant for another client, behind a pooler or a fence, or on Citus";

fn unsupported(strategy: &'static str) -> StrategyError {
    StrategyError::Unsupported {
        strategy: tenancy_core::names::StrategyName::from_static(strategy),
        operation: OPERATION,
    }
}

impl PgRowBuilder {
    /// The session of another client that sees this tenant's rows.
    ///
    /// # Errors
    ///
    /// If the id is not how the tenants' column spells a value, and behind a transaction pooler or a fence, or on
    /// Citus, where the tenant is bound by each transaction.
    pub fn session_of(&self, tenant: &TenantRecord) -> Result<PgTenantSession, StrategyError> {
        if self.lends_no_session() || self.tables().is_on_citus() {
            return Err(unsupported(PgRowStrategy::NAME));
        }
        if !self.tables().is_canonical(&tenant.id) {
            let tenant = tenant.id.clone();
            return Err(StrategyError::NotCanonical { tenant });
        }
        let setting = (self.tables().setting().as_str(), tenant.id.to_string());
        Ok(PgTenantSession::new(self.server(), Some(setting)))
    }
}

impl PgSchemaBuilder {
    /// The session of another client that sees this tenant's schema.
    ///
    /// # Errors
    ///
    /// If the id names no schema, and behind a transaction pooler or a fence, or on Citus.
    pub fn session_of(&self, tenant: &TenantRecord) -> Result<PgTenantSession, StrategyError> {
        if self.lends_no_session() || self.is_on_citus() {
            return Err(unsupported(PgSchemaStrategy::NAME));
        }
        let schema = self.names().of(&tenant.id)?;
        let path = self.names().search_path(&schema);
        Ok(PgTenantSession::new(self.server(), Some(("search_path", path))))
    }
}

impl PgDatabaseBuilder {
    /// The session of another client in this tenant's database.
    ///
    /// # Errors
    ///
    /// If the id names no database, the placement is not known, and behind a transaction pooler or a fence.
    pub async fn session_of(&self, tenant: &TenantRecord) -> Result<PgTenantSession, StrategyError> {
        if self.plan.has_transaction_pooler || self.plan.is_fenced {
            return Err(unsupported(PgDatabaseStrategy::NAME));
        }
        let database = self.names.of(&tenant.id)?;
        let server = self.servers.of(tenant).await?;
        let mut session = PgTenantSession::new(&server, None);
        session.connect = session.connect.database(database.as_str());
        Ok(session)
    }
}
