//! Which server a tenant's database is on.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;

use tenancy_core::directory::TenantRecord;
use tenancy_core::names::PlacementName;

use crate::StrategyError;
use crate::postgres::server::PgServer;

/// The result of looking a server up; `None` if there is none of that name.
pub type FindServer<'f> =
    Pin<Box<dyn Future<Output = Result<Option<PgServer>, Box<dyn Error + Send + Sync>>> + Send + 'f>>;

/// Knows servers by the names that tenants' records have, and their secrets. It is queried when a connection pool is made,
/// so a new password holds from the next pool on.
///
/// A closure that returns a future of the server is one:
///
/// ```
/// use tenancy_core::names::PlacementName;
/// use tenancy_sqlx::{PgServer, PgServers};
///
/// fn is_one(_: impl PgServers) {}
/// is_one(|placement: PlacementName| async move {
///     let url = std::env::var(format!("SERVER_{placement}"));
///     Ok(match url {
///         Ok(url) => Some(PgServer::new(format!("{url}?user=app").parse()?, url.parse()?)),
///         Err(_) => None,
///     })
/// });
/// ```
pub trait PgServers: Send + Sync + 'static {
    /// The server of that name.
    fn find(&self, placement: PlacementName) -> FindServer<'_>;
}

impl<F, A> PgServers for F
where
    F: Fn(PlacementName) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Option<PgServer>, Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    fn find(&self, placement: PlacementName) -> FindServer<'_> {
        Box::pin(self(placement))
    }
}

/// The server of records that name none, and the others.
pub(in crate::postgres) struct Servers {
    pub(in crate::postgres) default: PgServer,
    pub(in crate::postgres) others: Option<Box<dyn PgServers>>,
}

impl Servers {
    /// Never the default for a name that is not known: it would be another tenant's place, or an empty one.
    pub(in crate::postgres) async fn of(&self, tenant: &TenantRecord) -> Result<PgServer, StrategyError> {
        let Some(placement) = &tenant.placement else {
            return Ok(self.default.clone());
        };
        let found = match &self.others {
            Some(others) => others.find(placement.clone()).await.map_err(StrategyError::Other)?,
            None => None,
        };
        found.ok_or_else(|| StrategyError::UnknownPlacement {
            tenant: tenant.id.clone(),
            placement: placement.clone(),
        })
    }
}
