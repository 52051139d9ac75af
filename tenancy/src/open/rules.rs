//! What judges requests, opened without tenants' data: for tools that explain decisions.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;

use tenancy_http::{Authenticator, Tenancy};
use tenancy_sqlx::SqlDirectory;

use super::callers::Callers;
use super::database::OpenDatabase;
use super::error::{OpenError, OpenFailures};
use super::lookups::With;
use super::prepare::Parts;
use super::tenancy::requests_of;

/// What judges requests: what [`Open::rules_alone`](crate::Open::rules_alone) opens.
#[non_exhaustive]
pub struct Rules<DB: OpenDatabase> {
    /// The layers, as a service has them, without caches.
    pub tenancy: Tenancy,
    /// The directory that they query, open for reading.
    pub directory: SqlDirectory<DB>,
}

impl<DB: OpenDatabase> fmt::Debug for Rules<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("tenancy", &self.tenancy)
            .finish_non_exhaustive()
    }
}

/// What [`Open::rules_alone`](crate::Open::rules_alone) begins, and awaiting ends.
#[must_use = "nothing is opened until it is awaited"]
pub struct OpenRules<DB: OpenDatabase> {
    pub(super) parts: Parts<DB>,
    pub(super) callers: Callers<DB>,
}

impl<DB: OpenDatabase> OpenRules<DB> {
    /// Takes callers for who this authenticator says they are, also where the file has a table `[jwt]`, which must be right
    /// even so.
    ///
    /// # Security
    ///
    /// For explanations. Never serve requests by an authenticator that verifies nothing.
    pub fn dangerously_with_callers(mut self, authenticator: impl Authenticator + 'static) -> Self {
        self.callers.authenticator = Some(Box::new(With(authenticator)));
        self.callers.replaces_table = true;
        self
    }
}

impl<DB: OpenDatabase> fmt::Debug for OpenRules<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenRules").finish_non_exhaustive()
    }
}

impl<DB: OpenDatabase> IntoFuture for OpenRules<DB> {
    type Output = Result<Rules<DB>, OpenError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let read = requests_of(self.callers);
            let prepared = self.parts.prepare(true, read).await?;
            let opened = DB::open_directory(&prepared.plan, prepared.reserved, true).await;
            let directory = opened.map_err(|failure| OpenFailures::new(vec![failure]))?;
            let tenancy = prepared.extra.uncached(directory.clone());
            Ok(Rules { tenancy, directory })
        })
    }
}
