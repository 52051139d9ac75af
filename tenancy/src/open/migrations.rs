//! The directory with tenants' data, for a process that migrates all tenants.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;

use super::data::Data;
use super::database::{ForMigrations, OpenDatabase};
use super::error::OpenError;
use super::prepare::Parts;

/// What [`Open::for_migrations`](crate::Open::for_migrations) begins, and awaiting ends.
///
/// ```no_run
/// # #[cfg(feature = "postgres")]
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use tenancy::sql::fleet::{Fleet, FleetOptions, Stop};
///
/// let data = tenancy::open::<tenancy::Postgres>("tenancy.toml").for_migrations().await?;
/// let fleet = Fleet::new(data.directory.clone(), &data.db)?;
/// let report = fleet.join(&FleetOptions::new(), &Stop::new(), |_| {}).await?;
/// assert!(report.is_complete());
/// # Ok(()) }
/// ```
#[must_use = "nothing is opened until it is awaited"]
pub struct OpenMigrations<DB: OpenDatabase> {
    pub(super) parts: Parts<DB>,
    pub(super) reads: bool,
}

impl<DB: OpenDatabase> OpenMigrations<DB> {
    /// Opens the directory for reading, for a process that only looks how tenants stand: nothing is written on PostgreSQL.
    pub fn read_only(self) -> Self {
        Self { reads: true, ..self }
    }
}

impl<DB: OpenDatabase> fmt::Debug for OpenMigrations<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenMigrations")
            .field("reads", &self.reads)
            .finish_non_exhaustive()
    }
}

impl<DB: OpenDatabase> IntoFuture for OpenMigrations<DB> {
    type Output = Result<Data<DB>, OpenError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(mut self) -> Self::IntoFuture {
        Box::pin(async move {
            self.parts.migrates = Some(ForMigrations { reads: self.reads });
            let prepared = self.parts.prepare(false, |_, _, _| Some(())).await?;
            Ok(prepared.connect().await?.0)
        })
    }
}
