//! The directory with tenants' places, for commands whose verbs bind at once.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;

use super::data::Data;
use super::database::OpenDatabase;
use super::error::OpenError;
use super::prepare::Parts;

/// What [`Open::places_alone`](crate::Open::places_alone) begins, and awaiting ends: the directory, and the fenced strategies.
///
/// A fenced strategy is opened, and verified, when one of its places is first changed: a verb does not wait for the databases of
/// other strategies, and does not need them. If it does not open, each change of one of its places fails by why, so that a verb
/// changes the directory and is [pending](tenancy_sqlx::DirectoryError::Pending).
#[must_use = "nothing is opened until it is awaited"]
pub struct OpenPlaces<DB: OpenDatabase> {
    pub(super) parts: Parts<DB>,
    pub(super) fenced: Vec<String>,
}

impl<DB: OpenDatabase> OpenPlaces<DB> {
    /// Takes a strategy, by its name, for fenced, whatever the file says: while the fence is being turned on.
    pub fn with_fenced(mut self, strategy: impl Into<String>) -> Self {
        self.fenced.push(strategy.into());
        self
    }
}

impl<DB: OpenDatabase> fmt::Debug for OpenPlaces<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenPlaces")
            .field("fenced", &self.fenced)
            .finish_non_exhaustive()
    }
}

impl<DB: OpenDatabase> IntoFuture for OpenPlaces<DB> {
    type Output = Result<Data<DB>, OpenError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(mut self) -> Self::IntoFuture {
        Box::pin(async {
            self.parts.places_alone = Some(self.fenced);
            let prepared = self.parts.prepare(false, |_, _, _| Some(())).await?;
            Ok(prepared.connect().await?.0)
        })
    }
}
