//! The directory alone, for commands that change tenants and touch none of their data.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;

use tenancy_sqlx::SqlDirectory;

use super::database::OpenDatabase;
use super::error::{OpenError, OpenFailures};
use super::prepare::Parts;

/// What [`Open::directory_alone`](crate::Open::directory_alone) begins, and awaiting ends: the directory, without any
/// strategy. The whole file must be right all the same.
#[must_use = "nothing is opened until it is awaited"]
pub struct OpenDirectory<DB: OpenDatabase> {
    pub(super) parts: Parts<DB>,
    pub(super) reads: bool,
}

impl<DB: OpenDatabase> OpenDirectory<DB> {
    /// Opens it for reading, so that nothing of it is migrated on PostgreSQL, and nothing can be changed there. Where the
    /// administrator's URL is set it is read by that role, which sees events and unfinished jobs, too.
    pub fn read_only(self) -> Self {
        Self { reads: true, ..self }
    }
}

impl<DB: OpenDatabase> fmt::Debug for OpenDirectory<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenDirectory")
            .field("reads", &self.reads)
            .finish_non_exhaustive()
    }
}

impl<DB: OpenDatabase> IntoFuture for OpenDirectory<DB> {
    type Output = Result<SqlDirectory<DB>, OpenError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let prepared = self.parts.prepare(false, |_, _, _| Some(())).await?;
            let opened = DB::open_directory(&prepared.plan, prepared.reserved, self.reads).await;
            Ok(opened.map_err(|failure| OpenFailures::new(vec![failure]))?)
        })
    }
}
